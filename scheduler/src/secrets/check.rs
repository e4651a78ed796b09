//! Rules for what comes from outside: logins and the sizes of secrets.

use super::SecretsError;
use acre_model::{
    reference::Reference,
    secret::{Confidential, Login, SECRET_SIZE},
    text::clip,
};
use acre_task::address::RESERVED;

/// Most bytes of all secrets of a run together: its sealed record stays below the store's limit for a value.
pub(super) const RUN_SIZE: usize = 256 << 10;
/// Most logins of a run or a project.
pub(super) const LOGINS: usize = 64;
/// Most bytes of a user name.
const USERNAME: usize = 256;

/// Checks what came with a submission; every fault at once.
pub(super) fn given(given: &mut Confidential) -> Result<(), SecretsError> {
    if given.logins.len() > LOGINS {
        return Err(SecretsError::TooMany(format!("logins: {}; limit {LOGINS}", given.logins.len())));
    }
    check_size(given)?;
    if let Some(id) = given.secrets.keys().find(|id| id.as_str().starts_with(RESERVED)) {
        let id = clip(id.as_str());
        return Err(SecretsError::Invalid(format!("secret `{id}`: ids that begin with `{RESERVED}` are acre's own")));
    }
    let mut faults: Vec<String> = given.logins.iter().filter_map(|one| login(one).err()).collect();
    let mut registries: Vec<&str> = given.logins.iter().map(|login| login.registry.as_str()).collect();
    registries.sort_unstable();
    let twice = registries.windows(2).filter(|pair| pair[0] == pair[1]);
    faults.extend(twice.map(|pair| format!("logins: two for registry `{}`; give one", clip(pair[0]))));
    if faults.is_empty() { Ok(()) } else { Err(SecretsError::Invalid(faults.join("\n"))) }
}

/// Whether the secrets of a run are small enough together.
pub(super) fn check_size(confidential: &Confidential) -> Result<(), SecretsError> {
    let size: usize = confidential.secrets.values().map(|value| value.expose().len()).sum();
    if size <= RUN_SIZE {
        return Ok(());
    }
    Err(SecretsError::TooMany(format!(
        "the run's secrets have {} KiB together; limit {} KiB",
        size.div_ceil(1024),
        RUN_SIZE >> 10
    )))
}

/// Checks a login.
pub(super) fn login(login: &Login) -> Result<(), String> {
    let Login { registry, username, password } = login;
    let name = clip(registry);
    if !is_registry(registry) {
        return Err(format!("login.registry: `{name}` is not a registry; write host or host:port, without https://"));
    }
    if username.is_empty() || username.len() > USERNAME || username.contains(|c: char| c == ':' || c.is_control()) {
        return Err(format!("login.username: for `{name}`: 1 to {USERNAME} characters without `:`"));
    }
    if password.expose().is_empty() || password.expose().len() > SECRET_SIZE {
        return Err(format!("login.password: for `{name}`: 1 byte to {} KiB", SECRET_SIZE >> 10));
    }
    Ok(())
}

/// Whether a text names a registry, as a reference to an image does.
pub(super) fn is_registry(text: &str) -> bool {
    let reference = format!("{text}/x").parse::<Reference>();
    text.len() <= 255 && !text.contains('/') && reference.is_ok_and(|reference| reference.registry() == Some(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use acre_model::secret::SecretValue;

    fn of(registry: &str, username: &str, password: &[u8]) -> Login {
        let password = SecretValue::new(password.to_vec());
        Login { registry: registry.to_owned(), username: username.to_owned(), password }
    }

    #[test]
    fn logins_that_are_none_are_told_by_field() {
        let table = [
            (of("r.example:5000", "me", b"x"), ""),
            (of("docker.io", "me", b"x"), ""),
            (of("https://r.example", "me", b"x"), "login.registry: `https://r.example` is not a registry"),
            (of("r.example/team", "me", b"x"), "login.registry: `r.example/team` is not a registry"),
            (of("", "me", b"x"), "login.registry: `` is not a registry"),
            (of("r.example:99999", "me", b"x"), "login.registry"),
            (of("r.example", "", b"x"), "login.username"),
            (of("r.example", "a:b", b"x"), "login.username"),
            (of("r.example", "a\nb", b"x"), "login.username"),
            (of("r.example", "me", b""), "login.password"),
        ];
        for (given, expected) in table {
            let why = login(&given).err().unwrap_or_default();
            assert!(why.starts_with(expected) && why.is_empty() == expected.is_empty(), "{given:?}: {why}");
        }
    }

    #[test]
    fn ids_of_acres_own_secrets_do_not_come_from_outside() {
        let secrets = [("acre.source.user".parse().unwrap(), SecretValue::default())].into();
        let why = given(&mut Confidential { secrets, ..Confidential::default() }).unwrap_err().to_string();
        assert_eq!(why, "secret `acre.source.user`: ids that begin with `acre.` are acre's own");
    }

    #[test]
    fn faults_of_a_submission_are_told_together() {
        let logins = vec![of("a b", "me", b"x"), of("r.example", "", b"x"), of("r.example", "me", b"x")];
        let mut confidential = Confidential { logins, ..Confidential::default() };
        let why = given(&mut confidential).unwrap_err().to_string();
        assert_eq!(why.lines().count(), 3, "{why}");
    }
}
