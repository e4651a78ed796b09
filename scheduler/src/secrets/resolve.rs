//! Resolving: every secret that a plan declares gets its value, or its fault is told; all faults at once.

use super::{
    Secrets, SecretsError, check,
    vault::{Fields, Vault, VaultError},
};
use acre_model::{
    ids::{ProjectName, SecretId},
    plan::Plan,
    secret::{Confidential, SECRET_SIZE, SecretDecl, SecretSource, SecretValue},
    text::clip,
};
use futures::StreamExt;
use std::collections::BTreeMap;

/// Secrets of Vault that are read at one time.
const PARALLEL: usize = 4;

/// Why the secrets of a run could not be had, as text for its author.
#[derive(Debug, thiserror::Error)]
pub enum Unresolved {
    /// The author's fault.
    #[error("{0}")]
    Faults(String),
    /// Too large.
    #[error("{0}")]
    TooLarge(String),
    /// Something is not where the task says.
    #[error("{0}")]
    Missing(String),
    /// What holds them does not answer.
    #[error("{0}")]
    Unavailable(String),
}

/// Whose fault it is that a secret has no value; the gravest decides for all.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Whose {
    Farms,
    Places,
    Authors,
}

type Found = Result<SecretValue, (Whose, String)>;
type Read = BTreeMap<String, Result<Fields, VaultError>>;

impl Secrets {
    /// What a run needs: what came with it, and all else that its plan declares.
    pub async fn resolve(
        &self,
        project: &ProjectName,
        plan: &Plan,
        mut given: Confidential,
    ) -> Result<Confidential, Unresolved> {
        let wanted = take_given(plan, &mut given);
        let read = self.read_vault(&wanted).await;
        let mut faults = Vec::new();
        for declared in wanted {
            match self.find(project, declared, &read).await {
                Ok(value) => drop(given.secrets.insert(declared.id.clone(), value)),
                Err((whose, why)) => faults.push((whose, format!("{} {why}", name(declared)))),
            }
        }
        if let Some(whose) = faults.iter().map(|(whose, _)| *whose).max() {
            return Err(unresolved(whose, faults.into_iter().map(|(_, why)| why).collect()));
        }
        check::check_size(&given).map_err(|error| Unresolved::TooLarge(error.to_string()))?;
        Ok(given)
    }

    async fn find(&self, project: &ProjectName, declared: &SecretDecl, read: &Read) -> Found {
        let id = &declared.id;
        let set = id.as_str().strip_prefix("set.").unwrap_or(id.as_str());
        let give = format!("give it with --set-secret {set}=…");
        let why = match &declared.from {
            SecretSource::Project(stored) => return self.of_project(project, stored).await,
            SecretSource::Vault { path, field } => return of_vault(read.get(path), path, field, &give),
            SecretSource::Submission if set != id.as_str() => format!("came without a value; {give}"),
            SecretSource::Submission => format!(
                "came without a value; {give}, or say where it is: `from: vault:PATH#FIELD` or `from: project:{id}`"
            ),
            SecretSource::Env(variable) => format!(
                "is read from variable {} of the client's machine, and came without a value; {give}",
                clip(variable)
            ),
            SecretSource::File(path) => {
                format!("is read from file {} of the client's machine, and came without a value; {give}", clip(path))
            }
            SecretSource::KeyVault(address) => format!(
                "is in key vault {}, which acre does not read; {give}, take it from Vault (`from: vault:PATH#FIELD`), \
                 or keep it in the project (`acre secret set {id}` and `from: project:{id}`)",
                clip(address)
            ),
        };
        Err((Whose::Authors, why))
    }

    async fn of_project(&self, project: &ProjectName, id: &SecretId) -> Found {
        match self.project_secret(project, id).await {
            Ok(Some(value)) => Ok(value),
            Ok(None) => Err((
                Whose::Places,
                format!("is none of project `{project}`: it has no secret `{id}`; set it with `acre secret set {id}`"),
            )),
            Err(error @ SecretsError::Unsealable { .. }) => {
                Err((Whose::Places, format!("cannot be read: {error}; set it again with `acre secret set {id}`")))
            }
            Err(error) => Err((Whose::Farms, format!("cannot be read: {error}"))),
        }
    }

    /// Every place of Vault that is wanted, once.
    async fn read_vault(&self, wanted: &[&SecretDecl]) -> Read {
        let Some(vault) = &self.vault else { return Read::new() };
        let mut paths: Vec<String> = Vec::new();
        for declared in wanted {
            if let SecretSource::Vault { path, .. } = &declared.from
                && !paths.contains(path)
            {
                paths.push(path.clone());
            }
        }
        let read: Vec<_> = paths.into_iter().map(|path| read_place(vault, path)).collect();
        futures::stream::iter(read).buffered(PARALLEL).collect().await
    }
}

async fn read_place(vault: &Vault, path: String) -> (String, Result<Fields, VaultError>) {
    let read = vault.read(&path).await;
    (path, read)
}

/// The declared secrets that did not come with the submission. `--set-secret NAME` also serves secret NAME.
fn take_given<'a>(plan: &'a Plan, given: &mut Confidential) -> Vec<&'a SecretDecl> {
    let mut wanted = Vec::new();
    for declared in &plan.secrets {
        if given.secrets.contains_key(&declared.id) {
            continue;
        }
        let set = SecretId::of_set(declared.id.as_str()).ok();
        match set.and_then(|set| given.secrets.get(&set)).cloned() {
            Some(value) => drop(given.secrets.insert(declared.id.clone(), value)),
            None => wanted.push(declared),
        }
    }
    wanted
}

fn unresolved(whose: Whose, faults: Vec<String>) -> Unresolved {
    let text = faults.join("\n");
    match whose {
        Whose::Authors => Unresolved::Faults(text),
        Whose::Places => Unresolved::Missing(text),
        Whose::Farms => Unresolved::Unavailable(text),
    }
}

fn of_vault(read: Option<&Result<Fields, VaultError>>, path: &str, field: &str, give: &str) -> Found {
    let place = clip(path);
    let fields = match read {
        None => {
            let start = "start the scheduler with --vault-addr and --vault-token-file";
            return Err((Whose::Authors, format!("is in Vault, and this farm has none; {start}, or {give}")));
        }
        Some(Err(error)) if error.is_passing() => return Err((Whose::Farms, error.to_string())),
        Some(Err(error)) => return Err((Whose::Places, error.to_string())),
        Some(Ok(fields)) => fields,
    };
    match fields.get(field) {
        Some(value) if value.expose().len() > SECRET_SIZE => {
            Err((Whose::Places, format!("is longer than {} KiB in Vault at `{place}`", SECRET_SIZE >> 10)))
        }
        Some(value) => Ok(value.clone()),
        None => {
            let known: Vec<String> = fields.keys().take(10).map(|name| format!("`{}`", clip(name))).collect();
            let known = if known.is_empty() { "none that is text".to_owned() } else { known.join(", ") };
            Err((Whose::Places, format!("is not in Vault: `{place}` has no field `{}`; it has {known}", clip(field))))
        }
    }
}

/// A secret as its author knows it.
fn name(declared: &SecretDecl) -> String {
    let id = declared.id.as_str();
    match (id.strip_prefix("set."), declared.line) {
        (Some(set), 0) => format!("--set-secret {set}"),
        (_, 0) => format!("secret `{id}`"),
        (_, line) => format!("secret `{id}` (line {line})"),
    }
}
