//! A daemon's options in its environment, where units of systemd and containers give them.

use clap::{Command, CommandFactory, FromArgMatches};

/// Reads the program's arguments. Each option can be given by the environment as well: `--keep-runs` by
/// `PREFIX_KEEP_RUNS`, unless it names a variable of its own; what stands on the command line wins. An option that may be
/// given several times is split there, and on the command line, where its own delimiter says. Ends the program on wrong
/// usage and after `--help`, as clap does.
pub fn arguments<A: CommandFactory + FromArgMatches>(prefix: &str) -> A {
    let command = with_variables(A::command(), prefix);
    A::from_arg_matches(&command.get_matches()).unwrap_or_else(|error| error.exit())
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
        #[arg(long, env = "OWN")]
        own: Option<String>,
        #[arg(long, hide = true)]
        fd: Option<i32>,
    }

    #[derive(Debug, PartialEq, Eq, clap::Subcommand)]
    enum Other {
        Init,
    }

    fn read(arguments: &[&str]) -> Program {
        let command = with_variables(Program::command(), "CARGO");
        let matches = command.try_get_matches_from(["program"].iter().chain(arguments)).unwrap();
        Program::from_arg_matches(&matches).unwrap()
    }

    #[test]
    fn every_option_that_people_see_has_a_variable() {
        let command = with_variables(Program::command(), "CARGO");
        let names: Vec<_> =
            command.get_arguments().map(|option| option.get_env().and_then(|name| name.to_str())).collect();
        assert_eq!(names, [Some("CARGO_MANIFEST_DIR"), Some("CARGO_PKG_NAME"), Some("OWN"), None]);
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
}
