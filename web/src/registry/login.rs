//! Logins to registries.

use std::collections::BTreeMap;

/// Logins by registry (`host[:port]`), handed over with each call and kept nowhere.
#[derive(Clone, Default)]
pub struct Logins(BTreeMap<String, Login>);

/// A login to one registry.
#[derive(Clone)]
pub struct Login {
    /// User name.
    pub username: String,
    /// Password or token.
    pub secret: String,
}

impl Logins {
    /// The login for this registry (`host[:port]`; Docker Hub is `docker.io`).
    pub fn get(&self, registry: &str) -> Option<&Login> {
        self.0.get(registry)
    }

    /// All logins, by registry.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Login)> {
        self.0.iter().map(|(registry, login)| (registry.as_str(), login))
    }
}

impl FromIterator<(String, Login)> for Logins {
    fn from_iter<T: IntoIterator<Item = (String, Login)>>(logins: T) -> Self {
        Self(logins.into_iter().collect())
    }
}
