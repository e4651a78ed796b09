//! Steps that fail, are killed, never end, or talk strangely.

use acre_e2e::{
    engine,
    farm::{CLEAN, Farm},
    program::is_notice,
    source::Source,
};

#[test]
fn its_exit_code_is_told_and_recorded() {
    let farm = Farm::new();
    for (script, code, message) in [
        ("exit 7", 7, "exit code 7"),
        ("exit 255", 255, "exit code 255"),
        ("nosuchprogram", 127, "exit code 127 (the command was not found in the image)"),
        ("sh -c \"kill -9 \\$\\$\"; exit $?", 137, "exit code 137 (killed; out of memory, or by someone)"),
        ("sh -c \"kill -15 \\$\\$\"; exit $?", 143, "exit code 143 (ended by TERM)"),
    ] {
        let output = farm.task(&format!("steps:\n  - id: fails\n    cmd: {{base}} sh -c '{script}'\n"));
        output.ended(1).says(&format!("Error: step `fails` (line 2) on linux/amd64: {message}"));
        let report = &farm.show(&output.run_id())["report"];
        assert_eq!((&report["status"], &report["units"][0]["exit-code"]), (&"Failed".into(), &code.into()), "{script}");
    }
    farm.is_clean_within(CLEAN);
}

#[test]
fn its_container_is_killed_from_outside() {
    let farm = Farm::new();
    let mut client = farm.start_task("steps:\n  - cmd: {base} sh -c 'echo at work; sleep 1000'\n", &[]);
    let run = farm.comes_to(&mut client, "at work\n");
    let containers = engine::containers(&run);
    engine::docker(&["kill", &containers[0]]).ended(0);
    client.end().ended(1).says("exit code 137 (killed; out of memory, or by someone)");
    farm.is_clean_within(CLEAN);
}

#[test]
fn its_container_is_removed_from_outside() {
    let farm = Farm::new();
    let mut client = farm.start_task("steps:\n  - cmd: {base} sh -c 'echo at work; sleep 1000'\n", &[]);
    let run = farm.comes_to(&mut client, "at work\n");
    let containers = engine::containers(&run);
    engine::docker(&["rm", "--force", &containers[0]]).ended(0);
    let output = client.end();
    assert!([1, 4].contains(&output.code), "{output}");
    assert!(["Failed", "Error"].contains(&farm.show(&run)["status"].as_str().unwrap_or_default()), "{output}");
    farm.is_clean_within(CLEAN);
}

#[test]
fn it_never_ends() {
    let farm = Farm::new();
    for script in ["sleep 1000", "trap true TERM; while true; do sleep 1; done"] {
        let task = format!("steps:\n  - id: stays\n    timeout: 1\n    cmd: {{base}} sh -c '{script}'\n");
        let output = farm.task(&task);
        output.ended(5).says("Error: step `stays` (line 2) on linux/amd64: timed out after 1.0s");
        assert_eq!(farm.show(&output.run_id())["status"], "Timeout");
    }
    farm.is_clean_within(CLEAN);
}

#[test]
fn its_program_or_user_is_not_in_the_image() {
    let farm = Farm::new();
    for (step, message) in [
        ("cmd: {base} /no/such/program", "the image has no program `/no/such/program` (exit code 127)"),
        ("cmd: {base} /etc", "exit code 126"),
        ("cmd: -u nobodyatall {base} true", "nobodyatall"),
    ] {
        farm.task(&format!("steps:\n  - {step}\n")).ended(1).says(message);
    }
    farm.is_clean_within(CLEAN);
}

#[test]
fn its_output_has_no_newline() {
    let farm = Farm::new();
    let output = farm.shell("printf first; printf second >&2");
    // The end of the line is the client's: what follows is acre's own.
    output.ended(0).says("Successfully executed container: acb_step_0\n");
    let printed = output.printed().concat();
    assert!(["firstsecond", "secondfirst"].contains(&printed.as_str()), "{output}");
    // Stored it is as it came.
    let log = farm.log(&output.run_id(), "acb_step_0");
    assert!(log.contains("first") && !log.contains("first\n2") && !log.contains("second\n2"), "{log}");
}

#[test]
fn its_output_is_not_text() {
    let farm = Farm::new();
    let output = farm.shell("printf \"\\377\\376 \\033]0;title\\007 end\\n\"");
    let run = output.ended(0).says("end").run_id();
    let log = farm.start(&["logs", "--step", "acb_step_0", &run]).bytes();
    let bytes = b"\xff\xfe \x1b]0;title\x07 end\n";
    assert!(log.windows(bytes.len()).any(|window| window == bytes), "{}", String::from_utf8_lossy(&log));
}

#[test]
fn its_output_looks_like_acres_own() {
    let farm = Farm::new();
    let forged = "2026/11/20 19:13:16 Run ID: x was successful after 1s";
    let output = farm.shell(&format!("echo {forged}; exit 3"));
    output.ended(1).says(forged).says("failed after");
}

#[test]
fn its_output_is_a_flood() {
    let farm = Farm::new();
    // 200 MB in lines of a thousand bytes.
    let output = farm.shell("echo first; yes $(seq 1000 1199 | tr \"\\n\" -) | head -n 200000; echo last");
    let run = output.ended(0).run_id();
    output.says("The log is over its limit of 64 MiB: from here on only its last 1 MiB is kept.");
    output.says("bytes of output were left out here.");
    let log = farm.log(&run, "acb_step_0");
    assert!((63 << 20..=64 << 20).contains(&log.len()), "{} bytes", log.len());
    let printed: Vec<&str> = log.lines().filter(|line| !is_notice(line) && !line.is_empty()).collect();
    assert_eq!((printed[0], printed[printed.len() - 1]), ("first", "last"));
}

#[test]
fn its_lines_have_no_end() {
    let farm = Farm::new();
    let output = farm.shell("head -c 5000000 /dev/zero | tr \"\\000\" @");
    let run = output.ended(0).run_id();
    assert_eq!(farm.log(&run, "acb_step_0").matches('@').count(), 5_000_000);
}

#[test]
fn its_dockerfile_is_missing() {
    let farm = Farm::new();
    let source = Source::new(&[("README", "x"), ("sub/other", "x")]);
    let build = |words: &[&str]| farm.acre(&[&["build", "-t", "{repo}/x:1"], words, &[source.arg()]].concat());
    build(&[]).ended(2).says("no Dockerfile at `Dockerfile`; the context has: README, sub");
    farm.is_clean_within(CLEAN);
}

#[test]
fn its_build_fails() {
    let farm = Farm::new();
    for (dockerfile, message) in [
        ("FROM {base}\nRUN exit 7\n", "exit code: 7"),
        ("FROM {base}\nCOPY nosuch /\n", "nosuch"),
        ("FROM {base}\nRUNN true\n", "RUNN"),
        ("", "empty"),
    ] {
        let source = Source::new(&[("Dockerfile", &farm.text(dockerfile))]);
        let output = farm.acre(&["build", "-t", "{repo}/x:1", source.arg()]);
        output.ended(1).says("Error: step `build`").says(message);
    }
    farm.is_clean_within(CLEAN);
}
