//! How long it takes. Run by hand: `cargo nextest run --workspace -E 'test(measuring)' --run-ignored all --no-capture`.

use crate::{packed, server::Farm, write_tree};
use acre_tree::upload;
use std::{fs, time::Instant};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures and proves nothing"]
#[allow(clippy::print_stdout)]
async fn ten_thousand_files() {
    let (farm, root, cache) = (Farm::start(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    write_tree(root.path(), 100, 100);
    for round in ["first", "one change", "no change"] {
        if round == "one change" {
            fs::write(root.path().join("part3/directory3/file3.txt"), "changed").unwrap();
        }
        let start = Instant::now();
        let pack = packed(root.path(), Some(cache.path())).await;
        let packing = start.elapsed();
        let sent = upload(&mut farm.client(), "p", &pack.tree, |_| {}).await.unwrap();
        println!("{round}: pack {packing:?} ({} known), upload {:?}, {sent:?}", pack.known, start.elapsed() - packing);
    }
}
