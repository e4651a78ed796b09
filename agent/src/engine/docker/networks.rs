//! Networks of a sandbox, on which its containers find each other by name.

use super::{Docker, failure};
use crate::engine::{EngineError, Labels};
use bollard::{models::NetworkCreateRequest, query_parameters::InspectNetworkOptions};

impl Docker {
    /// Makes the network if it is not there. Engines allow several networks of one name, so looking and creating is
    /// done by one at a time.
    pub(super) async fn ensure_network(&self, name: &str, labels: &Labels) -> Result<(), EngineError> {
        let _one_at_a_time = self.making.lock().await;
        match self.client.inspect_network(name, None::<InspectNetworkOptions>).await {
            Ok(_) => return Ok(()),
            Err(error) if failure::is_absent(&error) => {}
            Err(error) => return Err(self.failed(error)),
        }
        let request = NetworkCreateRequest {
            name: name.to_owned(),
            driver: Some(if self.is_windows() { "nat" } else { "bridge" }.to_owned()),
            labels: Some(labels.clone().into_iter().collect()),
            ..NetworkCreateRequest::default()
        };
        match self.client.create_network(request).await {
            Err(error) if !failure::is_conflict(&error) => Err(self.failed(error)),
            _ => Ok(()),
        }
    }
}
