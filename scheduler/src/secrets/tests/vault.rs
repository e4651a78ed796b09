//! Vault, as a server that answers as HashiCorp's does (API documentation of the KV engine, version 2).

use super::*;
use crate::secrets::{Unresolved, VaultSetup};
use axum::{
    Router,
    extract::{Path, Request},
    http::{StatusCode, header::HeaderMap},
    response::{IntoResponse, Response},
    routing::get,
};

/// Vault's answers: KV engines `secret` and `team kv`, an old engine, and places that misbehave.
async fn answer(Path(path): Path<String>, headers: HeaderMap, _request: Request) -> Response {
    let errors = |status: StatusCode, text: &str| (status, format!(r#"{{"errors":[{text}]}}"#)).into_response();
    if headers.get("x-vault-token").is_none_or(|token| token != "hvs.right") {
        return errors(StatusCode::FORBIDDEN, "\"permission denied\"");
    }
    let found = |data: &str| {
        let body = format!(
            r#"{{"request_id":"1","lease_id":"","renewable":false,"lease_duration":0,"data":{{"data":{data},"metadata":{{"version":3,"destroyed":false}}}},"wrap_info":null,"warnings":null,"auth":null}}"#
        );
        (StatusCode::OK, body).into_response()
    };
    match path.as_str() {
        "secret/data/app" => found(r#"{"password":"v4ult","port":5432,"on":true,"list":[1],"none":null}"#),
        "team kv/data/a/b%" => found(r#"{"x":"spaced"}"#),
        "secret/data/deleted" => {
            (StatusCode::NOT_FOUND, r#"{"data":{"data":null,"metadata":{"deletion_time":"2026-01-01T00:00:00Z"}}}"#)
                .into_response()
        }
        "secret/data/forbidden" => {
            errors(StatusCode::FORBIDDEN, "\"1 error occurred:\\n\\t* permission denied\\n\\n\"")
        }
        "secret/data/sealed" => errors(StatusCode::SERVICE_UNAVAILABLE, "\"Vault is sealed\""),
        "secret/data/standby" => {
            (StatusCode::TEMPORARY_REDIRECT, [("location", "http://127.0.0.1:1/v1/x")]).into_response()
        }
        "secret/data/html" => (StatusCode::OK, "<html>").into_response(),
        "secret/data/large" => found(&format!(r#"{{"x":"{}"}}"#, "y".repeat(2 << 20))),
        "secret/data/big" => found(&format!(r#"{{"x":"{}"}}"#, "y".repeat(65 << 10))),
        _ => errors(StatusCode::NOT_FOUND, ""),
    }
}

async fn vault() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().route("/v1/{*path}", get(answer));
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

async fn resolve(kept: &Kept, places: &[(&str, &str)]) -> Result<Vec<String>, Unresolved> {
    let names: Vec<String> = (0..places.len()).map(|index| format!("s{index}")).collect();
    let vault = |(path, field): &(&str, &str)| SecretSource::Vault { path: (*path).into(), field: (*field).into() };
    let declared: Vec<_> = names.iter().map(String::as_str).zip(places.iter().map(vault)).collect();
    let found = kept.secrets.resolve(&ProjectName::default(), &plan(&declared), Confidential::default()).await?;
    Ok(found.secrets.values().map(|value| String::from_utf8(value.expose().to_vec()).unwrap()).collect())
}

#[tokio::test]
async fn fields_are_read_from_their_places() {
    let kept = Kept::new(Some(&vault().await)).await;
    let places = [("secret/app", "password"), ("secret/app", "port"), ("/secret/app/", "on"), ("team kv/a/b%", "x")];
    assert_eq!(resolve(&kept, &places).await.unwrap(), ["v4ult", "5432", "true", "spaced"]);
}

#[tokio::test]
async fn what_vault_does_not_give_is_told_by_place_and_status() {
    let kept = Kept::new(Some(&vault().await)).await;
    let table = [
        ("secret/app", "user", "is not in Vault: `secret/app` has no field `user`; it has `on`, `password`, `port`"),
        (
            "secret/nothing",
            "x",
            "was not given by Vault: `secret/nothing` answers status 404: there is nothing, or its newest version is deleted",
        ),
        (
            "secret/deleted",
            "x",
            "was not given by Vault: `secret/deleted` answers status 404: there is nothing, or its newest version is deleted",
        ),
        (
            "secret/forbidden",
            "x",
            "was not given by Vault: `secret/forbidden` answers status 403: the token of this farm may not read it, or has expired",
        ),
        ("secret/sealed", "x", "was not given by Vault: `secret/sealed` answers status 503: it is sealed"),
        (
            "secret/standby",
            "x",
            "was not given by Vault: `secret/standby` answers status 307: it is a standby; give the scheduler the active one's address",
        ),
        (
            "secret/html",
            "x",
            "was not given by Vault: `secret/html`: it does not answer as a KV engine of version 2 does",
        ),
        ("secret/large", "x", "was not given by Vault: `secret/large`: it answers more than 1024 KiB"),
        ("secret/big", "x", "is longer than 64 KiB in Vault at `secret/big`"),
        ("secret", "x", "cannot be in Vault at `secret`: write mount/path, for example `secret/app`"),
        ("secret/../sys/x", "x", "cannot be in Vault at `secret/../sys/x`: a path has no empty, `.` or `..` part"),
    ];
    for (path, field, expected) in table {
        let error = resolve(&kept, &[(path, field)]).await.unwrap_err();
        assert_eq!(error.to_string(), format!("secret `s0` (line 1) {expected}"));
        let is_passing = matches!(error, Unresolved::Unavailable(_));
        assert_eq!(is_passing, path == "secret/sealed", "{error:?}");
    }
}

#[tokio::test]
async fn a_token_that_is_renewed_is_used_and_one_that_is_wrong_is_shown_nowhere() {
    let kept = Kept::new(Some(&vault().await)).await;
    let token = kept.folder.path().join("token");
    write_private(&token, "hvs.wr0ng");
    let error = format!("{:?}", resolve(&kept, &[("secret/app", "password")]).await.unwrap_err());
    assert!(error.contains("status 403") && !error.contains("wr0ng"), "{error}");
    write_private(&token, "hvs.right");
    assert_eq!(resolve(&kept, &[("secret/app", "password")]).await.unwrap(), ["v4ult"]);
}

#[tokio::test]
async fn a_vault_that_is_not_there_is_the_farms_fault() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let kept = Kept::new(Some(&address)).await;
    let error = resolve(&kept, &[("secret/app", "password")]).await.unwrap_err();
    assert!(
        matches!(&error, Unresolved::Unavailable(text) if text.contains("`secret/app`: Connection refused")),
        "{error}"
    );
}

#[test]
fn addresses_over_which_a_token_must_not_go_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let token_file = folder.path().join("token");
    write_private(&token_file, "hvs.right");
    let table = [
        ("http://vault.example:8200", "its token would go over the network unencrypted; write https://"),
        ("https://me:x@vault.example", "write https://host[:port]; the token is read from --vault-token-file"),
        ("vault.example", "not an address; write https://host[:port]"),
        ("file:///etc/passwd", "not an address; write https://host[:port]"),
        ("https://vault.example", ""),
        ("http://127.0.0.1:8200", ""),
        ("http://[::1]:8200", ""),
    ];
    for (address, expected) in table {
        let vault = Vault::new(VaultConfig { address: address.to_owned(), token_file: token_file.clone() });
        let why = match vault {
            Err(VaultSetup::Address { why, .. }) => why,
            Err(other) => panic!("{address}: {other}"),
            Ok(_) => "",
        };
        assert_eq!(why, expected, "{address}");
    }
    fs::write(folder.path().join("open"), "hvs.right").unwrap();
    let open =
        Vault::new(VaultConfig { address: "https://v.example".to_owned(), token_file: folder.path().join("open") });
    let why = open.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(why.contains("readable by others") && why.contains("chmod 600"), "{why}");
}
