//! From a stored task to what is handed in for one of its runs.

use crate::triggers::is_same_repository;
use acre_model::{
    origin::Origin,
    secret::SecretValue,
    stored_task::{Definition, ImageBuild, Overrides, StoredTask, replaced},
    submission::{NamedText, Source, Submission, TaskSource},
};
use acre_task::{
    address,
    synth::{self, BuildRequest},
};

/// What is handed in for a run of the task. A token for its source stands in the address, where sealing finds it.
pub(super) fn of_task(
    task: &StoredTask,
    overrides: Overrides,
    origin: Origin,
    git_token: Option<&SecretValue>,
) -> Submission {
    let source = overrides.source.unwrap_or_else(|| task.source.clone());
    let (source, source_shown) = match source {
        Source::Address(address) => {
            let shown = address::shown(&address);
            // It is for the task's own repository, and goes to no other place that a run is given.
            let token = git_token.filter(|_| is_own(task, &address));
            (Source::Address(with_token(&address, token)), shown)
        }
        other => (other, "/dev/null".to_owned()),
    };
    let definition = with_overrides(&task.definition, (overrides.file, overrides.target, overrides.arguments));
    let mut secret_sets = joined(&task.secret_sets, overrides.secret_sets);
    if let Definition::Build(build) = &task.definition {
        secret_sets = joined(&secret_sets, joined(&build.secret_arguments, overrides.secret_arguments.clone()));
    }
    Submission {
        project: task.project.clone(),
        source,
        source_shown,
        task: text(definition, overrides.secret_arguments, task.registry.clone()),
        values: task.values.clone(),
        sets: replaced(&task.sets, overrides.sets),
        secret_sets,
        platforms: if overrides.platforms.is_empty() { task.platforms.clone() } else { overrides.platforms },
        registry: task.registry.clone(),
        timeout_ms: Some(task.timeout_ms),
        pool: task.pool.clone(),
        emulation: task.emulation,
        allow_partial: false,
        leave_images: false,
        narrowing: overrides.narrowing,
        idempotency_key: None,
        cancel_superseded: task.triggers.source.cancel_superseded,
        origin,
    }
}

/// The task's own source at a commit, branch or ref; `None`: it is no repository.
pub(crate) fn source_at(task: &StoredTask, reference: &str) -> Option<Source> {
    let Source::Address(address) = &task.source else { return None };
    let (repository, fragment) = address.split_once('#').unwrap_or((address, ""));
    let folder = fragment.split_once(':').map(|(_, folder)| format!(":{folder}")).unwrap_or_default();
    Some(Source::Address(format!("{repository}#{reference}{folder}")))
}

fn is_own(task: &StoredTask, address: &str) -> bool {
    matches!(&task.source, Source::Address(own) if own == address || is_same_repository(address, own))
}

/// The user beside a token for a repository. Any does; this is Bitbucket's.
pub(crate) const TOKEN_USER: &str = "x-token-auth";

/// An https address through which its host knows who fetches.
fn with_token(address: &str, token: Option<&SecretValue>) -> String {
    let rest =
        address.strip_prefix("https://").filter(|rest| !rest.split('/').next().unwrap_or_default().contains('@'));
    match (rest, token.and_then(|token| std::str::from_utf8(token.expose()).ok())) {
        (Some(rest), Some(token)) => format!("https://{TOKEN_USER}:{token}@{rest}"),
        _ => address.to_owned(),
    }
}

type Changed = (Option<String>, Option<String>, Vec<(String, String)>);

fn with_overrides(definition: &Definition, (file, target, arguments): Changed) -> Definition {
    match (definition.clone(), file) {
        (Definition::Build(build), file) => Definition::Build(ImageBuild {
            dockerfile: file.or(build.dockerfile),
            target: target.or(build.target),
            arguments: replaced(&build.arguments, arguments),
            ..build
        }),
        (_, Some(file)) => Definition::File(Some(file)),
        (definition, None) => definition,
    }
}

fn text(definition: Definition, secret_arguments: Vec<String>, registry: Option<String>) -> TaskSource {
    let named = |name: &str, text| TaskSource::Text(NamedText { name: name.to_owned(), text });
    match definition {
        Definition::File(name) => TaskSource::File(name),
        Definition::Text(text) => TaskSource::Text(text),
        Definition::Cmd(cmd) => named(synth::CMD, synth::cmd_task(&cmd)),
        Definition::Build(build) => named(synth::BUILD, synth::build_task(&request(build, secret_arguments, registry))),
    }
}

fn request(build: ImageBuild, secret_arguments: Vec<String>, registry: Option<String>) -> BuildRequest {
    let secret = |name: String| {
        let value = format!("{{{{index .Values \"{name}\"}}}}");
        (name, value)
    };
    let secrets = joined(&build.secret_arguments, secret_arguments).into_iter().map(secret);
    let arguments = replaced(&build.arguments, secrets.collect());
    BuildRequest {
        images: build.images,
        registry,
        dockerfile: build.dockerfile,
        build_args: arguments.into_iter().map(|(name, value)| format!("{name}={value}")).collect(),
        target: build.target,
        no_cache: build.no_cache,
        push: build.push,
        ..BuildRequest::default()
    }
}

/// These names and further ones, each once.
fn joined(names: &[String], further: Vec<String>) -> Vec<String> {
    let mut all = names.to_vec();
    all.extend(further.into_iter().filter(|name| !names.contains(name)));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_goes_to_the_tasks_own_repository_alone() {
        let own = "https://git.example/team/app.git";
        let task =
            StoredTask { source: Source::Address(format!("{own}#main")), ..StoredTask::new("app".parse().unwrap()) };
        let token = SecretValue::new(b"t".to_vec());
        let table = [
            (None, "https://x-token-auth:t@git.example/team/app.git#main"),
            (Some("https://git.example/team/app.git#v2:sub"), "https://x-token-auth:t@git.example/team/app.git#v2:sub"),
            (Some("https://other.example/team/app.git"), "https://other.example/team/app.git"),
            (Some("https://git.example/other/app.git"), "https://git.example/other/app.git"),
        ];
        for (given, expected) in table {
            let source = given.map(|address| Source::Address(address.to_owned()));
            let overrides = Overrides { source, ..Overrides::default() };
            let submission = of_task(&task, overrides, Origin::default(), Some(&token));
            assert_eq!(submission.source, Source::Address(expected.to_owned()), "{given:?}");
        }
    }
}
