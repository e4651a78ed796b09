//! What a stranger would type: the examples at the end of the long help of commands.

/// Words of a command behind `acre`, and lines that show it.
const EXAMPLES: [(&str, &str); 25] = [
    (
        "task create",
        "  acre task create -n web -c https://git.example/team/web.git#main -f acb.yaml
  acre task create -n api -c https://git.example/team/api.git -t r.example/api:{{.Run.ID}} --platform linux/amd64,linux/arm64
  acre task create -n nightly --cmd \"r.example/tools:1 sweep\" -c /dev/null --schedule \"night:0 21 * * * Europe/Berlin\"",
    ),
    (
        "task update",
        "  acre task update -n web --status Disabled
  acre task update -n web --set-secret TOKEN --path 'src/**' --path '!docs/**'",
    ),
    (
        "task apply",
        "  acre task apply -f tasks.yaml --dry-run
  acre task apply -f web.yaml api.yaml
  acre task show -n web -o yaml --project test | acre task apply -f - --project live

  name: web                        # the keys are the flags of `acre task create`
  context: https://git.example/team/web.git#main
  image: [\"r.example/web:{{.Run.ID}}\"]
  arg: {VERSION: \"1\"}
  setSecret: {token: env:TOKEN}    # or file:PATH; a list of names keeps their values
  schedule: [\"night:0 21 * * *\"]",
    ),
    ("task list", "  acre task list\n  acre task list --project web -o json"),
    (
        "task show",
        "  acre task show -n web
  acre task show -n web -o yaml > web.yaml    # what `acre task apply -f web.yaml` takes back",
    ),
    ("task delete", "  acre task delete -n web"),
    (
        "task run",
        "  acre task run -n web
  acre task run -n web --set version=2 --arg BASE=debian:12
  acre task run -n web -c . -f Dockerfile    # this folder, once",
    ),
    (
        "task list-runs",
        "  acre task list-runs -n web --top 5
  acre task list-runs --run-status Failed
  acre task list-runs --image team/web:1",
    ),
    ("task show-run", "  acre task show-run --run-id 1qk3f00001\n  acre task show-run -o json"),
    (
        "task update-run",
        "  acre task update-run --run-id 1qk3f00001 --no-archive false    # keep it
  acre task update-run --run-id 1qk3f00001 --no-archive true     # let it go when it is old",
    ),
    ("task cancel-run", "  acre task cancel-run --run-id 1qk3f00001"),
    (
        "task logs",
        "  acre task logs -n web
  acre task logs --image team/web:1
  acre task logs --run-id 1qk3f00001",
    ),
    ("task webhook", "  acre task webhook -n web\n  acre task webhook --registries --rotate"),
    ("task timer add", "  acre task timer add -n web --timer-name noon --schedule \"0 12 * * 1-5 Europe/Berlin\""),
    (
        "task timer update",
        "  acre task timer update -n web --timer-name noon --schedule \"30 12 * * 1-5\"
  acre task timer update -n web --timer-name noon --status Disabled",
    ),
    ("task timer remove", "  acre task timer remove -n web --timer-name noon"),
    ("task timer list", "  acre task timer list -n web\n  acre task timer list -n web -o json"),
    (
        "task credential add",
        "  acre task credential add -n web --login-server r.example -u robot --password-stdin < password",
    ),
    (
        "task credential update",
        "  acre task credential update -n web --login-server r.example -u robot --password-stdin < password",
    ),
    ("task credential remove", "  acre task credential remove -n web --login-server r.example"),
    ("task credential list", "  acre task credential list -n web"),
    ("project delete", "  acre project delete old --yes"),
    (
        "project notify add",
        "  acre project notify add ops --slack-file slack-url
  acre project notify add hook --webhook https://ops.example/acre --on failure,success
  acre project notify add me --email me@example.com --task nightly",
    ),
    ("project show", "  acre project show web\n  acre project show -o json"),
    (
        "graph",
        "  acre graph --if r.example/base:1
  acre graph --svg graph.svg
  acre graph --dot | dot -Tpng > graph.png",
    ),
];

/// The examples of a command.
pub(super) fn of(path: &str) -> Option<&'static str> {
    EXAMPLES.iter().find(|(command, _)| *command == path).map(|(_, examples)| *examples)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Cli;
    use clap::Parser;

    #[test]
    fn every_example_is_understood() {
        for (_, examples) in EXAMPLES {
            for line in examples.lines().map(str::trim).filter(|line| line.starts_with("acre ")) {
                let first = line.split(" | ").next().unwrap_or_default();
                let first = first.split(" > ").next().unwrap_or_default().split(" < ").next().unwrap_or_default();
                let words = first.split("    #").next().unwrap_or_default();
                let words = shlex::split(words).unwrap_or_else(|| panic!("{line}"));
                let parsed = Cli::try_parse_from(words);
                assert!(parsed.is_ok(), "{line}: {}", parsed.unwrap_err());
            }
        }
    }
}
