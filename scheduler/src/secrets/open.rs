//! Opening: what an agent should have, with the tokens of its texts opened, right before it is sent.

use super::{Secrets, SecretsError, run::Stage};
use crate::{board::Board, store::StoreError};
use acre_model::{
    attempt::{AttemptId, Fence},
    ids::{RunId, SecretId},
    plan::Action,
    secret::{Login, Nonce, Opener, SecretValue, may_hold_tokens},
    session::{Desired, DesiredAttempt, DesiredGroup, Opened},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, PoisonError},
};

/// An attempt that cannot be sent to its agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsent {
    /// Which.
    pub attempt: AttemptId,
    /// As it was assigned.
    pub fence: Fence,
    /// Why, for its author.
    pub why: String,
}

/// What a run keeps secret, open.
pub(super) struct OpenRun {
    nonce: Nonce,
    secrets: BTreeMap<SecretId, SecretValue>,
    logins: Vec<Login>,
    masks: Vec<SecretValue>,
}

impl Secrets {
    /// Opens all that an agent should have. What cannot be opened is taken out, and told.
    ///
    /// # Errors
    /// Where the store fails: then nothing may be sent.
    pub async fn open(&self, desired: &mut Desired, board: &Board) -> Result<Vec<Unsent>, StoreError> {
        let mut unsent = Vec::new();
        for group in &mut desired.groups {
            match self.open_run(&group.key.run).await {
                Ok(Some(run)) => unsent.extend(open_group(group, &run)),
                Ok(None) => unsent.extend(refuse_tokens(group, "what the run keeps secret is not stored")),
                Err(SecretsError::Store(error)) => return Err(error),
                Err(error) => unsent.extend(refuse_tokens(group, &error.to_string())),
            }
        }
        // Runs that are over are forgotten; each end is followed by a message to the agents that worked for it.
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|run, _| board.watch(run).is_some());
        Ok(unsent)
    }

    async fn open_run(&self, run: &RunId) -> Result<Option<Arc<OpenRun>>, SecretsError> {
        let known = self.open.lock().unwrap_or_else(PoisonError::into_inner).get(run).cloned();
        if known.is_some() {
            return Ok(known);
        }
        let Some(stored) = self.load_run(run).await? else { return Ok(None) };
        let (nonce, tokens, is_final) = match stored.stage {
            Stage::Given { nonce } => (nonce, BTreeSet::new(), false),
            Stage::Resolved { nonce, tokens } => (nonce, tokens, true),
        };
        let (secrets, logins) = (stored.confidential.secrets, stored.confidential.logins);
        let masks = masks(&nonce, &secrets, &logins, &tokens);
        let opened = Arc::new(OpenRun { nonce, secrets, logins, masks });
        if is_final {
            self.open.lock().unwrap_or_else(PoisonError::into_inner).insert(run.clone(), opened.clone());
        }
        Ok(Some(opened))
    }
}

/// Every form in which a value of the run may be handed out.
fn masks(
    nonce: &Nonce,
    secrets: &BTreeMap<SecretId, SecretValue>,
    logins: &[Login],
    tokens: &BTreeSet<String>,
) -> Vec<SecretValue> {
    let mut opener = Opener::new(nonce, secrets);
    for token in tokens {
        // One that does not open fails the unit that uses it; what was handed out before that is masked all the same.
        drop(opener.open(token));
    }
    let mut masks: Vec<SecretValue> = secrets.values().cloned().collect();
    masks.extend(logins.iter().map(|login| login.password.clone()));
    masks.extend(opener.into_forms());
    masks.sort_by(|a, b| a.expose().cmp(b.expose()));
    masks.dedup();
    masks.retain(|mask| !mask.expose().is_empty());
    masks
}

fn open_group(group: &mut DesiredGroup, run: &OpenRun) -> Vec<Unsent> {
    let mut opener = Opener::new(&run.nonce, &run.secrets);
    let mut open = |text: &mut String| -> Result<(), String> {
        *text = opener.open(text).map_err(|why| why.to_string())?;
        Ok(())
    };
    let mut closed: BTreeMap<String, String> = BTreeMap::new();
    group.volumes.retain_mut(|volume| {
        let opened = volume.files.iter_mut().try_for_each(|(_, content)| open(content));
        opened.map_err(|why| closed.insert(volume.name.clone(), why)).is_ok()
    });
    let mut unsent = Vec::new();
    group.attempts.retain_mut(|attempt| {
        let of_volume = mounted(&attempt.unit.action).find_map(|name| closed.get(name).cloned());
        let opened = of_volume.map_or(Ok(()), Err);
        match opened.and_then(|()| attempt.unit.action.texts_mut().try_for_each(&mut open)) {
            Ok(()) => true,
            Err(why) => {
                unsent.push(unsent_because(attempt, why));
                false
            }
        }
    });
    group.confidential = Opened { logins: run.logins.clone(), masks: run.masks.clone() };
    unsent
}

/// Texts without tokens can be sent as they are.
fn refuse_tokens(group: &mut DesiredGroup, why: &str) -> Vec<Unsent> {
    let mut closed = BTreeSet::new();
    group.volumes.retain(|volume| {
        let is_closed = volume.files.iter().any(|(_, content)| may_hold_tokens(content));
        closed.extend(is_closed.then(|| volume.name.clone()));
        !is_closed
    });
    let mut unsent = Vec::new();
    group.attempts.retain_mut(|attempt| {
        let mounts_closed = mounted(&attempt.unit.action).any(|name| closed.contains(name));
        let is_closed = mounts_closed || attempt.unit.action.texts_mut().any(|text| may_hold_tokens(text));
        if is_closed {
            unsent.push(unsent_because(attempt, why.to_owned()));
        }
        !is_closed
    });
    unsent
}

fn unsent_because(attempt: &DesiredAttempt, why: String) -> Unsent {
    Unsent { attempt: attempt.attempt.clone(), fence: attempt.fence, why }
}

/// Names of the volumes that a unit mounts: `name`, beside where it mounts it.
fn mounted(action: &Action) -> impl Iterator<Item = &String> {
    let volumes = match action {
        Action::Cmd(cmd) => cmd.volumes.as_slice(),
        Action::Source(_) | Action::Build(_) | Action::Push(_) | Action::Index(_) => &[],
    };
    volumes.iter().map(|(name, _)| name)
}
