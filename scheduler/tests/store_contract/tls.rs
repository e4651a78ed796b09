//! etcd behind TLS that asks for a client's certificate. Keys and certificates are made by the openssl program.

use crate::{
    bed::{SOON, within},
    contract::{commit, put, value},
    own::Own,
};
use acre_scheduler::store::{Etcd, EtcdAddress, Limits, Node, Store, StoreError, Tls};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};
use tempfile::TempDir;

/// Waiting for an etcd that refuses is short.
const LIMITS: Limits =
    Limits { call: Duration::from_millis(700), request: Duration::from_millis(700), silence: Duration::from_secs(15) };

struct Secured {
    folder: TempDir,
    _etcd: Own,
    address: EtcdAddress,
}

fn openssl(folder: &Path, words: &str) {
    let output = Command::new("openssl").args(words.split(' ')).current_dir(folder).output();
    let output = output.expect("these tests need the openssl program");
    assert!(output.status.success(), "openssl {words}: {}", String::from_utf8_lossy(&output.stderr));
}

const NEW_KEY: &str = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";

fn authority(folder: &Path, name: &str) {
    openssl(folder, &format!("req -x509 {NEW_KEY} -keyout {name}.key -out {name}.pem -subj /CN={name} -days 2"));
}

/// A key `NAME.key` and its certificate `NAME.pem`, from the authority `ca`.
fn certified(folder: &Path, name: &str) {
    let uses = "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n";
    fs::write(folder.join("uses"), uses).unwrap();
    openssl(folder, &format!("req -new {NEW_KEY} -keyout {name}.key -out {name}.csr -subj /CN={name}"));
    let signing = "-CA ca.pem -CAkey ca.key -CAcreateserial -extfile uses -days 2";
    openssl(folder, &format!("x509 -req -in {name}.csr {signing} -out {name}.pem"));
}

impl Secured {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["ca", "stranger"] {
            authority(folder.path(), name);
        }
        for name in ["server", "client"] {
            certified(folder.path(), name);
        }
        let etcd = Own::start(
            folder.path(),
            "https",
            "--cert-file server.pem --key-file server.key --client-cert-auth --trusted-ca-file ca.pem",
        );
        let address = format!("etcds://{}/acre", etcd.host()).parse().unwrap();
        Self { folder, _etcd: etcd, address }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    async fn open(&self, ca: &str, identity: Option<&str>) -> Etcd {
        let identity = identity.map(|name| (self.file(&format!("{name}.pem")), self.file(&format!("{name}.key"))));
        let identity = identity.as_ref().map(|(certificate, key)| (certificate.as_path(), key.as_path()));
        let tls = Tls::read(&self.file(ca), identity).unwrap();
        Etcd::open(&self.address, Some(&tls), Node::named("one")).await.unwrap().with_limits(LIMITS)
    }
}

#[tokio::test]
async fn etcd_is_reached_over_tls_by_who_has_a_certificate() {
    let secured = Secured::start();
    let store = secured.open("ca.pem", Some("client")).await;
    within("etcd has started", SOON, async {
        while let Err(error) = store.lead().await {
            assert!(matches!(error, StoreError::Unavailable { .. }), "{error}");
        }
    })
    .await;
    commit(&store, Vec::new(), vec![put("a", "x")]).await.unwrap();
    assert_eq!(value(&store, "a").await.as_deref(), Some("x"));
    for (ca, identity, reason) in [("stranger.pem", Some("client"), "UnknownIssuer"), ("ca.pem", None, "")] {
        let refused = secured.open(ca, identity).await.get("a").await.unwrap_err();
        assert!(matches!(&refused, StoreError::Unavailable { why, .. } if why.contains(reason)), "{ca}: {refused}");
    }
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let refused = Tls::read(Path::new("/nowhere/ca.pem"), None).err().unwrap().to_string();
    assert!(refused.starts_with("cannot read /nowhere/ca.pem: "), "{refused}");
}
