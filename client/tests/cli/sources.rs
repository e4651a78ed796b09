//! Sources of a run: archives on standard input, addresses.

use crate::support::{
    acre::{World, end, end_with_input},
    farm::Scenario,
};
use acre_model::{
    run::RunStatus,
    submission::{Source, TaskSource},
};
use std::process::Stdio;

/// The source folder as an archive, as `tar` packs it with this flag.
async fn archive(world: &World, flag: &str) -> Vec<u8> {
    let mut tar = tokio::process::Command::new("tar");
    tar.args(["-C", "src", flag, "-f", "-", "."]).current_dir(world.folder.path()).stderr(Stdio::inherit());
    tar.output().await.unwrap().stdout
}

#[tokio::test]
async fn an_archive_on_standard_input_is_a_source_as_a_folder_is() {
    let world = World::default();
    world.write("src/acb.yaml", "steps: []\n");
    world.write("src/sub/file", "content");
    for flag in ["-c", "-cz"] {
        let farm = world.farm(Scenario::ending(RunStatus::Succeeded));
        let ended = end_with_input(world.acre_on_farm(&["run", "-"]), &archive(&world, flag).await).await;
        assert_eq!(ended.code, Some(0), "{flag}: {ended:?}");
        let submission = farm.asked(|asked| asked.submissions[0].clone());
        assert_eq!(submission.source_shown, "standard input");
        assert!(matches!(&submission.task, TaskSource::Text(task) if task.name == "acb.yaml"), "{submission:?}");
        let Source::Tree(tree) = submission.source else { panic!("{submission:?}") };
        let stored = farm.asked(|asked| asked.blobs.contains_key(&tree.as_bytes()[..]) && asked.blobs.len() == 4);
        assert!(stored, "{flag}: the tree's root is on the farm, with its folder and two files");
    }
}

#[tokio::test]
async fn what_is_no_archive_is_refused() {
    let world = World::default();
    world.write("src/file", "content");
    let farm = world.farm(Scenario::ending(RunStatus::Succeeded));
    let table: [(&[&str], &[u8], &str); 5] = [
        (&["run", "-"], b"", "standard input as source: archive ends without its end mark"),
        (&["run", "-"], &[0; 1024], "standard input as source: there is no file in it"),
        (&["run", "-"], b"steps: []\n", "standard input as source: "),
        (&["run", "-"], &archive(&world, "-c").await, "the archive has no task file (acb.yaml, "),
        (&["run", "-f", "-", "-"], b"", "cannot be the task file and the source at once"),
    ];
    for (words, input, expected) in table {
        let ended = end_with_input(world.acre_on_farm(words), input).await;
        assert!(ended.code == Some(2) && ended.stderr.contains(expected), "{expected}: {ended:?}");
    }
    assert!(farm.asked(|asked| asked.submissions.is_empty()));
}

#[tokio::test]
async fn an_address_is_fetched_by_the_farm() {
    let world = World::default();
    let farm = world.farm(Scenario::ending(RunStatus::Succeeded));
    for address in ["https://h.example/r.git#main", "https://h.example/x.tar.gz"] {
        assert_eq!(end(world.acre_on_farm(&["run", address])).await.code, Some(0), "{address}");
        let source = farm.asked(|asked| asked.submissions.last().unwrap().source.clone());
        assert_eq!(source, Source::Address(address.to_owned()));
    }
}

#[tokio::test]
async fn the_size_of_what_is_really_sent_is_told() {
    let world = World::default();
    world.write("src/acb.yaml", "steps: []\n");
    world.write("src/large", &"x".repeat(3 << 20));
    let _farm = world.farm(Scenario::ending(RunStatus::Succeeded));
    let line = |text: &str| text.lines().find(|line| line.contains("Sending context")).unwrap()[20..].to_owned();
    for expected in ["Sending context (3.000 MiB) to the farm...", "Sending context (0 B) to the farm..."] {
        let ended = end(world.acre_on_farm(&["run", "src"])).await;
        assert_eq!((ended.code, line(&ended.stdout)), (Some(0), expected.to_owned()), "{ended:?}");
    }
}
