//! The service `Projects`.

use crate::farm::{Farm, Refusal, login};
use tonic::Code;

fn is_refused(result: Result<(), Refusal>, code: Code, text: &str) {
    let (found, message) = result.expect_err(text);
    assert!(found == code && message.contains(text), "{code:?} `{text}`: {found:?} {message}");
}

#[tokio::test]
async fn secrets_go_in_are_listed_and_go() {
    let folder = tempfile::tempdir().unwrap();
    let farm = Farm::start(folder.path()).await;
    assert_eq!(farm.secrets("").await.unwrap(), Vec::<String>::new());
    farm.set_secret("", "db", b"one").await.unwrap();
    farm.set_secret("", "db", b"two").await.unwrap();
    farm.set_secret("default", "api", &[0xff; 64 << 10]).await.unwrap();
    farm.set_secret("other", "third", b"").await.unwrap();
    assert_eq!(farm.secrets("").await.unwrap(), ["api", "db"]);
    assert_eq!(farm.secrets("other").await.unwrap(), ["third"]);

    is_refused(farm.delete_secret("other", "db").await, Code::NotFound, "no secret `db` in project `other`");
    farm.delete_secret("", "db").await.unwrap();
    is_refused(farm.delete_secret("", "db").await, Code::NotFound, "no secret `db` in project `default`");
    assert_eq!(farm.secrets("default").await.unwrap(), ["api"]);
    farm.stop().await;

    let again = Farm::start(folder.path()).await;
    assert_eq!(again.secrets("").await.unwrap(), ["api"], "kept over a restart");
    again.stop().await;
}

#[tokio::test]
async fn logins_go_in_are_listed_and_go() {
    let folder = tempfile::tempdir().unwrap();
    let farm = Farm::start(folder.path()).await;
    for registry in ["r.example:5000", "docker.io", "r.example:5000"] {
        farm.set_login("", login(registry, "p")).await.unwrap();
    }
    farm.set_login("other", login("r.other", "p")).await.unwrap();
    assert_eq!(farm.logins("default").await.unwrap(), ["me@docker.io", "me@r.example:5000"]);
    farm.delete_login("", "docker.io").await.unwrap();
    is_refused(farm.delete_login("", "docker.io").await, Code::NotFound, "no login to `docker.io`");
    assert_eq!(farm.logins("").await.unwrap(), ["me@r.example:5000"]);
    assert_eq!(farm.logins("other").await.unwrap(), ["me@r.other"]);
    farm.stop().await;
}

#[tokio::test]
async fn what_is_no_secret_and_no_login_is_refused_by_field() {
    let folder = tempfile::tempdir().unwrap();
    let farm = Farm::start(folder.path()).await;
    let bad = Code::InvalidArgument;
    is_refused(farm.set_secret("no project", "db", b"x").await, bad, "project");
    is_refused(farm.set_secret("", "a/b", b"x").await, bad, "secret.id");
    is_refused(farm.set_secret("", "", b"x").await, bad, "secret.id");
    is_refused(farm.set_secret("", "db", &[0; (64 << 10) + 1]).await, bad, "secret.value: `db` is longer than 64 KiB");
    is_refused(farm.delete_secret("", "a/b").await, bad, "id");
    is_refused(farm.set_login("", login("https://r.example", "p")).await, bad, "login.registry");
    is_refused(farm.set_login("", login("r.example", "")).await, bad, "login.password");
    is_refused(farm.delete_login("", "../x").await, Code::NotFound, "no login to `../x`");
    for ((code, text), field) in farm.set_nothing().await.into_iter().zip(["secret", "login"]) {
        assert!(code == bad && text.contains(field), "{field}: {code:?} {text}");
    }
    assert_eq!(farm.secrets("").await.unwrap(), Vec::<String>::new());
    assert_eq!(farm.logins("").await.unwrap(), Vec::<String>::new());
    farm.stop().await;
}
