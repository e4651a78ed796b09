//! Files of aliases at https addresses → a folder that holds each under its place in the list.

use acre_web::{Unfetched, Web, found, shown};
use reqwest::{Url, header::HeaderMap};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The largest file, in bytes: no task is larger.
const LARGEST: u64 = 1 << 20;

/// Fetches the files into a new folder below `folder`.
pub(super) async fn fetch(web: &Web, addresses: &[String], folder: &Path) -> Result<TempDir, Unfetched> {
    let files = tempfile::Builder::new().prefix("aliases-").tempdir_in(folder).map_err(Unfetched::Disk)?;
    // There are few of them: a block of aliases has at most 16.
    let all =
        addresses.iter().enumerate().map(|(place, address)| one(web, address, files.path().join(place.to_string())));
    futures::future::try_join_all(all).await?;
    Ok(files)
}

async fn one(web: &Web, address: &str, file: PathBuf) -> Result<(), Unfetched> {
    let url =
        Url::parse(address).map_err(|why| Unfetched::Refused(format!("the address of aliases is none: {why}")))?;
    let (response, _) = web.get(&url, &HeaderMap::new(), None).await?;
    let file = tokio::fs::File::create_new(file).await.map_err(Unfetched::Disk)?;
    web.save(found(response, &url)?, LARGEST, file, |_| {}).await.map(drop)
}

/// The addresses without what may be a secret in them.
pub(super) fn shown_addresses(addresses: &[String]) -> String {
    let one = |address: &String| Url::parse(address).map_or_else(|_| "an address".to_owned(), |url| shown(&url));
    format!("aliases of {}", addresses.iter().map(one).collect::<Vec<_>>().join(" and "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use acre_web::served::Served;

    async fn fetched(pages: &[&str]) -> Result<Vec<String>, String> {
        let large = vec![b'x'; LARGEST as usize + 1];
        let served = Served::with([
            ("/a", "200 OK", "", b"one: 1".to_vec()),
            ("/b", "200 OK", "", b"two: 2".to_vec()),
            ("/on", "302 Found", "location: /b\r\n", Vec::new()),
            ("/large", "200 OK", "", large),
            ("/mine", "403 Forbidden", "", Vec::new()),
        ])
        .await;
        let addresses: Vec<String> = pages.iter().map(|page| format!("http://{}{page}", served.address)).collect();
        let folder = tempfile::tempdir().unwrap();
        let files = fetch(&Web::default(), &addresses, folder.path()).await.map_err(|why| why.to_string())?;
        let read = |place: usize| std::fs::read_to_string(files.path().join(place.to_string())).unwrap();
        Ok((0..pages.len()).map(read).collect())
    }

    #[tokio::test]
    async fn files_stand_under_their_places() {
        assert_eq!(fetched(&["/b", "/a", "/on?sig=1"]).await.unwrap(), ["two: 2", "one: 1", "two: 2"]);
    }

    #[tokio::test]
    async fn what_is_not_there_or_too_large_is_told() {
        for (page, why) in [("/none", "nothing at"), ("/mine", "not given"), ("/large", "more than 1048576 bytes")] {
            let message = fetched(&["/a", page]).await.unwrap_err();
            assert!(message.contains(why) && message.contains(page), "{page}: {message}");
        }
    }
}
