//! A Windows machine in the farm: the native agent, on an engine that is simulated (no Windows is in it, and nothing is run),
//! with a real BuildKit and a real registry.

use acre_e2e::{
    fleet::Fleet,
    program::Output,
    registry,
    source::Source,
    windows::{self, SimulatedWindows, VERSION},
};
use serde_json::Value;

/// An image of files alone, on the base of a release.
fn source(release: &str) -> Source {
    let dockerfile = format!(
        "FROM {}\nLABEL made=here\nWORKDIR /app\nCOPY hello.txt folder ./\nENV GREETING=hello\nCMD [\"hello\"]\n",
        windows::base(release)
    );
    Source::new(&[("Dockerfile", &dockerfile), ("hello.txt", "hello\n"), ("folder/b", "b\n")])
}

fn build(fleet: &Fleet, source: &Source, platforms: &str) -> Output {
    fleet.acre(&["build", "-t", "{repo}/app:1", "--platform", platforms, "-r", "{registry}", source.arg()])
}

fn json(repository: &str, path: &str) -> Value {
    let content = registry::content(repository, path);
    serde_json::from_slice(&content).unwrap_or_else(|why| panic!("{path} is no JSON: {why}"))
}

/// Platforms and Windows versions of the index under the tag, each compared with the configuration of its image.
fn published(fleet: &Fleet) -> Vec<(String, Option<String>)> {
    let repository = format!("{}/app", fleet.repository());
    let index = json(&repository, "manifests/1");
    let manifests = index["manifests"].as_array().unwrap_or_else(|| panic!("no index: {index}"));
    let child = |child: &Value| {
        let digest = child["digest"].as_str().expect("a child has a digest");
        let manifest = json(&repository, &format!("manifests/{digest}"));
        let configuration = manifest["config"]["digest"].as_str().expect("an image has a configuration");
        let configuration = json(&repository, &format!("blobs/{configuration}"));
        let platform = &child["platform"];
        assert_eq!(platform["os.version"], configuration["os.version"], "{child}");
        let part = |name: &str| platform[name].as_str().map(str::to_owned);
        let name = format!("{}/{}", part("os").unwrap_or_default(), part("architecture").unwrap_or_default());
        (name, part("os.version"))
    };
    manifests.iter().map(child).collect()
}

#[test]
fn a_windows_agent_tells_its_windows_and_serves_nothing_else() {
    let engine = SimulatedWindows::with_isolation("process,hyperv");
    let mut fleet = Fleet::new();
    fleet.join_on_windows(&engine, "win-1", "process,hyperv");
    let agent = fleet.agent("win-1");
    let platforms: Vec<_> = agent["capability"]["platforms"].as_array().into_iter().flatten().collect();
    assert_eq!(platforms.len(), 1, "{agent:#}");
    assert_eq!((&platforms[0]["platform"], &platforms[0]["mode"]), (&"windows/amd64".into(), &"native".into()));
    let windows = &agent["capability"]["windows"];
    assert_eq!(*windows, serde_json::json!({ "build": VERSION, "process": true, "hyperv": true }));
}

#[test]
fn one_index_has_a_child_for_windows_with_the_version_of_its_base() {
    let engine = SimulatedWindows::with_isolation("process");
    let mut fleet = Fleet::new();
    fleet.join("linux-1", 4);
    fleet.join_on_windows(&engine, "win-1", "process");
    let output = build(&fleet, &source("ltsc2022"), "linux/amd64,windows/amd64");
    output.ended(0);
    let expected = [("linux/amd64", None), ("windows/amd64", Some(VERSION))];
    assert_eq!(published(&fleet), expected.map(|(name, version)| (name.to_owned(), version.map(str::to_owned))));
}

#[test]
fn a_base_of_an_older_windows_is_built_with_hyperv() {
    let engine = SimulatedWindows::with_isolation("process,hyperv");
    let mut fleet = Fleet::new();
    fleet.join_on_windows(&engine, "win-1", "process,hyperv");
    let output = build(&fleet, &source("ltsc2019"), "windows/amd64");
    output
        .ended(0)
        .says("Isolation: hyperv, since the image is for Windows 10.0.17763.5329, and the machine has 10.0.20348.2227");
    output.says("a real BuildKit builds for windows/amd64, isolation hyperv");
}

#[test]
fn a_base_that_does_not_run_is_refused_with_both_versions() {
    let engine = SimulatedWindows::with_isolation("process");
    let mut fleet = Fleet::new();
    fleet.join_on_windows(&engine, "win-1", "process");
    let table =
        [("ltsc2019", "10.0.17763.5329", "no Hyper-V isolation"), ("ltsc2025", "10.0.26100.2033", "newer than itself")];
    for (release, version, why) in table {
        let output = build(&fleet, &source(release), "windows/amd64");
        output.ended(4);
        for part in [version, VERSION, "agent win-1", why, "use a base image for"] {
            output.says(part);
        }
    }
}

#[test]
fn what_one_agent_cannot_run_another_builds() {
    let (old, new) = (SimulatedWindows::with_isolation("process"), SimulatedWindows::new("10.0.17763.107", "process"));
    let mut fleet = Fleet::new();
    fleet.join_on_windows(&old, "a-2022", "process");
    fleet.join_on_windows(&new, "b-2019", "process");
    let output = build(&fleet, &source("ltsc2019"), "windows/amd64");
    output.ended(0);
    assert!(new.last_words().contains("POST /build: 200"), "{}", new.last_words());
}

/// A task on the base of a release, with its words after `acre run`.
fn run(fleet: &Fleet, yaml: &str, release: &str, words: &[&str]) -> Output {
    let yaml = yaml.replace("{windows}", &windows::base(release));
    fleet.start_task(&yaml, &[&["--platform", "windows/amd64", "-r", "{registry}"], words].concat()).end()
}

#[test]
fn a_command_is_created_started_and_ended_on_a_windows_engine() {
    let engine = SimulatedWindows::with_isolation("process,hyperv");
    let mut fleet = Fleet::new();
    fleet.join_on_windows(&engine, "win-1", "process,hyperv");
    let yaml = "version: v1.1.0\nsteps:\n- id: first\n  cmd: '{windows} cmd /c dir'\n  workingDirectory: sub\n\
                - id: second\n  cmd: '{windows} cmd /c ver'\n  isolation: hyperv\n  when: [first]\n";
    let output = run(&fleet, yaml, "ltsc2022", &[]);
    output.ended(0).says("no Windows here: nothing was run by a Windows kernel (isolation process): cmd /c dir");
    output.says("nothing was run by a Windows kernel (isolation hyperv): cmd /c ver");
    let old = run(&fleet, "version: v1.1.0\nsteps:\n- cmd: '{windows} cmd /c ver'\n", "ltsc2019", &[]);
    old.ended(0)
        .says("Isolation: hyperv, since the image is for Windows 10.0.17763.5329")
        .says("(isolation hyperv): cmd /c ver");
    let asked = "version: v1.1.0\nsteps:\n- cmd: '{windows} cmd /c ver'\n  isolation: process\n";
    run(&fleet, asked, "ltsc2019", &[])
        .ended(4)
        .says("isolation `process` needs an image for the machine's own Windows");
}

#[test]
fn what_windows_does_not_have_is_refused_by_name() {
    let engine = SimulatedWindows::with_isolation("process");
    let mut fleet = Fleet::new();
    fleet.join_on_windows(&engine, "win-1", "process");
    let table = [
        ("cmd: '--tmpfs /t --ulimit nofile=1 {windows} x'", "Windows has no `--tmpfs`, no `--ulimit`; leave it out"),
        ("cmd: '{windows} x'\n  registryAuth: true", "Windows has no volumes in memory, which `registryAuth`"),
    ];
    for (step, why) in table {
        let yaml = format!("version: v1.1.0\nsteps:\n- {step}\n");
        run(&fleet, &yaml, "ltsc2022", &[]).ended(1).says(why);
    }
}

/// The files that a step on Linux has made become an image for Windows on the Windows engine.
#[test]
fn files_made_on_linux_are_built_into_an_image_on_windows() {
    let engine = SimulatedWindows::with_isolation("process");
    let mut fleet = Fleet::new();
    fleet.join("linux-1", 4);
    fleet.join_on_windows(&engine, "win-1", "process");
    let yaml = r#"version: v1.1.0
steps:
- id: make
  cmd: "{base} sh -c 'mkdir out; echo made >out/made.txt'"
  platforms: [linux/amd64]
- id: image
  build: -t {repo}/app:1 .
  platforms: [windows/amd64]
  when: [make]
- id: push
  push: ["{repo}/app:1"]
  platforms: [windows/amd64]
  when: [image]
"#;
    let dockerfile = format!("FROM {}\nCOPY out /out/\n", windows::base("ltsc2022"));
    let source = Source::new(&[("Dockerfile", &dockerfile), ("acb.yaml", &fleet.text(yaml))]);
    fleet.acre(&["run", "-r", "{registry}", source.arg()]).ended(0);
    let repository = format!("{}/app", fleet.repository());
    let manifest = json(&repository, "manifests/1");
    let configuration = manifest["config"]["digest"].as_str().expect("an image has a configuration");
    assert_eq!(json(&repository, &format!("blobs/{configuration}"))["os.version"], VERSION);
    // A layer of Windows has the disk's content in a folder of its own.
    let layer = manifest["layers"][1]["digest"].as_str().expect("it has a second layer");
    let packed = registry::content(&repository, &format!("blobs/{layer}"));
    let listed = listed(&packed);
    assert!(listed.contains("Files/out/made.txt"), "{listed}");
}

/// Names in a tar that is compressed by gzip, as the program `tar` lists them.
fn listed(packed: &[u8]) -> String {
    let file = tempfile::NamedTempFile::new().expect("a temporary file can be made");
    std::fs::write(file.path(), packed).expect("it can be written");
    let output = std::process::Command::new("tar").arg("-tzf").arg(file.path()).output().expect("tar runs");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
