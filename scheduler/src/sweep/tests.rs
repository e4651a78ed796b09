//! Blobs come and go, and none that is named goes.

use super::*;
use crate::{
    blobs::Kind,
    store::{Change, Embedded, Transaction},
};
use acre_model::tree::{Directory, Entry, Node};
use bytes::Bytes;
use object_store::memory::InMemory;
use std::time::{SystemTime, UNIX_EPOCH};

const DAY_MS: u64 = 86_400_000;

/// A store and blobs, put now.
struct Bed {
    sweep: Sweep,
    objects: Arc<InMemory>,
    _folder: tempfile::TempDir,
}

impl Bed {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(Embedded::open(&folder.path().join("farm.redb")).unwrap());
        store.lead().await.unwrap();
        let objects = Arc::new(InMemory::new());
        let blobs = Blobs::new(objects.clone());
        Self { sweep: Sweep { store, blobs }, objects, _folder: folder }
    }

    fn blobs(&self) -> &Blobs {
        &self.sweep.blobs
    }

    async fn put(&self, text: &str) -> Digest {
        self.blobs().put_bytes(Bytes::from(text.to_owned())).await.unwrap()
    }

    async fn record(&self, key: &str, text: Option<String>) {
        let change = match text {
            Some(text) => Change::Put(key.to_owned(), text.into()),
            None => Change::Delete(key.to_owned()),
        };
        self.sweep.store.commit(Transaction { compares: Vec::new(), changes: vec![change] }).await.unwrap();
    }

    /// Looks so many days from now. Returns how many blobs went.
    async fn after_days(&self, days: u64) -> usize {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        let now = u64::try_from(now).unwrap() + days * DAY_MS;
        self.sweep.round(Timestamp::from_millis(now)).await.unwrap()
    }

    async fn is_stored(&self, blob: &Digest) -> bool {
        self.blobs().get_bytes(blob).await.is_ok()
    }

    async fn is_told(&self, blob: &Digest) -> bool {
        self.blobs().has(blob).await.unwrap()
    }
}

fn directory(entries: &[(&str, Node)]) -> Bytes {
    let entries = entries.iter().map(|(name, node)| Entry { name: (*name).to_owned(), node: node.clone() });
    acre_proto::tree::encode_directory(&Directory::new(entries.collect()).unwrap()).into()
}

async fn put_directory(blobs: &Blobs, bytes: &Bytes) -> Result<Digest, BlobError> {
    let digest = crate::blobs::digest_of(bytes);
    let mut putting = blobs.begin(digest, Kind::Directory);
    putting.write(bytes).await?;
    putting.finish().await.map(|()| digest)
}

#[tokio::test]
async fn what_nobody_names_goes_slowly() {
    let bed = Bed::new().await;
    let blob = bed.put("x").await;
    assert_eq!(bed.after_days(0).await, 0);
    assert!(bed.is_told(&blob).await, "a record may be about to name it");
    assert_eq!(bed.after_days(2).await, 0);
    assert_eq!((bed.is_told(&blob).await, bed.is_stored(&blob).await), (false, true), "who was told has time");
    assert_eq!(bed.after_days(3).await, 0);
    assert!(bed.is_stored(&blob).await);
    assert_eq!(bed.after_days(4).await, 1);
    assert!(!bed.is_stored(&blob).await);
}

#[tokio::test]
async fn what_a_record_names_stays_with_all_that_it_names() {
    let bed = Bed::new().await;
    let file = bed.put("file").await;
    let inner = directory(&[("file", Node::File { digest: file, size: 4, mode: 0o644 })]);
    let inner = put_directory(bed.blobs(), &inner).await.unwrap();
    let root = directory(&[("inner", Node::Directory { digest: inner, mode: 0o755 })]);
    let root = put_directory(bed.blobs(), &root).await.unwrap();
    let submission = bed.put(&format!("{{\"source\":\"{root}\"}}")).await;
    let artifact = bed.put("artifact").await;
    let report = bed.put(&format!("{{\"artifacts\":[\"{artifact}\"]}}")).await;
    let unreadable = bed.put("named in what cannot be read").await;
    bed.record("live/r1", Some(format!("{{\"submission\":\"{submission}\",\"image\":\"sha256:{}\"}}", "a".repeat(64))))
        .await;
    bed.record("ended/default/r0", Some(format!("{{\"report\":\"{report}\"}}"))).await;
    bed.record("quarantine/x", Some(format!("\u{1}{unreadable}\u{2}"))).await;
    let named = [file, inner, root, submission, artifact, report, unreadable];
    for days in [2, 4, 8] {
        assert_eq!(bed.after_days(days).await, 0, "after {days} days");
        for blob in &named {
            assert!(bed.is_told(blob).await && bed.is_stored(blob).await, "{blob} after {days} days");
        }
    }
    for key in ["live/r1", "ended/default/r0", "quarantine/x"] {
        bed.record(key, None).await;
    }
    assert_eq!((bed.after_days(9).await, bed.after_days(11).await), (0, named.len()));
}

#[tokio::test]
async fn what_is_condemned_is_told_missing_and_saved_by_whoever_needs_it() {
    let bed = Bed::new().await;
    let (put_again, named, child) = (bed.put("put again").await, bed.put("named").await, bed.put("child").await);
    bed.after_days(2).await;
    assert_eq!(bed.blobs().missing(vec![put_again, named, child]).await.unwrap(), [put_again, named, child]);

    let above = directory(&[("child", Node::File { digest: child, size: 5, mode: 0o644 })]);
    let refused = put_directory(bed.blobs(), &above).await;
    assert!(matches!(refused, Err(BlobError::Open { missing, .. }) if missing == child), "{refused:?}");
    bed.put("child").await;
    let above = put_directory(bed.blobs(), &above).await.unwrap();

    // Another process knows as much.
    let next = Blobs::new(bed.objects.clone());
    next.load_condemned().await.unwrap();
    assert!(!next.has(&named).await.unwrap());

    bed.put("put again").await;
    bed.record("live/r1", Some(format!("\"{named}\" \"{above}\""))).await;
    assert_eq!(bed.after_days(4).await, 0);
    for (blob, told) in [(named, true), (above, true), (child, true), (put_again, false)] {
        assert_eq!((bed.is_told(&blob).await, bed.is_stored(&blob).await), (told, true), "{blob}");
    }
}

#[test]
fn the_verdict_is_one_of_time_and_names() {
    let at = |days: u64| Timestamp::from_millis(days * DAY_MS);
    let digest = |byte: u8| Digest::from_bytes([byte; 32]);
    let all = [(1, 0), (2, 0), (3, 0), (4, 0), (5, 9), (6, 0)].map(|(byte, days)| (digest(byte), at(days)));
    let kept = [1, 2].map(digest).into();
    let condemned = [(2, 1), (4, 9), (5, 8), (6, 8), (7, 1)].map(|(byte, days)| (digest(byte), at(days))).into();
    let found = decide(&all, &kept, &condemned, at(10));
    let expected =
        Verdict { condemned: vec![digest(3)], pardoned: [2, 5, 7].map(digest).into(), removed: vec![digest(6)] };
    assert_eq!(found, expected);
}
