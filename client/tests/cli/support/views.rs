//! A run and its report with fixed times, for snapshots and scenarios.

use acre_model::{
    attempt::UnitResult,
    capability::Way,
    digest::Digest,
    ids::{RunId, UnitId},
    log::{Followed, Frame, Stream},
    outcome::{Cause, Outcome, Skip},
    report::{Artifact, Coverage, FailedCase, Git, Image, ImageName, Report, TestSummary, UnitReport},
    run::{RunStatus, RunView, UnitPhase, UnitView},
    time::Timestamp,
};

/// 2026-11-20T18:03:01Z.
pub const START: Timestamp = Timestamp::from_millis(1_795_197_781_000);

pub fn run_id() -> RunId {
    "2qk3f00001".parse().unwrap()
}

pub fn digest(byte: u8) -> Digest {
    Digest::from_bytes([byte; 32])
}

pub fn unit(id: u32, step: &str, kind: &str, phase: UnitPhase) -> UnitView {
    let started = matches!(phase, UnitPhase::Running | UnitPhase::Ended(_)).then(|| START.plus_millis(1000));
    UnitView {
        id: UnitId(id),
        name: format!("{step}@linux/amd64"),
        step: step.parse().unwrap(),
        kind: kind.to_owned(),
        platform: "linux/amd64".parse().unwrap(),
        agent: started.map(|_| "laptop".parse().unwrap()),
        attempt: u32::from(started.is_some()),
        started_at: started,
        ended_at: matches!(phase, UnitPhase::Ended(_)).then(|| START.plus_millis(4200)),
        phase,
        result: UnitResult::default(),
        log_bytes: 0,
        way: None,
    }
}

/// A run of a build, a push and a command that ended so.
pub fn run(status: RunStatus) -> RunView {
    let mut build = unit(0, "build-web", "build", UnitPhase::Ended(Outcome::Succeeded));
    build.result.image = Some(digest(0xab));
    let mut push = unit(1, "push-web", "push", UnitPhase::Ended(Outcome::Succeeded));
    push.result.pushed = Some(digest(0xcd));
    let cmd = unit(2, "test", "cmd", UnitPhase::Ended(end(status)));
    RunView {
        id: run_id(),
        project: "default".parse().unwrap(),
        status,
        error: error(status),
        source: "/home/user/web".to_owned(),
        task: "acb.yaml".to_owned(),
        origin: Default::default(),
        platforms: Vec::new(),
        submitted_at: START,
        started_at: Some(START.plus_millis(200)),
        ended_at: status.is_final().then(|| START.plus_millis(12_200)),
        report: status.is_final().then(|| digest(0xee)),
        output_images: Vec::new(),
        trace: None,
        is_archive_enabled: false,
        tree: None,
        warnings: Vec::new(),
        units: vec![build, push, cmd],
    }
}

fn end(status: RunStatus) -> Outcome {
    match status {
        RunStatus::Failed => {
            Outcome::Failed { exit_code: Some(7), message: "the command exited with code 7".to_owned() }
        }
        RunStatus::Canceled => Outcome::Canceled,
        RunStatus::Error => Outcome::Infrastructure { cause: Cause::Engine, message: "it was stopped".to_owned() },
        RunStatus::Timeout => Outcome::TimedOut { limit_ms: 600_000 },
        _ => Outcome::Succeeded,
    }
}

fn error(status: RunStatus) -> Option<String> {
    match end(status) {
        Outcome::Succeeded => None,
        outcome => Some(format!("test@linux/amd64: {outcome}")),
    }
}

/// A run in which every state of a unit occurs.
pub fn busy_run() -> RunView {
    let reasons = vec!["arm-2: busy (4 of 4 slots)".to_owned(), "win-1: other OS".to_owned()];
    let mut warned = unit(5, "warned", "build", UnitPhase::Ended(Outcome::Succeeded));
    warned.result.warnings = vec!["the digest of base:1 cannot be found".to_owned()];
    let mut detached = unit(7, "db", "cmd", UnitPhase::Ended(Outcome::Succeeded));
    detached.result.afterwards = Some("its container exited with code 137 while the run went on".to_owned());
    let units = vec![
        unit(0, "waits", "cmd", UnitPhase::Waiting),
        unit(1, "queued", "build", UnitPhase::Queued(reasons)),
        unit(2, "prepares", "cmd", UnitPhase::Assigned),
        unit(3, "runs", "cmd", UnitPhase::Running),
        unit(4, "skipped", "push", UnitPhase::Ended(Outcome::Skipped(Skip::Predecessor("runs".to_owned())))),
        warned,
        unit(6, "lost", "cmd", UnitPhase::Ended(Outcome::Lost)),
        detached,
        unit(8, "conditional", "cmd", UnitPhase::Ended(Outcome::Skipped(Skip::Condition))),
    ];
    RunView { units, ended_at: None, ..run(RunStatus::Running) }
}

pub fn report(run: &RunView) -> Report {
    let name = |registry: &str, repository: &str, tag: &str, byte: u8| ImageName {
        registry: registry.to_owned(),
        repository: repository.to_owned(),
        tag: Some(tag.to_owned()),
        digest: Some(digest(byte)),
        platform: None,
        pinned: false,
    };
    let image = ImageName {
        platform: Some("linux/amd64".parse().unwrap()),
        ..name("myregistry.example", "hello-world", "1.10", 0xcd)
    };
    let git = Git { git_head_revision: "5f1c".repeat(10) };
    let images = vec![Image {
        image,
        runtime_dependency: Some(name("registry.hub.docker.com", "library/hello-world", "latest", 0x0a)),
        buildtime_dependency: vec![ImageName { digest: None, ..name("127.0.0.1:5000", "base", "1", 0) }],
        git: Some(git.clone()),
        agent: None,
        way: None,
        children: Vec::new(),
    }];
    let unit = |unit: &UnitView| UnitReport {
        name: unit.name.clone(),
        kind: unit.kind.clone(),
        agent: unit.agent.clone(),
        way: unit.way,
        attempt: unit.attempt,
        elapsed_ms: Some(3200),
        outcome: "succeeded".to_owned(),
        exit_code: None,
        warnings: Vec::new(),
        pushed: unit.result.pushed.map(|digest| format!("myregistry.example/hello-world:1.10@{digest}")),
    };
    let failures =
        vec![FailedCase { name: "web.http: answers".to_owned(), message: "\nexpected 200\nfound 500".into() }];
    Report {
        run: run.id.clone(),
        project: run.project.clone(),
        status: run.status,
        error: run.error.clone(),
        submitted_at: run.submitted_at,
        ended_at: run.ended_at.unwrap_or_default(),
        git: Some(git),
        images,
        units: run.units.iter().map(unit).collect(),
        tests: Some(TestSummary { suites: 1, passed: 12, failed: 1, skipped: 0, time_ms: 321, failures }),
        coverage: Some(Coverage { lines: 190, lines_covered: 160, branches: 3, branches_covered: 2 }),
        artifacts: ["out/report.xml", "out/web.tar"]
            .map(|path| Artifact {
                unit: "test@linux/amd64".to_owned(),
                path: path.to_owned(),
                digest: digest(0xaf),
                size: 1234,
            })
            .to_vec(),
    }
}

/// A report of an index of two platforms, and of a third one that failed.
pub fn report_of_platforms() -> Report {
    let mut report = report(&run(RunStatus::Failed));
    let image = report.images.remove(0);
    let child = |platform: &str, byte: u8, way| {
        let mut child = Image { agent: Some("laptop".parse().unwrap()), way: Some(way), git: None, ..image.clone() };
        child.image.tag = None;
        child.image.digest = Some(digest(byte));
        child.image.platform = Some(platform.parse().unwrap());
        child
    };
    let children = vec![child("linux/amd64", 0x21, Way::Native), child("linux/arm/v7", 0x22, Way::Emulated)];
    let mut index = Image { runtime_dependency: None, buildtime_dependency: Vec::new(), children, ..image };
    index.image.digest = Some(digest(0x11));
    index.image.platform = None;
    let unit = |kind: &str, byte: u8| UnitReport {
        name: format!("push@{kind}"),
        kind: kind.to_owned(),
        pushed: Some(format!("myregistry.example/hello-world@{}", digest(byte))),
        ..report.units[1].clone()
    };
    report.units = vec![unit("push", 0x21), unit("push", 0x22), unit("index", 0x11), unit("push", 0x33)];
    report.images = vec![index];
    report
}

/// The pieces of one unit's log, of whole frames that follow one another.
pub fn log(unit: u32, pieces: &[(Stream, &str)]) -> Vec<Followed> {
    let mut offset = 0;
    let frame = |(stream, text): &(Stream, &str)| {
        let frame = Frame { offset, at: START, stream: *stream, data: text.as_bytes().to_vec() };
        offset = frame.end();
        Followed::Frame { unit: UnitId(unit), attempt: 1, frame }
    };
    pieces.iter().map(frame).collect()
}
