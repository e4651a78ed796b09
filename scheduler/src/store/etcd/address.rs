//! Where an etcd is, as people write it: `etcd://HOST[:PORT][,HOST[:PORT]…][/PREFIX]`, or `etcds://` for TLS.

use std::{fmt, fs, io, net::IpAddr, path::Path, str::FromStr};

/// Where etcd listens for its clients, unless the address says otherwise.
const PORT: u16 = 2379;
/// What keys begin with, unless the address says otherwise.
const PREFIX: &str = "acre";
/// Characters of a prefix: it stands before every key.
const PREFIX_CHARACTERS: usize = 128;

/// An etcd, and what keys in it begin with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EtcdAddress {
    /// `host:port` of every member.
    pub(super) hosts: Vec<String>,
    /// What keys begin with, without a slash at its end.
    pub(super) prefix: String,
    /// Whether it speaks TLS.
    pub(super) tls: bool,
}

/// An address that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadAddress {
    /// It begins otherwise.
    #[error("`{0}` is not an etcd; write etcd://HOST:PORT[,HOST:PORT…]/PREFIX, or etcds:// for TLS")]
    Scheme(String),
    /// A login stands in it.
    #[error(
        "a login in the address is visible to everybody on this machine; use etcds:// and a client certificate \
         (--store-cert, --store-key)"
    )]
    Login,
    /// One of its members is not `host[:port]`.
    #[error("`{0}` is not HOST[:PORT]")]
    Host(String),
    /// The prefix has other characters, is empty between slashes, or is too long.
    #[error("prefix `{0}`: letters, digits, `-`, `_`, `.` between single slashes, at most {PREFIX_CHARACTERS} in all")]
    Prefix(String),
}

impl EtcdAddress {
    /// Whether it speaks TLS.
    pub const fn is_tls(&self) -> bool {
        self.tls
    }

    /// Whether all of it is on this machine.
    pub fn is_local(&self) -> bool {
        self.hosts.iter().all(|host| {
            let name = host.rsplit_once(':').map_or(host.as_str(), |(name, _)| name);
            let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
            name == "localhost" || address.is_ok_and(|address| address.is_loopback())
        })
    }

    /// The addresses of its members.
    pub(super) fn endpoints(&self) -> Vec<String> {
        let scheme = if self.tls { "https" } else { "http" };
        self.hosts.iter().map(|host| format!("{scheme}://{host}")).collect()
    }
}

impl FromStr for EtcdAddress {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<Self, BadAddress> {
        let (tls, rest) = match (text.strip_prefix("etcd://"), text.strip_prefix("etcds://")) {
            (Some(rest), _) => (false, rest),
            (None, Some(rest)) => (true, rest),
            (None, None) => return Err(BadAddress::Scheme(text.to_owned())),
        };
        let (hosts, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if hosts.contains('@') {
            return Err(BadAddress::Login);
        }
        let hosts = hosts.split(',').map(host).collect::<Result<Vec<String>, BadAddress>>()?;
        Ok(Self { hosts, prefix: checked_prefix(prefix)?, tls })
    }
}

/// `host:port` of `host[:port]`.
fn host(text: &str) -> Result<String, BadAddress> {
    let bad = || BadAddress::Host(text.to_owned());
    let authority: tonic::codegen::http::uri::Authority = text.parse().map_err(|_| bad())?;
    let rest = &text[authority.host().len()..];
    match (authority.port_u16(), rest) {
        _ if authority.host().is_empty() => Err(bad()),
        (None, "") => Ok(format!("{text}:{PORT}")),
        (Some(1..), _) => Ok(text.to_owned()),
        _ => Err(bad()),
    }
}

fn checked_prefix(text: &str) -> Result<String, BadAddress> {
    let prefix = text.strip_suffix('/').unwrap_or(text);
    if prefix.is_empty() {
        return Ok(PREFIX.to_owned());
    }
    let is_plain =
        |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    if prefix.len() > PREFIX_CHARACTERS || !prefix.split('/').all(is_plain) {
        return Err(BadAddress::Prefix(text.to_owned()));
    }
    Ok(prefix.to_owned())
}

impl fmt::Display for EtcdAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "etcds" } else { "etcd" };
        write!(f, "{scheme}://{}/{}", self.hosts.join(","), self.prefix)
    }
}

/// What a TLS connection to etcd needs, as PEM.
pub struct Tls {
    /// Certificates of authorities, one of which etcd's own must come from.
    pub(super) ca: Vec<u8>,
    /// Certificate and key by which etcd knows this client.
    pub(super) identity: Option<(Vec<u8>, Vec<u8>)>,
}

impl Tls {
    /// Reads the files. The error names the one that could not be read.
    pub fn read(ca: &Path, identity: Option<(&Path, &Path)>) -> io::Result<Self> {
        let read = |path: &Path| {
            fs::read(path)
                .map_err(|error| io::Error::new(error.kind(), format!("cannot read {}: {error}", path.display())))
        };
        let identity = identity.map(|(certificate, key)| Ok::<_, io::Error>((read(certificate)?, read(key)?)));
        Ok(Self { ca: read(ca)?, identity: identity.transpose()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_shown() {
        let table = [
            ("etcd://127.0.0.1:2379/acre", "etcd://127.0.0.1:2379/acre"),
            ("etcd://a", "etcd://a:2379/acre"),
            ("etcd://a,b:1/", "etcd://a:2379,b:1/acre"),
            ("etcds://[::1]:4/x/y-1.z/", "etcds://[::1]:4/x/y-1.z"),
            ("etcds://[::1]", "etcds://[::1]:2379/acre"),
        ];
        for (text, shown) in table {
            assert_eq!(text.parse::<EtcdAddress>().map(|address| address.to_string()).as_deref(), Ok(shown), "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_with_its_reason() {
        let long = "x".repeat(129);
        let table = [
            ("http://a:1/x", BadAddress::Scheme("http://a:1/x".to_owned())),
            ("a:2379", BadAddress::Scheme("a:2379".to_owned())),
            ("etcd://root:secret@a:1/x", BadAddress::Login),
            ("etcd:///x", BadAddress::Host(String::new())),
            ("etcd://a,,b/x", BadAddress::Host(String::new())),
            ("etcd://a:x/x", BadAddress::Host("a:x".to_owned())),
            ("etcd://a:0/x", BadAddress::Host("a:0".to_owned())),
            ("etcd://a:70000/x", BadAddress::Host("a:70000".to_owned())),
            ("etcd://:2379/x", BadAddress::Host(":2379".to_owned())),
            ("etcd://a:/x", BadAddress::Host("a:".to_owned())),
            ("etcd://a/x//y", BadAddress::Prefix("x//y".to_owned())),
            ("etcd://a/x?y", BadAddress::Prefix("x?y".to_owned())),
            (&format!("etcd://a/{long}"), BadAddress::Prefix(long.clone())),
        ];
        for (text, why) in table {
            assert_eq!(text.parse::<EtcdAddress>(), Err(why), "{text}");
        }
    }

    #[test]
    fn what_is_on_this_machine_is_known() {
        let is_local = |text: &str| text.parse::<EtcdAddress>().map(|address| address.is_local());
        assert_eq!(is_local("etcd://127.0.0.1,localhost,[::1]:3"), Ok(true));
        assert_eq!(is_local("etcd://127.0.0.1,127.0.0.1.example.org"), Ok(false));
    }
}
