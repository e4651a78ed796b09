//! Addresses of git repositories as a source (task language §9): read, checked against what could make `git` do
//! anything but fetch, and shown without their secrets.

use crate::paths;
use acre_model::{
    plan::{Fetch, GitAddress},
    text::clip,
};

/// Why an address is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadAddress {
    /// A scheme that is not fetched from.
    #[error("`{0}`: sources are fetched from https://, ssh:// and user@host:path addresses")]
    Scheme(String),
    /// Plain http to another machine.
    #[error("`{0}`: http:// is taken for this machine's own addresses only; write https://")]
    PlainHttp(String),
    /// A host that is none.
    #[error("`{0}`: the host must be a name or an address, with a port of 1 to 65535 where one is needed")]
    Host(String),
    /// A user part with something else than a name.
    #[error("`{0}`: the user must be letters, digits, _ . and -, not beginning with -")]
    User(String),
    /// No path, or one that `git` could misread.
    #[error("`{0}`: the path of the repository is missing, begins with -, or holds blanks or control characters")]
    Path(String),
    /// A ref outside the rules of `git check-ref-format`.
    #[error("`{0}` is not a branch, tag or commit")]
    Reference(String),
    /// A folder that is not inside the repository.
    #[error("`{0}`: subdirectory leaves the repository")]
    Subdirectory(String),
    /// Longer than any address.
    #[error("the address has {0} bytes; limit 2048")]
    Length(usize),
}

/// Longest address, in bytes.
const LONGEST: usize = 2048;

/// The parts of an address before `#`.
struct Parts<'a> {
    scheme: &'a str,
    /// `user` or `user:password`.
    user: Option<&'a str>,
    /// `host` or `host:port`.
    host: &'a str,
    path: &'a str,
}

/// Whether `text` is meant as a git address rather than as a folder: `ssh://…`, `user@host:path`, another scheme of
/// git, or an http(s) address whose path says so (`.git`, Azure's `/_git/`, `owner/repository` of a known forge, or a
/// `#ref`). What is meant so may still be refused by [`parse`].
pub fn is_git_address(text: &str) -> bool {
    let (address, fragment) = cut(text);
    match split(address) {
        None => address.starts_with("ext::") || address.starts_with("file:"),
        Some(Parts { scheme: "https" | "http", host, path, .. }) => {
            let path = path.trim_end_matches('/');
            let forge = ["github.com", "gitlab.com", "bitbucket.org", "codeberg.org"].contains(&host);
            let two_parts = path.trim_start_matches('/').split('/').filter(|part| !part.is_empty()).count() == 2;
            path.ends_with(".git") || path.contains("/_git/") || forge && two_parts || fragment.is_some()
        }
        Some(Parts { scheme, .. }) => {
            ["scp", "ssh", "git", "file", "git+ssh", "git+https", "ftp", "ftps"].contains(&scheme)
        }
    }
}

/// The repository, ref and folder of `address[#ref[:subdirectory]]`.
pub fn parse(text: &str) -> Result<Fetch, BadAddress> {
    if text.len() > LONGEST {
        return Err(BadAddress::Length(text.len()));
    }
    let (repository, fragment) = cut(text);
    let parts = split(repository).ok_or_else(|| BadAddress::Scheme(clip(&shown(repository))))?;
    check(repository, &parts)?;
    let (reference, subdirectory) = fragment.map_or((None, None), |fragment| match fragment.split_once(':') {
        Some((reference, folder)) => (Some(reference), Some(folder)),
        None => (Some(fragment), None),
    });
    let reference = reference.filter(|reference| !reference.is_empty());
    if let Some(reference) = reference.filter(|reference| !reference_is_valid(reference)) {
        return Err(BadAddress::Reference(clip(reference)));
    }
    let subdirectory = subdirectory.map(folder).transpose()?.filter(|folder| !folder.is_empty());
    let reference = reference.map(str::to_owned);
    Ok(Fetch::Git(GitAddress { repository: repository.to_owned(), reference, subdirectory }))
}

/// The address with what may be a secret (anything before `@` of an http address, a password elsewhere) left out.
pub fn shown(text: &str) -> String {
    let (address, fragment) = cut(text);
    let hidden = match split(address) {
        Some(Parts { scheme, user: Some(user), host, path }) if scheme != "scp" => {
            let user = match user.split_once(':') {
                Some((name, _)) if scheme == "ssh" => format!("{name}:***"),
                None if scheme == "ssh" => user.to_owned(),
                _ => "***".to_owned(),
            };
            format!("{scheme}://{user}@{host}{path}")
        }
        _ => address.to_owned(),
    };
    fragment.map_or(hidden.clone(), |fragment| format!("{hidden}#{fragment}"))
}

fn cut(text: &str) -> (&str, Option<&str>) {
    text.split_once('#').map_or((text, None), |(address, fragment)| (address, Some(fragment)))
}

/// Scheme, user, host and path. An address without a scheme is `scp` if it reads `[user@]host:path`.
fn split(address: &str) -> Option<Parts<'_>> {
    if let Some((scheme, rest)) = address.split_once("://") {
        let slash = rest.find('/').unwrap_or(rest.len());
        let (authority, path) = rest.split_at(slash);
        let (user, host) = authority.rsplit_once('@').map_or((None, authority), |(user, host)| (Some(user), host));
        let plain = scheme.bytes().all(|b| b.is_ascii_lowercase() || b == b'+');
        return (plain && !scheme.is_empty()).then_some(Parts { scheme, user, host, path });
    }
    let (user, rest) = address.split_once('@')?;
    let (host, path) = rest.split_once(':')?;
    let folder = user.contains(['/', ':']) || host.contains('/');
    (!folder && !path.starts_with(':')).then_some(Parts { scheme: "scp", user: Some(user), host, path })
}

fn check(address: &str, parts: &Parts<'_>) -> Result<(), BadAddress> {
    let fault = |kind: fn(String) -> BadAddress| Err(kind(clip(&shown(address))));
    match parts.scheme {
        "https" | "ssh" | "scp" => {}
        "http" if is_loopback(parts.host) => {}
        "http" => return fault(BadAddress::PlainHttp),
        _ => return fault(BadAddress::Scheme),
    }
    if !host_is_valid(parts.host, parts.scheme != "scp") {
        return fault(BadAddress::Host);
    }
    // The user of ssh becomes an argument of the ssh program.
    let name =
        |user: &str| !user.starts_with('-') && user.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
    let graphic = |user: &str| user.bytes().all(|b| b.is_ascii_graphic());
    let user_is_valid = parts.user.is_none_or(|user| match parts.scheme {
        "https" | "http" => graphic(user),
        _ => name(user.split(':').next().unwrap_or_default()) && graphic(user),
    });
    if !user_is_valid {
        return fault(BadAddress::User);
    }
    let path = parts.path.trim_start_matches('/');
    let blank = parts.path.chars().any(|c| c.is_whitespace() || c.is_control());
    if path.is_empty() || path.starts_with('-') || blank { fault(BadAddress::Path) } else { Ok(()) }
}

/// `name[:port]`, `1.2.3.4[:port]`, `[::1][:port]`.
fn host_is_valid(host: &str, with_port: bool) -> bool {
    let (name, port) = split_port(host);
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    };
    let name_is_valid = match bracketed(name) {
        Some(address) => address.parse::<core::net::Ipv6Addr>().is_ok(),
        None => name.split('.').all(label),
    };
    let digits =
        |port: &str| port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0);
    name_is_valid && port.is_none_or(|port| with_port && digits(port))
}

fn split_port(host: &str) -> (&str, Option<&str>) {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => (name, Some(port)),
        _ => (host, None),
    }
}

fn bracketed(name: &str) -> Option<&str> {
    name.strip_prefix('[')?.strip_suffix(']')
}

/// Whether a host of an address is this machine: `localhost`, 127.0.0.0/8 or `[::1]`.
fn is_loopback(host: &str) -> bool {
    let (name, _) = split_port(host);
    let address = bracketed(name).unwrap_or(name);
    name == "localhost" || address.parse::<core::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The rules of `git check-ref-format` that matter for a whole ref or commit, and no leading `-`.
fn reference_is_valid(reference: &str) -> bool {
    let forbidden = |c: char| c.is_control() || " ~^:?*[\\".contains(c);
    let component = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock");
    reference.len() <= 255
        && !reference.starts_with('-')
        && !reference.ends_with('.')
        && !reference.contains("..")
        && !reference.contains("@{")
        && !reference.contains(forbidden)
        && reference.split('/').all(component)
}

fn folder(text: &str) -> Result<String, BadAddress> {
    let fault = || BadAddress::Subdirectory(clip(text));
    if text.starts_with(['/', '-']) || text.contains('\\') {
        return Err(fault());
    }
    paths::below_workspace("", text).map_err(|_| fault())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_fall_into_their_parts() {
        let table = [
            ("https://h.example/a/r.git", "https://h.example/a/r.git", None, None),
            ("https://h.example/r.git#main", "https://h.example/r.git", Some("main"), None),
            (
                "https://h.example/r.git#pull/7/head:sub/./x",
                "https://h.example/r.git",
                Some("pull/7/head"),
                Some("sub/x"),
            ),
            ("https://h.example/r.git#:sub", "https://h.example/r.git", None, Some("sub")),
            ("git@h.example:a/r.git#v1", "git@h.example:a/r.git", Some("v1"), None),
            ("ssh://git@h.example:22/r", "ssh://git@h.example:22/r", None, None),
            ("https://o@dev.azure.com/o/p/_git/r", "https://o@dev.azure.com/o/p/_git/r", None, None),
            ("http://127.0.0.1:3000/r.git", "http://127.0.0.1:3000/r.git", None, None),
            ("http://[::1]:3000/r.git", "http://[::1]:3000/r.git", None, None),
            ("https://user:token@h/r.git", "https://user:token@h/r.git", None, None),
        ];
        for (text, repository, reference, subdirectory) in table {
            assert!(is_git_address(text), "{text}");
            let fetch = parse(text).unwrap();
            let found = (fetch.repository.as_str(), fetch.reference.as_deref(), fetch.subdirectory.as_deref());
            assert_eq!(found, (repository, reference, subdirectory), "{text}");
        }
    }

    #[test]
    fn what_would_make_git_do_more_than_fetch_is_refused() {
        let long = format!("https://h/{}.git", "x".repeat(3000));
        let table = [
            ("--upload-pack=touch x", "sources are fetched from"),
            ("ext::sh -c touch% x", "sources are fetched from"),
            ("file:///etc", "sources are fetched from"),
            ("git://h/r.git", "sources are fetched from"),
            ("HTTPS://h/r.git", "sources are fetched from"),
            ("https::https://h/r.git", "sources are fetched from"),
            ("http://h.example/r.git", "write https://"),
            ("http://localhost.example/r.git", "write https://"),
            ("http://127.0.0.1@h.example/r.git", "write https://"),
            ("ssh://-oProxyCommand=touch/r", "the host must be"),
            ("ssh://%2doProxyCommand=touch/r", "the host must be"),
            ("git@-oProxyCommand=x:r", "the host must be"),
            ("-o@h:r", "the user must be"),
            ("ssh://-l@h/r", "the user must be"),
            ("https://h:99999/r.git", "the host must be"),
            ("https://h/", "the path of the repository"),
            ("git@h:-r", "the path of the repository"),
            ("https://h/r.git x", "the path of the repository"),
            ("https://h/r.git#--upload-pack=x", "is not a branch"),
            ("https://h/r.git#a..b", "is not a branch"),
            ("https://h/r.git#a\nb", "is not a branch"),
            ("https://h/r.git#main:../..", "subdirectory leaves the repository"),
            ("https://h/r.git#main:/etc", "subdirectory leaves the repository"),
            (&long, "limit 2048"),
        ];
        for (text, expected) in table {
            let found = parse(text).unwrap_err().to_string();
            assert!(found.contains(expected), "{text}: {found}");
        }
    }

    #[test]
    fn folders_and_archives_are_no_git_addresses() {
        for text in [".", "a/b", "/x", "C:\\x", "https://h/x.tar.gz", "oci://r/x:1", "a@b", "./a@b:c", "-", ""] {
            assert!(!is_git_address(text), "{text}");
        }
        assert!(is_git_address("https://github.com/owner/repository"));
    }

    #[test]
    fn tokens_are_shown_nowhere() {
        let table = [
            ("https://user:token@h/r.git#main:x", "https://***@h/r.git#main:x"),
            ("https://token@h/r.git", "https://***@h/r.git"),
            ("ssh://git:token@h/r", "ssh://git:***@h/r"),
            ("ssh://git@h/r", "ssh://git@h/r"),
            ("git@h:r", "git@h:r"),
        ];
        for (text, expected) in table {
            assert_eq!(shown(text), expected);
        }
        let fault = parse("http://user:token@h.example/r.git").unwrap_err().to_string();
        assert!(!fault.contains("token"), "{fault}");
    }
}
