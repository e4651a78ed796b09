//! Where a farm listens on the network.

use acre_model::text::clip;
use rustls_pki_types::ServerName;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// Where a farm listens on the network: `https://HOST[:PORT]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FarmAddress {
    host: String,
    port: u16,
}

/// Why a text is no such address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadFarmAddress {
    /// Without TLS.
    #[error("`{0}`: a farm is not reached in plain text; write https://HOST:PORT")]
    Plain(String),
    /// Something else.
    #[error("`{0}` is not the address of a farm on the network; write https://HOST:PORT")]
    Form(String),
}

impl FarmAddress {
    /// Name or IP address of the host, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The name that the server's certificate must be for.
    pub(crate) fn server_name(&self) -> ServerName<'static> {
        // Checked when it was read.
        ServerName::try_from(self.host.clone()).expect("the host of an address is a name")
    }
}

impl FromStr for FarmAddress {
    type Err = BadFarmAddress;

    fn from_str(text: &str) -> Result<Self, BadFarmAddress> {
        let bad = || BadFarmAddress::Form(clip(text));
        if text.starts_with("http://") || text.starts_with("tcp://") {
            return Err(BadFarmAddress::Plain(clip(text)));
        }
        let rest = text.strip_prefix("https://").ok_or_else(bad)?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, port)) if host.contains(':') => {
                (host, port.strip_prefix(':').or(port.is_empty().then_some("443")))
            }
            Some(_) => return Err(bad()),
            None => rest.split_once(':').map_or((rest, Some("443")), |(host, port)| (host, Some(port))),
        };
        let port = port.filter(|port| port.bytes().all(|byte| byte.is_ascii_digit())).ok_or_else(bad)?;
        let port = port.parse().ok().filter(|port| *port != 0).ok_or_else(bad)?;
        ServerName::try_from(host).map_err(|_| bad())?;
        Ok(Self { host: host.to_owned(), port })
    }
}

impl fmt::Display for FarmAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "https://[{host}]:{port}") } else { write!(f, "https://{host}:{port}") }
    }
}

impl TryFrom<String> for FarmAddress {
    type Error = BadFarmAddress;

    fn try_from(text: String) -> Result<Self, BadFarmAddress> {
        text.parse()
    }
}

impl From<FarmAddress> for String {
    fn from(address: FarmAddress) -> Self {
        address.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_https_and_nothing_else() {
        let table = [
            ("https://farm.example:7443", Ok("https://farm.example:7443")),
            ("https://farm.example", Ok("https://farm.example:443")),
            ("https://10.0.0.1:1/", Ok("https://10.0.0.1:1")),
            ("https://[::1]:7443", Ok("https://[::1]:7443")),
            ("https://[::1]", Ok("https://[::1]:443")),
            ("http://farm.example:80", Err("not reached in plain text")),
            ("tcp://farm.example:80", Err("not reached in plain text")),
            ("farm.example:80", Err("write https://HOST:PORT")),
            ("https://", Err("write https://HOST:PORT")),
            ("https://a b:1", Err("write https://HOST:PORT")),
            ("https://a:0", Err("write https://HOST:PORT")),
            ("https://a:65536", Err("write https://HOST:PORT")),
            ("https://a:+1", Err("write https://HOST:PORT")),
            ("https://a:1/path", Err("write https://HOST:PORT")),
            ("https://user@a:1", Err("write https://HOST:PORT")),
            ("https://[::1]7443", Err("write https://HOST:PORT")),
            ("https://[a]:1", Err("write https://HOST:PORT")),
        ];
        for (text, expected) in table {
            match (text.parse::<FarmAddress>().map(|address| address.to_string()), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{text}"),
                (Err(found), Err(expected)) => assert!(found.to_string().contains(expected), "{text}: {found}"),
                (found, _) => panic!("{text}: {found:?}"),
            }
        }
    }
}
