//! Addresses as a source or a build's context (task language §9): git repositories, archives by http, OCI artifacts.
//! Read, checked against what could make `git` do anything but fetch, and shown without their secrets.

mod sealed;

pub use sealed::{RESERVED, Sealed, seal};

use crate::{paths, tokens};
use acre_model::{
    plan::{Fetch, GitAddress, TarAddress},
    reference::Reference,
    submission::Source,
    text::clip,
};
use std::borrow::Cow;

/// Whether commits are to be had of a source.
pub fn is_git(source: &Source) -> bool {
    matches!(source, Source::Address(text) if matches!(parse(text), Ok(Fetch::Git(_))))
}

/// Why an address is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadAddress {
    /// Characters that tokens are written with.
    #[error("`{0}`: it has characters that are reserved")]
    Reserved(String),
    /// A scheme that is not fetched from.
    #[error("`{0}`: sources are fetched from https://, ssh://, oci:// and user@host:path addresses")]
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
    /// Neither a repository nor an archive by the look of it.
    #[error(
        "`{0}` is neither a git repository (ending in .git, or with #REF) nor an archive (ending in .tar, .tar.gz, .tgz, .tar.bz2, .tar.xz or .tar.zst)"
    )]
    Kind(String),
    /// A ref of an archive or an artifact, which have none.
    #[error("`{0}`: only a git repository has refs; write `#:FOLDER` for a folder of an archive")]
    NoRefs(String),
    /// An `oci://` address whose rest is no reference.
    #[error("`oci://`: {0}")]
    Oci(String),
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

/// Whether `text` is meant as an address rather than as a folder: anything with a scheme, or `user@host:path`. What is
/// meant so may still be refused by [`parse`].
pub fn is_address(text: &str) -> bool {
    let (address, _) = cut(text);
    let schemed = address.split_once("://").is_some_and(|(scheme, _)| !scheme.contains(['/', ' ']));
    schemed || address.starts_with("ext::") || address.starts_with("file:") || split(address).is_some()
}

/// Endings of archives that are unpacked, whatever their compression says of itself.
const ARCHIVES: [&str; 9] = [".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst", ".tzst"];

/// What an address fetches: `address[#ref[:subdirectory]]` of a repository, `address[#:subdirectory]` of an archive, or
/// `oci://registry/repository[:tag|@digest]`.
///
/// # Errors
/// Where it is not an address, or could make a program do more than fetch.
pub fn parse(text: &str) -> Result<Fetch, BadAddress> {
    if tokens::reserved(text).is_some() {
        return Err(BadAddress::Reserved(clip(&tokens::without_reserved(&shown(text)))));
    }
    parse_sealed(text)
}

/// The same of an address that was [`seal`]ed.
///
/// # Errors
/// As of [`parse`].
pub fn parse_sealed(text: &str) -> Result<Fetch, BadAddress> {
    if text.len() > LONGEST {
        return Err(BadAddress::Length(text.len()));
    }
    let (address, fragment) = cut(text);
    if let Some(reference) = address.strip_prefix("oci://") {
        return match fragment {
            Some(_) => Err(BadAddress::NoRefs(clip(&shown(text)))),
            None => oci(reference),
        };
    }
    let parts = split(address).ok_or_else(|| BadAddress::Scheme(clip(&shown(address))))?;
    check(address, &parts)?;
    let (reference, folder) = fragment.map_or((None, None), |fragment| match fragment.split_once(':') {
        Some((reference, folder)) => (Some(reference), Some(folder)),
        None => (Some(fragment), None),
    });
    let reference = reference.filter(|reference| !reference.is_empty());
    let subdirectory = folder.map(subdirectory).transpose()?.filter(|folder| !folder.is_empty());
    if is_archive(&parts) {
        return match reference {
            Some(_) => Err(BadAddress::NoRefs(clip(&shown(text)))),
            None => Ok(Fetch::Tar(TarAddress { url: address.to_owned(), subdirectory })),
        };
    }
    if !is_repository(&parts, fragment.is_some()) {
        return Err(BadAddress::Kind(clip(&shown(text))));
    }
    if let Some(reference) = reference.filter(|reference| !reference_is_valid(reference)) {
        return Err(BadAddress::Reference(clip(reference)));
    }
    let reference = reference.map(str::to_owned);
    Ok(Fetch::Git(GitAddress { repository: address.to_owned(), reference, subdirectory }))
}

/// Checks the address of a single file. The error is what is wrong with it, without the address.
///
/// # Errors
/// Where it is none, or would show a password to whoever reads the task.
pub(crate) fn check_file(text: &str) -> Result<(), String> {
    let parts = split(text).filter(|parts| matches!(parts.scheme, "https" | "http") && text.len() <= LONGEST);
    match parts {
        None => Err("files are fetched from https:// addresses of at most 2048 bytes".to_owned()),
        Some(parts) if parts.user.is_some() || text.contains('#') => {
            Err("the address of a file has no user, no password and no `#`".to_owned())
        }
        Some(parts) if parts.scheme == "http" && !is_loopback(parts.host) => {
            Err("http:// is taken for this machine's own addresses only; write https://".to_owned())
        }
        Some(parts) => check(text, &parts).map_err(|_| "it is not an address".to_owned()),
    }
}

fn oci(reference: &str) -> Result<Fetch, BadAddress> {
    let parsed = reference.parse::<Reference>().map_err(|why| BadAddress::Oci(why.to_string()))?;
    Ok(Fetch::Oci(parsed.with_default_tag()))
}

fn is_archive(parts: &Parts<'_>) -> bool {
    let path = parts.path.split('?').next().unwrap_or_default();
    matches!(parts.scheme, "https" | "http") && ARCHIVES.iter().any(|ending| path.ends_with(ending))
}

/// Whether an http address is that of a repository: its path says so (`.git`, Azure's `/_git/`, `owner/repository` of a
/// known forge), or it has a fragment. Other schemes are git's alone.
fn is_repository(Parts { scheme, host, path, .. }: &Parts<'_>, with_fragment: bool) -> bool {
    let path = path.trim_end_matches('/');
    let forge = ["github.com", "gitlab.com", "bitbucket.org", "codeberg.org"].contains(host);
    let two_parts = path.trim_start_matches('/').split('/').filter(|part| !part.is_empty()).count() == 2;
    let named = path.ends_with(".git") || path.contains("/_git/") || forge && two_parts;
    !matches!(*scheme, "https" | "http") || named || with_fragment
}

/// The address with what may be a secret (anything before `@` and the query of an http address, a password elsewhere)
/// left out.
pub fn shown(text: &str) -> String {
    let (address, fragment) = cut(text);
    let (address, query) = match address.split_once('?') {
        Some((address, _)) if address.contains("://") => (address, "?***"),
        _ => (address, ""),
    };
    let hidden = match split(address) {
        Some(Parts { scheme, user: Some(user), host, path }) if scheme != "scp" => {
            let user = match user.split_once(':') {
                Some((name, _)) if scheme == "ssh" => format!("{name}:***"),
                None if scheme == "ssh" => user.to_owned(),
                _ => "***".to_owned(),
            };
            format!("{scheme}://{user}@{host}{path}")
        }
        _ => masked(address).into_owned(),
    };
    let hidden = hidden + query;
    fragment.map_or(hidden.clone(), |fragment| format!("{hidden}#{fragment}"))
}

/// A text for people: what stands before `@` in the addresses in it left out, whatever their scheme.
pub(crate) fn masked(text: &str) -> Cow<'_, str> {
    if !text.contains("://") || !text.contains('@') {
        return Cow::Borrowed(text);
    }
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some((before, tail)) = rest.split_once("://") {
        let end = tail.find(|c: char| c.is_whitespace() || "/?#\"'`<>".contains(c)).unwrap_or(tail.len());
        let user = tail[..end].rfind('@').unwrap_or_default();
        // The user of ssh is no secret where it has no password.
        let is_name = before.ends_with("ssh") && !tail[..user].contains(':');
        out.push_str(before);
        out.push_str("://");
        out.push_str(if user == 0 || is_name { &tail[..user] } else { "***" });
        rest = &tail[user..];
    }
    out.push_str(rest);
    Cow::Owned(out)
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
    let graphic = |user: &str| user.chars().all(|c| c.is_ascii_graphic() || tokens::is_reserved(c));
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

fn subdirectory(text: &str) -> Result<String, BadAddress> {
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
            ("https://h.example/r.git#pull/7/merge", "https://h.example/r.git", Some("pull/7/merge"), None),
            ("https://github.com/owner/repository", "https://github.com/owner/repository", None, None),
            ("git@ssh.dev.azure.com:v3/o/p/r", "git@ssh.dev.azure.com:v3/o/p/r", None, None),
            ("https://h.example/r.git#:sub", "https://h.example/r.git", None, Some("sub")),
            ("git@h.example:a/r.git#v1", "git@h.example:a/r.git", Some("v1"), None),
            ("ssh://git@h.example:22/r", "ssh://git@h.example:22/r", None, None),
            ("https://o@dev.azure.com/o/p/_git/r", "https://o@dev.azure.com/o/p/_git/r", None, None),
            ("http://127.0.0.1:3000/r.git", "http://127.0.0.1:3000/r.git", None, None),
            ("http://[::1]:3000/r.git", "http://[::1]:3000/r.git", None, None),
            ("https://user:token@h/r.git", "https://user:token@h/r.git", None, None),
        ];
        for (text, repository, reference, subdirectory) in table {
            assert!(is_address(text), "{text}");
            let Ok(Fetch::Git(git)) = parse(text) else { panic!("{text}: {:?}", parse(text)) };
            let found = (git.repository.as_str(), git.reference.as_deref(), git.subdirectory.as_deref());
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
            ("https://h/x.tar.gz#main", "only a git repository has refs"),
            ("https://h/x.tar.gz#:../x", "subdirectory leaves the repository"),
            ("http://h.example/x.tar", "write https://"),
            ("ftp://h/x.tar.gz", "sources are fetched from"),
            ("https://h/x.zip", "neither a git repository"),
            ("https://h/page", "neither a git repository"),
            ("oci://r.example/X:1", "`oci://`: "),
            ("oci://", "`oci://`: "),
            ("oci://-x/r:1", "`oci://`: "),
            ("oci://r.example/x:1#main", "only a git repository has refs"),
            (&long, "limit 2048"),
        ];
        for (text, expected) in table {
            let found = parse(text).unwrap_err().to_string();
            assert!(found.contains(expected), "{text}: {found}");
        }
    }

    #[test]
    fn folders_are_no_addresses() {
        for text in [".", "a/b", "/x", "C:\\x", "a@b", "./a@b:c", "-", "", "a b://c", "./x://y"] {
            assert!(!is_address(text), "{text}");
        }
        for text in ["ext::sh -c x", "file:///etc", "file:x", "ftp://h/x", "oci://r/x:1", "https://h"] {
            assert!(is_address(text), "{text}");
        }
    }

    #[test]
    fn archives_and_artifacts_are_told_from_repositories() {
        let tar = |url: &str, folder: Option<&str>| {
            Fetch::Tar(TarAddress { url: url.to_owned(), subdirectory: folder.map(str::to_owned) })
        };
        let oci = |reference: &str| Fetch::Oci(reference.parse().unwrap());
        let table = [
            ("https://h/x.tar.gz", tar("https://h/x.tar.gz", None)),
            ("https://h/a/x.tgz#:sub/./y", tar("https://h/a/x.tgz", Some("sub/y"))),
            ("https://h/x.tar.zst?sig=1", tar("https://h/x.tar.zst?sig=1", None)),
            ("http://localhost:8000/x.tar", tar("http://localhost:8000/x.tar", None)),
            ("https://github.com/o/r.tar.bz2", tar("https://github.com/o/r.tar.bz2", None)),
            ("https://h/x.tar.xz#", tar("https://h/x.tar.xz", None)),
            ("oci://r.example/team/src", oci("r.example/team/src:latest")),
            ("oci://r.example:5000/src:v1", oci("r.example:5000/src:v1")),
        ];
        for (text, expected) in table {
            assert!(is_address(text), "{text}");
            assert_eq!(parse(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn tokens_are_shown_nowhere() {
        let table = [
            ("https://user:token@h/r.git#main:x", "https://***@h/r.git#main:x"),
            ("https://token@h/r.git", "https://***@h/r.git"),
            ("ssh://git:token@h/r", "ssh://git:***@h/r"),
            ("ssh://git@h/r", "ssh://git@h/r"),
            ("git@h:r", "git@h:r"),
            ("https://h/x.tar.gz?sig=token#:a", "https://h/x.tar.gz?***#:a"),
            ("HTTPS://user:token@h/r.git", "HTTPS://***@h/r.git"),
            ("h2://u:token@h/x", "h2://***@h/x"),
        ];
        for (text, expected) in table {
            assert_eq!(shown(text), expected);
        }
        let texts = [
            (
                "build: 'https://u:token@h/a' and h2://token@h ssh://git@h/r",
                "build: 'https://***@h/a' and h2://***@h ssh://git@h/r",
            ),
            ("https://h/@scope/x a@b", "https://h/@scope/x a@b"),
        ];
        for (text, expected) in texts {
            assert_eq!(masked(text), expected);
        }
        let fault = parse("http://user:token@h.example/r.git").unwrap_err().to_string();
        assert!(!fault.contains("token"), "{fault}");
    }
}
