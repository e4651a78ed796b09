//! What Docker on this machine knows of logins: its `config.json`, and the credential helpers that it names.
//!
//! Source: docker/cli `cli/config/configfile`, and the protocol of docker/docker-credential-helpers: a program
//! `docker-credential-NAME get` takes a server on standard input and answers with JSON, or fails with a sentence on
//! standard output.

use crate::system;
use acre_model::{
    secret::{Login, SecretValue},
    text::clip,
};
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    env,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::Command,
    time::timeout,
};

/// Docker Hub, as acre calls it.
pub const HUB: &str = "docker.io";
/// Docker Hub, as Docker's helpers know it.
const HUB_SERVER: &str = "https://index.docker.io/v1/";
/// Largest configuration that is read, in bytes.
const LARGEST: u64 = 1024 * 1024;
/// Largest answer of a helper, in bytes.
const ANSWER: u64 = 256 * 1024;
/// How long a helper may take; one that asks a person on a screen takes its time.
const HELPER: Duration = Duration::from_secs(30);
/// What a helper says that has no login to a server, which is no failure (docker-credential-helpers,
/// `credentials/error.go`).
const NONE: [&str; 2] = ["credentials not found in native keychain", "no credentials server URL"];

/// The parts of Docker's configuration that are about logins.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct DockerConfig {
    auths: BTreeMap<String, Auth>,
    cred_helpers: BTreeMap<String, String>,
    creds_store: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Auth {
    /// `user:password` in base64.
    auth: String,
    identitytoken: String,
}

/// The answer of a helper.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    username: String,
    secret: String,
}

/// Never its content.
impl std::fmt::Debug for DockerConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DockerConfig({} logins, {} helpers)", self.auths.len(), self.cred_helpers.len())
    }
}

impl DockerConfig {
    /// That of the user: `$DOCKER_CONFIG/config.json`, else `~/.docker/config.json`; empty where there is none.
    ///
    /// # Errors
    /// A sentence that says what is wrong with the file.
    pub fn of_user() -> Result<Self, String> {
        let set = |variable| env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from);
        let home = || system::home(&|variable| env::var_os(variable)).map(|home| home.join(".docker"));
        match set("DOCKER_CONFIG").or_else(home) {
            Some(folder) => Self::load(&folder.join("config.json")),
            None => Ok(Self::default()),
        }
    }

    fn load(path: &Path) -> Result<Self, String> {
        let shown = path.display();
        let mut text = Vec::new();
        match File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut text)) {
            Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(why) => return Err(format!("no login is taken from {shown}: {why}")),
            Ok(size) if size as u64 > LARGEST => {
                return Err(format!("no login is taken from {shown}: it is larger than 1 MiB"));
            }
            Ok(_) => {}
        }
        // What serde says of it names a line and a kind, and may hold a value; the place is enough.
        serde_json::from_slice(&text).map_err(|why| {
            let (line, column) = (why.line(), why.column());
            format!("no login is taken from {shown}: line {line}, column {column} is not as Docker writes it")
        })
    }

    /// Whether it knows of no login at all.
    pub fn is_empty(&self) -> bool {
        self.auths.is_empty() && self.cred_helpers.is_empty() && self.creds_store.is_none()
    }

    /// The login to a registry (`host[:port]`), if there is one.
    ///
    /// # Errors
    /// A sentence that says what went wrong, and with which helper.
    pub async fn login(&self, registry: &str) -> Result<Option<Login>, String> {
        let own = self.cred_helpers.iter().find(|(server, _)| host(server) == registry).map(|(_, helper)| helper);
        if let Some(helper) = own.or(self.creds_store.as_ref()).filter(|helper| !helper.is_empty())
            && let Some(login) = ask(helper, registry).await?
        {
            return Ok(Some(login));
        }
        let Some((_, auth)) = self.auths.iter().find(|(server, _)| host(server) == registry) else { return Ok(None) };
        auth.login(registry)
    }
}

impl Auth {
    fn login(&self, registry: &str) -> Result<Option<Login>, String> {
        let bad = |why: &str| Err(format!("Docker's login to {} is not used: {why}", clip(registry)));
        if !self.identitytoken.is_empty() {
            return bad("it is an identity token, which acre does not take; use `acre login`");
        }
        if self.auth.is_empty() {
            return Ok(None);
        }
        let Ok(pair) = data_encoding::BASE64.decode(self.auth.as_bytes()).map(SecretValue::new) else {
            return bad("it is not base64");
        };
        let Some(colon) = pair.expose().iter().position(|byte| *byte == b':') else {
            return bad("it is not USER:PASSWORD");
        };
        let Ok(username) = std::str::from_utf8(&pair.expose()[..colon]) else { return bad("its user is not UTF-8") };
        // Docker once padded passwords with NUL.
        let password = pair.expose()[colon + 1..].split(|byte| *byte == 0).next().unwrap_or_default().to_vec();
        let (registry, username) = (registry.to_owned(), username.to_owned());
        Ok(Some(Login { registry, username, password: SecretValue::new(password) }))
    }
}

/// The registry of a key of Docker's configuration or of a command line: `host[:port]` without scheme and path, and
/// every name of Docker Hub as the one that acre uses.
pub fn host(server: &str) -> &str {
    let rest = server.strip_prefix("https://").or_else(|| server.strip_prefix("http://")).unwrap_or(server);
    match rest.split('/').next().unwrap_or_default() {
        "index.docker.io" | "registry-1.docker.io" | "registry.hub.docker.com" => HUB,
        host => host,
    }
}

/// Asks a credential helper; `None` if it has no login to this registry.
async fn ask(helper: &str, registry: &str) -> Result<Option<Login>, String> {
    let program = format!("docker-credential-{helper}");
    let failed = |why: &str| {
        Err(format!("{} gives no login to {}: {}", clip(&program), clip(registry), crate::render::text::sentence(why)))
    };
    let is_name = helper.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    if !is_name {
        return failed("a helper's name is made of letters, digits, - _ and .");
    }
    let server = if registry == HUB { HUB_SERVER } else { registry };
    let (ended_well, answer) = match timeout(HELPER, run(&program, server)).await {
        Ok(Ok(ended)) => ended,
        Ok(Err(why)) => return failed(&why.to_string()),
        Err(_) => return failed("it did not answer within 30 s"),
    };
    if !ended_well {
        let said = String::from_utf8_lossy(answer.expose()).trim().to_owned();
        return if NONE.iter().any(|none| said.contains(none)) { Ok(None) } else { failed(&said) };
    }
    match serde_json::from_slice(answer.expose()) {
        Ok(Answer { username, .. }) if username == "<token>" => {
            failed("it has an identity token, which acre does not take; use `acre login`")
        }
        Ok(Answer { username, .. }) if username.is_empty() => Ok(None),
        Ok(Answer { username, secret }) => {
            let password = SecretValue::new(secret.into_bytes());
            Ok(Some(Login { registry: registry.to_owned(), username, password }))
        }
        // Not what the parser says: it may quote the answer.
        Err(_) => failed("its answer is not as the protocol says"),
    }
}

/// Whether the helper ended well, and what it wrote.
async fn run(program: &str, server: &str) -> io::Result<(bool, SecretValue)> {
    let mut command = Command::new(program);
    command.arg("get").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let mut child = command.spawn()?;
    let (Some(mut stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(io::Error::other("it has no pipes"));
    };
    // One that ends without reading its input says why in its output.
    drop(stdin.write_all(server.as_bytes()).await);
    drop(stdin);
    let mut answer = Vec::new();
    stdout.take(ANSWER).read_to_end(&mut answer).await?;
    let answer = SecretValue::new(answer);
    Ok((child.wait().await?.success(), answer))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> DockerConfig {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_registry_has_one_name() {
        let table = [
            ("https://index.docker.io/v1/", HUB),
            ("docker.io", HUB),
            ("index.docker.io", HUB),
            ("r.example:5000", "r.example:5000"),
            ("http://r.example/v2/", "r.example"),
        ];
        for (server, expected) in table {
            assert_eq!(host(server), expected, "{server}");
        }
    }

    #[tokio::test]
    async fn logins_lie_in_the_file_in_base64() {
        let config = config(
            r#"{"HttpHeaders": {}, "auths": {
                "https://index.docker.io/v1/": {"auth": "dTpwOnE="}, "empty.example": {},
                "token.example": {"identitytoken": "x"}, "bad.example": {"auth": "!"}, "odd.example": {"auth": "dQ=="}
            }}"#,
        );
        let login = config.login(HUB).await.unwrap().unwrap();
        assert_eq!((login.username.as_str(), login.password.expose()), ("u", &b"p:q"[..]));
        for registry in ["empty.example", "other.example"] {
            assert_eq!(config.login(registry).await, Ok(None), "{registry}");
        }
        let table = [("token", "identity token"), ("bad", "not base64"), ("odd", "not USER:PASSWORD")];
        for (name, expected) in table {
            let fault = config.login(&format!("{name}.example")).await.unwrap_err();
            assert!(fault.contains(expected), "{name}: {fault}");
        }
    }

    #[tokio::test]
    async fn a_helper_that_cannot_be_is_not_started() {
        for helper in ["../x", "a b", "acre-has-no-such-helper"] {
            let config = config(&format!(r#"{{"credHelpers": {{"r.example": "{helper}"}}}}"#));
            let fault = config.login("r.example").await.unwrap_err();
            assert!(fault.contains(&format!("docker-credential-{helper} gives no login to r.example")), "{fault}");
        }
    }

    #[test]
    fn a_broken_file_is_told_without_its_content() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        assert!(DockerConfig::load(&path).unwrap().is_empty());
        std::fs::write(&path, r#"{"auths": {"r": {"auth": ["s3cret"]}}}"#).unwrap();
        let fault = DockerConfig::load(&path).unwrap_err();
        assert!(fault.contains("line 1, column") && !fault.contains("s3cret"), "{fault}");
    }
}
