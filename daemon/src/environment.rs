//! A daemon's options: on its command line, in a file that is read again, in its environment, where units of systemd and
//! containers give them.

mod file;

use clap::{
    ArgAction, ArgMatches, Command, CommandFactory, FromArgMatches,
    error::{ContextKind, ContextValue, ErrorKind},
};
use file::Variable;
use std::{ffi::OsString, path::PathBuf};

/// How the file is named.
const FILE: &str = "config";

/// A program's options, which can be read again.
#[derive(Debug)]
pub struct Options {
    command: Command,
    prefix: &'static str,
    words: Vec<OsString>,
    /// As the program was started.
    started: ArgMatches,
    /// As they were read last.
    matches: ArgMatches,
}

/// Which options are not as they were, by their names.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Changed {
    /// When they were read last.
    pub now: Vec<String>,
    /// When the program was started.
    pub since_start: Vec<String>,
}

impl Options {
    /// Reads the program's arguments. Each option can be given by the environment as well: `--keep-runs` by
    /// `PREFIX_KEEP_RUNS`, unless it names a variable of its own; and in the file that `--config` names, by the same
    /// variable. What stands on the command line wins, then the file. An option that may be given several times is split
    /// there, and on the command line, where its own delimiter says. Ends the program on wrong usage and after `--help`,
    /// as clap does.
    pub fn of_process<A: CommandFactory + FromArgMatches>(prefix: &'static str) -> (A, Self) {
        let command = with_variables(A::command(), prefix);
        let words: Vec<OsString> = std::env::args_os().collect();
        let matches = read(&command, prefix, &words).unwrap_or_else(|error| error.exit());
        let arguments = A::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
        (arguments, Self { command, prefix, words, started: matches.clone(), matches })
    }

    /// Reads them again, as the file has them now; besides, the options that are not as they were. An error is one line.
    pub fn again<A: FromArgMatches>(&mut self) -> Result<(A, Changed), String> {
        let matches = read(&self.command, self.prefix, &self.words).map_err(|fault| first_line(&fault))?;
        let arguments = A::from_arg_matches(&matches).map_err(|fault| first_line(&fault))?;
        let changed = Changed {
            now: differing(&self.command, &self.matches, &matches),
            since_start: differing(&self.command, &self.started, &matches),
        };
        self.matches = matches;
        Ok((arguments, changed))
    }
}

/// The options that are not the same in both, by their names.
fn differing(command: &Command, one: &ArgMatches, two: &ArgMatches) -> Vec<String> {
    let raw = |matches: &ArgMatches, id: &str| -> Option<Vec<OsString>> {
        Some(matches.get_raw(id)?.map(ToOwned::to_owned).collect())
    };
    let options = command.get_arguments().filter(|option| {
        let id = option.get_id().as_str();
        raw(one, id) != raw(two, id)
    });
    options.filter_map(|option| option.get_long()).map(|long| format!("--{long}")).collect()
}

/// What is wrong, without what clap says besides.
fn first_line(fault: &clap::Error) -> String {
    let text = fault.to_string();
    let line = text.lines().next().unwrap_or_default();
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}

/// What words and file say, and the environment where both are silent.
fn read(command: &Command, prefix: &str, words: &[OsString]) -> Result<ArgMatches, clap::Error> {
    let Some(path) = file(command, words) else { return command.clone().try_get_matches_from(words) };
    let fault = |why: String| command.clone().error(ErrorKind::ValueValidation, why);
    let variables = file::read(&path).map_err(fault)?;
    let given = given_in_file(command, prefix, words, &variables);
    let given = given.map_err(|why| fault(format!("{}: {why}", path.display())))?;
    let mut all = words.to_vec();
    all.splice(1..1, given.iter().map(|given| given.word.clone()));
    command.clone().try_get_matches_from(all).map_err(|error| match line_of(&error, &given) {
        Some(line) => fault(format!("{}: line {line}: {}", path.display(), first_line(&error))),
        None => error,
    })
}

/// The line of the file that has the option which is wrong.
fn line_of(error: &clap::Error, given: &[Given]) -> Option<usize> {
    let ContextValue::String(option) = error.get(ContextKind::InvalidArg)? else { return None };
    let long = option.trim_start_matches('-').split(' ').next()?;
    given.iter().find(|given| given.long == long).map(|given| given.line)
}

/// An option of the file.
struct Given {
    long: String,
    word: OsString,
    /// From 1.
    line: usize,
}

/// The file that is named, unless a subcommand is meant, which has no use for it.
fn file(command: &Command, words: &[OsString]) -> Option<PathBuf> {
    let mut words = words.iter().skip(1).map(|word| word.to_string_lossy());
    let mut named = None;
    while let Some(word) = words.next() {
        if command.get_subcommands().any(|subcommand| subcommand.get_name() == word) {
            return None;
        }
        match word.strip_prefix("--").and_then(|word| word.strip_prefix(FILE)) {
            Some("") => named = words.next().map(|path| PathBuf::from(path.as_ref())),
            Some(rest) => named = rest.strip_prefix('=').map(PathBuf::from).or(named),
            None => {}
        }
    }
    let variable = command.get_arguments().find(|option| option.get_long() == Some(FILE))?.get_env()?;
    named.or_else(|| std::env::var_os(variable).map(PathBuf::from)).filter(|path| !path.as_os_str().is_empty())
}

/// The options of the file that are not on the command line. Of lines with one variable the last counts, as for systemd.
fn given_in_file(
    command: &Command,
    prefix: &str,
    words: &[OsString],
    variables: &[Variable],
) -> Result<Vec<Given>, String> {
    let mut given = Vec::new();
    for (index, Variable { name, value, line }) in variables.iter().enumerate() {
        if variables[index + 1..].iter().any(|later| later.name == *name) {
            continue;
        }
        let option =
            command.get_arguments().find(|option| option.get_env().is_some_and(|known| known == name.as_str()));
        let Some((option, long)) = option.and_then(|option| Some((option, option.get_long()?))) else {
            // What is for others may stand here, too.
            match name.starts_with(&format!("{prefix}_")) {
                true => {
                    return Err(format!(
                        "line {line}: no option has the variable {name}; --help tells those that have"
                    ));
                }
                false => continue,
            }
        };
        if is_given(words, long) || long == FILE {
            continue;
        }
        let word = match option.get_action() {
            ArgAction::SetTrue if is_true(value) => format!("--{long}"),
            ArgAction::SetTrue => continue,
            _ if value.is_empty() => continue,
            _ => format!("--{long}={value}"),
        };
        given.push(Given { long: long.to_owned(), word: word.into(), line: *line });
    }
    Ok(given)
}

fn is_given(words: &[OsString], long: &str) -> bool {
    words.iter().filter_map(|word| word.to_str()?.strip_prefix("--")).any(|word| {
        let name = word.split_once('=').map_or(word, |(name, _)| name);
        name == long
    })
}

/// As clap reads a variable of a flag.
fn is_true(value: &str) -> bool {
    !["", "n", "no", "f", "false", "off", "0"].contains(&value.to_lowercase().as_str())
}

/// Options that are hidden are for whoever starts the program, and inherited by nobody.
fn with_variables(command: Command, prefix: &str) -> Command {
    command.mut_args(|option| match option.get_long() {
        Some(long) if option.get_env().is_none() && !option.is_hide_set() => {
            let name = format!("{prefix}_{}", long.replace('-', "_").to_uppercase());
            // Some dozens, once in a program's life.
            let name: &'static str = Box::leak(name.into_boxed_str());
            option.env(name)
        }
        _ => option,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    /// Cargo tells tests where they are, so that there is a variable nobody has to set.
    #[derive(Debug, PartialEq, Eq, Parser)]
    #[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
    struct Program {
        #[command(subcommand)]
        other: Option<Other>,
        #[arg(long, required = true)]
        manifest_dir: Option<String>,
        #[arg(long, value_delimiter = '/')]
        pkg_name: Vec<String>,
        #[arg(long, env = "OWN", value_parser = ["a", "b", "c"])]
        own: Option<String>,
        #[arg(long, hide = true)]
        fd: Option<i32>,
        #[arg(long)]
        config: Option<PathBuf>,
        #[arg(long)]
        flag: bool,
    }

    #[derive(Debug, PartialEq, Eq, clap::Subcommand)]
    enum Other {
        Init,
    }

    fn options(arguments: &[&str]) -> Result<ArgMatches, clap::Error> {
        let command = with_variables(Program::command(), "CARGO");
        let words: Vec<OsString> = ["program"].iter().chain(arguments).map(OsString::from).collect();
        super::read(&command, "CARGO", &words)
    }

    fn read(arguments: &[&str]) -> Program {
        Program::from_arg_matches(&options(arguments).unwrap()).unwrap()
    }

    #[test]
    fn every_option_that_people_see_has_a_variable() {
        let command = with_variables(Program::command(), "CARGO");
        let names: Vec<_> =
            command.get_arguments().map(|option| option.get_env().and_then(|name| name.to_str())).collect();
        assert_eq!(
            names,
            [
                Some("CARGO_MANIFEST_DIR"),
                Some("CARGO_PKG_NAME"),
                Some("OWN"),
                None,
                Some("CARGO_CONFIG"),
                Some("CARGO_FLAG"),
            ]
        );
    }

    #[test]
    fn what_is_required_may_come_from_the_environment_and_the_command_line_wins() {
        let given = read(&[]);
        assert_eq!(given.manifest_dir.as_deref(), Some(env!("CARGO_MANIFEST_DIR")));
        assert_eq!(given.pkg_name, [env!("CARGO_PKG_NAME")]);
        let given = read(&["--manifest-dir", "here", "--pkg-name", "a/b", "--pkg-name", "c"]);
        assert_eq!(
            (given.manifest_dir.as_deref(), given.pkg_name),
            (Some("here"), vec!["a".into(), "b".into(), "c".into()])
        );
    }

    #[test]
    fn a_subcommand_is_not_in_the_way_of_variables() {
        assert_eq!(read(&["init"]).other, Some(Other::Init));
    }

    #[test]
    fn the_file_wins_over_the_environment_and_the_command_line_over_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("env");
        let config = format!("--config={}", file.display());
        let text = "# a comment\n\nCARGO_MANIFEST_DIR=there\nCARGO_PKG_NAME='a/b'\nOTHER=x\nCARGO_FLAG=yes\nOWN=\n";
        std::fs::write(&file, text).unwrap();
        let given = read(&[&config]);
        assert_eq!((given.manifest_dir.as_deref(), given.flag, given.own), (Some("there"), true, None));
        assert_eq!(given.pkg_name, ["a", "b"]);
        assert_eq!(read(&[&config, "--manifest-dir", "here"]).manifest_dir.as_deref(), Some("here"));
        let words = ["program", &config, "init"].map(OsString::from);
        assert_eq!(super::file(&with_variables(Program::command(), "CARGO"), &words), None, "a subcommand is meant");
        for (text, why) in [
            ("CARGO_NAMES=x\n", "line 1: no option has the variable CARGO_NAMES"),
            ("\nx y\n", "line 2"),
            ("OWN=a\nOWN=z\n", "line 2: invalid value 'z' for '--own"),
        ] {
            std::fs::write(&file, text).unwrap();
            let fault = options(&[&config]).unwrap_err().to_string();
            assert!(fault.contains(why), "{text}: {fault}");
        }
        assert!(options(&["--config", "/is/not/there"]).unwrap_err().to_string().contains("/is/not/there"));
    }

    #[test]
    fn what_has_changed_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("env");
        std::fs::write(&file, "CARGO_MANIFEST_DIR=a\nOWN=b\n").unwrap();
        let command = with_variables(Program::command(), "CARGO");
        let words: Vec<OsString> = vec!["program".into(), "--config".into(), file.clone().into()];
        let matches = super::read(&command, "CARGO", &words).unwrap();
        let mut options = Options { command, prefix: "CARGO", words, started: matches.clone(), matches };
        assert_eq!(options.again::<Program>().unwrap().1, Changed::default());
        std::fs::write(&file, "CARGO_MANIFEST_DIR=a\nOWN=a\nOWN=c\n").unwrap();
        let (program, changed) = options.again::<Program>().unwrap();
        let own = || vec!["--own".to_owned()];
        assert_eq!((program.own.as_deref(), changed), (Some("c"), Changed { now: own(), since_start: own() }));
        assert_eq!(options.again::<Program>().unwrap().1, Changed { now: vec![], since_start: own() });
        std::fs::write(&file, "CARGO_MANIFEST_DIR=a\nOWN=b\n").unwrap();
        assert_eq!(options.again::<Program>().unwrap().1, Changed { now: own(), since_start: vec![] });
        std::fs::write(&file, "CARGO_WRONG=a\n").unwrap();
        assert!(options.again::<Program>().is_err());
        assert!(options.again::<Program>().is_err(), "it is refused again, and nothing is forgotten");
    }
}
