//! Command lines and what they mean.

use super::*;
use crate::args::{Cli, Command};
use acre_model::ids::SecretId;
use clap::Parser;

fn build(words: &str) -> Result<BuildWish, Error> {
    let words = ["acre", "build"].into_iter().chain(words.split_whitespace());
    match Cli::try_parse_from(words).unwrap().command {
        Command::Build(args) => args.check(true),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_image_is_pushed_where_its_registry_is_known() {
    let table = [
        ("-t a:1 /dev/null", false, vec!["a:1"]),
        ("-t a:1 -r r.example /dev/null", true, vec![]),
        ("-t r.example/a:1 /dev/null", true, vec![]),
        ("-t r.example/a:{{.Run.ID}} /dev/null", true, vec![]),
        ("-t r.example/a:1 -t b:1 /dev/null", false, vec!["b:1"]),
        ("-t a:1 -r r.example --no-push /dev/null", false, vec![]),
        ("/dev/null", false, vec![]),
    ];
    for (words, pushes, kept) in table {
        let wish = build(words).unwrap();
        let TaskSource::Text(task) = wish.request.submission.task else { panic!("a build brings its task") };
        assert_eq!(task.text.contains("id: push"), pushes, "{words}: {}", task.text);
        assert_eq!(wish.kept, kept, "{words}");
    }
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let table: [(&str, &[&str]); 4] = [
        ("-t UPPER --build-arg =x ./nowhere", &["UPPER", "--build-arg", "does not exist"]),
        ("-t a:1 --push /dev/null", &["--push: `a:1` has no registry"]),
        ("--push /dev/null", &["--push needs a name"]),
        (
            "--load --platform linux/amd64,linux/arm64 --output x --secret x --ssh y -r http://r /dev/null",
            &["--load takes one platform", "--output", "--secret `x`", "--ssh `y`", "--registry"],
        ),
    ];
    for (words, expected) in table {
        let found = build(words).unwrap_err().to_string();
        assert!(expected.iter().all(|part| found.contains(part)), "{words}: {found}");
    }
}

#[test]
fn secrets_leave_the_command_line_for_a_place_of_their_own() {
    let words = "run --set-secret a=1 --set-secret b=2 --set-secret a=3 --cmd bash /dev/null";
    let words = ["acre"].into_iter().chain(words.split_whitespace());
    let Command::Run(args) = Cli::try_parse_from(words).unwrap().command else { panic!("it is a run") };
    let Request { submission, confidential, .. } = args.check().unwrap();
    assert_eq!(submission.secret_sets, ["b", "a"]);
    let values: Vec<_> = confidential.secrets.iter().map(|(id, value)| (id.as_str(), value.expose())).collect();
    assert_eq!(values, [("set.a", &b"3"[..]), ("set.b", b"2")]);

    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    std::fs::write(&key, "private").unwrap();
    let shown = key.display();
    let wish = build(&format!("--secret id=npm,src={shown} --ssh default={shown} /dev/null")).unwrap();
    let TaskSource::Text(task) = wish.request.submission.task else { panic!("a build brings its task") };
    assert!(task.text.contains("--secret id=npm --ssh default=ssh.default"), "{}", task.text);
    let ids: Vec<_> = wish.request.confidential.secrets.keys().map(SecretId::as_str).collect();
    assert_eq!(ids, ["npm", "ssh.default"]);
}

#[test]
fn a_task_comes_from_where_it_is_said_to() {
    let run = |words: &str| {
        let words = ["acre", "run"].into_iter().chain(words.split_whitespace());
        match Cli::try_parse_from(words).unwrap().command {
            Command::Run(args) => args.check().map(|request| request.submission.task),
            other => panic!("{other:?}"),
        }
    };
    let git = "https://h.example/r.git";
    assert_eq!(run(git).unwrap(), TaskSource::File(None));
    assert_eq!(run(&format!("-f x.yaml {git}")).unwrap(), TaskSource::File(Some("x.yaml".to_owned())));
    assert!(matches!(run("--cmd bash /dev/null").unwrap(), TaskSource::Text(_)));
    for (words, expected) in [
        ("/dev/null", "--cmd"),
        ("-f x.yaml /dev/null", "looked up in the source"),
        ("--set x --set-secret y --cmd bash /dev/null", "--set-secret `y`: there is no variable `y`"),
        ("--set x --set-secret y --cmd bash /dev/null", "--set `x` is not KEY=VALUE"),
        ("-f - -", "standard input cannot be the task file and the source at once"),
    ] {
        let found = run(words).unwrap_err().to_string();
        assert!(found.contains(expected), "{words}: {found}");
    }
}
