//! The values of flags.

use super::BadFlag;
use acre_model::{platform::Platform, secret, size, text::clip};
use std::fmt::Display;

/// Longest value of a variable, a build argument or a label, in bytes.
pub(crate) const LONGEST: usize = 32 << 10;

/// Why `K=V` is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadPair {
    /// Nothing before `=`.
    #[error("`{0}` has no name before `=`")]
    NoName(String),
    /// A blank or NUL in the name.
    #[error("the name `{0}` holds a blank or a control character")]
    Name(String),
    /// NUL in the value.
    #[error("the value of `{0}` holds a NUL character")]
    Nul(String),
    /// Too long.
    #[error("the value of `{name}` is {} KiB; limit {} KiB", length.div_ceil(1024), LONGEST >> 10)]
    Long {
        /// The name.
        name: String,
        /// The length of the value in bytes.
        length: usize,
    },
}

/// Name and value of `K=V`; `None` for the value where there is no `=`.
pub(crate) fn pair(text: &str) -> Result<(String, Option<String>), BadPair> {
    let (name, value) = text.split_once('=').map_or((text, None), |(name, value)| (name, Some(value)));
    if name.is_empty() {
        return Err(BadPair::NoName(clip(text)));
    }
    if name.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(BadPair::Name(clip(name)));
    }
    let value = value.unwrap_or_default();
    if value.contains('\0') {
        return Err(BadPair::Nul(clip(name)));
    }
    if value.len() > LONGEST {
        return Err(BadPair::Long { name: clip(name), length: value.len() });
    }
    Ok((name.to_owned(), text.contains('=').then(|| value.to_owned())))
}

/// Refuses a value that holds a secret.
pub(super) fn without_secret(flag: &str, text: &str) -> Result<(), BadFlag> {
    if secret::may_hold_tokens(text) {
        return Err(bad(flag)(
            "a secret cannot stand here; it can in arguments, variables and build arguments".to_owned(),
        ));
    }
    Ok(())
}

/// The value of `flag`, or why not.
pub(super) fn bad(flag: &str) -> impl Fn(String) -> BadFlag {
    move |why| BadFlag::Value { flag: flag.to_owned(), why, too_large: false }
}

/// `K=V` of a flag.
pub(super) fn flag_pair(flag: &str, text: &str) -> Result<(String, Option<String>), BadFlag> {
    pair(text).map_err(|why| BadFlag::Value {
        flag: flag.to_owned(),
        why: why.to_string(),
        too_large: matches!(why, BadPair::Long { .. }),
    })
}

/// What `parse` makes of the value.
pub(super) fn parsed<T: std::str::FromStr<Err: Display>>(flag: &str, text: &str) -> Result<T, BadFlag> {
    text.parse().map_err(|why: T::Err| bad(flag)(why.to_string()))
}

/// A switch that may have been written `--flag=false`, in the words that Docker takes (Go, `strconv.ParseBool`).
pub(super) fn switch(flag: &str, text: &str) -> Result<bool, BadFlag> {
    match text {
        "true" | "True" | "TRUE" | "t" | "T" | "1" => Ok(true),
        "false" | "False" | "FALSE" | "f" | "F" | "0" => Ok(false),
        _ => Err(bad(flag)(format!("`{}` is neither true nor false", clip(text)))),
    }
}

/// Adds a list of platforms joined by commas to those there are, without doubles.
pub(super) fn platforms(flag: &str, text: &str, platforms: &mut Vec<Platform>) -> Result<(), BadFlag> {
    for part in text.split(',') {
        let platform = parsed(flag, part.trim())?;
        if !platforms.contains(&platform) {
            platforms.push(platform);
        }
    }
    Ok(())
}

/// A text without control characters.
pub(super) fn plain(flag: &str, text: String) -> Result<String, BadFlag> {
    match text.chars().any(char::is_control) {
        true => Err(bad(flag)(format!("`{}` holds a control character", clip(&text)))),
        false => Ok(text),
    }
}

/// `name=soft[:hard]` of `--ulimit`; -1 is no limit.
pub(super) fn ulimit(flag: &str, text: String) -> Result<String, BadFlag> {
    let number = |text: &str| text.parse::<i64>().is_ok_and(|number| number >= -1);
    let is_limit = text.split_once('=').is_some_and(|(name, limits)| {
        let (soft, hard) = limits.split_once(':').unwrap_or((limits, limits));
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase()) && number(soft) && number(hard)
    });
    let fault = || bad(flag)(format!("`{}` is not a limit; write for example nofile=1024:2048", clip(&text)));
    if is_limit { Ok(text) } else { Err(fault()) }
}

/// A capability of Linux, with or without `CAP_`.
pub(super) fn capability(flag: &str, text: String) -> Result<String, BadFlag> {
    let is_name = !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphabetic() || b == b'_');
    let fault = || bad(flag)(format!("`{}` is not a capability; write for example NET_RAW or ALL", clip(&text)));
    if is_name { Ok(text) } else { Err(fault()) }
}

/// `/path[:options]` of `--tmpfs`.
pub(super) fn tmpfs(flag: &str, text: String) -> Result<String, BadFlag> {
    let path = text.split_once(':').map_or(text.as_str(), |(path, _)| path);
    match path.starts_with('/') && !path.split('/').any(|part| part == "..") {
        true => plain(flag, text),
        false => Err(bad(flag)(format!("`{}` is not an absolute path in the container", clip(&text)))),
    }
}

/// Bytes of `64m`, `1g`, `1.5GiB`.
pub(super) fn bytes(flag: &str, text: &str) -> Result<u64, BadFlag> {
    size::parse(text).map_err(|why| bad(flag)(why.to_string()))
}

/// Billionths of a core of `0.5` or `2`.
pub(crate) fn nano_cpus(text: &str) -> Result<i64, String> {
    let cpus: Option<f64> = text.parse().ok().filter(|cpus| (0.01..=1024.0).contains(cpus));
    cpus.map(|cpus| (cpus * 1e9).round() as i64)
        .ok_or_else(|| format!("`{}` is not a number of cores; write 0.01 to 1024", clip(text)))
}

/// `name:address` of `--add-host`.
pub(super) fn host(flag: &str, text: &str) -> Result<String, BadFlag> {
    let is_name =
        |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
    let is_address = |text: &str| {
        let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
        text == "host-gateway" || bare.parse::<core::net::IpAddr>().is_ok()
    };
    let parts = text.split_once([':', '=']).filter(|(name, address)| is_name(name) && is_address(address));
    let (name, address) = parts.ok_or_else(|| bad(flag)(format!("`{}` is not name:address", clip(text))))?;
    Ok(format!("{name}:{address}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_count_in_1024() {
        for (text, expected) in [("64m", 64 << 20), ("1.5GiB", 3 << 29), ("4096", 4096), ("1 kb", 1024)] {
            assert_eq!(bytes("-m", text), Ok(expected), "{text}");
        }
        for text in ["", "m", "-1", "1x", "0", "1e9", "99999999t", "1..2"] {
            assert!(bytes("-m", text).is_err(), "{text}");
        }
    }

    #[test]
    fn pairs_have_a_name() {
        assert_eq!(pair("a=b=\nc"), Ok(("a".to_owned(), Some("b=\nc".to_owned()))));
        assert_eq!(pair("a"), Ok(("a".to_owned(), None)));
        for text in ["=x", "a b=x", "a\0=x", "a=\0", ""] {
            assert!(pair(text).is_err(), "{text:?}");
        }
        assert_eq!(
            pair(&format!("a={}", "x".repeat(5 << 20))).unwrap_err().to_string(),
            "the value of `a` is 5120 KiB; limit 32 KiB"
        );
    }
}
