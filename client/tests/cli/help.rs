//! The help of every command, and that completion and manual pages are made of it.

use crate::support::acre::{World, end};
use acre_client::args::Cli;

#[test]
fn every_command_says_what_it_takes() {
    let mut acre = Cli::described().term_width(100);
    acre.build();
    let mut commands = vec![("acre".to_owned(), acre)];
    let mut seen = 0;
    while let Some((name, mut command)) = commands.pop() {
        seen += 1;
        let subcommands = command.get_subcommands().filter(|sub| sub.get_name() != "help").cloned();
        commands.extend(subcommands.map(|sub| (format!("{name}-{}", sub.get_name()), sub)));
        insta::assert_snapshot!(format!("help-{name}"), command.render_long_help());
    }
    let counts =
        "acre, 21 commands, `agents token`, five of `farm`, eight of `project`, three of `secret`, 23 of `task`";
    assert_eq!(seen, 62, "{counts}");
}

#[tokio::test]
async fn shells_and_man_learn_the_command_line() {
    let world = World::default();
    for shell in ["bash", "zsh", "fish"] {
        let script = end(world.acre(&["completion", shell])).await;
        assert!(script.code == Some(0) && script.stdout.contains("cancel-on-interrupt"), "{shell}: {script:?}");
    }
    let script = end(world.acre(&["completion", "bash"])).await.stdout;
    for word in ["artifacts", "login", "logout", "secret", "--set-secret", "--ssh", "--password-stdin"] {
        assert!(script.contains(word), "{word}");
    }
    let page = end(world.acre(&["man"])).await;
    assert!(page.code == Some(0) && page.stdout.contains(".TH acre 1"), "{page:?}");
    let pages = end(world.acre(&["man", "pages"])).await;
    assert_eq!(pages.code, Some(0), "{pages:?}");
    assert!(
        ["login", "secret-set", "artifacts"].iter().all(|page| world.path(&format!("pages/acre-{page}.1")).exists())
    );
    let run = std::fs::read_to_string(world.path("pages/acre-run.1")).unwrap();
    assert!(run.contains("Exit codes") && run.contains("no farm answers"), "{run}");
}
