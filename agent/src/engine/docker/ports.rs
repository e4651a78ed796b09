//! Published and exposed ports as `docker run -p` and `--expose` take them:
//! `[[address:]host:]container[/protocol]`, each port a number or a range `low-high`. Pure.

use crate::engine::EngineError;
use acre_model::text::clip;
use bollard::models::{PortBinding, PortMap};
use std::ops::RangeInclusive;

/// Ports in the words of the Engine API.
#[derive(Debug, Default)]
pub(super) struct Ports {
    /// Container ports, `80/tcp`.
    pub(super) exposed: Vec<String>,
    /// What of the host leads to them.
    pub(super) bindings: PortMap,
}

/// Reads all `-p` and `--expose` texts of a step.
pub(super) fn published(publish: &[String], expose: &[String]) -> Result<Ports, EngineError> {
    let mut ports = Ports::default();
    for text in publish {
        publish_one(&mut ports, text).ok_or_else(|| bad(text))?;
    }
    for text in expose {
        let (range, protocol) = container_ports(text).ok_or_else(|| bad(text))?;
        ports.exposed.extend(range.map(|port| format!("{port}/{protocol}")));
    }
    ports.exposed.sort();
    ports.exposed.dedup();
    Ok(ports)
}

fn publish_one(ports: &mut Ports, text: &str) -> Option<()> {
    let (before, container) = match text.rsplit_once(':') {
        Some((before, container)) => (Some(before), container),
        None => (None, text),
    };
    let (containers, protocol) = container_ports(container)?;
    let (address, host) = match before.map(|before| before.rsplit_once(':').unwrap_or(("", before))) {
        None => (None, None),
        Some((address, host)) => (address_of(address)?, range_of(host, true)?),
    };
    let same_length = host.as_ref().is_none_or(|host| host.len() == containers.len());
    for (index, container) in containers.clone().enumerate() {
        let host_port = match &host {
            None => String::new(),
            Some(host) if same_length => (host.start() + u16::try_from(index).ok()?).to_string(),
            // One container port behind a range of the host: the engine takes a free one.
            Some(host) if containers.len() == 1 => format!("{}-{}", host.start(), host.end()),
            Some(_) => return None,
        };
        let key = format!("{container}/{protocol}");
        let binding = PortBinding { host_ip: address.clone(), host_port: Some(host_port) };
        ports.bindings.entry(key.clone()).or_default().get_or_insert_default().push(binding);
        ports.exposed.push(key);
    }
    Some(())
}

/// `80`, `80/udp`, `80-82/tcp`.
fn container_ports(text: &str) -> Option<(RangeInclusive<u16>, &str)> {
    let (ports, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let known = ["tcp", "udp", "sctp"].contains(&protocol);
    range_of(ports, false)?.filter(|_| known).map(|range| (range, protocol))
}

/// A port or a range of ports; `Some(None)` is an empty text where that is allowed.
fn range_of(text: &str, may_be_empty: bool) -> Option<Option<RangeInclusive<u16>>> {
    if text.is_empty() {
        return may_be_empty.then_some(None);
    }
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    let port = |text: &str| text.parse::<u16>().ok().filter(|port| *port > 0);
    let (low, high) = (port(low)?, port(high)?);
    (low <= high).then_some(Some(low..=high))
}

/// An address of the host, an IPv6 one in brackets; none at all is every address.
fn address_of(text: &str) -> Option<Option<String>> {
    let text = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    if text.is_empty() {
        return Some(None);
    }
    text.parse::<std::net::IpAddr>().ok().map(|address| Some(address.to_string()))
}

fn bad(text: &str) -> EngineError {
    EngineError::Refused(format!(
        "port `{}`: write [[address:]host:]container[/protocol] with ports of 1 to 65535, for example 8080:80",
        clip(text)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Option<Vec<String>> {
        let ports = published(&[text.to_owned()], &[]).ok()?;
        let mut shown: Vec<String> = ports
            .bindings
            .into_iter()
            .flat_map(|(container, bindings)| {
                bindings.unwrap_or_default().into_iter().map(move |b| (container.clone(), b))
            })
            .map(|(container, b)| {
                format!("{}|{}|{container}", b.host_ip.unwrap_or_default(), b.host_port.unwrap_or_default())
            })
            .collect();
        shown.sort();
        Some(shown)
    }

    #[test]
    fn ports_are_read_as_docker_run_reads_them() {
        let table: [(&str, &[&str]); 8] = [
            ("80", &["||80/tcp"]),
            ("8080:80", &["|8080|80/tcp"]),
            ("53:53/udp", &["|53|53/udp"]),
            ("127.0.0.1:8080:80", &["127.0.0.1|8080|80/tcp"]),
            ("127.0.0.1::80", &["127.0.0.1||80/tcp"]),
            ("[::1]:8080:80", &["::1|8080|80/tcp"]),
            ("8000-8001:80-81", &["|8000|80/tcp", "|8001|81/tcp"]),
            ("8000-8010:80", &["|8000-8010|80/tcp"]),
        ];
        for (text, expected) in table {
            assert_eq!(shown(text), Some(expected.iter().map(|text| (*text).to_owned()).collect()), "{text}");
        }
    }

    #[test]
    fn what_is_no_port_is_refused() {
        for text in ["", "x", "0:80", "80:0", "80:99999", "80:80/http", "8000-8001:80-82", "9-8:1", "host:80:80"] {
            assert_eq!(shown(text), None, "{text}");
        }
    }

    #[test]
    fn exposed_ports_are_listed_once() {
        let ports = published(&["80:80".to_owned()], &["80".to_owned(), "90-91/udp".to_owned()]).unwrap();
        assert_eq!(ports.exposed, ["80/tcp", "90/udp", "91/udp"]);
    }
}
