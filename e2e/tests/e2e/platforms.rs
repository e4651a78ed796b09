//! One image for several platforms. linux/amd64 and linux/386 are both what a processor for amd64 runs by itself.

use acre_e2e::{
    engine,
    farm::{CLEAN, Farm},
    program::Output,
    registry,
    source::Source,
};
use serde_json::Value;

const PLATFORMS: [&str; 2] = ["linux/amd64", "linux/386"];

/// An image that knows its platform; `check` is a command that its build runs.
fn source(farm: &Farm, check: &str) -> Source {
    let dockerfile = format!("FROM {{base}}\nARG TARGETPLATFORM\nRUN {check}\nRUN echo $TARGETPLATFORM >/platform\n");
    Source::new(&[("Dockerfile", &farm.text(&dockerfile))])
}

/// Builds and pushes it for both platforms.
fn build(farm: &Farm, source: &Source, words: &[&str]) -> Output {
    let words = [&["build", "-t", "{repo}/app:1", "--platform", "linux/amd64,linux/386"], words, &[source.arg()]];
    farm.acre(&words.concat())
}

/// The repository as the registry knows it.
fn repository(farm: &Farm) -> String {
    let image = farm.image("app");
    image.split_once('/').expect("it has a registry").1.to_owned()
}

fn json(repository: &str, path: &str) -> Value {
    let content = registry::content(repository, path);
    serde_json::from_slice(&content).unwrap_or_else(|why| panic!("{path} is no JSON: {why}"))
}

/// The platforms of the index under the tag, each verified down to its configuration.
fn published(repository: &str) -> Vec<String> {
    let index = json(repository, "manifests/1");
    let kind = index["mediaType"].as_str().expect("an index tells its type");
    let is_docker = kind.starts_with("application/vnd.docker.");
    let manifests = index["manifests"].as_array().expect("it is an index");
    let platforms = manifests.iter().map(|child| {
        let digest = child["digest"].as_str().expect("a child has a digest");
        let manifest = registry::content(repository, &format!("manifests/{digest}"));
        assert_eq!(registry::sha256(&manifest), digest, "{child}");
        assert_eq!(child["size"], manifest.len(), "{child}");
        let of_docker = child["mediaType"].as_str().is_some_and(|kind| kind.starts_with("application/vnd.docker."));
        assert_eq!(of_docker, is_docker, "{index}");
        let manifest: Value = serde_json::from_slice(&manifest).expect("a manifest is JSON");
        let configuration = manifest["config"]["digest"].as_str().expect("an image has a configuration");
        let configuration = json(repository, &format!("blobs/{configuration}"));
        for part in ["os", "architecture"] {
            assert_eq!(child["platform"][part], configuration[part], "{child}");
        }
        let part = |part: &str| child["platform"][part].as_str().expect("a platform has it").to_owned();
        format!("{}/{}", part("os"), part("architecture"))
    });
    platforms.collect()
}

/// Tags of the run's own that are left in the registry.
fn tags(repository: &str) -> Vec<String> {
    let list = json(repository, "tags/list");
    let tags = list["tags"].as_array().expect("a list of tags").iter().filter_map(Value::as_str);
    tags.filter(|tag| tag.starts_with("acre-")).map(str::to_owned).collect()
}

/// What the engine has under a name.
fn architecture(image: &str) -> String {
    engine::docker(&["image", "inspect", "--format", "{{.Architecture}}", image]).ended(0).stdout.trim().to_owned()
}

#[test]
fn one_index_is_published_and_again_the_same() {
    let farm = Farm::new();
    let (source, repository) = (source(&farm, "true"), repository(&farm));
    let output = build(&farm, &source, &["-o", "json"]);
    let report: Value = serde_json::from_str(&output.ended(0).stdout).expect("standard output is the report alone");
    assert_eq!(published(&repository), PLATFORMS);
    let digest = registry::digest(&repository, "1").expect("the tag is there");
    if !tags(&repository).is_empty() {
        output.says("The registry does not remove tags");
    }

    let [image] = report["images"].as_array().expect("images").as_slice() else { panic!("one image: {report:#}") };
    assert_eq!((&image["image"]["tag"], &image["image"]["digest"]), (&"1".into(), &digest.clone().into()));
    let children = image["children"].as_array().expect("it has children");
    for (child, platform) in children.iter().zip(PLATFORMS) {
        assert_eq!(child["image"]["platform"], platform, "{child:#}");
        assert!(child["agent"].is_string() && child["image"]["digest"].is_string(), "{child:#}");
        assert_eq!(child["runtime-dependency"]["repository"], "base", "{child:#}");
    }
    let run = report["run"].as_str().expect("it names its run");
    let shown = farm.acre(&["show", run]);
    shown.ended(0).says(&format!("{}@{digest}\n    linux/amd64  sha256:", farm.image("app")));
    let kept = engine::image_names(&farm.image("app:1"));
    if engine::exports() {
        assert_eq!(kept, [""; 0], "it was only to be pushed");
    } else {
        assert_eq!(architecture(&farm.image("app:1")), "amd64", "the name is that of the engine's own platform");
    }

    build(&farm, &source, &[]).ended(0);
    assert_eq!(registry::digest(&repository, "1"), Some(digest), "the same images make the same index");
    farm.is_clean_within(CLEAN);
    let left = engine::docker(&["image", "ls", "--format", "{{.Repository}}:{{.Tag}}"]).ended(0).stdout.clone();
    let is_own = |name: &&str| name.starts_with(&farm.image("app:acre-"));
    assert_eq!(left.lines().find(is_own), None, "names of the run's own are left");
    for platform in PLATFORMS {
        let words =
            ["run", "--rm", "--pull", "always", "--platform", platform, &farm.image("app:1"), "cat", "/platform"];
        assert_eq!(engine::docker(&words).ended(0).stdout.trim(), platform);
    }
}

#[test]
fn a_platform_that_fails_leaves_the_tag_unless_it_may_be_missing() {
    let farm = Farm::new();
    let repository = repository(&farm);
    build(&farm, &source(&farm, "true"), &[]).ended(0);
    let before = registry::digest(&repository, "1");

    let failing = source(&farm, "test $TARGETPLATFORM != linux/386");
    build(&farm, &failing, &[]).ended(1).says("exit code");
    assert_eq!(registry::digest(&repository, "1"), before, "the tag has moved");
    assert_eq!(published(&repository), PLATFORMS);

    let output = build(&farm, &failing, &["--allow-partial"]);
    output.ended(1).says("has 1 of 2 platforms: without linux/386").says("Successfully pushed image");
    assert_eq!(published(&repository), ["linux/amd64"]);

    let before = registry::digest(&repository, "1");
    build(&farm, &source(&farm, "false"), &["--allow-partial"]).ended(1).says("no platform of linux/amd64, linux/386");
    assert_eq!(registry::digest(&repository, "1"), before, "the tag has moved");
}

const TASK: &str = "
platforms: [linux/amd64, linux/386]
steps:
  - id: parent
    build: -t {repo}/parent:1 parent
  - id: app
    build: -t {repo}/app:1 app
  - id: ask
    platforms: [linux/amd64, linux/386]
    cmd: '{repo}/app:1 sh -c \"echo $ACRE_PLATFORM has $(cat /parent /child)\"'
";

/// The parent is in no registry, and the engine has one image under its name.
#[test]
fn what_is_built_from_what_was_built_stays_on_its_platform() {
    let farm = Farm::new();
    let source = Source::new(&[
        ("acb.yaml", &farm.text(TASK)),
        ("parent/Dockerfile", &farm.text("FROM {base}\nARG TARGETPLATFORM\nRUN echo $TARGETPLATFORM >/parent\n")),
        ("app/Dockerfile", &farm.text("FROM {repo}/parent:1\nARG TARGETPLATFORM\nRUN echo $TARGETPLATFORM >/child\n")),
    ]);
    let output = farm.acre(&["run", source.arg()]);
    output.ended(0);
    for platform in PLATFORMS {
        output.says(&format!("{platform} has {platform} {platform}"));
    }
    for name in ["parent:1", "app:1"] {
        assert_eq!(architecture(&farm.image(name)), "amd64", "{name}");
    }
    farm.is_clean_within(CLEAN);
}
