//! What templates may know of a run.

use super::Known;
use acre_model::{
    origin::Origin,
    plan::{Fetch, ResolvedSource},
};
use acre_task::RunFacts;

/// The facts of a run with this source.
pub(super) fn facts(
    known: Known,
    origin: &Origin,
    resolved: Option<&ResolvedSource>,
    fetch: Option<&Fetch>,
) -> RunFacts {
    let (branch, git_tag) = resolved.and_then(|source| source.reference.as_deref()).map_or((None, None), branch_or_tag);
    RunFacts {
        id: known.run,
        now: known.submitted_at,
        commit: resolved.and_then(|source| source.commit.clone()),
        // Of a commit that was pushed it is known, though the source is that very commit.
        branch: origin.cause.branch().map(str::to_owned).or(branch),
        repository: fetch.and_then(repository),
        git_tag: origin.cause.tag().map(str::to_owned).or(git_tag),
        triggered_by: origin.cause.to_string(),
        task_name: origin.task.as_ref().map(ToString::to_string),
        nonce: known.nonce,
    }
}

/// What a ref that was asked for is to a template: a branch or a tag. One that says neither of itself is taken for a
/// branch, as in ACR; a pull request or a commit is neither.
fn branch_or_tag(reference: &str) -> (Option<String>, Option<String>) {
    let commit = reference.len() == 40 && reference.bytes().all(|b| b.is_ascii_hexdigit());
    let (name, is_tag) = match reference.strip_prefix("refs/tags/") {
        Some(name) => (name, true),
        None => (reference.strip_prefix("refs/heads/").unwrap_or(reference), false),
    };
    match name {
        _ if commit || name.starts_with("pull/") || name.starts_with("refs/") => (None, None),
        name if is_tag => (None, Some(name.to_owned())),
        name => (Some(name.to_owned()), None),
    }
}

/// The repository of a source, without its secrets.
fn repository(fetch: &Fetch) -> Option<String> {
    match fetch {
        Fetch::Git(git) => Some(acre_task::address::shown(&git.repository)),
        Fetch::Tar(_) | Fetch::Oci(_) | Fetch::Aliases(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ref_is_a_branch_or_a_tag() {
        let commit = "c".repeat(40);
        let table = [
            ("main", Some("main"), None),
            ("refs/heads/a/b", Some("a/b"), None),
            ("refs/tags/v1", None, Some("v1")),
            ("pull/7/head", None, None),
            ("refs/pull/7/head", None, None),
            (commit.as_str(), None, None),
        ];
        for (reference, branch, tag) in table {
            let found = branch_or_tag(reference);
            assert_eq!((found.0.as_deref(), found.1.as_deref()), (branch, tag), "{reference}");
        }
    }
}
