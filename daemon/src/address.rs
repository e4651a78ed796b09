//! Where a daemon listens, as its options say it.

use std::net::Ipv6Addr;

/// Reads `HOST:PORT`; an IPv6 address stands in brackets.
pub fn host_and_port(text: &str) -> Result<String, String> {
    let parts = text.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?)));
    let is_host = |host: &str| {
        let inside = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        match inside {
            Some(address) => address.parse::<Ipv6Addr>().is_ok(),
            None => !host.is_empty() && !host.contains([':', '/', '[', ']']),
        }
    };
    match parts {
        Some((host, _)) if is_host(host) => Ok(text.to_owned()),
        _ => Err("write HOST:PORT, as 127.0.0.1:9464 or [::1]:9464".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        for good in ["127.0.0.1:9464", "[::1]:0", "farm.example:65535", "0.0.0.0:1"] {
            assert_eq!(host_and_port(good).as_deref(), Ok(good));
        }
        for bad in ["", "bla", "127.0.0.1", ":1", "127.0.0.1:99999", "::1:80", "http://x:1", "x:y", "[x]:1"] {
            assert!(host_and_port(bad).is_err(), "{bad}");
        }
    }
}
