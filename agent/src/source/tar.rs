//! A tar archive at an http address → a tree.

use super::error::untarred;
use acre_model::plan::TarAddress;
use acre_tree::{
    Cache,
    tar::{Limits, Policy, Unpacking, Untarred, unpacked},
};
use acre_web::{Unfetched, Web, found, shown};
use reqwest::{
    Url,
    header::{AUTHORIZATION, HeaderMap, HeaderValue},
};
use std::{
    fs::File,
    io::{Seek as _, SeekFrom},
    path::Path,
    sync::Arc,
};

/// The largest archive, packed, in bytes.
pub(super) const PACKED: u64 = 2 << 30;

/// The most that its files may have together, in bytes: so much, and more where it is not packed more densely than this.
const UNPACKED: (u64, u64) = (2 << 30, 8 << 30);
const RATIO: u64 = 200;

/// What headers may take besides, in bytes.
const HEADERS: u64 = 2 << 30;

/// Fetches an archive and unpacks it. `folder` is where it lies meanwhile.
pub(super) async fn fetch(
    web: &Web,
    address: &TarAddress,
    cache: &Arc<Cache>,
    folder: &Path,
) -> Result<Untarred, Unfetched> {
    let (url, headers) = taken_apart(&address.url)?;
    let (response, _) = web.get(&url, &headers, None).await?;
    let response = found(response, &url)?;
    let mut file = tokio::fs::File::from_std(tempfile::tempfile_in(folder).map_err(Unfetched::Disk)?);
    let size = web.save(response, PACKED, &mut file, |_| {}).await?;
    let (file, cache) = (file.into_std().await, Arc::clone(cache));
    let subdirectory = address.subdirectory.clone().unwrap_or_default();
    blocking(move || {
        let mut unpacking = Unpacking::new(&cache, "", Policy::Foreign, limits(size));
        unpacking.archive(content(file, size)?).map_err(untarred)?;
        unpacking.finish(&subdirectory).map_err(untarred)
    })
    .await
}

/// Does what keeps a thread busy.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Unfetched> + Send + 'static,
) -> Result<T, Unfetched> {
    let died = |died: tokio::task::JoinError| Unfetched::Unfit(format!("it cannot be unpacked: {died}"));
    tokio::task::spawn_blocking(work).await.map_err(died)?
}

/// How much an archive of this packed size may hold.
pub(super) fn limits(packed: u64) -> Limits {
    let bytes = packed.saturating_mul(RATIO).clamp(UNPACKED.0, UNPACKED.1);
    Limits { bytes, ..Limits::default() }
}

/// The unpacked content of a file, from its beginning.
pub(super) fn content(mut file: File, packed: u64) -> Result<Box<dyn std::io::Read>, Unfetched> {
    file.seek(SeekFrom::Start(0)).map_err(Unfetched::Disk)?;
    unpacked(file, limits(packed).bytes + HEADERS)
        .map_err(|why| Unfetched::Unfit(format!("the archive cannot be unpacked: {why}")))
}

/// The address without what may be a secret in it.
pub(super) fn shown_address(address: &str) -> String {
    Url::parse(address).map_or_else(|_| "an archive".to_owned(), |url| shown(&url))
}

/// The address without a user, who goes into a header.
fn taken_apart(address: &str) -> Result<(Url, HeaderMap), Unfetched> {
    let refused = |why: &str| Unfetched::Refused(format!("the address of an archive {why}"));
    let mut url = Url::parse(address).map_err(|why| refused(&format!("is none: {why}")))?;
    url.set_fragment(None);
    let mut headers = HeaderMap::new();
    if !url.username().is_empty() || url.password().is_some() {
        let login = format!("{}:{}", decoded(url.username()), decoded(url.password().unwrap_or_default()));
        headers.insert(AUTHORIZATION, basic(&login)?);
        if url.set_username("").and_then(|()| url.set_password(None)).is_err() {
            return Err(refused("has a user and no host"));
        }
    }
    Ok((url, headers))
}

/// The header of a login, `user:password`.
pub(super) fn basic(login: &str) -> Result<HeaderValue, Unfetched> {
    let shown = acre_web::basic(login.as_bytes());
    shown.ok_or_else(|| Unfetched::Refused("its login cannot be sent".to_owned()))
}

fn decoded(text: &str) -> String {
    super::git::percent_decoded(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use acre_model::tree::Node;
    use acre_web::served::Served;
    use std::{io::Write as _, process::Command, time::Duration};
    use tempfile::TempDir;

    /// An archive of `d/a` ("hello"), `d/run` (0755) and a link.
    fn archive() -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        let mut put = |path: &str, mode: u32, content: &[u8]| {
            let mut header = tar::Header::new_gnu();
            header.set_mode(mode);
            header.set_size(content.len() as u64);
            builder.append_data(&mut header, path, content).unwrap();
        };
        put("d/a", 0o644, b"hello");
        put("d/run", 0o755, b"#!/bin/sh\n");
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_mode(0o777);
        header.set_size(0);
        builder.append_link(&mut header, "d/link", "a").unwrap();
        builder.into_inner().unwrap()
    }

    /// As the program of this name packs.
    fn packed(program: &str, content: &[u8]) -> Vec<u8> {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("content");
        std::fs::write(&path, content).unwrap();
        let done = Command::new(program).arg("-c").arg(&path).output().unwrap_or_else(|why| panic!("{program}: {why}"));
        assert!(done.status.success(), "{program}");
        done.stdout
    }

    async fn fetched(web: &Web, url: &str, subdirectory: Option<&str>) -> Result<Vec<String>, String> {
        let folder = TempDir::new().unwrap();
        let cache = Cache::open(&folder.path().join("cache"), 1 << 20).unwrap();
        let address = TarAddress { url: url.to_owned(), subdirectory: subdirectory.map(str::to_owned) };
        let untarred = fetch(web, &address, &cache, folder.path()).await.map_err(|why| why.to_string())?;
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "only the cache is left");
        let shown = untarred.tree.entries().unwrap().into_iter().map(|(path, node)| match node {
            Node::File { size, mode, .. } => format!("{path} {size} {mode:o}"),
            Node::Symlink { target } => format!("{path} -> {target}"),
            Node::Directory { .. } => path,
        });
        Ok(shown.collect())
    }

    const ALL: [&str; 4] = ["d", "d/a 5 644", "d/link -> a", "d/run 10 755"];

    #[tokio::test]
    async fn archives_come_plain_and_packed_in_four_ways() {
        let plain = archive();
        let zstd = zstd::encode_all(&plain[..], 3).unwrap();
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(&plain).unwrap();
        let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::default());
        bzip2.write_all(&plain).unwrap();
        let table = [
            ("tar", plain.clone()),
            ("tar.gz", gzip.finish().unwrap()),
            ("tar.bz2", bzip2.finish().unwrap()),
            ("tar.xz", packed("xz", &plain)),
            ("tar.zst", zstd),
        ];
        for (kind, bytes) in table {
            let served = Served::with([("/x", "200 OK", "", bytes)]).await;
            assert_eq!(fetched(&Web::default(), &served.url("/x"), None).await.unwrap(), ALL, "{kind}");
            let below = fetched(&Web::default(), &served.url("/x"), Some("d")).await.unwrap();
            assert_eq!(below, ["a 5 644", "link -> a", "run 10 755"], "{kind}");
            let error = fetched(&Web::default(), &served.url("/x"), Some("e")).await.unwrap_err();
            assert_eq!(error, "the archive has no folder `e`", "{kind}");
        }
    }

    #[tokio::test]
    async fn what_is_no_archive_is_told_by_what_it_is() {
        let cut = archive()[..700].to_vec();
        let page = b"<!DOCTYPE html><title>Sign in</title>".repeat(20);
        let table = [
            ("200 OK", Vec::new(), "archive ends without its end mark"),
            ("200 OK", cut, "archive ends inside `d/a`"),
            ("200 OK", page, "not one of a tar archive"),
            ("200 OK", b"\x1f\x8b\x08\0nothing".to_vec(), "the archive cannot be read"),
            ("404 Not Found", Vec::new(), "there is nothing at http://127.0.0.1"),
            ("403 Forbidden", Vec::new(), "is not given to this user: 403 Forbidden"),
            ("503 Service Unavailable", Vec::new(), "answers 503 Service Unavailable"),
        ];
        for (status, body, expected) in table {
            let served = Served::with([("/x", status, "", body)]).await;
            let why = fetched(&Web::default(), &served.url("/x"), None).await.unwrap_err();
            assert!(why.contains(expected), "{expected}: {why}");
        }
    }

    #[tokio::test]
    async fn redirects_are_followed_so_far_and_never_inwards() {
        let served = Served::with([
            ("/good", "302 Found", "Location: /x\r\n", Vec::new()),
            ("/x", "200 OK", "", archive()),
            ("/circle", "301 Moved Permanently", "Location: /circle\r\n", Vec::new()),
            ("/keys", "302 Found", "Location: http://169.254.169.254/latest\r\n", Vec::new()),
            ("/file", "302 Found", "Location: file:///etc/passwd\r\n", Vec::new()),
            ("/plain", "302 Found", "Location: http://8.8.8.8/x.tar\r\n", Vec::new()),
            ("/nowhere", "302 Found", "", Vec::new()),
        ])
        .await;
        assert_eq!(fetched(&Web::default(), &served.url("/good"), None).await.unwrap(), ALL);
        let table = [
            ("/circle", "more than 5 times"),
            ("/keys", "169.254.169.254, which sources are not fetched from"),
            ("/file", "no host that can be asked"),
            ("/plain", "write https://"),
            ("/nowhere", "leads nowhere"),
        ];
        for (path, expected) in table {
            let why = fetched(&Web::default(), &served.url(path), None).await.unwrap_err();
            assert!(why.contains(expected), "{expected}: {why}");
        }
    }

    #[tokio::test]
    async fn a_login_goes_into_a_header_and_nowhere_else() {
        let served = Served::with([("/x", "200 OK", "", archive()), ("/gone", "404 Not Found", "", Vec::new())]).await;
        let url = |path: &str| served.url(path).replace("http://", "http://me:to%40ken@");
        assert_eq!(fetched(&Web::default(), &url("/x"), None).await.unwrap(), ALL);
        assert!(served.heard().contains("authorization: Basic bWU6dG9Aa2Vu"), "{}", served.heard());
        let why = fetched(&Web::default(), &url("/gone?sig=hidden"), None).await.unwrap_err();
        assert!(!why.contains("to%40ken") && !why.contains("hidden") && !why.contains("me:"), "{why}");
    }

    #[tokio::test]
    async fn a_server_that_says_nothing_is_not_waited_for() {
        let served = Served::silent().await;
        let web = Web::impatient(Duration::from_millis(100));
        let why = fetched(&web, &served.url("/x"), None).await.unwrap_err();
        assert!(why.contains("does not answer in time"), "{why}");
    }

    #[tokio::test]
    async fn an_address_that_cannot_be_asked_is_refused() {
        let table = [
            ("ftp://127.0.0.1/x", "not fetched by ftp"),
            ("gopher://h.example/x", "no host that can be asked"),
            ("http://169.254.169.254/x", "not fetched from"),
            ("http://10.1.2.3/x.tar", "write https://"),
            ("https://", "is none"),
            ("http://127.0.0.1:1/x", "refused"),
        ];
        for (url, expected) in table {
            let why = fetched(&Web::default(), url, None).await.unwrap_err();
            assert!(why.contains(expected), "{url}: {why}");
        }
    }

    #[test]
    fn dense_archives_may_hold_less() {
        assert_eq!(limits(1000).bytes, 2 << 30);
        assert_eq!(limits(20 << 20).bytes, 4000 << 20);
        assert_eq!(limits(1 << 30).bytes, 8 << 30);
    }
}
