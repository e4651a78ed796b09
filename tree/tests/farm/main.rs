//! Client and agent against a farm of blobs, over a real connection: what is sent, what is sent again, what is asked.
#![cfg(unix)]

mod fetching;
mod server;
mod uploading;

use acre_tree::{
    pack::{Options, Pack, pack},
    walk,
};
use std::{
    fs,
    path::Path,
    time::{Duration, SystemTime},
};

/// Writes a tree of `directories` times `files` small files, each different, two levels down.
fn write_tree(root: &Path, directories: usize, files: usize) {
    for directory in 0..directories {
        let folder = root.join(format!("part{}/directory{directory}", directory % 10));
        fs::create_dir_all(&folder).expect("a folder");
        for file in 0..files {
            let content = format!("file {file} of directory {directory}\n").repeat(8);
            fs::write(folder.join(format!("file{file}.txt")), content).expect("a file");
        }
    }
}

/// Packs a tree a minute from now, when the stat cache trusts what was written just now.
async fn packed(root: &Path, stat_cache: Option<&Path>) -> Pack {
    let ignore = walk::rules(root, &[walk::Taker::of_root("Dockerfile")]).expect("rules");
    let stat_cache = stat_cache.map(Path::to_owned);
    pack(root.to_owned(), Options { ignore, stat_cache, now: SystemTime::now() + Duration::from_secs(60) })
        .await
        .expect("a tree")
}
