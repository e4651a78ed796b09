//! What an agent is sent: texts opened, masks of everything, and attempts whose secrets do not open left out.

use super::*;
use crate::{board::Board, secrets::Unsent};
use acre_model::{
    attempt::{AttemptId, Fence},
    ids::{GroupId, UnitId},
    plan::{Action, Cmd, Group, Reports, Rules, Unit, Volume},
    run::{RunStatus, RunView},
    secret::{Filter, Token},
    session::{Desired, DesiredAttempt, DesiredGroup, GroupKey, Intent, Opened, UnitSpec},
};

fn token(name: &str, filters: &[Filter]) -> String {
    Token { id: id(name), filters: filters.to_vec() }.write(&Nonce::new(3))
}

/// A run of `cmd` units with these arguments, the first of which mounts the run's one volume.
fn planned(arguments: &[&str], file: &str) -> Plan {
    let mut plan = plan(&[("x", SecretSource::Submission)]);
    plan.volumes = vec![Volume { name: "keys".into(), files: vec![("key".into(), file.into())] }];
    let units = arguments.iter().zip(0..).map(|(argument, index)| Unit {
        id: UnitId(index),
        name: format!("u{index}@linux/amd64"),
        step: format!("u{index}").parse().unwrap(),
        line: 1,
        platform: "linux/amd64".parse().unwrap(),
        group: GroupId(0),
        after: Vec::new(),
        action: Action::Cmd(Cmd {
            arguments: vec![(*argument).to_owned()],
            volumes: (index == 0).then(|| ("keys".to_owned(), "/keys".to_owned())).into_iter().collect(),
            ..Cmd::default()
        }),
        rules: Rules {
            timeout_ms: 1000,
            start_delay_ms: 0,
            retries: 0,
            retry_delay_ms: 0,
            retry_on_errors: Vec::new(),
            repeat: 0,
            ignore_errors: false,
            always: false,
            may_run_again: false,
        },
        reports: Reports::default(),
        artifacts: Vec::new(),
        condition: Default::default(),
        hands_over: false,
    });
    plan.units = units.collect();
    let units = plan.units.iter().map(|unit| unit.id).collect();
    plan.groups = vec![Group {
        platform: "linux/amd64".parse().unwrap(),
        units,
        network: false,
        cross: false,
        takes: Vec::new(),
    }];
    plan
}

fn desired(plan: &Plan) -> Desired {
    let attempt = |unit: &Unit| DesiredAttempt {
        trace: None,
        attempt: AttemptId { run: run(), unit: unit.id, number: 1 },
        fence: Fence(9),
        unit: UnitSpec::from(unit),
        intent: Intent::Run,
    };
    let group = DesiredGroup {
        key: GroupKey { run: run(), group: GroupId(0), incarnation: 1 },
        project: ProjectName::default(),
        platform: plan.groups[0].platform.clone(),
        network: false,
        tree: None,
        source_key: String::new(),
        fetched: Vec::new(),
        networks: Vec::new(),
        volumes: plan.volumes.clone(),
        confidential: Opened::default(),
        changes: Vec::new(),
        images: Vec::new(),
        attempts: plan.units.iter().map(attempt).collect(),
    };
    Desired { groups: vec![group] }
}

fn board() -> Board {
    let board = Board::default();
    board.show(RunView {
        id: run(),
        project: ProjectName::default(),
        status: RunStatus::Running,
        error: None,
        source: String::new(),
        task: String::new(),
        origin: Default::default(),
        platforms: Vec::new(),
        submitted_at: Timestamp::from_millis(0),
        started_at: None,
        ended_at: None,
        report: None,
        output_images: Vec::new(),
        trace: None,
        is_archive_enabled: false,
        tree: None,
        warnings: Vec::new(),
        units: Vec::new(),
    });
    board
}

async fn open(kept: &Kept, board: &Board, plan: &Plan) -> (Desired, Vec<Unsent>) {
    let mut desired = desired(plan);
    let unsent = kept.secrets.open(&mut desired, board).await.unwrap();
    (desired, unsent)
}

fn arguments(desired: &Desired) -> Vec<String> {
    let of = |attempt: &DesiredAttempt| match &attempt.unit.action {
        Action::Cmd(cmd) => cmd.arguments[0].clone(),
        other => panic!("{other:?}"),
    };
    desired.groups[0].attempts.iter().map(of).collect()
}

#[tokio::test]
async fn texts_and_volumes_are_opened_and_everything_is_masked() {
    let kept = Kept::new(None).await;
    let plan = planned(&["plain", &format!("-p{}", token("x", &[Filter::Trim]))], &token("x", &[Filter::B64Enc]));
    let mut confidential = given(&[("x", " v4lue "), ("unused", "0ther"), ("empty", "")]);
    confidential.logins = vec![login("r.example", "p4ssword")];
    let sealed = kept.secrets.seal_resolved(&run(), confidential, &plan).unwrap();
    assert!(!sealed.windows(5).any(|window| window == b"v4lue"));
    kept.commit(Change::Put(crate::store::keys::confidential(&run()), sealed)).await;

    let board = board();
    let (desired, unsent) = open(&kept, &board, &plan).await;
    assert_eq!(unsent, []);
    assert_eq!(arguments(&desired), ["plain", "-pv4lue"]);
    assert_eq!(desired.groups[0].volumes[0].files, [("key".to_owned(), "IHY0bHVlIA==".to_owned())]);
    let Opened { logins, masks } = &desired.groups[0].confidential;
    assert_eq!(*logins, [login("r.example", "p4ssword")]);
    let masks: Vec<&[u8]> = masks.iter().map(SecretValue::expose).collect();
    assert_eq!(masks, [&b" v4lue "[..], b"0ther", b"IHY0bHVlIA==", b"p4ssword", b"v4lue"]);

    assert_eq!(kept.secrets.open.lock().unwrap().len(), 1, "kept open while the run goes on");
    let mut last = RunView::clone(&board.watch(&run()).unwrap().borrow());
    last.status = RunStatus::Succeeded;
    board.show_last(last);
    kept.secrets.open(&mut Desired::default(), &board).await.unwrap();
    assert_eq!(kept.secrets.open.lock().unwrap().len(), 0, "forgotten with the run");
}

#[tokio::test]
async fn what_does_not_open_fails_the_unit_that_uses_it_and_no_other() {
    let kept = Kept::new(None).await;
    let plan = planned(&["mounts", &token("x", &[Filter::B64Dec]), &token("gone", &[]), "plain"], &token("lost", &[]));
    let sealed = kept.secrets.seal_resolved(&run(), given(&[("x", "!")]), &plan).unwrap();
    kept.commit(Change::Put(crate::store::keys::confidential(&run()), sealed)).await;
    let (desired, unsent) = open(&kept, &board(), &plan).await;
    assert_eq!(arguments(&desired), ["plain"]);
    assert_eq!(desired.groups[0].volumes, []);
    let unsent: Vec<(u32, &str)> = unsent.iter().map(|one| (one.attempt.unit.0, one.why.as_str())).collect();
    assert_eq!(
        unsent,
        [
            (0, "the value of secret `lost` is not there"),
            (1, "secret `x`: it is not base64, and `b64dec` is put on it"),
            (2, "the value of secret `gone` is not there"),
        ]
    );
}

#[tokio::test]
async fn without_what_was_stored_no_token_is_sent() {
    let kept = Kept::new(None).await;
    let plan = planned(&["mounts", &token("x", &[]), "plain"], &token("x", &[]));
    let (desired, unsent) = open(&kept, &board(), &plan).await;
    assert_eq!((arguments(&desired), unsent.len()), (vec!["plain".to_owned()], 2));
    assert_eq!(unsent[0].why, "what the run keeps secret is not stored");

    kept.commit(Change::Put(crate::store::keys::confidential(&run()), bytes::Bytes::from_static(b"\x01damaged"))).await;
    let (desired, unsent) = open(&kept, &board(), &plan).await;
    assert_eq!((arguments(&desired), unsent.len()), (vec!["plain".to_owned()], 2));
    assert!(unsent[0].why.contains("cannot be read: it does not open"), "{}", unsent[0].why);
}

#[tokio::test]
async fn what_came_with_a_run_is_there_before_its_source_is() {
    let kept = Kept::new(None).await;
    assert_eq!(kept.secrets.seal_given(&run(), &Confidential::default(), &Nonce::new(7)), None);
    let mut given = given(&[("x", "v4lue")]);
    given.logins = vec![login("r.example", "p4ssword")];
    let sealed = kept.secrets.seal_given(&run(), &given, &Nonce::new(7)).unwrap();
    kept.commit(Change::Put(crate::store::keys::confidential(&run()), sealed)).await;
    assert!(kept.secrets.stored_given(&run()).await.unwrap() == given);
    let (desired, _) = open(&kept, &board(), &planned(&["plain"], "")).await;
    assert_eq!(desired.groups[0].confidential.logins, given.logins);
    assert_eq!(kept.secrets.open.lock().unwrap().len(), 0, "what is not all there is not kept open");
}
