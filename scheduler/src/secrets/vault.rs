//! HashiCorp Vault and what speaks like it: a secret of its KV engine, version 2, by HTTP
//! (API `GET /v1/MOUNT/data/PATH`, header `X-Vault-Token`).

use acre_model::{secret::SecretValue, text::clip};
use acre_web::reason;
use reqwest::{Client, StatusCode, Url, redirect::Policy};
use serde::Deserialize;
use std::{collections::BTreeMap, fs, io::Read, net::IpAddr, path::PathBuf, time::Duration};
use zeroize::Zeroizing;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Most bytes of an answer.
const ANSWER: usize = 1 << 20;
/// Most bytes of a token.
const TOKEN: u64 = 16 << 10;

/// Where a Vault is, and who we are there.
#[derive(Clone, Debug)]
pub struct VaultConfig {
    /// `https://host[:port]`; `http://` only of this machine.
    pub address: String,
    /// File with the token. It is read whenever it is needed, so that it may be renewed.
    pub token_file: PathBuf,
}

/// Why a Vault cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum VaultSetup {
    /// The address is none, or one over which a token must not go.
    #[error("--vault-addr {}: {why}", clip(.address))]
    Address {
        /// As it was given.
        address: String,
        /// What is wrong.
        why: &'static str,
    },
    /// There is no token.
    #[error("--vault-token-file {path}: {why}")]
    Token {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The client failed.
    #[error("no client for Vault: {}", reason(.0))]
    Client(reqwest::Error),
}

/// A secret's fields that are text, number or boolean.
pub(super) type Fields = BTreeMap<String, SecretValue>;

/// Why Vault did not give a secret. No text of it holds a token or a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum VaultError {
    /// It answered otherwise.
    #[error("was not given by Vault: `{}` answers status {status}{}", clip(.path), remedy(*.status))]
    Status {
        /// The place.
        path: String,
        /// The status.
        status: u16,
    },
    /// It cannot be asked so.
    #[error("cannot be in Vault at `{}`: {why}", clip(.path))]
    Path {
        /// The place.
        path: String,
        /// What is wrong.
        why: &'static str,
    },
    /// It does not answer as Vault does.
    #[error("was not given by Vault: `{}`: {why}", clip(.path))]
    Answer {
        /// The place.
        path: String,
        /// What is wrong.
        why: String,
    },
    /// It does not answer.
    #[error("was not given by Vault: `{}`: {why}", clip(.path))]
    Away {
        /// The place.
        path: String,
        /// Why.
        why: String,
    },
}

impl VaultError {
    /// Whether asking later may help without anybody changing anything.
    pub(super) const fn is_passing(&self) -> bool {
        match self {
            Self::Away { .. } => true,
            Self::Status { status, .. } => *status == 429 || *status >= 500,
            Self::Path { .. } | Self::Answer { .. } => false,
        }
    }
}

const fn remedy(status: u16) -> &'static str {
    match status {
        400 => "; is its mount a KV engine of version 2?",
        403 => ": the token of this farm may not read it, or has expired",
        404 => ": there is nothing, or its newest version is deleted",
        300..=399 | 472 | 473 => ": it is a standby; give the scheduler the active one's address",
        503 => ": it is sealed",
        _ => "",
    }
}

#[derive(Deserialize)]
struct Answer {
    data: AnswerData,
}

#[derive(Deserialize)]
struct AnswerData {
    data: Option<BTreeMap<String, serde_json::Value>>,
}

/// A Vault.
pub struct Vault {
    client: Client,
    address: Url,
    token_file: PathBuf,
}

impl Vault {
    /// Checks where it is and that there is a token; it is not asked anything yet.
    pub fn new(config: VaultConfig) -> Result<Self, VaultSetup> {
        let VaultConfig { address, token_file } = config;
        let unfit = |why| VaultSetup::Address { address: address.clone(), why };
        let url = Url::parse(&address).map_err(|_| unfit("not an address; write https://host[:port]"))?;
        match url.scheme() {
            "https" => {}
            "http" if is_this_machine(&url) => {}
            "http" => return Err(unfit("its token would go over the network unencrypted; write https://")),
            _ => return Err(unfit("not an address; write https://host[:port]")),
        }
        if !url.username().is_empty() || url.password().is_some() || url.query().is_some() {
            return Err(unfit("write https://host[:port]; the token is read from --vault-token-file"));
        }
        token(&token_file).map_err(|why| VaultSetup::Token { path: token_file.clone(), why })?;
        // Of several providers that may be compiled in, this one; that it is there already is as good.
        drop(rustls::crypto::ring::default_provider().install_default());
        let client = Client::builder()
            .no_proxy()
            .redirect(Policy::none())
            .timeout(PATIENCE)
            .user_agent(concat!("acre/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(VaultSetup::Client)?;
        Ok(Self { client, address: url, token_file })
    }

    /// The fields of the secret at `mount/path`.
    pub(super) async fn read(&self, path: &str) -> Result<Fields, VaultError> {
        let url = self.place(path)?;
        let away = |why: String| VaultError::Away { path: path.to_owned(), why };
        let token = token(&self.token_file).map_err(|why| away(format!("the token of this farm: {why}")))?;
        let request = self.client.get(url).header("X-Vault-Token", token.as_str()).header("X-Vault-Request", "true");
        let mut response = request.send().await.map_err(|why| away(reason(&why)))?;
        if response.status() != StatusCode::OK {
            return Err(VaultError::Status { path: path.to_owned(), status: response.status().as_u16() });
        }
        let unfit = |why: String| VaultError::Answer { path: path.to_owned(), why };
        let mut body = Zeroizing::new(Vec::new());
        while let Some(piece) = response.chunk().await.map_err(|why| away(reason(&why)))? {
            if body.len() + piece.len() > ANSWER {
                return Err(unfit(format!("it answers more than {} KiB", ANSWER >> 10)));
            }
            body.extend_from_slice(&piece);
        }
        let answer: Answer = serde_json::from_slice(&body)
            .map_err(|_| unfit("it does not answer as a KV engine of version 2 does".to_owned()))?;
        Ok(fields(answer.data.data.unwrap_or_default()))
    }

    /// The address of a secret: its mount is the first part of its path.
    fn place(&self, path: &str) -> Result<Url, VaultError> {
        let unfit = |why| VaultError::Path { path: path.to_owned(), why };
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        if parts.iter().any(|part| matches!(*part, "" | "." | "..") || part.contains(char::is_control)) {
            return Err(unfit("a path has no empty, `.` or `..` part"));
        }
        let (mount, rest) = parts.split_first().ok_or_else(|| unfit("write mount/path"))?;
        if rest.is_empty() {
            return Err(unfit("write mount/path, for example `secret/app`"));
        }
        let mut url = self.address.clone();
        let mut segments = url.path_segments_mut().map_err(|()| unfit("the address of Vault takes no path"))?;
        segments.pop_if_empty().extend(["v1", mount, "data"]).extend(rest);
        drop(segments);
        Ok(url)
    }
}

/// Fields that are text, as they are; numbers and booleans, as JSON writes them.
fn fields(data: BTreeMap<String, serde_json::Value>) -> Fields {
    let value = |value| match value {
        serde_json::Value::String(text) => Some(text.into_bytes()),
        serde_json::Value::Bool(_) | serde_json::Value::Number(_) => Some(value.to_string().into_bytes()),
        serde_json::Value::Null | serde_json::Value::Array(_) | serde_json::Value::Object(_) => None,
    };
    data.into_iter().filter_map(|(name, found)| Some((name, SecretValue::new(value(found)?)))).collect()
}

/// The token, as it stands in its file now.
fn token(path: &PathBuf) -> Result<Zeroizing<String>, String> {
    use std::os::unix::fs::MetadataExt;
    let file = fs::File::open(path).map_err(|why| why.to_string())?;
    let mode = file.metadata().map_err(|why| why.to_string())?.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(format!("readable by others (mode {mode:04o}); run: chmod 600 {}", path.display()));
    }
    let mut text = Zeroizing::new(String::new());
    file.take(TOKEN).read_to_string(&mut text).map_err(|why| why.to_string())?;
    let token = Zeroizing::new(text.trim().to_owned());
    let is_token = !token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic());
    if is_token { Ok(token) } else { Err("holds no token".to_owned()) }
}

fn is_this_machine(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}
