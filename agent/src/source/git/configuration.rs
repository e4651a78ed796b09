//! What git is told of a repository, in files that only this user may read rather than on a command line. Pure.

use acre_model::text::clip;
use reqwest::Url;
use std::net::SocketAddr;

/// What holds for every repository that is fetched here, those of submodules too: the home's configuration.
pub(super) const OF_HOME: &str = "[core]\n\thooksPath = /dev/null\n\tfsmonitor = false\n\tsymlinks = true\n\
    [protocol]\n\tallow = never\n[protocol \"https\"]\n\tallow = always\n[protocol \"http\"]\n\tallow = always\n\
    [protocol \"ssh\"]\n\tallow = always\n\
    [http]\n\tfollowRedirects = false\n\tlowSpeedLimit = 1000\n\tlowSpeedTime = 60\n\
    [advice]\n\tdetachedHead = false\n[gc]\n\tauto = 0\n";

/// The repository's own configuration. User and password of the address go into a header, so that they stand on no
/// command line of git's own helpers either. `addresses` are those at which its host is asked.
pub(super) fn of_repository(address: &str, login: Option<&str>, addresses: &[SocketAddr]) -> String {
    let mut text = String::from("[core]\n\trepositoryformatversion = 0\n\tbare = false\n");
    text.push_str(&format!("[remote \"origin\"]\n\turl = \"{}\"\n", escaped(address)));
    let login = login.map(|login| format!("\textraHeader = \"Authorization: Basic {}\"\n", in_base64(login)));
    let pinned = pinned(address, addresses);
    if login.is_some() || pinned.is_some() {
        text.push_str("[http]\n");
        text.extend(login.into_iter().chain(pinned));
    }
    text
}

/// curl's `--resolve`: what was judged is what is asked.
fn pinned(address: &str, addresses: &[SocketAddr]) -> Option<String> {
    let url = Url::parse(address).ok().filter(|url| url.scheme().starts_with("http"))?;
    let (host, port) = (url.domain()?, url.port_or_known_default()?);
    let addresses: Vec<String> = addresses.iter().map(|address| address.ip().to_string()).collect();
    (!addresses.is_empty()).then(|| format!("\tcurloptResolve = \"{host}:{port}:{}\"\n", addresses.join(",")))
}

fn in_base64(login: &str) -> String {
    data_encoding::BASE64.encode(percent_decoded(login).as_bytes())
}

/// The address without what may be a secret in it.
pub(in super::super) fn shown(repository: &str) -> String {
    let shown = match repository.split_once("://") {
        Some((scheme, rest)) => match rest.split_once('@') {
            Some((user, host)) if !user.contains('/') => format!("{scheme}://{host}"),
            _ => repository.to_owned(),
        },
        None => repository.to_owned(),
    };
    clip(&shown)
}

/// `https://user:token@host/…` without and with its user.
pub(super) fn split_login(repository: &str) -> (String, Option<&str>) {
    let split = repository.split_once("://").filter(|(scheme, _)| scheme.starts_with("http"));
    match split.and_then(|(scheme, rest)| Some((scheme, rest.split_once('@')?))) {
        Some((scheme, (login, host))) if !login.contains('/') => (format!("{scheme}://{host}"), Some(login)),
        _ => (repository.to_owned(), None),
    }
}

/// Host and port of an address that git would give to ssh: `ssh://[user@]host[:port]/…`, `[user@]host:path`.
pub(super) fn ssh_host(repository: &str) -> Option<(&str, u16)> {
    let authority = match repository.split_once("://") {
        Some(("ssh", rest)) => rest.split('/').next()?,
        Some(_) => return None,
        None => return Some((repository.split_once(':')?.0.rsplit('@').next()?, 22)),
    };
    let host = authority.rsplit('@').next()?;
    match host.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => Some((host, port.parse().ok()?)),
        _ => Some((host, 22)),
    }
}

pub(in super::super) fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = (*first == b'%')
            .then(|| after.get(..2).and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok()))
            .flatten();
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A value between quotes in git's configuration format (git-config, "Syntax").
fn escaped(value: &str) -> String {
    value.chars().filter(|c| !c.is_control()).fold(String::new(), |mut text, character| {
        if matches!(character, '"' | '\\') {
            text.push('\\');
        }
        text.push(character);
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_stands_in_a_header_and_in_no_address() {
        let of = |repository: &str| {
            let (address, login) = split_login(repository);
            of_repository(&address, login, &["192.0.2.1:443".parse().unwrap(), "[2001:db8::1]:443".parse().unwrap()])
        };
        let text = of("https://me:to%40ken@host.example/r.git");
        assert!(text.contains("url = \"https://host.example/r.git\"") && text.contains("Basic bWU6dG9Aa2Vu"), "{text}");
        assert!(text.contains("curloptResolve = \"host.example:443:192.0.2.1,2001:db8::1\""), "{text}");
        let text = of("https://host.example/a\"b\n[core]\n\thooksPath = x");
        assert!(text.contains("a\\\"b[core]hooksPath") && !text.contains("extraHeader"), "{text}");
        assert_eq!(shown("https://me:secret@host.example/r.git"), "https://host.example/r.git");
        assert_eq!(shown("ssh://git:secret@host.example/r.git"), "ssh://host.example/r.git");
    }

    #[test]
    fn the_host_of_an_ssh_address_is_found() {
        let table = [
            ("ssh://git@h.example/r.git", Some(("h.example", 22))),
            ("ssh://h.example:2222/r.git", Some(("h.example", 2222))),
            ("ssh://git@[2001:db8::1]/r.git", Some(("[2001:db8::1]", 22))),
            ("ssh://git@[2001:db8::1]:2222/r.git", Some(("[2001:db8::1]", 2222))),
            ("git@h.example:o/r.git", Some(("h.example", 22))),
            ("https://h.example/r.git", None),
        ];
        for (address, expected) in table {
            assert_eq!(ssh_host(address), expected, "{address}");
        }
    }
}
