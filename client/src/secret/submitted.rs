//! What a run's task says about secrets and registries of its user, as far as it can be compiled here.

use super::{DockerConfig, Origin, docker};
use crate::error::Error;
use acre_model::{
    plan::{Action, Build, Fetch, Plan},
    reference::Reference,
    secret::{Confidential, Login, SecretSource},
    text::clip,
};
use std::collections::BTreeSet;

/// The most registries of one run that logins are looked up for.
const REGISTRIES: usize = 64;

/// What was gathered for a submission.
#[derive(Debug, Default)]
pub struct Gathered {
    /// Secrets and logins.
    pub confidential: Confidential,
    /// Logins that could not be had, and why.
    pub warnings: Vec<String>,
}

/// Adds the values of the task's own secrets that come from this machine (`from: env:…`, `from: file:…`); one that is
/// there already wins.
///
/// # Errors
/// Every value that cannot be had, with its line.
pub fn declared(plan: &Plan, file: &str, confidential: &mut Confidential) -> Result<(), Error> {
    let mut faults = Vec::new();
    for secret in &plan.secrets {
        let (origin, remedy) = match &secret.from {
            SecretSource::Env(name) => (Origin::Env(name.clone()), "set it, as `acre run` sends its value"),
            SecretSource::File(path) => (Origin::File(path.into()), "`acre run` sends its content"),
            SecretSource::Submission
            | SecretSource::Vault { .. }
            | SecretSource::Project(_)
            | SecretSource::KeyVault(_) => continue,
        };
        if confidential.secrets.contains_key(&secret.id) {
            continue;
        }
        match origin.read() {
            Ok(value) => drop(confidential.secrets.insert(secret.id.clone(), value)),
            Err(why) => {
                faults.push(format!("{}:{}: secret `{}`: {why}; {remedy}", clip(file), secret.line, secret.id));
            }
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(Error::Usage(faults.join("\n"))) }
}

/// The registries that a run uses, as far as is known: that of `--registry`, that of its source, and those of the
/// references in its plan.
pub fn registries(registry: Option<&str>, source: Option<&Fetch>, plan: Option<&Plan>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    found.extend(registry.map(|registry| docker::host(registry).to_owned()));
    let of = |reference: &Reference| docker::host(reference.registry().unwrap_or(docker::HUB)).to_owned();
    found.extend(source.and_then(artifact).map(of));
    for unit in plan.into_iter().flat_map(|plan| &plan.units) {
        match &unit.action {
            Action::Source(fetch) => found.extend(artifact(fetch).map(of)),
            Action::Build(build) => found.extend(references(build).iter().map(of)),
            Action::Push(push) => drop(found.insert(of(&push.reference))),
            Action::Index(index) => drop(found.insert(of(&index.reference))),
            // What is no reference may be the id of an image on the engine.
            Action::Cmd(cmd) => found.extend(cmd.image.parse().ok().as_ref().map(of)),
        }
    }
    found.into_iter().take(REGISTRIES).collect()
}

/// What is fetched, if a registry has it.
const fn artifact(fetch: &Fetch) -> Option<&Reference> {
    match fetch {
        Fetch::Oci(reference) => Some(reference),
        Fetch::Git(_) | Fetch::Tar(_) | Fetch::Aliases(_) => None,
    }
}

/// The references of a build that a login may be needed for.
fn references(build: &Build) -> Vec<Reference> {
    let caches = build.cache_from.iter().chain(&build.cache_to).filter_map(|cache| {
        let mut parts = cache.split(',');
        let text = if cache.contains('=') { parts.find_map(|part| part.strip_prefix("ref="))? } else { cache };
        text.parse().ok()
    });
    let bases = build.dependencies.iter().flatten().map(|dependency| dependency.reference.clone());
    bases.chain(caches).collect()
}

impl Gathered {
    /// Adds Docker's logins to these registries.
    pub async fn log_in(&mut self, config: &DockerConfig, registries: BTreeSet<String>) {
        let asked = registries.iter().map(|registry| config.login(registry));
        for login in futures::future::join_all(asked).await {
            match login {
                Ok(login) => self.add(login),
                Err(why) => self.warnings.push(why),
            }
        }
    }

    fn add(&mut self, login: Option<Login>) {
        self.confidential.logins.extend(login);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use acre_model::secret::{SecretDecl, SecretValue};

    fn decl(id: &str, from: SecretSource, line: u32) -> SecretDecl {
        SecretDecl { id: id.parse().unwrap(), from, line }
    }

    #[test]
    fn secrets_of_the_task_are_read_from_this_machine() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("value");
        std::fs::write(&path, "from the file").unwrap();
        let file = |path: &std::path::Path| SecretSource::File(path.to_str().unwrap().to_owned());
        let given = Confidential {
            secrets: [("given".parse().unwrap(), SecretValue::new(b"mine".to_vec()))].into(),
            ..Confidential::default()
        };
        let mut plan = Plan {
            secrets: vec![
                decl("file", file(&path), 3),
                decl("given", SecretSource::Env("ACRE_NO_SUCH_VARIABLE".to_owned()), 4),
                decl("farm", SecretSource::Project("x".parse().unwrap()), 5),
            ],
            ..Plan::default()
        };
        let mut confidential = given.clone();
        declared(&plan, "acb.yaml", &mut confidential).unwrap();
        let values: Vec<_> = confidential.secrets.iter().map(|(id, value)| (id.as_str(), value.expose())).collect();
        assert_eq!(values, [("file", &b"from the file"[..]), ("given", b"mine")]);

        plan.secrets.push(decl("none", file(&folder.path().join("none")), 7));
        plan.secrets.push(decl("unset", SecretSource::Env("ACRE_NO_SUCH_VARIABLE".to_owned()), 9));
        let fault = declared(&plan, "acb.yaml", &mut given.clone()).unwrap_err().to_string();
        let expected = ["acb.yaml:7: secret `none`: cannot read", "acb.yaml:9: secret `unset`: there is no variable"];
        assert!(expected.iter().all(|part| fault.contains(part)) && fault.lines().count() == 2, "{fault}");
    }

    #[test]
    fn registries_are_those_of_the_run() {
        let task = "steps:\n  - build: -t pushed.example/x:1 .\n    id: b\n  - push: pushed.example/x:1\n  - cmd: run.example:5000/tool:1\n  - cmd: bash\n";
        let facts = acre_task::RunFacts {
            id: acre_model::ids::RunId::new(0, 0, 0),
            now: acre_model::time::Timestamp::default(),
            commit: None,
            branch: None,
            repository: None,
            git_tag: None,
            triggered_by: String::new(),
            task_name: None,
            nonce: acre_model::secret::Nonce::default(),
        };
        let input = acre_task::Input {
            file: "acb.yaml",
            text: task,
            values: &[],
            sets: &[],
            secret_sets: &[],
            platforms: &[],
            registry: None,
            facts: &facts,
            presets: &acre_task::Presets::default(),
            files: &acre_task::NoFiles,
            has_tree: true,
            source: None,
        };
        let mut plan = acre_task::compile(&input).unwrap().plan;
        let Action::Build(build) = &mut plan.units[0].action else { panic!("it is a build") };
        build.cache_from = vec!["cached.example/c:1".to_owned()];
        build.cache_to = vec!["type=registry,ref=kept.example/c:1,mode=max".to_owned(), "type=inline".to_owned()];
        let source = Fetch::Oci("source.example/x:1".parse().unwrap());
        let found = registries(Some("mine.example/team"), Some(&source), Some(&plan));
        let expected = [
            "cached.example",
            "docker.io",
            "kept.example",
            "mine.example",
            "pushed.example",
            "run.example:5000",
            "source.example",
        ];
        assert_eq!(found.into_iter().collect::<Vec<_>>(), expected);
        assert_eq!(registries(Some("mine.example"), None, None).into_iter().collect::<Vec<_>>(), ["mine.example"]);
    }
}
