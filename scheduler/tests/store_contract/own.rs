//! An etcd of a test's own.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// The etcd, which ends with this.
pub(crate) struct Own {
    folder: PathBuf,
    host: String,
    words: String,
    process: Child,
}

impl Drop for Own {
    fn drop(&mut self) {
        self.stop();
    }
}

fn free() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

impl Own {
    /// Starts one that works in this folder and is asked by this scheme.
    pub(crate) fn start(folder: &Path, scheme: &str, options: &str) -> Self {
        let (host, peers) = (free(), format!("http://{}", free()));
        let words = format!(
            "--name test --data-dir data --logger zap --log-level error --listen-client-urls {scheme}://{host} \
             --advertise-client-urls {scheme}://{host} --listen-peer-urls {peers} --initial-advertise-peer-urls {peers} \
             --initial-cluster test={peers} {options}"
        );
        let process = spawn(folder, &words);
        Self { folder: folder.to_owned(), host, words, process }
    }

    /// `HOST:PORT` of it.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// Stops it; what it holds is in its folder.
    pub(crate) fn stop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }

    /// Starts it again.
    pub(crate) fn start_again(&mut self) {
        self.stop();
        self.process = spawn(&self.folder, &self.words);
    }

    /// The folder of what it holds.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }
}

fn spawn(folder: &Path, words: &str) -> Child {
    let program = std::env::var("ACRE_TEST_ETCD_PROGRAM").unwrap_or_else(|_| "etcd".to_owned());
    let mut command = Command::new(&program);
    command.args(words.split_whitespace()).current_dir(folder).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap_or_else(|why| {
        panic!("these tests need the program of etcd; name it in ACRE_TEST_ETCD_PROGRAM ({program}: {why})")
    })
}
