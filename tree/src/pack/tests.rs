//! Packing: the same tree from the same files, however they are read.

use super::*;
use crate::{
    cache::Cache,
    fetch::Snapshot,
    tar::{Limits, Policy, stream, untar},
};
use acre_model::tree::Node;
use proptest::prelude::*;
use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    time::Duration,
};

fn options(stat_cache: Option<&Path>, now: SystemTime) -> Options {
    Options { ignore: Ignore::default(), stat_cache: stat_cache.map(Path::to_owned), now }
}

fn root_of(root: &Path) -> Digest {
    pack_here(root, &options(None, SystemTime::now())).unwrap().tree.root()
}

#[test]
fn the_root_says_names_content_modes_and_targets_and_nothing_else() {
    let make = |name: &str, content: &str, mode: u32, target: &str| {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("d")).unwrap();
        fs::set_permissions(root.path().join("d"), fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(root.path().join("d").join(name), content).unwrap();
        fs::set_permissions(root.path().join("d").join(name), fs::Permissions::from_mode(mode)).unwrap();
        symlink(target, root.path().join("l")).unwrap();
        root_of(root.path())
    };
    let same = make("f", "x", 0o644, "d");
    assert_eq!(same, make("f", "x", 0o644, "d"));
    for (name, content, mode, target) in
        [("g", "x", 0o644, "d"), ("f", "y", 0o644, "d"), ("f", "x", 0o755, "d"), ("f", "x", 0o644, "e")]
    {
        assert_ne!(same, make(name, content, mode, target), "{name} {content} {mode:o} {target}");
    }
}

#[test]
fn what_is_known_is_not_read_and_what_changed_is() {
    let (root, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for name in ["a", "b", "c"] {
        fs::write(root.path().join(name), name).unwrap();
    }
    let later = SystemTime::now() + Duration::from_secs(60);
    let pack = |now| pack_here(root.path(), &options(Some(cache.path()), now)).unwrap();
    assert_eq!(pack(SystemTime::now()).known, 0);
    assert_eq!(pack(later).known, 0, "what was written just before is not remembered");
    let before = pack(later);
    assert_eq!(before.known, 3);

    // Same size, and its old time put back: only the change time tells.
    let modified = fs::metadata(root.path().join("b")).unwrap().modified().unwrap();
    fs::write(root.path().join("b"), "B").unwrap();
    fs::File::open(root.path().join("b")).unwrap().set_modified(modified).unwrap();
    let after = pack(later);
    assert_eq!(after.known, 2);
    assert_ne!(after.tree.root(), before.tree.root());
    assert_eq!(after.tree.root(), root_of(root.path()));
}

#[test]
fn a_cache_that_cannot_be_written_changes_nothing() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("a"), "a").unwrap();
    let no_folder = root.path().join("a");
    let pack = pack_here(root.path(), &options(Some(&no_folder), SystemTime::now())).unwrap();
    assert_eq!(pack.tree.root(), root_of(root.path()));
}

#[test]
fn a_file_that_went_or_became_something_else_is_named() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("gone"), "x").unwrap();
    let found = walk(root.path(), &Ignore::default()).unwrap().files.remove(0);
    fs::remove_file(root.path().join("gone")).unwrap();
    let error = hash_file(root.path(), &found).unwrap_err();
    assert!(error.to_string().contains("gone"), "{error}");
    symlink("/etc/hostname", root.path().join("gone")).unwrap();
    assert!(matches!(hash_file(root.path(), &found), Err(PackError::Unreadable { .. })), "a link is not followed");
}

/// What the property test puts into a directory.
#[derive(Clone, Debug)]
enum Thing {
    File(Vec<u8>, u32),
    Link(String),
    Directory(BTreeMap<String, Thing>, u32),
}

fn things() -> impl Strategy<Value = BTreeMap<String, Thing>> {
    let name = prop_oneof!["[a-zA-Z0-9 ._☺\\\\-]{1,12}", "[a-z]{90,200}"]
        .prop_filter("a name", |name| name != "." && name != ".." && !crate::walk::VCS.contains(&name.as_str()));
    let size = prop_oneof![0..700_usize, Just(512), Just(0)];
    let file = (size, any::<u8>(), 0o400_u32..0o10000)
        .prop_map(|(size, byte, mode)| Thing::File(vec![byte; size], mode | 0o400));
    let link = prop_oneof!["[a-z./]{1,30}", "[a-z]{100,120}"].prop_map(Thing::Link);
    let leaf = prop_oneof![3 => file, 1 => link];
    let map = move |thing| prop::collection::btree_map(name.clone(), thing, 0..6);
    let directory = map.clone();
    let tree = leaf.prop_recursive(4, 40, 6, move |thing| {
        (directory(thing.boxed()), 0o700_u32..0o2000).prop_map(|(things, mode)| Thing::Directory(things, mode | 0o700))
    });
    map(tree.boxed())
}

fn write(at: &Path, things: &BTreeMap<String, Thing>) {
    for (name, thing) in things {
        let path = at.join(name);
        let mode = match thing {
            Thing::Link(target) => {
                symlink(target, &path).unwrap();
                continue;
            }
            Thing::File(content, mode) => {
                fs::write(&path, content).unwrap();
                mode
            }
            Thing::Directory(things, mode) => {
                fs::create_dir(&path).unwrap();
                write(&path, things);
                mode
            }
        };
        fs::set_permissions(&path, fs::Permissions::from_mode(*mode)).unwrap();
    }
}

async fn archive(snapshot: Snapshot) -> Vec<u8> {
    use tokio_stream::StreamExt;
    let items: Vec<_> = stream(snapshot, "w/").collect().await;
    items.into_iter().flat_map(|item| item.unwrap().to_vec()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_tree_survives_the_way_through_an_archive(things in things()) {
        let (root, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        write(root.path(), &things);
        let packed = pack_here(root.path(), &options(None, SystemTime::now())).unwrap().tree;
        let cache = Cache::open(folder.path(), 1 << 20).unwrap();
        let entries = packed.entries().unwrap();
        let digests = entries.iter().filter_map(|(_, node)| match node {
            Node::File { digest, .. } => Some(*digest),
            _ => None,
        });
        let pins = digests.map(|digest| {
            let content = fs::read(packed.file(&digest).unwrap().place.path()).unwrap();
            (digest, cache.insert(&content).unwrap())
        });
        let snapshot = Snapshot { files: pins.collect(), entries };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let archive = runtime.block_on(archive(snapshot));
        let again = untar(archive.as_slice(), &cache, "w", Policy::Foreign, Limits::default()).unwrap();
        prop_assert_eq!(again.tree.root(), packed.root());
        prop_assert_eq!(again.tree.totals(), packed.totals());
    }
}
