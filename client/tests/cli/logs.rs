//! `acre logs`: pieces that join, offsets, connections that break.

use crate::support::{
    acre::{AtWork, World, end},
    farm::Scenario,
    views,
};
use acre_model::{log::Stream, run::RunStatus};

/// A numbered line per frame, and lines of another unit among them.
fn numbered(lines: usize) -> (Scenario, String) {
    let texts: Vec<String> = (0..lines).map(|number| format!("line {number}\n")).collect();
    let pieces: Vec<(Stream, &str)> = texts.iter().map(|text| (Stream::Stdout, text.as_str())).collect();
    let mut log = views::log(2, &pieces);
    log.extend(views::log(0, &[(Stream::Stdout, "of the build\n")]));
    (Scenario { log, ..Scenario::ending(RunStatus::Succeeded) }, texts.concat())
}

#[tokio::test]
async fn a_broken_connection_loses_and_repeats_nothing() {
    let world = World::default();
    let (scenario, expected) = numbered(20);
    let farm = world.farm(Scenario { cut_after: Some(7), ..scenario });
    let ended = end(world.acre_on_farm(&["logs", "-f", "--step", "test"])).await;
    assert_eq!((ended.code, ended.stdout), (Some(0), expected), "{}", ended.stderr);
    assert!(ended.stderr.contains("trying again") && ended.stderr.contains("answers again"), "{}", ended.stderr);
    assert_eq!(farm.asked(|asked| asked.followed.len()), 3, "7 and 7 and 6 frames");
}

#[tokio::test]
async fn an_offset_is_the_count_of_bytes_printed_so_far() {
    let world = World::default();
    let (scenario, expected) = numbered(20);
    let _farm = world.farm(scenario);
    for follow in [&[][..], &["-f"]] {
        for offset in [0, 1, 9, 100, expected.len()] {
            let number = offset.to_string();
            let words = [&["logs", "--step", "test@linux/amd64", "--offset", &number], follow].concat();
            let ended = end(world.acre_on_farm(&words)).await;
            assert_eq!(
                (ended.code, ended.stdout.as_str()),
                (Some(0), &expected[offset..]),
                "{words:?}: {}",
                ended.stderr
            );
        }
    }
}

#[tokio::test]
async fn following_goes_on_until_the_run_is_over() {
    let world = World::default();
    let (scenario, _) = numbered(3);
    let farm = world.farm(Scenario { ends: false, ..scenario });
    let mut logs = AtWork::start(world.acre_on_farm(&["logs", "-f", views::run_id().as_str()]));
    logs.wait_for("of the build").await;
    farm.end();
    let ended = logs.end().await;
    assert_eq!((ended.code, ended.stdout.lines().count()), (Some(0), 4), "{ended:?}");
}

#[tokio::test]
async fn what_is_stored_is_printed_while_the_run_lasts() {
    let world = World::default();
    let (scenario, _) = numbered(3);
    let _farm = world.farm(Scenario { ends: false, ..scenario });
    let ended = end(world.acre_on_farm(&["logs"])).await;
    assert_eq!((ended.code, ended.stdout.lines().count()), (Some(0), 4), "{ended:?}");
}

#[tokio::test]
async fn what_is_not_there_is_said_with_its_nearest_name() {
    let world = World::default();
    let _farm = world.farm(numbered(1).0);
    let table: [(&[&str], &str); 4] = [
        (&["logs", "--step", "tset"], "error: run 2qk3f00001 has no step `tset`; did you mean `test`?\n"),
        (&["logs", "2qk3f00009"], "error: no run 2qk3f00009 in project default\n"),
        (&["show", "2qk3f00009"], "error: no run 2qk3f00009 in project default\n"),
        (&["agents", "--drain", "nobody"], "error: no agent nobody\n"),
    ];
    for (words, expected) in table {
        let ended = end(world.acre_on_farm(words)).await;
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(2), expected), "{words:?}");
    }
    let ended = end(world.acre_on_farm(&["logs", "NOT-AN-ID"])).await;
    assert!(ended.code == Some(2) && ended.stderr.contains("as `acre list` shows it"), "{ended:?}");
}
