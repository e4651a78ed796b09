//! Networks of a sandbox, on which its containers find each other by name.

use super::{Docker, failure};
use crate::engine::{EngineError, Labels};
use acre_model::{plan::Network, text::clip};
use bollard::{
    models::{Ipam, IpamConfig, NetworkCreateRequest},
    query_parameters::InspectNetworkOptions,
};
use sha2::{Digest as _, Sha256};

/// Drivers whose networks do not reach past the engine's own address translation.
const DRIVERS: [&str; 3] = ["bridge", "nat", "overlay"];

impl Docker {
    /// Makes the network if it is not there. Engines allow several networks of one name, so looking and creating is
    /// done by one at a time.
    pub(super) async fn ensure_network(&self, network: &Network, labels: &Labels) -> Result<(), EngineError> {
        let _one_at_a_time = self.making.lock().await;
        match self.client.inspect_network(&network.name, None::<InspectNetworkOptions>).await {
            Ok(_) => return Ok(()),
            Err(error) if failure::is_absent(&error) => {}
            Err(error) => return Err(self.failed(error)),
        }
        let request = NetworkCreateRequest {
            name: network.name.clone(),
            driver: Some(driver(&network.driver, self.is_windows())?),
            enable_ipv6: network.ipv6.then_some(true),
            ipam: network.ipv6.then(|| ipv6(&network.name)),
            labels: Some(labels.clone().into_iter().collect()),
            ..NetworkCreateRequest::default()
        };
        match self.client.create_network(request).await {
            Err(error) if !failure::is_conflict(&error) => Err(self.failed(error)),
            _ => Ok(()),
        }
    }
}

fn driver(asked: &str, is_windows: bool) -> Result<String, EngineError> {
    match asked {
        "" | "bridge" => Ok(if is_windows { "nat" } else { "bridge" }.to_owned()),
        driver if DRIVERS.contains(&driver) => Ok(driver.to_owned()),
        driver => Err(EngineError::Refused(format!(
            "networks of driver `{}` are not given to tasks, since they reach the host's own network; use one of: {}",
            clip(driver),
            DRIVERS.join(", ")
        ))),
    }
}

/// A unique local prefix (RFC 4193) by the network's name: engines before 27 have none to give by themselves.
fn ipv6(name: &str) -> Ipam {
    let hash = Sha256::digest(name);
    let [a, b, c, d, e, f, g, ..] = hash[..] else { return Ipam::default() };
    let subnet = format!("fd{a:02x}:{b:02x}{c:02x}:{d:02x}{e:02x}:{f:02x}{g:02x}::/64");
    Ipam { config: Some(vec![IpamConfig { subnet: Some(subnet), ..IpamConfig::default() }]), ..Ipam::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drivers_that_reach_the_host_are_refused() {
        let table = [
            ("bridge", false, Some("bridge")),
            ("", false, Some("bridge")),
            ("bridge", true, Some("nat")),
            ("overlay", false, Some("overlay")),
            ("host", false, None),
            ("macvlan", false, None),
        ];
        for (asked, is_windows, expected) in table {
            assert_eq!(driver(asked, is_windows).ok().as_deref(), expected, "{asked}");
        }
    }

    #[test]
    fn a_prefix_for_ipv6_is_a_network_of_its_own() {
        let subnet = |name| ipv6(name).config.unwrap().remove(0).subnet.unwrap();
        let (address, bits) = subnet("a").split_once('/').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        let address: std::net::Ipv6Addr = address.parse().unwrap();
        assert!(address.is_unique_local() && bits == "64", "{address}/{bits}");
        assert_ne!(subnet("a"), subnet("b"));
    }
}
