//! E-mail, at a real SMTP server: `aiosmtpd` (Debian: python3-aiosmtpd), which prints what it gets.

use super::*;
use crate::tell::examples::{WHY, ended};
use acre_model::{
    notification::{Occasion, Receiver as To},
    run::RunStatus,
};
use std::{fs, net::TcpListener as Port, process::Stdio};
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    net::TcpStream,
    process::{Child, ChildStdout, Command},
};

/// A server; it ends with this value.
struct Server {
    address: String,
    printed: Lines<BufReader<ChildStdout>>,
    _process: Child,
}

impl Server {
    /// Starts one, with further words on its command line.
    async fn start(words: &[&str]) -> Self {
        let free = Port::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let program = std::env::var("ACRE_TEST_SMTP_PROGRAM").unwrap_or_else(|_| "aiosmtpd".to_owned());
        let mut command = Command::new(&program);
        command.args(["--nosetuid", "--listen", &free.to_string()]).args(words).env("PYTHONUNBUFFERED", "1");
        let started = command.stdout(Stdio::piped()).kill_on_drop(true).spawn();
        let mut process =
            started.unwrap_or_else(|why| panic!("{program}: {why}; infra/test installs it (python3-aiosmtpd)"));
        let printed = BufReader::new(process.stdout.take().unwrap()).lines();
        let answers = async {
            while TcpStream::connect(free).await.is_err() {
                tokio::task::yield_now().await
            }
        };
        tokio::time::timeout(LIMIT, answers).await.expect("the server answers");
        Self { address: free.to_string(), printed, _process: process }
    }

    /// The next message, as it came.
    async fn hears(&mut self) -> String {
        let message = async {
            let (mut text, mut begun) = (String::new(), false);
            while let Some(line) = self.printed.next_line().await.unwrap() {
                match line.as_str() {
                    "---------- MESSAGE FOLLOWS ----------" => begun = true,
                    "------------ END MESSAGE ------------" => return text,
                    line if begun => text.push_str(&format!("{line}\n")),
                    _ => {}
                }
            }
            panic!("it has gone");
        };
        tokio::time::timeout(LIMIT, message).await.expect("a message comes")
    }
}

async fn mailing(server: &str, authorities: Option<&[u8]>) -> (TempDir, Arc<Hands>, Working) {
    let (folder, clock) = (tempfile::tempdir().unwrap(), Hands::new());
    let mailer = Mailer::new(&server.parse().unwrap(), None, "acre@farm.example", authorities).unwrap();
    let working = Working::with(folder.path(), &clock, Some(mailer)).await;
    working.keep_task("https://h.example/o/r.git", None).await;
    working.keep(to("me", "me@example.com")).await;
    (folder, clock, working)
}

fn to(name: &str, address: &str) -> Notification {
    Notification {
        name: name.parse().unwrap(),
        to: To::Email { address: address.to_owned() },
        on: [Occasion::Failure].into(),
        tasks: Default::default(),
    }
}

fn check(text: &str) {
    for line in [
        "From: acre@farm.example\n",
        "To: me@example.com\n",
        "Subject: [acre] default/web failed\n",
        "Auto-Submitted: auto-generated\n",
        "Date: Fri, 20 Nov 2026 18:03:01 ",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
    assert!(text.contains("@farm.example>\n") && text.contains("Failed after 2m05s: step `test` (line 7)"), "{text}");
}

#[tokio::test]
async fn a_failure_is_told_by_mail_on_this_machine() {
    let mut server = Server::start(&[]).await;
    let (_folder, _clock, working) = mailing(&format!("smtp://{}", server.address), None).await;
    working.tell(&[ended(RunStatus::Failed, Some(WHY))]).await;
    check(&server.hears().await);
    working.is_empty().await;
    let told = working.outbox.test(&Default::default(), &"me".parse().unwrap()).await.unwrap();
    assert!(told.as_ref().is_ok_and(|answer| answer.starts_with("250 ")), "{told:?}");
    assert!(server.hears().await.contains("Subject: [acre] A test of project default\n"));
    working.stop().await;
}

/// A certificate for this machine, and its key, in files; and the certificate of who signed it.
fn certified(folder: &Path) -> (String, String, Vec<u8>) {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut authority = rcgen::CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let own = authority.self_signed(&key).unwrap();
    let issuer = rcgen::Issuer::new(authority, key);
    let server_key = rcgen::KeyPair::generate().unwrap();
    let server = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let server = server.signed_by(&server_key, &issuer).unwrap();
    let (certificate, private) = (folder.join("cert.pem"), folder.join("key.pem"));
    fs::write(&certificate, server.pem()).unwrap();
    fs::write(&private, server_key.serialize_pem()).unwrap();
    (certificate.display().to_string(), private.display().to_string(), own.pem().into_bytes())
}

#[tokio::test]
async fn tls_is_spoken_from_the_first_byte_or_by_starttls() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key, authority) = certified(folder.path());
    let table = [("smtps", "--smtpscert", "--smtpskey"), ("smtp", "--tlscert", "--tlskey")];
    for (scheme, with_certificate, with_key) in table {
        let mut server = Server::start(&[with_certificate, &certificate, with_key, &key]).await;
        let address = format!("{scheme}://{}", server.address);
        let (_folder, _clock, working) = mailing(&address, Some(&authority)).await;
        working.tell(&[ended(RunStatus::Failed, Some(WHY))]).await;
        check(&server.hears().await);
        working.is_empty().await;
        working.stop().await;
    }
}

#[tokio::test]
async fn nothing_is_sent_to_a_server_that_is_not_the_one_or_takes_no_tls() {
    let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (certificate, key, _) = certified(folder.path());
    let (_, _, stranger) = certified(elsewhere.path());
    let server = Server::start(&["--smtpscert", &certificate, "--smtpskey", &key]).await;
    let plain = Server::start(&[]).await;
    for address in [format!("smtps://{}", server.address), format!("smtp://{}", plain.address)] {
        let (_folder, _clock, working) = mailing(&address, Some(&stranger)).await;
        let told = working.outbox.test(&Default::default(), &"me".parse().unwrap()).await.unwrap();
        assert!(told.is_err(), "{address}: {told:?}");
        working.stop().await;
    }
}

#[tokio::test]
async fn without_a_server_it_is_said_how_to_have_one() {
    let (_folder, _clock, working) = world().await;
    working.keep(to("me", "me@example.com")).await;
    let told = working.outbox.test(&Default::default(), &"me".parse().unwrap()).await.unwrap();
    assert_eq!(told, Err("this farm sends no e-mail: start its scheduler with --smtp".to_owned()));
    working.stop().await;
}
