//! Which machines a source may be fetched from. Pure.
//!
//! An address may name this machine or one of the private network: who runs a farm has its repositories there. But what
//! such an address leads to, by a redirect, may only be as public or more so; and no address leads to where clouds give
//! machines their keys.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How public a machine is, the least so first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Zone {
    /// The agent's own.
    Machine,
    /// Of its network (RFC 1918, RFC 4193, RFC 6598).
    Private,
    /// Of the internet.
    Public,
}

impl Zone {
    /// The zone of an address; `None` where nothing is ever fetched from.
    pub(super) fn of(address: IpAddr) -> Option<Self> {
        match address {
            IpAddr::V4(address) => Self::of_v4(address),
            IpAddr::V6(address) => match embedded(address) {
                Some(address) => Self::of_v4(address),
                None => Self::of_v6(address),
            },
        }
    }

    fn of_v4(address: Ipv4Addr) -> Option<Self> {
        let [first, second, third, _] = address.octets();
        match (first, second, third) {
            (127, ..) => Some(Self::Machine),
            // "This network", link-local, IETF's own, multicast and beyond.
            (0, ..) | (169, 254, _) | (192, 0, 0) | (224.., ..) => None,
            // Where one cloud has its keys among shared addresses.
            (100, 100, 100) if address.octets()[3] == 200 => None,
            (100, 64..=127, _) => Some(Self::Private),
            _ if address.is_private() => Some(Self::Private),
            _ => Some(Self::Public),
        }
    }

    fn of_v6(address: Ipv6Addr) -> Option<Self> {
        /// Where one cloud has its keys among private addresses.
        const KEYS: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
        match address.segments()[0] {
            _ if address.is_loopback() => Some(Self::Machine),
            _ if address.is_unspecified() || address == KEYS => None,
            // Link-local, site-local, multicast.
            0xfe80..=0xffff => None,
            0xfc00..=0xfdff => Some(Self::Private),
            _ => Some(Self::Public),
        }
    }
}

/// The IPv4 address that an IPv6 one stands for: mapped, compatible, or by NAT64.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let segments = address.segments();
    let last = || Ipv4Addr::from((u32::from(segments[6]) << 16) | u32::from(segments[7]));
    match segments {
        [0x64, 0xff9b, 0, 0, 0, 0, ..] => Some(last()),
        [0, 0, 0, 0, 0, 0, high, _] if high != 0 => Some(last()),
        _ => address.to_ipv4_mapped(),
    }
}

/// Why an address may not be asked; `None` if it may. `from` is the zone of what led to it.
pub(crate) fn objection(host: &str, address: IpAddr, from: Option<Zone>) -> Option<String> {
    let Some(zone) = Zone::of(address) else {
        return Some(format!("{host} is at {address}, which sources are not fetched from"));
    };
    let is_named = host != "localhost" && host.trim_matches(['[', ']']).parse::<IpAddr>().is_err();
    if zone == Zone::Machine && is_named {
        return Some(format!("{host} is at {address}, which is the agent's own machine"));
    }
    match from {
        Some(from) if zone < from => Some(format!("it leads to {host} at {address}, which is less public than itself")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_apart() {
        use Zone::{Machine, Private, Public};
        let table = [
            ("127.0.0.1", Some(Machine)),
            ("127.9.9.9", Some(Machine)),
            ("::1", Some(Machine)),
            ("::ffff:127.0.0.1", Some(Machine)),
            ("10.0.0.1", Some(Private)),
            ("172.31.0.1", Some(Private)),
            ("172.32.0.1", Some(Public)),
            ("192.168.1.1", Some(Private)),
            ("100.64.0.1", Some(Private)),
            ("fd12::1", Some(Private)),
            ("64:ff9b::10.0.0.1", Some(Private)),
            ("8.8.8.8", Some(Public)),
            ("2001:4860::8888", Some(Public)),
            ("169.254.169.254", None),
            ("::ffff:169.254.169.254", None),
            ("64:ff9b::a9fe:a9fe", None),
            ("100.100.100.200", None),
            ("fd00:ec2::254", None),
            ("0.0.0.0", None),
            ("::", None),
            ("fe80::1", None),
            ("ff02::1", None),
            ("224.0.0.1", None),
            ("255.255.255.255", None),
            ("192.0.0.192", None),
        ];
        for (address, zone) in table {
            assert_eq!(Zone::of(address.parse().unwrap()), zone, "{address}");
        }
    }

    #[test]
    fn nothing_leads_to_what_is_less_public() {
        use Zone::{Machine, Private, Public};
        let table = [
            ("localhost", "127.0.0.1", None, true),
            ("127.0.0.1", "127.0.0.1", None, true),
            ("[::1]", "::1", None, true),
            ("rebound.example", "127.0.0.1", None, false),
            ("git.lan", "10.0.0.1", None, true),
            ("meta.example", "169.254.169.254", None, false),
            ("10.0.0.1", "10.0.0.1", Some(Public), false),
            ("127.0.0.1", "127.0.0.1", Some(Private), false),
            ("127.0.0.1", "127.0.0.1", Some(Machine), true),
            ("h.example", "8.8.8.8", Some(Private), true),
            ("h.example", "8.8.8.8", Some(Public), true),
        ];
        for (host, address, from, may) in table {
            assert_eq!(objection(host, address.parse().unwrap(), from).is_none(), may, "{host} {address} {from:?}");
        }
    }
}
