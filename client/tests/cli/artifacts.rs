//! `acre artifacts`: files that a run kept.

use crate::support::{
    acre::{World, end},
    farm::{Farm, Scenario},
    views,
};
use acre_model::{
    digest::Digest,
    report::{Artifact, Report},
    run::RunStatus,
};

/// An artifact: unit, path, content.
type Kept = (&'static str, &'static str, &'static str);

/// A run with these artifacts, and the blobs that they are.
fn scenario(artifacts: &[Kept]) -> (Scenario, Vec<(Digest, String)>) {
    let blobs: Vec<_> = artifacts.iter().map(|(.., content)| (digest(content), (*content).to_owned())).collect();
    let artifact = |(unit, path, content): &Kept| Artifact {
        unit: (*unit).to_owned(),
        path: (*path).to_owned(),
        digest: digest(content),
        size: content.len() as u64,
    };
    let ended = Scenario::ending(RunStatus::Succeeded);
    let report = Report { artifacts: artifacts.iter().map(artifact).collect(), ..views::report(&ended.over) };
    (Scenario { report: Some(report), ..ended }, blobs)
}

fn digest(content: &str) -> Digest {
    // What `sha256sum` says of them.
    let hex = match content {
        "a" => "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb",
        "b" => "3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d",
        "forged" => "0000000000000000000000000000000000000000000000000000000000000000",
        content => panic!("no digest of {content}"),
    };
    format!("sha256:{hex}").parse().unwrap()
}

fn farm(world: &World, artifacts: &[Kept]) -> Farm {
    let (scenario, blobs) = scenario(artifacts);
    let farm = world.farm(scenario);
    farm.store(blobs.into_iter().map(|(digest, content)| (digest.as_bytes().to_vec(), content.into_bytes())));
    farm
}

const THREE: [Kept; 3] = [
    ("test@linux/amd64", "out/report.xml", "a"),
    ("test@linux/arm64", "out/report.xml", "b"),
    ("test@linux/amd64", "web.bin", "b"),
];

#[tokio::test]
async fn artifacts_are_listed() {
    let world = World::default();
    let _farm = farm(&world, &THREE);
    let listed = end(world.acre_on_farm(&["artifacts", "last"])).await;
    insta::assert_snapshot!("artifacts_in_a_table", listed.stdout);
    let json = end(world.acre_on_farm(&["artifacts", "last", "*.bin", "-o", "json"])).await;
    let artifacts: Vec<Artifact> = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(artifacts.iter().map(|one| one.path.as_str()).collect::<Vec<_>>(), ["web.bin"]);
}

#[tokio::test]
async fn artifacts_are_fetched_into_a_folder() {
    let world = World::default();
    let _farm = farm(&world, &THREE);
    let got = end(world.acre_on_farm(&["artifacts", "last", "--get=kept"])).await;
    let expected = [
        ("kept/test@linux-amd64/out/report.xml", "a"),
        ("kept/test@linux-arm64/out/report.xml", "b"),
        ("kept/web.bin", "b"),
    ];
    assert_eq!((got.code, got.stdout.lines().collect::<Vec<_>>()), (Some(0), expected.map(|(path, _)| path).to_vec()));
    for (path, content) in expected {
        assert_eq!(std::fs::read_to_string(world.path(path)).unwrap(), content, "{path}");
    }
    assert_eq!(std::fs::read_dir(world.path("kept")).unwrap().count(), 3, "nothing else is left there");
    let here = end(world.acre_on_farm(&["artifacts", "last", "--get", "out"])).await;
    assert_eq!((here.code, here.stdout.lines().count()), (Some(0), 2), "{here:?}");
    assert!(world.path("test@linux-amd64/out/report.xml").exists());
}

#[tokio::test]
async fn what_is_not_as_it_was_said_to_be_is_not_written() {
    let table: [(&[Kept], i32, &str); 2] = [
        (&[("test@linux/amd64", "x", "forged")], 4, "the farm failed: content said to be sha256:0000"),
        (&[("test@linux/amd64", "../x", "a")], 2, "its path leaves the folder"),
    ];
    for (artifacts, code, expected) in table {
        let world = World::default();
        let _farm = farm(&world, artifacts);
        let got = end(world.acre_on_farm(&["artifacts", "last", "--get=kept"])).await;
        assert!(got.code == Some(code) && got.stderr.contains(expected), "{artifacts:?}: {got:?}");
        assert_eq!(std::fs::read_dir(world.path("kept")).unwrap().count(), 0, "{artifacts:?}");
        assert!(!world.path("x").exists());
    }
}

#[tokio::test]
async fn a_run_that_goes_on_has_no_artifacts_yet() {
    let world = World::default();
    let _farm = world.farm(Scenario { ends: false, ..Scenario::ending(RunStatus::Succeeded) });
    let listed = end(world.acre_on_farm(&["artifacts", "last"])).await;
    assert!(listed.code == Some(2) && listed.stderr.contains("is running and has no report"), "{listed:?}");
    let _farm = farm(&world, &THREE);
    let none = end(world.acre_on_farm(&["artifacts", "last", "nothing"])).await;
    assert!(none.code == Some(2) && none.stderr.contains("none of the 3 artifacts"), "{none:?}");
}
