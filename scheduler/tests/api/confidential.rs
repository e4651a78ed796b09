//! What a run keeps secret, from its submission to its end.

use crate::farm::{Farm, login};
use acre_model::{
    attempt::UnitResult,
    outcome::Outcome,
    plan::Action,
    run::RunStatus,
    secret::{Confidential, SecretValue},
    session::Desired,
};
use acre_scheduler::store::{Change, Order, Transaction, keys};
use std::{fs, path::Path};
use tonic::Code;

const TASK: &str = "version: v1.1.0\n\
    secrets:\n  - {id: db, from: 'project:db'}\n  - {id: given}\n\
    volumes:\n  - {name: keys, secret: {key: '{{ .Secrets.given | b64enc }}'}}\n\
    steps:\n  - id: a\n    cmd: base:1 login {{ .Secrets.db | b64enc }}\n    env: ['T={{ .Secrets.given }}']\n    \
    volumeMounts: [{name: keys, mountPath: /keys}]\n";

fn value(text: &str) -> SecretValue {
    SecretValue::new(text.as_bytes().to_vec())
}

fn given() -> Confidential {
    let secrets = [("given".parse().unwrap(), value("Pl41n-given"))].into();
    Confidential { secrets, logins: vec![login("r.example", "Pl41n-login")] }
}

/// Keys of what is stored of runs' secrets.
async fn stored(farm: &Farm) -> Vec<String> {
    let found = farm.store.range(keys::all_confidential(), Order::Ascending, usize::MAX).await.unwrap();
    found.into_iter().map(|stored| stored.key).collect()
}

/// Whether a file below the folder has these bytes in it.
fn is_in_a_file(folder: &Path, bytes: &[u8]) -> bool {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.into_iter().any(|path| match fs::symlink_metadata(&path).unwrap().file_type() {
        kind if kind.is_dir() => is_in_a_file(&path, bytes),
        kind if kind.is_file() => fs::read(&path).unwrap().windows(bytes.len()).any(|window| window == bytes),
        _ => false,
    })
}

#[tokio::test]
async fn a_run_is_handed_in_sealed_sent_open_and_forgotten_at_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let farm = Farm::start(folder.path()).await;
    farm.set_secret("", "db", b"Pl41n-db").await.unwrap();
    let run = farm.submit(TASK, given()).await.unwrap();
    assert_eq!(stored(&farm).await, [keys::confidential(&run.id)]);
    farm.stop().await;

    // Whoever takes the farm up again opens it the same.
    let farm = Farm::start(folder.path()).await;
    assert_eq!(stored(&farm).await, [keys::confidential(&run.id)], "of a run that goes on");
    let mut agent = farm.agent().await;
    let (desired, attempt) = agent.wanted_unit("a@linux/amd64").await;
    let Action::Cmd(cmd) = &attempt.unit.action else { panic!("{attempt:?}") };
    assert_eq!(cmd.arguments, ["login", "UGw0MW4tZGI="]);
    assert_eq!(cmd.env, [("T".to_owned(), "Pl41n-given".to_owned())]);
    let group = &desired.groups[0];
    assert_eq!(group.volumes[0].files, [("key".to_owned(), "UGw0MW4tZ2l2ZW4=".to_owned())]);
    assert_eq!(group.confidential.logins, [login("r.example", "Pl41n-login")]);
    for mask in ["Pl41n-db", "UGw0MW4tZGI=", "Pl41n-given", "UGw0MW4tZ2l2ZW4=", "Pl41n-login"] {
        assert!(group.confidential.masks.contains(&value(mask)), "{mask} is not masked");
    }

    agent.ended(&attempt, Outcome::Succeeded, UnitResult::default()).await;
    let last = farm.over(&run).await;
    assert_eq!(last.status, RunStatus::Succeeded);
    assert_eq!(stored(&farm).await, Vec::<String>::new(), "the run is over");
    agent.wanted(|desired| *desired == Desired::default()).await;
    assert!(is_in_a_file(folder.path(), run.id.to_string().as_bytes()), "the search finds nothing at all");
    for plain in [&b"Pl41n"[..], b"UGw0MW4t"] {
        assert!(!is_in_a_file(folder.path(), plain), "{} is in a file", String::from_utf8_lossy(plain));
    }
    farm.stop().await;
}

#[tokio::test]
async fn a_canceled_run_keeps_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let farm = Farm::start(folder.path()).await;
    farm.set_secret("", "db", b"x").await.unwrap();
    let run = farm.submit(TASK, given()).await.unwrap();
    assert_eq!(stored(&farm).await.len(), 1);
    farm.cancel(&run).await;
    assert_eq!(farm.over(&run).await.status, RunStatus::Canceled);
    assert_eq!(stored(&farm).await, Vec::<String>::new());
    farm.stop().await;
}

#[tokio::test]
async fn what_a_crash_left_of_runs_that_are_over_is_removed_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let farm = Farm::start(folder.path()).await;
    farm.set_secret("", "db", b"x").await.unwrap();
    let run = farm.submit(TASK, given()).await.unwrap();
    let record = farm.store.get(&keys::confidential(&run.id)).await.unwrap().unwrap();
    // More than fit in one transaction.
    let left: Vec<Change> =
        (0..300).map(|index| Change::Put(format!("confidential/left-{index}"), record.value.clone())).collect();
    for changes in left.chunks(Transaction::LIMIT) {
        farm.store.commit(Transaction { compares: Vec::new(), changes: changes.to_vec() }).await.unwrap();
    }
    farm.stop().await;
    let farm = Farm::start(folder.path()).await;
    assert_eq!(stored(&farm).await, [keys::confidential(&run.id)]);
    assert_eq!(farm.secrets("").await.unwrap(), ["db"], "a project's secrets are no run's");
    farm.stop().await;
}

#[tokio::test]
async fn a_run_whose_secrets_cannot_be_had_is_refused_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let farm = Farm::start(folder.path()).await;
    let (code, why) = farm.submit(TASK, Confidential::default()).await.unwrap_err();
    assert_eq!(code, Code::InvalidArgument, "{why}");
    assert!(why.contains("secret `db` (line 3) is none of project `default`"), "{why}");
    assert!(why.contains("secret `given` (line 4) came without a value"), "{why}");
    let (code, why) = farm.submit(TASK, given()).await.unwrap_err();
    assert_eq!(code, Code::FailedPrecondition, "{why}");
    assert_eq!(stored(&farm).await, Vec::<String>::new());
    farm.stop().await;
}
