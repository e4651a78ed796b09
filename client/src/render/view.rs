//! How a run that is followed is shown: live on a terminal, as lines elsewhere, or not at all.

use super::{
    lines::{Lines, Reader},
    live::Live,
    table::bytes,
};
use crate::{
    args::{Follow, Format},
    follow::Seen,
};
use acre_model::time::Timestamp;
use indicatif::ProgressDrawTarget;
use std::{
    env,
    io::{self, IsTerminal, Write},
};

/// Where lines go.
type Out = Box<dyn Write + Send>;

/// How a run is shown.
#[derive(Debug)]
pub struct View {
    kind: Kind,
    /// Whether the logs of units are shown.
    logs: bool,
}

enum Kind {
    Nothing,
    Plain(Lines<Out>),
    Live(Live),
}

impl std::fmt::Debug for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Nothing => "Nothing",
            Self::Plain(_) => "Plain",
            Self::Live(_) => "Live",
        })
    }
}

impl View {
    /// As the command line wishes and standard output and error allow.
    pub fn new(follow: &Follow) -> Self {
        let kind = if !follow.plain && can_redraw() {
            Kind::Live(Live::new(ProgressDrawTarget::stderr()))
        } else if follow.no_wait {
            Kind::Nothing
        } else if follow.format == Format::Table {
            Kind::Plain(Lines::new(Box::new(io::stdout()), reader(&io::stdout())))
        } else {
            Kind::Plain(Lines::new(Box::new(io::stderr()), reader(&io::stderr())))
        };
        Self { kind, logs: !follow.no_logs }
    }

    /// Whether it changes with time.
    pub const fn is_live(&self) -> bool {
        matches!(self.kind, Kind::Live(_))
    }

    /// A line of the client's own, its time in front.
    pub fn line(&mut self, line: &str) -> io::Result<()> {
        match &mut self.kind {
            Kind::Nothing => Ok(()),
            Kind::Plain(lines) => lines.line(line),
            Kind::Live(live) => live.line(line),
        }
    }

    /// Something by the way, on standard error. If nobody listens there, nobody is told.
    pub fn note(&self, note: &str) {
        match &self.kind {
            Kind::Live(live) => drop(live.line(&format!("acre: {note}"))),
            Kind::Nothing | Kind::Plain(_) => crate::tell(note),
        }
    }

    /// How far the source has been sent, in bytes.
    pub fn sent(&mut self, sent: u64, total: u64) {
        if let Kind::Live(live) = &self.kind {
            live.at(&format!("Sending source: {} of {}", bytes(sent), bytes(total)));
        }
    }

    /// What the follower sees.
    pub fn seen(&mut self, seen: Seen, now: Timestamp) -> io::Result<()> {
        match (&mut self.kind, seen) {
            (_, Seen::Note(note)) => {
                self.note(&note);
                Ok(())
            }
            (Kind::Plain(lines), Seen::Log { unit, stream, data }) if self.logs => lines.push(unit, stream, &data),
            (Kind::Live(live), Seen::Log { unit, data, .. }) => {
                live.log(unit, &data);
                Ok(())
            }
            (Kind::Live(live), Seen::Status { unit, text }) => {
                live.status(unit, &text);
                Ok(())
            }
            (Kind::Live(live), Seen::Run(run)) => live.run(*run, now),
            _ => Ok(()),
        }
    }

    /// Draws what has changed with time.
    pub fn draw(&self, now: Timestamp) {
        if let Kind::Live(live) = &self.kind {
            live.draw(now);
        }
    }

    /// Ends the view; lines that were held back are written.
    pub fn finish(&mut self) -> io::Result<()> {
        match &mut self.kind {
            Kind::Nothing => Ok(()),
            Kind::Plain(lines) => lines.finish_all(),
            Kind::Live(live) => live.finish(),
        }
    }
}

/// Whether standard error is a terminal on which lines can be drawn again.
fn can_redraw() -> bool {
    io::stderr().is_terminal() && env::var_os("TERM").is_some_and(|term| !term.is_empty() && term != "dumb")
}

/// Who reads what is written there.
pub fn reader(out: &impl IsTerminal) -> Reader {
    if out.is_terminal() { Reader::Terminal } else { Reader::Program }
}
