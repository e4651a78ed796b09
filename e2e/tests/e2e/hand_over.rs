//! Files that cross platforms: what steps on one leave is there for steps on another, and for builds.
//!
//! linux/386 is native on the engine of the tests, so that both platforms work on one machine; their sandboxes are as
//! much apart as on two.

use acre_e2e::{
    farm::{CLEAN, Farm},
    registry,
    source::Source,
};

/// A task of this farm; `{386}` is an image with a shell for linux/386.
fn text(farm: &Farm, task: &str) -> String {
    farm.text(&task.replace("{386}", &registry::base_for("linux", "386")))
}

#[test]
fn a_step_reads_what_one_on_another_platform_wrote_and_misses_what_it_removed() {
    let farm = Farm::new();
    let task = "
steps:
  - id: make
    cmd: {base} sh -c 'rm gone; rm -r folder; chmod 4751 tool; echo made >made; mkdir -m 700 d; ln -s ../made d/link; echo more >>kept'
  - id: read
    platform: linux/386
    cmd: {386} sh -c 'od -An -tx1 -j4 -N1 /bin/busybox; ls -A; stat -c %a tool d; cat d/link kept same; readlink d/link'
";
    let files = [("gone", "x"), ("folder/gone", "x"), ("tool", "x"), ("kept", "kept\n"), ("same", "same\n")];
    let source = Source::new(&files);
    source.write("acb.yaml", &text(&farm, task));
    let output = farm.acre(&["run", source.arg()]);
    let listed = ["acb.yaml", "d", "kept", "made", "same", "tool"];
    let expected = [&["01"][..], &listed, &["4751", "700", "made", "kept", "more", "same", "../made"]].concat();
    let printed: Vec<&str> = output.ended(0).printed().iter().map(|line| line.trim()).collect();
    // Before it stands what the pull of the image has to say, if there is one.
    assert!(printed.ends_with(&expected), "{printed:?} does not end with {expected:?}");
    farm.is_clean_within(CLEAN);
}

/// Also where nothing is the source, after a step that need not succeed, and of steps that end one after the other.
#[test]
fn what_several_steps_of_a_platform_leave_goes_together() {
    let farm = Farm::new();
    let task = "
steps:
  - id: first
    cmd: {base} sh -c 'echo 1 >first; echo 1 >changed; echo 1 >removed'
  - id: beside
    when: [first]
    cmd: {base} sh -c 'echo beside >beside'
  - id: failing
    when: [first]
    ignoreErrors: true
    cmd: {base} sh -c 'rm removed; echo 2 >changed; exit 3'
  - id: elsewhere
    platform: linux/386
    when: [beside, failing]
    cmd: {base} sh -c 'ls; cat first beside changed'
";
    let output = farm.task(&text(&farm, task));
    let printed = output.ended(0).printed();
    assert!(printed.ends_with(&["beside", "changed", "first", "1", "beside", "2"]), "{printed:?}");
    output.says("Handing over the workspace");
    farm.is_clean_within(CLEAN);
}

/// Nothing is read and sent where nobody elsewhere wants it.
#[test]
fn a_workspace_stays_where_it_is_unless_it_is_wanted() {
    let farm = Farm::new();
    let task = "
steps:
  - id: here
    cmd: {base} sh -c 'echo here >file'
    when: ['-']
  - id: elsewhere
    platform: linux/386
    cmd: {386} sh -c 'test ! -e file; echo there >file'
    when: ['-']
";
    let output = farm.task(&text(&farm, task));
    output.ended(0).says_not("Handing over");
}

#[test]
fn a_build_for_another_platform_has_the_files_that_steps_made() {
    let farm = Farm::new();
    let task = "
steps:
  - id: make
    cmd: {base} sh -c 'echo made >made; rm gone'
  - id: build
    build: -t {repo}/crossed --platform linux/386 .
  - id: show
    platform: linux/386
    cmd: {repo}/crossed sh -c 'ls /c; cat /c/made'
";
    let dockerfile = text(&farm, "FROM {386}\nCOPY . /c/\nRUN rm /c/acb.yaml /c/Dockerfile\n");
    let source = Source::new(&[("gone", "x"), ("Dockerfile", &dockerfile)]);
    source.write("acb.yaml", &text(&farm, task));
    let output = farm.acre(&["run", source.arg()]);
    let printed = output.ended(0).printed();
    assert!(printed.windows(2).any(|lines| lines == ["made", "made"]), "{printed:?}");
}
