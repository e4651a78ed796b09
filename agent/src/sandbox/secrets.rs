//! What of a sandbox is kept in memory: the files of declared volumes, and logins as Docker's clients read them. Pure.

use crate::engine::{EngineError, Held, HeldVolume, Logins, SandboxSpec};
use acre_model::{plan::Volume, secret::SecretValue, text::clip};
use data_encoding::{BASE64, BASE64_NOPAD};
use serde_json::{Map, json};

/// The volumes that a task declares, as its sandbox holds them.
pub(super) fn of_task(sandbox: &SandboxSpec, volumes: &[Volume]) -> Result<Held, EngineError> {
    let volumes = volumes.iter().map(|volume| {
        let files = volume.files.iter().map(|(name, text)| Ok((name.clone(), content(&volume.name, name, text)?)));
        Ok(HeldVolume { name: sandbox.volume(&volume.name), files: files.collect::<Result<_, EngineError>>()? })
    });
    let volumes = volumes.collect::<Result<_, EngineError>>()?;
    Ok(Held { name: format!("{}-holder", sandbox.name), volumes })
}

/// Logins as `config.json` in a volume of this name, with a holder of the same.
pub(crate) fn docker_config(name: String, logins: &Logins) -> Held {
    let auths: Map<String, serde_json::Value> = logins
        .iter()
        .map(|(registry, login)| {
            // Docker's clients know the Hub by the address of its first version.
            let address = if registry == "docker.io" { "https://index.docker.io/v1/" } else { registry };
            let both = BASE64.encode(format!("{}:{}", login.username, login.secret).as_bytes());
            (address.to_owned(), json!({ "auth": both }))
        })
        .collect();
    let text = json!({ "auths": auths }).to_string();
    let files = vec![("config.json".to_owned(), SecretValue::new(text.into_bytes()))];
    Held { volumes: vec![HeldVolume { name: name.clone(), files }], name }
}

/// A file's content. White space in the text, as block scalars have it, and missing padding do not matter.
fn content(volume: &str, file: &str, text: &str) -> Result<SecretValue, EngineError> {
    let text: String = text.split_ascii_whitespace().collect();
    let content = BASE64_NOPAD.decode(text.trim_end_matches('=').as_bytes()).map_err(|_| {
        EngineError::Refused(format!(
            "file `{}` of volume `{}` is not base64; put `| b64enc` behind a secret that is not",
            clip(file),
            clip(volume)
        ))
    })?;
    Ok(SecretValue::new(content))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Login;

    #[test]
    fn contents_are_opened_and_faults_named_without_them() {
        let table = [("aGVsbG8=", Some("hello")), ("aGVs\n  bG8", Some("hello")), ("", Some("")), ("hunter2!", None)];
        for (text, expected) in table {
            match (content("keys", "id", text), expected) {
                (Ok(value), Some(expected)) => assert_eq!(value.expose(), expected.as_bytes(), "{text}"),
                (Err(why), None) => {
                    let why = why.to_string();
                    assert!(why.contains("`id` of volume `keys`") && !why.contains("hunter2"), "{why}");
                }
                (other, _) => panic!("{text}: {other:?}"),
            }
        }
    }

    #[test]
    fn logins_stand_as_docker_writes_them() {
        let login = |secret: &str| Login { username: "me".to_owned(), secret: secret.to_owned() };
        let logins =
            [("docker.io".to_owned(), login("a")), ("r.example:5000".to_owned(), login("b"))].into_iter().collect();
        let held = docker_config("box-auth".to_owned(), &logins);
        let (name, text) = &held.volumes[0].files[0];
        let expected = json!({ "auths": {
            "https://index.docker.io/v1/": { "auth": "bWU6YQ==" },
            "r.example:5000": { "auth": "bWU6Yg==" },
        }});
        assert_eq!(serde_json::from_slice::<serde_json::Value>(text.expose()).unwrap(), expected);
        assert_eq!((name.as_str(), held.name.as_str()), ("config.json", "box-auth"));
    }
}
