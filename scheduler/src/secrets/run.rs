//! What is stored, sealed, of one run.

use super::{Secrets, SecretsError, Unsealable};
use crate::store::keys;
use acre_model::{
    ids::RunId,
    plan::Plan,
    secret::{Confidential, Nonce, tokens},
};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What a run may know and nobody else.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct RunSecrets {
    pub(super) confidential: Confidential,
    pub(super) stage: Stage,
}

/// How far a run's secrets are.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Stage {
    /// As they came: what the run needs is known when its source is there.
    Given {
        /// Of the tokens in the address of the source.
        nonce: Nonce,
    },
    /// All that its plan needs.
    Resolved {
        /// Of the plan's tokens.
        nonce: Nonce,
        /// Every token that stands in the plan, for masking what they open to.
        tokens: BTreeSet<String>,
    },
}

impl Secrets {
    /// What came with a run whose source is not there yet. `None`: nothing to keep.
    pub fn seal_given(&self, run: &RunId, given: &Confidential, nonce: &Nonce) -> Option<Bytes> {
        self.seal(run, RunSecrets { confidential: given.clone(), stage: Stage::Given { nonce: nonce.clone() } })
    }

    /// What a compiled run needs. `None`: nothing to keep.
    pub fn seal_resolved(&self, run: &RunId, confidential: Confidential, plan: &Plan) -> Option<Bytes> {
        let stage = Stage::Resolved { nonce: plan.nonce.clone(), tokens: tokens_of(plan) };
        self.seal(run, RunSecrets { confidential, stage })
    }

    fn seal(&self, run: &RunId, secrets: RunSecrets) -> Option<Bytes> {
        let Confidential { secrets: values, logins } = &secrets.confidential;
        let is_empty = values.is_empty() && logins.is_empty();
        (!is_empty).then(|| self.sealer.seal(&keys::confidential(run), &secrets))
    }

    /// What came with a run whose source was not there.
    pub async fn stored_given(&self, run: &RunId) -> Result<Confidential, SecretsError> {
        Ok(self.load_run(run).await?.map(|secrets| secrets.confidential).unwrap_or_default())
    }

    pub(super) async fn load_run(&self, run: &RunId) -> Result<Option<RunSecrets>, SecretsError> {
        let key = keys::confidential(run);
        let Some(stored) = self.store.get(&key).await? else { return Ok(None) };
        let unsealable =
            |why: Unsealable| SecretsError::Unsealable { what: format!("what run {run} keeps secret"), why };
        self.sealer.open(&key, &stored.value).map(Some).map_err(unsealable)
    }
}

/// Every token that stands in a plan, once.
fn tokens_of(plan: &Plan) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut take = |text: &str| found.extend(tokens(text, &plan.nonce).iter().map(|token| token.write(&plan.nonce)));
    for unit in &plan.units {
        unit.action.clone().texts_mut().for_each(|text| take(text));
    }
    plan.volumes.iter().flat_map(|volume| &volume.files).for_each(|(_, content)| take(content));
    found
}
