//! The report: what was built, pushed and tested, with the digests that the registry has.

use acre_e2e::{farm::Farm, registry, source::Source};
use serde_json::Value;

const DOCKERFILE: &str = "
FROM {base} AS make
RUN echo made >/made
FROM {repo}/parent:1
COPY --from=make /made /made
COPY word /word
";

const TASK: &str = "
steps:
  - id: build
    build: -t {repo}/app:{{.Run.ID}} -t {repo}/app:latest .
  - id: test
    cmd: |
      {repo}/app:{{.Run.ID}} sh -c 'cat /made /word; mkdir -p results; cp junit.xml results/unit.xml'
    reports: {junit: [results/*.xml]}
  - id: push
    push: [\"{repo}/app:{{.Run.ID}}\", \"{repo}/app:latest\"]
";

const JUNIT: &str = r#"<?xml version="1.0"?>
<testsuites>
  <testsuite name="site" tests="3" time="1.5">
    <testcase classname="site" name="answers" time="0.5"/>
    <testcase classname="site" name="refuses" time="1.0"><failure message="got 200">expected 403</failure></testcase>
    <testcase classname="site" name="later"><skipped/></testcase>
  </testsuite>
  <testsuite name="shop"><testcase name="sells"/></testsuite>
</testsuites>
"#;

/// A source whose image is made from one that was pushed before.
fn source(farm: &Farm) -> Source {
    let parent = Source::new(&[("Dockerfile", &farm.text("FROM {base}\nLABEL of={repo}\n"))]);
    farm.acre(&["build", "-t", "{repo}/parent:1", parent.arg()]).ended(0);
    Source::new(&[
        ("acb.yaml", &farm.text(TASK)),
        ("Dockerfile", &farm.text(DOCKERFILE)),
        ("word", "word\n"),
        ("junit.xml", JUNIT),
    ])
}

/// The digest that the registry has for an image, by its name with the registry in front.
fn in_registry(image: &str) -> String {
    let name = image.strip_prefix(&format!("{}/", registry::address())).expect("it is in the test registry");
    let (repository, tag) = name.rsplit_once(':').expect("it has a tag");
    registry::digest(repository, tag).unwrap_or_else(|| panic!("the registry has no {image}"))
}

fn array(value: &Value) -> &[Value] {
    value.as_array().unwrap_or_else(|| panic!("not a list: {value}"))
}

#[test]
fn digests_are_those_of_the_registry() {
    let farm = Farm::new();
    let source = source(&farm);
    let output = farm.acre(&["run", "-o", "json", source.arg()]);
    let report: Value = serde_json::from_str(&output.ended(0).stdout).expect("standard output is the report alone");
    let run = report["run"].as_str().expect("it names its run").to_owned();
    output.says(&format!("Queued a run with ID: {run}")).says("made\nword\n");

    let tagged = in_registry(&farm.image(&format!("app:{run}")));
    let latest = in_registry(&farm.image("app:latest"));
    assert_eq!(tagged, latest, "two names of one image");
    let pushed: Vec<&str> = array(&report["units"]).iter().filter_map(|unit| unit["pushed"].as_str()).collect();
    assert_eq!(pushed, [format!("{}@{tagged}", farm.image("app")), format!("{}@{tagged}", farm.image("app"))]);

    let images = array(&report["images"]);
    assert_eq!(images.len(), 2, "{report:#}");
    for image in images {
        assert_eq!(image["image"]["digest"], tagged.as_str(), "{image:#}");
        assert_eq!(image["image"]["platform"], "linux/amd64");
        assert_eq!(image["runtime-dependency"]["digest"], in_registry(&farm.image("parent:1")).as_str(), "{image:#}");
    }
}

#[test]
fn the_report_ends_the_log_with_dependencies_and_tests() {
    let farm = Farm::new();
    let source = source(&farm);
    let output = farm.acre(&["run", source.arg()]);
    let run = output.ended(0).run_id();
    let digest = in_registry(&farm.image("app:latest"));
    for line in [
        "The following dependencies were found:",
        &format!("    tag: {run}"),
        &format!("    digest: {digest}"),
        "  runtime-dependency:",
        "Tests: 2 passed, 1 failed, 1 skipped",
        "  failed: site.refuses: got 200",
        &format!("Run ID: {run} was successful after "),
    ] {
        output.says(line);
    }
    let tests = &farm.show(&run)["report"]["tests"];
    let counted = ["suites", "passed", "failed", "skipped", "time-ms"].map(|name| tests[name].as_u64());
    assert_eq!(counted, [2, 2, 1, 1, 1500].map(Some), "{tests:#}");
    assert_eq!(tests["failures"][0]["name"], "site.refuses");
}

#[test]
fn a_run_that_fails_has_a_report_too() {
    let farm = Farm::new();
    let source = source(&farm);
    source.write("acb.yaml", &farm.text(&TASK.replace("cat /made", "exit 9; cat /made")));
    let output = farm.acre(&["run", "-o", "json", source.arg()]);
    let report: Value = serde_json::from_str(&output.ended(1).stdout).expect("standard output is the report alone");
    assert_eq!(report["status"], "Failed");
    assert!(report["error"].as_str().is_some_and(|error| error.contains("step `test`")), "{report:#}");
    let image = &array(&report["images"])[0];
    assert!(image["runtime-dependency"]["digest"].is_string(), "{report:#}");
    let outcomes: Vec<&str> = array(&report["units"]).iter().filter_map(|unit| unit["outcome"].as_str()).collect();
    let [build, test, pushes @ ..] = &outcomes[..] else { panic!("{report:#}") };
    assert_eq!(*build, "succeeded");
    assert!(test.contains("exit code 9"), "{test}");
    assert!(pushes.len() == 2 && pushes.iter().all(|push| push.starts_with("skipped")), "{report:#}");
}

#[test]
fn a_build_alone_pushes_where_it_knows_the_registry_and_writes_its_metadata() {
    let farm = Farm::new();
    let source = source(&farm);
    let file = farm.home().join("metadata.json");
    let words =
        ["build", "-t", "{repo}/alone:1", "--metadata-file", file.to_str().expect("a plain name"), source.arg()];
    farm.acre(&words).ended(0).says("Successfully pushed image:");
    let metadata = std::fs::read_to_string(file).expect("it is written");
    let metadata: Value = serde_json::from_str(&metadata).expect("it is JSON");
    assert_eq!(metadata["containerimage.digest"], in_registry(&farm.image("alone:1")).as_str());
}
