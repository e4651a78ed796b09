//! What a step may ask for, seen at work: conditions, retries, time limits, networks, what it leaves.

use acre_e2e::{
    engine::{self, docker},
    farm::{CLEAN, Farm, SOON},
    source::Source,
};
use std::fs;

#[test]
fn a_step_is_tried_again_only_after_the_errors_it_names() {
    let farm = Farm::new();
    let step = |id: &str, errors: &str| {
        format!(
            "  - id: {id}\n    ignoreErrors: true\n    retries: 3\n    retryDelay: 0\n    retryOnErrors: [{errors}]\n    \
             cmd: {{base}} sh -c 'echo {id} says no luck; exit 3'\n"
        )
    };
    let output = farm.task(&format!("steps:\n{}{}", step("again", "no luck, other"), step("once", "no network")));
    let printed = output.ended(0).printed().join("\n");
    assert_eq!(printed.matches("again says").count(), 4, "{output}");
    assert_eq!(printed.matches("once says").count(), 1, "{output}");
    output.says("Container failed during run: again, waiting 0 seconds before retrying...");
    output.says("Container failed during run: again. No retries remaining.");
}

#[test]
fn repeats_are_all_executed_and_fail_together() {
    let farm = Farm::new();
    let task = "
steps:
  - repeat: 2
    cmd: {base} sh -c 'echo x >>times; echo time $(wc -l <times); test $(wc -l <times) != 2'
";
    let output = farm.task(task);
    assert_eq!(output.ended(1).printed(), ["time 1", "time 2", "time 3"]);
}

#[test]
fn a_time_limit_ends_the_container_and_its_retries() {
    let farm = Farm::new();
    let task = "
steps:
  - id: slow
    timeout: 2
    retries: 5
    cmd: {base} sh -c 'echo begun; trap \"\" TERM; while :; do sleep 1; done'
";
    let mut client = farm.start_task(task, &[]);
    let run = farm.comes_to(&mut client, "begun\n");
    let output = client.end();
    output.ended(5).says("timed out after 2.0s");
    assert_eq!(output.printed(), ["begun"]);
    assert!(engine::containers(&run).is_empty(), "its container runs on");
    farm.is_clean_within(CLEAN);
}

#[test]
fn exit_codes_decide_which_step_comes_next() {
    let farm = Farm::new();
    let task = "
steps:
  - id: asks
    ignoreErrors: true
    cmd: {base} sh -c 'exit {{.Values.code}}'
  - id: on-three
    when: [asks]
    exitedWith: [3, 4]
    cmd: {base} echo three or four
  - id: not-three
    when: [asks]
    exitedWithout: [3]
    cmd: {base} echo other than three
  - id: last
    when: [on-three, not-three]
    cmd: {base} echo last
";
    for (code, expected) in [
        ("0", vec!["other than three", "last"]),
        ("3", vec!["three or four", "last"]),
        ("4", vec!["other than three", "three or four", "last"]),
    ] {
        let output = farm.task_with(task, &["--set", &format!("code={code}")]);
        let mut printed = output.ended(0).printed();
        let last = printed.pop();
        printed.sort_unstable();
        printed.extend(last);
        assert_eq!(printed, expected, "exit code {code}");
    }
}

#[test]
fn a_detached_container_that_dies_is_told() {
    let farm = Farm::new();
    let task = "
steps:
  - id: service
    detach: true
    cmd: {base} sh -c 'until [ -e go ]; do sleep 0.05; done; echo dying; exit 9'
  - id: waits
    timeout: 20
    cmd: {base} sh -c 'touch go; until ! ping -c 1 -W 1 service >/dev/null 2>&1; do sleep 0.05; done; sleep 2'
";
    let output = farm.task(task);
    let run = output.ended(0).run_id();
    let log = farm.log(&run, "service");
    assert!(log.contains("dying") && log.contains("exited with code 9"), "{log}");
    farm.acre(&["show", &run]).ended(0).says("exited with code 9");
}

#[test]
fn a_kept_container_goes_with_the_run_and_not_before() {
    let farm = Farm::new();
    let task = "
steps:
  - {id: kept, keep: true, cmd: '{base} true'}
  - id: waits
    cmd: {base} sh -c 'echo waiting; until [ -e go ]; do sleep 0.05; done'
    timeout: 30
";
    let mut client = farm.start_task(task, &[]);
    let run = farm.comes_to(&mut client, "waiting\n");
    let filter = format!("label=acre.run={run}");
    let names = || docker(&["container", "ls", "--all", "--filter", &filter, "--format", "{{.Names}}"]).stdout;
    assert!(names().lines().any(|name| name.contains("-kept-")), "{}", names());
    farm.acre(&["cancel", "--wait", &run]).ended(0);
    client.end().ended(3);
    farm.is_clean_within(CLEAN);
}

#[test]
fn networks_are_those_that_the_task_declares() {
    let farm = Farm::new();
    let task = "
networks:
  - {name: front, isDefault: true}
  - name: back
steps:
  - id: web
    detach: true
    cmd: {base} sh -c 'mkdir /s; echo hello >/s/p; exec httpd -f -p 80 -h /s'
  - id: same
    cmd: {base} sh -c 'until wget -q -O - http://web/p; do sleep 0.05; done'
    timeout: 20
  - id: other
    network: back
    cmd: {base} sh -c 'nslookup web >/dev/null 2>&1 || echo not reached'
  - id: none
    network: none
    cmd: {base} sh -c 'ls /sys/class/net'
";
    let output = farm.task(task);
    assert_eq!(output.ended(0).printed(), ["hello", "not reached", "lo"]);
    output.says("Creating Docker network: ").says("driver: 'bridge'").says("Successfully set up Docker network: ");
    farm.is_clean_within(CLEAN);
}

#[test]
fn limits_users_and_privileges_are_as_asked() {
    let farm = Farm::new();
    let task = "
steps:
  - user: nobody
    cpus: '0.5'
    cmd: --memory 64m {base} sh -c 'id -un; cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null; true'
";
    assert_eq!(farm.task(task).ended(0).printed(), ["nobody", "67108864"]);
    let refused = "
steps:
  - {privileged: true, cmd: '{base} true'}
  - {cmd: '-v /var/run/docker.sock:/var/run/docker.sock {base} true'}
";
    let output = farm.task(refused);
    assert_ne!(output.code, 0, "{output}");
    output.says("does not allow privileged steps, or steps with the engine's socket");
    farm.task("steps: [{cmd: '-v /etc:/host {base} true'}]").ended(2).says("/etc");
}

#[test]
fn artifacts_are_kept_and_fetched() {
    let farm = Farm::new();
    let task = "
artifacts: ['out/**']
steps:
  - cmd: {base} sh -c 'mkdir -p out/deep; echo one >out/one.txt; echo two >out/deep/two.txt; echo no >left'
";
    let run = farm.task(task).ended(0).run_id();
    farm.acre(&["artifacts", &run]).ended(0).says("out/one.txt").says("out/deep/two.txt").says_not("left");
    let target = Source::new(&[]);
    farm.acre(&["artifacts", &run, &format!("--get={}", target.arg())]).ended(0);
    for (path, content) in [("out/one.txt", "one\n"), ("out/deep/two.txt", "two\n")] {
        let got = fs::read_to_string(target.path().join(path));
        assert_eq!(got.unwrap_or_default(), content, "{path}");
    }
}

const JUNIT: &str = r#"<testsuite name="s" tests="2" failures="1"><testcase classname="c" name="good"/><testcase classname="c" name="bad"><failure message="wanted 1, got 2">text</failure></testcase></testsuite>"#;
const COBERTURA: &str =
    r#"<coverage lines-valid="40" lines-covered="30" branches-valid="10" branches-covered="5"><packages/></coverage>"#;
const LCOV: &str = "SF:a.c\nDA:1,1\nDA:2,0\nLF:60\nLH:54\nBRF:0\nBRH:0\nend_of_record\n";

#[test]
fn tests_and_coverage_are_summed_and_shown() {
    let farm = Farm::new();
    let task = "
steps:
  - reports: {junit: ['*.junit.xml'], coverage: ['cov/*']}
    cmd: {base} true
";
    let source = Source::new(&[
        ("acb.yaml", &farm.text(task)),
        ("a.junit.xml", JUNIT),
        ("b.junit.xml", "<testsuite><not closed"),
        ("cov/c.xml", COBERTURA),
        ("cov/l.info", LCOV),
    ]);
    let output = farm.acre(&["run", source.arg()]);
    let run = output.ended(0).run_id();
    let report = farm.show(&run)["report"].take();
    assert_eq!(
        (report["tests"]["passed"].as_u64(), report["tests"]["failed"].as_u64()),
        (Some(1), Some(1)),
        "{report}"
    );
    let coverage = &report["coverage"];
    assert_eq!((coverage["lines"].as_u64(), coverage["lines-covered"].as_u64()), (Some(100), Some(84)), "{report}");
    farm.acre(&["show", &run]).ended(0).says_all(&["84", "c.bad", "wanted 1, got 2", "b.junit.xml"]);
    output.says("b.junit.xml");
}

#[test]
fn reports_are_kept_of_a_step_that_fails() {
    let farm = Farm::new();
    let task = "
steps:
  - reports: {junit: ['r.xml']}
    artifacts: ['r.xml']
    cmd: {base} sh -c 'exit 2'
";
    let source = Source::new(&[("acb.yaml", &farm.text(task)), ("r.xml", JUNIT)]);
    let run = farm.acre(&["run", source.arg()]).ended(1).run_id();
    let report = farm.report(&run, SOON);
    assert_eq!(report["tests"]["failed"], 1, "{report}");
    assert_eq!(report["artifacts"][0]["path"], "r.xml", "{report}");
}

#[test]
fn a_delay_before_the_start_is_not_part_of_the_time_limit() {
    let farm = Farm::new();
    let task = "steps:\n  - {startDelay: 2, timeout: 2, cmd: '{base} echo in time'}\n";
    assert_eq!(farm.task(task).ended(0).printed(), ["in time"]);
}

#[test]
fn nothing_of_a_run_with_everything_is_left() {
    let farm = Farm::new();
    let task = "
networks: [{name: n, isDefault: true}]
volumes: [{name: v, secret: {f: aGVsbG8K}}]
steps:
  - {id: a, detach: true, keep: true, cmd: '{base} sleep 1000'}
  - {id: b, registryAuth: true, volumeMounts: [{name: v, mountPath: /v}], cmd: \"{base} sh -c 'cat /v/f; exit 6'\"}
  - {id: c, always: true, cmd: '{base} echo after all'}
";
    assert_eq!(farm.task(task).ended(1).printed(), ["hello", "after all"]);
    farm.is_clean_within(CLEAN);
}
