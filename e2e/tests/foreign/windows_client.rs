//! `acre.exe` under wine: joins a farm of Linux over mutual TLS, and checks, builds and follows there.

use super::{farm_with_agent, has_plain_lines, shown, text};
use acre_e2e::{
    engine,
    foreign::{windows, windows_path},
    network::NetworkFarm,
    program::{Output, Running},
    registry,
    source::Source,
};

/// `acre.exe` with these words.
fn acre(words: &[&str]) -> Output {
    let mut command = windows("acre");
    command.args(words);
    Running::start(command).end()
}

/// A farm that `acre.exe` knows under a name of this test's own, since all tests share wine's folder.
struct Joined {
    farm: NetworkFarm,
    agent: Option<Running>,
    name: String,
}

impl Joined {
    fn new() -> Self {
        let (farm, agent) = farm_with_agent();
        let name = format!("test-{}", std::process::id());
        let token = farm.token(&["farm", "token", "--name", "ann"]);
        let added = acre(&["farm", "add", &name, farm.address(), "--token-file", &windows_path(&token)]);
        added.ended(0).says(&format!("farm {name} is at {}, as person:ann", farm.address()));
        Self { farm, agent: Some(agent), name }
    }

    /// `acre.exe` for this farm.
    fn acre(&self, words: &[&str]) -> Output {
        acre(&[&["--farm", &self.name], words].concat())
    }
}

impl Drop for Joined {
    fn drop(&mut self) {
        acre(&["farm", "remove", &self.name]);
        if let Some(agent) = self.agent.take().filter(|_| !std::thread::panicking()) {
            NetworkFarm::stop(agent);
        }
    }
}

/// A context with text files as Windows writes them.
fn context() -> Source {
    let dockerfile = "FROM {base}\r\nCOPY docs/read.txt /docs/\r\nRUN wc -c </docs/read.txt && ls -l /docs\r\n";
    let task = "steps:\r\n  - id: say\r\n    cmd: {base} sh -c 'echo begun; cat docs/read.txt; exit 3'\r\n";
    Source::new(&[
        ("docker/Dockerfile", &dockerfile.replace("{base}", &registry::base())),
        ("acb.yaml", &task.replace("{base}", &registry::base())),
        ("docs/read.txt", "one\r\ntwo\n"),
        ("left/out.txt", "not to be sent"),
        (".dockerignore", "left\r\n"),
    ])
}

#[test]
fn acre_exe_checks_builds_and_follows_on_a_farm_of_linux() {
    let joined = Joined::new();
    let (context, outside) = (context(), Source::new(&[("bad.yaml", "steps:\r\n  - cmd: a\r\n    timeout: soon\r\n")]));
    let folder = windows_path(context.path());

    let checked = joined.acre(&["check", &folder]);
    checked.ended(0).says("say@linux/amd64");
    has_plain_lines(&checked);
    joined.acre(&["check", "--file", "bad.yaml", &windows_path(outside.path())]).ended(2).says("bad.yaml:3:");
    joined.acre(&["check", &windows_path(&context.path().join("nowhere"))]).ended(2).says("does not exist");

    // The Dockerfile is named as Windows writes paths; what the farm is shown has none of its backslashes.
    let image = format!("acre-windows-client-{}:1", std::process::id());
    let built = joined.acre(&["build", "--no-cache", "-t", &image, "--file", "docker\\Dockerfile", &folder]);
    has_plain_lines(built.ended(0).says_all(&[" 9\n", "-rwxr-xr-x"]));
    assert_eq!(shown(&joined.farm, &built.run_id()).served("build"), "own native");
    engine::remove_images(&image);

    // A step's own code is 1, and its output is byte for byte what it wrote.
    let failed = joined.acre(&["run", &folder]);
    failed.ended(1).says("begun\none\r\ntwo\n").says("exit code 3");
    let followed = joined.acre(&["logs", "-f", "--step", "say", &failed.run_id()]);
    followed.ended(0).says("begun\none\r\ntwo\n");
    let own = joined.farm.owner(&["logs", "--step", "say", &failed.run_id()]);
    assert_eq!(followed.stdout, own.ended(0).stdout, "the log is the same on every system");
    joined.acre(&["logs", "nosuchrun1"]).ended(2);
}

#[test]
fn acre_exe_refuses_what_cannot_be_had_on_windows() {
    let table: [(&[&str], i32, &str); 4] = [
        (&["up"], 6, "acre starts one of its own on Linux only; join one with `acre farm add"),
        (&["run", "--cmd", "x", "NUL"], 6, "acre starts one of its own on Linux only"),
        (&["--farm", "unix:/run/farm.sock", "list"], 2, "on Windows a farm is reached over the network only"),
        (&["down"], 0, "no farm runs on this machine"),
    ];
    for (words, code, expected) in table {
        acre(words).ended(code).says(expected);
    }
}

#[test]
fn acre_exe_writes_artifacts_under_names_that_windows_allows() {
    let joined = Joined::new();
    let script = "mkdir out && echo 1 >out/plain && echo 2 >out/a:b";
    let task = |artifact: &str| {
        let task = format!("steps:\n  - cmd: {{base}} sh -c '{script}'\n    artifacts: [\"out/{artifact}\"]\n");
        Source::new(&[("acb.yaml", &task.replace("{base}", &registry::base()))])
    };
    let place = Source::new(&[]);
    let run = joined.acre(&["run", &windows_path(task("plain").path())]).ended(0).run_id();
    let get = format!("--get={}", windows_path(place.path()));
    joined.acre(&["artifacts", &get, &run]).ended(0);
    assert_eq!(std::fs::read(place.path().join("out/plain")).unwrap(), b"1\n");
    let run = joined.acre(&["run", &windows_path(task("a*").path())]).ended(0).run_id();
    let refused = joined.acre(&["artifacts", &get, &run]);
    refused.ended(2).says("`out/a:b` is not written: Windows allows none of");
}

#[test]
fn a_token_is_read_with_the_line_ends_of_windows() {
    let (farm, agent) = farm_with_agent();
    let token = farm.token(&["farm", "token", "--name", "ann"]);
    let made = std::fs::read_to_string(&token).unwrap();
    std::fs::write(&token, made.trim_end().to_owned() + "\r\n").unwrap();
    let name = format!("crlf-{}", std::process::id());
    acre(&["farm", "add", &name, farm.address(), "--token-file", &windows_path(text(&token).as_ref())]).ended(0);
    acre(&["farm", "remove", &name]).ended(0);
    NetworkFarm::stop(agent);
}
