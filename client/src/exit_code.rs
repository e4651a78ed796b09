//! The exit codes of `acre`: one table for the code, the help texts and the man pages.

use acre_model::run::RunStatus;

/// How `acre` ends, as a shell sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitCode {
    /// The run succeeded, or the command did what it was asked.
    Success,
    /// A step of the run failed by itself, or a check of `acre doctor` failed.
    Failed,
    /// The command line, the task or the machine's set-up is wrong; nothing has run.
    Usage,
    /// The run was canceled.
    Canceled,
    /// The farm failed: the run could not be carried out through no fault of its own.
    Farm,
    /// The run, or a step of it, took longer than it may.
    Timeout,
    /// No farm answers.
    Unreachable,
    /// The user stopped looking; the run goes on.
    Interrupted,
    /// Whoever read the output went away.
    OutputClosed,
}

/// Every code, and what it says.
const TABLE: [(ExitCode, u8, &str); 9] = [
    (ExitCode::Success, 0, "the run succeeded, or the command did what it was asked"),
    (ExitCode::Failed, 1, "a step of the run failed, or a check of `acre doctor` did"),
    (ExitCode::Usage, 2, "the command line, the task or this machine's set-up is wrong; nothing was run"),
    (ExitCode::Canceled, 3, "the run was canceled"),
    (ExitCode::Farm, 4, "the farm failed: agent, engine, registry or disk"),
    (ExitCode::Timeout, 5, "the run, or a step of it, took longer than it may"),
    (ExitCode::Unreachable, 6, "no farm answers"),
    (ExitCode::Interrupted, 130, "interrupted by Ctrl-C; a run that was submitted goes on"),
    (ExitCode::OutputClosed, 141, "the reader of the output went away; a run that was submitted goes on"),
];

impl ExitCode {
    /// The number a shell sees.
    pub fn number(self) -> u8 {
        TABLE.iter().find(|(code, ..)| *code == self).map_or(u8::MAX, |(_, number, _)| *number)
    }

    /// What the end of a run means; the numbers are those of [`RunStatus::exit_code`].
    pub const fn of_run(status: RunStatus) -> Self {
        match status {
            RunStatus::Succeeded | RunStatus::Queued | RunStatus::Started | RunStatus::Running => Self::Success,
            RunStatus::Failed => Self::Failed,
            RunStatus::Canceled => Self::Canceled,
            RunStatus::Error => Self::Farm,
            RunStatus::Timeout => Self::Timeout,
        }
    }

    /// The table as it stands at the end of every help text.
    pub fn help() -> String {
        let mut help = String::from("Exit codes:");
        for (_, number, meaning) in TABLE {
            help.push_str(&format!("\n  {number:<4} {meaning}"));
        }
        help
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code.number())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_of_runs_are_those_of_the_model() {
        for status in [
            RunStatus::Queued,
            RunStatus::Started,
            RunStatus::Running,
            RunStatus::Succeeded,
            RunStatus::Failed,
            RunStatus::Canceled,
            RunStatus::Error,
            RunStatus::Timeout,
        ] {
            assert_eq!(ExitCode::of_run(status).number(), status.exit_code(), "{status}");
        }
    }

    #[test]
    fn every_code_has_its_own_number() {
        let mut numbers: Vec<u8> = TABLE.iter().map(|(code, ..)| code.number()).collect();
        numbers.dedup();
        assert_eq!(numbers, TABLE.map(|(_, number, _)| number));
    }
}
