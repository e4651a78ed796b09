//! Archives as strangers write them, and the way there and back.

use super::*;
use crate::{cache::Cache, fetch::Snapshot, walk::Skipped};
use acre_model::tree::Node;
use std::{
    collections::HashMap,
    io::{self, Read},
    sync::Arc,
};
use tar::{EntryType, Header};

/// An archive that is being made up.
#[derive(Clone, Default)]
struct Archive(Vec<u8>);

impl Archive {
    fn raw(mut self, kind: EntryType, path: &[u8], link: &[u8], size: u64, content: &[u8]) -> Self {
        let mut header = Header::new_gnu();
        let gnu = header.as_gnu_mut().unwrap();
        gnu.name[..path.len()].copy_from_slice(path);
        gnu.linkname[..link.len()].copy_from_slice(link);
        header.set_entry_type(kind);
        header.set_mode(0o640);
        header.set_size(size);
        header.set_cksum();
        self.0.extend_from_slice(header.as_bytes());
        self.0.extend_from_slice(content);
        self.0.resize(self.0.len().next_multiple_of(BLOCK), 0);
        self
    }

    fn file(self, path: &str, content: &[u8]) -> Self {
        self.raw(EntryType::Regular, path.as_bytes(), b"", content.len() as u64, content)
    }

    fn special(self, kind: EntryType, path: &str, link: &str) -> Self {
        self.raw(kind, path.as_bytes(), link.as_bytes(), 0, b"")
    }

    fn pax(self, records: &[(&str, &str)]) -> Self {
        let mut text = Vec::new();
        for (key, value) in records {
            // The length counts its own digits; three of them here.
            let rest = format!(" {key}={value}\n");
            text.extend_from_slice(format!("{:03}{rest}", rest.len() + 3).as_bytes());
        }
        self.raw(EntryType::XHeader, b"pax", b"", text.len() as u64, &text)
    }

    fn end(mut self) -> Vec<u8> {
        self.0.extend_from_slice(&[0; 2 * BLOCK]);
        self.0
    }
}

fn read(archive: &[u8], strip: &str, policy: Policy) -> Result<(Vec<String>, Vec<Skipped>), UntarError> {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(folder.path(), 1 << 20).unwrap();
    let limits = Limits { entries: 20, bytes: 100_000 };
    let untarred = untar(archive, &cache, strip, policy, limits)?;
    let shown = untarred.tree.entries().unwrap().into_iter().map(|(path, node)| match node {
        Node::File { size, mode, .. } => format!("{path} {size} {mode:o}"),
        Node::Directory { mode, .. } => format!("{path}/ {mode:o}"),
        Node::Symlink { target } => format!("{path} -> {target}"),
    });
    Ok((shown.collect(), untarred.skipped))
}

#[test]
fn what_archives_may_hold() {
    let long = "n".repeat(200);
    let shown = format!("{long} 1 640");
    let shown = shown.as_str();
    let table = [
        (Archive::default(), vec![]),
        (Archive::default().file("./a//b", b"x").special(EntryType::Directory, "a/", ""), vec!["a/ 640", "a/b 1 640"]),
        (Archive::default().file("d/x", b"1").file("d/x", b"22"), vec!["d/ 755", "d/x 2 640"]),
        (Archive::default().special(EntryType::Symlink, "l", "/etc"), vec!["l -> /etc"]),
        (Archive::default().file("f", b"1").special(EntryType::Link, "h", "./f"), vec!["f 1 640", "h 1 640"]),
        (Archive::default().special(EntryType::Symlink, "l", "x").file("l", b"1"), vec!["l 1 640"]),
        (
            Archive::default()
                .raw(EntryType::GNULongName, b"././@LongLink", b"", 201, format!("{long}\0").as_bytes())
                .file("cut", b"1"),
            vec![shown],
        ),
        (
            Archive::default().pax(&[("path", &long), ("mtime", "1.5"), ("SCHILY.xattr.a", "b")]).file("cut", b"1"),
            vec![shown],
        ),
        (Archive::default().pax(&[("size", "1")]).file("f", b"1"), vec!["f 1 640"]),
        (
            Archive::default().raw(EntryType::XGlobalHeader, b"g", b"", 12, b"12 comment=\n").file("f", b""),
            vec!["f 0 640"],
        ),
    ];
    for (index, (archive, expected)) in table.into_iter().enumerate() {
        let (entries, skipped) =
            read(&archive.end(), "", Policy::Foreign).unwrap_or_else(|bad| panic!("{index}: {bad}"));
        assert_eq!((entries, skipped), (expected.into_iter().map(str::to_owned).collect(), vec![]), "archive {index}");
    }
}

#[test]
fn hostile_archives_are_refused_and_the_entry_is_named() {
    let new = Archive::default;
    let link = |path: &str| new().special(EntryType::Symlink, path, "/etc");
    let table = [
        ("`../../x`: it leaves", new().file("../../x", b"")),
        ("`a/../b`: it leaves", new().file("a/../b", b"")),
        ("`/etc/passwd`: it is absolute", new().file("/etc/passwd", b"")),
        ("`out/passwd` does not fit", link("out").file("out/passwd", b"x")),
        ("`out/d` does not fit", link("out").special(EntryType::Directory, "out/d", "")),
        ("`out` does not fit", link("out").special(EntryType::Directory, "out", "")),
        ("`f/x` does not fit", new().file("f", b"").file("f/x", b"")),
        ("`d` does not fit", new().file("d/x", b"").file("d", b"")),
        ("`.` does not fit", new().file(".", b"")),
        ("hard link `h` points to `/etc/shadow`", new().special(EntryType::Link, "h", "/etc/shadow")),
        ("hard link `h` points to `../x`", new().special(EntryType::Link, "h", "../x")),
        ("hard link `h` points to `later`", new().special(EntryType::Link, "h", "later").file("later", b"")),
        ("hard link `h` points to `out/x`", link("out").special(EntryType::Link, "h", "out/x")),
        (
            "hard link `h` points to `d`",
            new().special(EntryType::Directory, "d", "").special(EntryType::Link, "h", "d"),
        ),
        ("`dev` is a device", new().special(EntryType::Char, "dev", "")),
        ("`dev` is a device", new().special(EntryType::Block, "dev", "")),
        ("`pipe` is a FIFO", new().special(EntryType::Fifo, "pipe", "")),
        ("`s` is a sparse file", new().special(EntryType::GNUSparse, "s", "")),
        ("`u` is a thing", new().special(EntryType::new(b'U'), "u", "")),
        ("`a\\nb`: it has a line break", new().file("a\nb", b"")),
        ("`a\\u{0}b`: it has a line break or NUL", new().pax(&[("path", "a\0b")]).file("x", b"")),
        ("`x`: its header and its pax header differ", new().pax(&[("size", "1")]).file("x", b"22")),
        ("has a pax record twice", new().pax(&[("path", "a"), ("path", "b")]).file("x", b"")),
        ("is sparse", new().pax(&[("GNU.sparse.major", "1")]).file("x", b"")),
        ("a pax size is no number", new().pax(&[("size", "-1")]).file("x", b"")),
        ("malformed", new().raw(EntryType::XHeader, b"p", b"", 10, b"99 path=x\n").file("x", b"")),
        ("global header", new().raw(EntryType::XGlobalHeader, b"g", b"", 9, b"9 path=x\n").file("x", b"")),
        ("longer than anyone needs", new().raw(EntryType::GNULongName, b"l", b"", 1 << 40, b"")),
        ("longer than anyone needs", new().raw(EntryType::XHeader, b"l", b"", 1 << 40, b"")),
        ("more than 20 entries", (0..21).fold(new(), |all, number| all.file(&number.to_string(), b""))),
        (
            "at `b` the archive has more than 100000 bytes",
            new().file("a", b"x").raw(EntryType::Regular, b"b", b"", 1 << 40, b""),
        ),
        ("too large", new().raw(EntryType::Regular, b"b", b"", u64::MAX, b"")),
        ("it is empty", new().file("", b"")),
        ("a part of it longer", new().pax(&[("path", &"n".repeat(256))]).file("x", b"")),
        ("too deep", new().pax(&[("path", &"a/".repeat(300))]).file("x", b"")),
        ("not UTF-8", new().raw(EntryType::Regular, b"a\xff", b"", 0, b"")),
        ("not UTF-8", new().raw(EntryType::Symlink, b"l", b"a\xff", 0, b"")),
        ("NUL", new().pax(&[("linkpath", "a\0b")]).special(EntryType::Symlink, "l", "x")),
    ];
    for (expected, archive) in table {
        let error = read(&archive.end(), "", Policy::Foreign).map(|_| ()).expect_err(expected).to_string();
        assert!(error.contains(expected), "expected {expected:?}, got {error:?}");
    }
}

#[test]
fn an_archive_that_was_cut_is_refused_wherever_it_was() {
    let whole = Archive::default().file("first", &[7; 1000]).pax(&[("path", "second")]).file("x", &[8; 600]).end();
    assert!(read(&whole, "", Policy::Foreign).is_ok());
    for length in (0..whole.len() - 2 * BLOCK).step_by(100).chain([BLOCK, 3 * BLOCK, 4 * BLOCK, 5 * BLOCK]) {
        let error = read(&whole[..length], "", Policy::Foreign).map(|_| ()).expect_err("cut").to_string();
        assert!(error.starts_with("archive ends"), "{length} bytes: {error}");
    }
    let error = read(&whole[..700], "", Policy::Foreign).map(|_| ()).expect_err("cut").to_string();
    assert_eq!(error, "archive ends inside `first`");
    let large = Archive::default().raw(EntryType::Regular, b"large", b"", 3_000_000, &[1; 2_000_000]).0;
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(folder.path(), 1 << 20).unwrap();
    let error = untar(large.as_slice(), &cache, "", Policy::Foreign, Limits::default()).unwrap_err().to_string();
    assert_eq!(error, "archive ends inside `large`");
}

#[test]
fn what_is_no_archive_is_refused() {
    let error = read(&[b'x'; 2048], "", Policy::Foreign).map(|_| ()).expect_err("text").to_string();
    assert!(error.contains("not one of a tar archive"), "{error}");
    let mut damaged = Archive::default().file("a", b"").end();
    damaged[0] = b'b';
    assert!(read(&damaged, "", Policy::Foreign).is_err());
}

#[test]
fn a_workspace_loses_its_prefix_and_what_no_tree_holds() {
    let archive = Archive::default()
        .special(EntryType::Directory, "workspace/", "")
        .file("workspace/a", b"1")
        .special(EntryType::Link, "workspace/b", "workspace/a")
        .special(EntryType::Fifo, "workspace/d/pipe", "");
    let (entries, skipped) = read(&archive.clone().end(), "/workspace/", Policy::Workspace).unwrap();
    assert_eq!(entries, ["a 1 640", "b 1 640"]);
    assert_eq!(skipped, [Skipped { path: "d/pipe".to_owned(), what: "FIFO" }]);
    for stray in ["other", "workspacex/a", "a"] {
        let error = read(&archive.clone().file(stray, b"").end(), "workspace", Policy::Workspace).map(|_| ());
        assert!(matches!(error, Err(UntarError::Outside { entry, .. }) if entry == stray));
    }
}

#[test]
fn nothing_stays_of_what_was_refused() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(folder.path(), 10).unwrap();
    let cut = &Archive::default().file("a", &[1; 600]).file("b", &[2; 600]).end()[..1700];
    assert!(untar(cut, &cache, "", Policy::Foreign, Limits::default()).is_err());
    assert_eq!(cache.size(), 0, "what was whole is not in use any more, and goes where room is needed");
    assert_eq!(std::fs::read_dir(folder.path().join("spool")).unwrap().count(), 0);
}

/// A source of bytes that ends in an error.
struct Failing;

impl Read for Failing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("wire"))
    }
}

#[test]
fn a_failing_source_is_not_taken_for_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(folder.path(), 10).unwrap();
    let whole = Archive::default().file("a", &[1; 600]).0;
    let error = untar(whole.chain(Failing), &cache, "", Policy::Foreign, Limits::default()).unwrap_err();
    assert!(matches!(error, UntarError::Archive(TarError::Io(_))), "{error}");
}

fn snapshot(cache: &Arc<Cache>, entries: Vec<(String, Node)>) -> Snapshot {
    let digests = entries.iter().filter_map(|(_, node)| match node {
        Node::File { digest, .. } => Some(*digest),
        _ => None,
    });
    let files: HashMap<_, _> = digests.filter_map(|digest| Some((digest, cache.get(&digest)?))).collect();
    Snapshot { entries, files }
}

#[test]
fn equal_trees_make_equal_archives_that_the_tar_crate_reads() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(folder.path(), 1 << 20).unwrap();
    let deep = format!("{}/{}", "d".repeat(150), "f".repeat(150));
    let digest = cache.insert(b"content").unwrap();
    let entries = vec![
        (deep.clone(), Node::File { digest: digest.digest(), size: 7, mode: 0o4755 }),
        ("link".to_owned(), Node::Symlink { target: format!("./{deep}//x") }),
    ];
    let write = || {
        let mut archive = Vec::new();
        super::writer::write(&mut archive, &snapshot(&cache, entries.clone()), "p/").unwrap();
        archive
    };
    let archive = write();
    assert_eq!(archive, write());
    let mut read = ::tar::Archive::new(archive.as_slice());
    let shown = read.entries().unwrap().map(|entry| {
        let entry = entry.unwrap();
        let header = entry.header();
        assert_eq!((header.uid().unwrap(), header.gid().unwrap(), header.mtime().unwrap()), (0, 0, MODIFIED));
        let link = entry.link_name_bytes().map(|link| String::from_utf8(link.to_vec()).unwrap());
        (String::from_utf8(entry.path_bytes().to_vec()).unwrap(), link, header.mode().unwrap())
    });
    assert_eq!(
        shown.collect::<Vec<_>>(),
        [(format!("p/{deep}"), None, 0o4755), ("p/link".to_owned(), Some(format!("./{deep}//x")), 0o777)]
    );
}

#[test]
fn content_that_is_not_at_hand_is_an_error() {
    let node = Node::File { digest: crate::hash::digest(b"x"), size: 1, mode: 0o644 };
    let snapshot = Snapshot { entries: vec![("x".to_owned(), node)], files: HashMap::new() };
    let error = super::writer::write(Vec::new(), &snapshot, "").unwrap_err().to_string();
    assert!(error.contains("of `x` is not at hand"), "{error}");
}

#[test]
fn archives_and_files_lie_over_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(folder.path(), 1 << 20).unwrap();
    let unpack = |folder: &str, entries| {
        let mut unpacking = Unpacking::new(&cache, "", Policy::Foreign, Limits { entries, bytes: 10 });
        unpacking.archive(&Archive::default().file("d/a", b"one").file("d/b", b"two").end()[..])?;
        unpacking.archive(&Archive::default().file("d/b", b"2").end()[..])?;
        unpacking.file("c", &b"it"[..])?;
        let tree = unpacking.finish(folder)?.tree;
        Ok::<_, UntarError>(tree.entries().unwrap().into_iter().map(|(path, node)| match node {
            Node::File { size, .. } => format!("{path} {size}"),
            _ => path,
        }))
    };
    let shown =
        |folder| unpack(folder, 9).map(|paths| paths.collect::<Vec<_>>().join(", ")).map_err(|why| why.to_string());
    assert_eq!(shown(""), Ok("c 2, d, d/a 3, d/b 1".to_owned()));
    assert_eq!(shown("d"), Ok("a 3, b 1".to_owned()));
    for missing in ["e", "c", "d/a"] {
        assert_eq!(shown(missing), Err(format!("the archive has no folder `{missing}`")));
    }
    assert!(matches!(unpack("", 3), Err(UntarError::TooMuch { .. })));
    for path in ["../c", "/c", "a\nb", ""] {
        let mut unpacking = Unpacking::new(&cache, "", Policy::Foreign, Limits::default());
        assert!(matches!(unpacking.file(path, &b""[..]), Err(UntarError::Name { .. })), "{path}");
    }
    let mut unpacking = Unpacking::new(&cache, "", Policy::Foreign, Limits { entries: 1, bytes: 3 });
    assert!(matches!(unpacking.file("a", io::repeat(0)), Err(UntarError::TooMuch { .. })));
}
