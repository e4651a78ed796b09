//! The etcd of the tests (`ACRE_TEST_ETCD`), and a prefix there that no other farm has.

use data_encoding::BASE64;
use serde_json::json;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// A part of an etcd.
pub(crate) struct Etcd {
    host: String,
    prefix: String,
}

impl Etcd {
    /// A part that has nothing in it; the etcd answers.
    pub(crate) async fn of_this_bench() -> Self {
        let address = std::env::var("ACRE_TEST_ETCD").unwrap_or_else(|_| "etcd://127.0.0.1:23790".to_owned());
        let host = address.strip_prefix("etcd://").expect("ACRE_TEST_ETCD is etcd://HOST:PORT").to_owned();
        let nanos = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_nanos();
        let etcd = Self { host, prefix: format!("bench/{}-{nanos:x}", std::process::id()) };
        etcd.clear().await;
        etcd
    }

    /// As `--store` takes it.
    pub(crate) fn address(&self) -> String {
        format!("etcd://{}/{}", self.host, self.prefix)
    }

    /// Removes all that is in it, through etcd's JSON gateway.
    pub(crate) async fn clear(&self) {
        // The character after `/` ends the range of all that begins with the prefix and `/`.
        let [from, to] = ["/", "0"].map(|end| BASE64.encode(format!("{}{end}", self.prefix).as_bytes()));
        let body = json!({ "key": from, "range_end": to }).to_string();
        let (host, length) = (&self.host, body.len());
        // HTTP/1.0: the connection ends with the answer.
        let request =
            format!("POST /v3/kv/deleterange HTTP/1.0\r\nHost: {host}\r\nContent-Length: {length}\r\n\r\n{body}");
        let connected = TcpStream::connect(host).await;
        let mut stream = connected.unwrap_or_else(|why| panic!("this bench needs an etcd at {host}: {why}"));
        stream.write_all(request.as_bytes()).await.expect("etcd takes a request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("etcd answers in text");
        assert!(answer.contains(" 200 "), "{answer}");
    }
}
