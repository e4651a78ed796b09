//! Secrets of projects and runs, from where they come to where they are opened.

mod opening;
mod resolving;
mod vault;

use super::{SecretKey, Secrets, Vault, VaultConfig};
use crate::{
    parts::SystemRandom,
    store::{Change, Embedded, Store, Transaction},
};
use acre_model::{
    ids::{ProjectName, RunId, SecretId},
    plan::Plan,
    secret::{Confidential, Login, Nonce, SecretDecl, SecretSource, SecretValue},
    time::Timestamp,
};
use std::{fs, os::unix::fs::OpenOptionsExt, path::Path, sync::Arc};

/// Secrets in a store of their own.
struct Kept {
    store: Arc<dyn Store>,
    secrets: Secrets,
    folder: tempfile::TempDir,
}

impl Kept {
    async fn new(vault: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> = Arc::new(Embedded::open(&folder.path().join("farm.redb")).unwrap());
        store.lead().await.unwrap();
        let random = Arc::new(SystemRandom::open().unwrap());
        let vault = vault.map(|address| {
            let token_file = folder.path().join("token");
            write_private(&token_file, "hvs.right\n");
            Vault::new(VaultConfig { address: address.to_owned(), token_file }).unwrap()
        });
        let secrets = Secrets::new(store.clone(), &SecretKey::new([7; 32]), random, vault);
        Self { store, secrets, folder }
    }

    async fn commit(&self, change: Change) {
        self.store.commit(Transaction { compares: Vec::new(), changes: vec![change] }).await.unwrap();
    }

    async fn set(&self, project: &str, name: &str, value: &str) {
        let project: ProjectName = project.parse().unwrap();
        let change = self.secrets.set_secret(&project, id(name), of(value), Timestamp::from_millis(1));
        self.commit(change.await.unwrap()).await;
    }
}

fn write_private(path: &Path, text: &str) {
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path).unwrap();
    std::io::Write::write_all(&mut file, text.as_bytes()).unwrap();
}

fn id(text: &str) -> SecretId {
    text.parse().unwrap()
}

fn of(text: &str) -> SecretValue {
    SecretValue::new(text.as_bytes().to_vec())
}

fn run() -> RunId {
    RunId::new(1_800_000_000, 0, 0)
}

fn login(registry: &str, password: &str) -> Login {
    Login { registry: registry.to_owned(), username: "me".to_owned(), password: of(password) }
}

fn given(pairs: &[(&str, &str)]) -> Confidential {
    let secrets = pairs.iter().map(|(name, value)| (id(name), of(value))).collect();
    Confidential { secrets, logins: Vec::new() }
}

/// A plan that declares secrets, one on each line.
fn plan(declared: &[(&str, SecretSource)]) -> Plan {
    let lines = declared.iter().zip(1..);
    let secrets = lines.map(|((name, from), line)| SecretDecl { id: id(name), from: from.clone(), line });
    Plan { secrets: secrets.collect(), nonce: Nonce::new(3), ..Plan::default() }
}

#[tokio::test]
async fn a_projects_secrets_are_listed_without_values_and_stored_sealed() {
    let kept = Kept::new(None).await;
    let project = ProjectName::default();
    kept.set("default", "db", "pl41n-value").await;
    kept.set("default", "api", "pl41n-other").await;
    kept.set("other", "db", "pl41n-third").await;
    let listed = kept.secrets.secrets(&project).await.unwrap();
    assert_eq!(listed.iter().map(|view| view.id.as_str()).collect::<Vec<_>>(), ["api", "db"]);
    let change = kept.secrets.set_login(&project, login("r.example:5000", "pl41n-password"), Timestamp::from_millis(5));
    kept.commit(change.await.unwrap()).await;
    let logins = kept.secrets.logins(&project).await.unwrap();
    assert_eq!((logins[0].registry.as_str(), logins[0].username.as_str()), ("r.example:5000", "me"));
    let bytes = fs::read(kept.folder.path().join("farm.redb")).unwrap();
    assert!(!bytes.windows(5).any(|window| window == b"pl41n"), "a value is in the store's file");

    kept.commit(kept.secrets.delete_secret(&project, &id("db")).await.unwrap()).await;
    let twice = kept.secrets.delete_secret(&project, &id("db")).await.unwrap_err();
    assert_eq!(twice.to_string(), "no secret `db` in project `default`");
    assert!(
        kept.secrets.project_secret(&"other".parse().unwrap(), &id("db")).await.unwrap() == Some(of("pl41n-third"))
    );
    let missing = kept.secrets.delete_login(&project, "../x").await.unwrap_err();
    assert_eq!(missing.to_string(), "no login to `../x` in project `default`");
}

#[tokio::test]
async fn a_record_put_in_anothers_place_does_not_open() {
    let kept = Kept::new(None).await;
    kept.set("mine", "db", "value").await;
    let stored = kept.store.get("secrets/mine/db").await.unwrap().unwrap();
    kept.commit(Change::Put("secrets/default/db".to_owned(), stored.value)).await;
    let error = kept.secrets.project_secret(&ProjectName::default(), &id("db")).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "secrets/default/db cannot be read: it does not open under this scheduler's secret.key: it is damaged, or the \
         key was replaced"
    );
}

#[tokio::test]
async fn a_runs_own_login_wins_over_its_projects() {
    let kept = Kept::new(None).await;
    let project = ProjectName::default();
    for registry in ["a.example", "b.example"] {
        let change = kept.secrets.set_login(&project, login(registry, "of the project"), Timestamp::from_millis(1));
        kept.commit(change.await.unwrap()).await;
    }
    let own = Confidential { logins: vec![login("b.example", "of the run")], ..Confidential::default() };
    let mut logins = kept.secrets.given(&project, own).await.unwrap().logins;
    logins.sort_by(|a, b| a.registry.cmp(&b.registry));
    assert_eq!(logins, [login("a.example", "of the project"), login("b.example", "of the run")]);
}

#[tokio::test]
async fn fingerprints_tell_submissions_apart_by_their_secrets() {
    let kept = Kept::new(None).await;
    let of = |value: &str| kept.secrets.fingerprint(b"submission", &given(&[("x", value)]));
    assert_eq!(of("a"), of("a"));
    assert_ne!(of("a"), of("b"));
}
