//! Where a farm listens.

use crate::system::HAS_SOCKETS;
use acre_link::{BadFarmAddress, FarmAddress};
use acre_model::text::clip;
use std::{fmt, path::PathBuf, str::FromStr};

/// Where a farm listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A Unix socket, absolute.
    Unix(PathBuf),
    /// A host of the network, under TLS.
    Network(FarmAddress),
}

/// Why a text is not an address of a farm.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadAddress {
    /// Of a farm on another machine.
    #[error(transparent)]
    Network(#[from] BadFarmAddress),
    /// Neither known form.
    #[error("`{0}` is not the address of a farm; write https://HOST:PORT or unix:/path/to/farm.sock")]
    Form(String),
    /// A socket, where there are none.
    #[error("`{0}`: on Windows a farm is reached over the network only; write https://HOST:PORT")]
    NoSockets(String),
    /// A path that depends on the working directory.
    #[error("`{0}`: the path of a farm's socket must be absolute")]
    Relative(String),
    /// A path that does not fit (`sun_path` of unix(7): 108 bytes with the ending NUL).
    #[error("`{shown}`: the path of a Unix socket may have {limit} bytes, not {length}", limit = Address::LONGEST)]
    Long {
        /// The path.
        shown: String,
        /// Its bytes.
        length: usize,
    },
}

impl Address {
    /// Bytes that the path of a Unix socket may have (unix(7)).
    pub const LONGEST: usize = 107;

    /// Whether `text` is meant as an address rather than as a farm's name.
    pub fn is_meant(text: &str) -> bool {
        text.contains([':', '/'])
    }

    /// The socket of this path, if it can be one.
    pub fn unix(path: PathBuf) -> Result<Self, BadAddress> {
        let shown = || clip(&path.display().to_string());
        let length = path.as_os_str().len();
        if !path.is_absolute() {
            Err(BadAddress::Relative(shown()))
        } else if length > Self::LONGEST {
            Err(BadAddress::Long { shown: shown(), length })
        } else {
            Ok(Self::Unix(path))
        }
    }
}

impl FromStr for Address {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<Self, BadAddress> {
        if let Some(path) = text.strip_prefix("unix:") {
            if !HAS_SOCKETS {
                return Err(BadAddress::NoSockets(clip(text)));
            }
            return Self::unix(path.strip_prefix("//").unwrap_or(path).into());
        }
        if text.contains("://") {
            return Ok(Self::Network(text.parse()?));
        }
        Err(BadAddress::Form(clip(text)))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Network(address) => address.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_hosts_under_tls_or_sockets_by_absolute_paths() {
        let network = "https://farm.example:7443".parse().map(|address: Address| address.to_string());
        assert_eq!(network, Ok("https://farm.example:7443".to_owned()));
        for text in ["unix:/run/farm.sock", "unix:///run/farm.sock"] {
            assert_eq!(text.parse(), Ok(Address::Unix("/run/farm.sock".into())), "{text}");
        }
        let long = format!("unix:/{}", "x".repeat(107));
        let table = [
            ("http://farm.example", "not reached in plain text"),
            ("farm.sock", "or unix:"),
            ("unix:farm.sock", "must be absolute"),
            ("unix:", "must be absolute"),
            (&long, "may have 107 bytes, not 108"),
        ];
        for (text, expected) in table {
            let found = text.parse::<Address>().unwrap_err().to_string();
            assert!(found.contains(expected), "{text}: {found}");
        }
    }
}
