//! Secrets of a build (`RUN --mount=type=secret`), served from memory.

use crate::engine::EngineError;
use acre_model::text::clip;
use bollard_buildkit_proto::moby::buildkit::secrets::v1::{GetSecretRequest, GetSecretResponse, secrets_server};
use std::collections::BTreeMap;
use tonic::{Request, Response, Status};

/// The largest secret, in bytes: BuildKit takes no more (`session/secrets/secretsprovider`, `MaxSecretSize`).
const LARGEST: usize = 500 << 10;

/// Announces the service.
pub(super) const METHOD: &str = "/moby.buildkit.secrets.v1.Secrets/GetSecret";

/// Secrets by id.
#[derive(Clone, Default)]
pub(super) struct Secrets(BTreeMap<String, Vec<u8>>);

impl Secrets {
    /// These secrets, of which each id may stand once.
    pub(super) fn new(secrets: &[(String, String)]) -> Result<Self, EngineError> {
        let mut by_id = BTreeMap::new();
        for (id, value) in secrets {
            let refused = |why: &str| Err(EngineError::Refused(format!("build secret `{}`: {why}", clip(id))));
            if value.len() > LARGEST {
                return refused(&format!("it has {} bytes; limit {LARGEST}", value.len()));
            }
            if by_id.insert(id.clone(), value.as_bytes().to_vec()).is_some() {
                return refused("it is given twice");
            }
        }
        Ok(Self(by_id))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[tonic::async_trait]
impl secrets_server::Secrets for Secrets {
    /// Not found is an error of the build only where the mount is `required`.
    async fn get_secret(&self, request: Request<GetSecretRequest>) -> Result<Response<GetSecretResponse>, Status> {
        let id = request.into_inner().id;
        match self.0.get(&id) {
            Some(value) => Ok(Response::new(GetSecretResponse { data: value.clone() })),
            None => Err(Status::not_found(format!("the build has no secret {}", clip(&id)))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_given_once_and_is_of_bounded_size() {
        let of = |pairs: &[(&str, usize)]| {
            let pairs: Vec<_> = pairs.iter().map(|(id, size)| ((*id).to_owned(), "x".repeat(*size))).collect();
            Secrets::new(&pairs).map(|secrets| secrets.0.len()).map_err(|why| why.to_string())
        };
        assert_eq!(of(&[("a", 0), ("b", LARGEST)]), Ok(2));
        assert_eq!(of(&[("a", 1), ("a", 1)]), Err("build secret `a`: it is given twice".to_owned()));
        assert!(of(&[("a", LARGEST + 1)]).unwrap_err().contains("limit 512000"));
    }
}
