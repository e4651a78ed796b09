//! Repositories whose webhooks cannot reach the farm are asked what their branches and tags stand for.
//!
//! What is found is told to the inbox, as a webhook tells it, and remembered after that: whoever comes between the two
//! tells it again, and it is known there.

use super::{
    Polling,
    agenda::{Answer, Watched},
    heads::{Heads, event, events, heads},
};
use crate::{
    hooks::Told,
    store::{self, Change, keys},
    stored_tasks::{TOKEN_USER, TaskError, source_filter},
    triggers::filter::Filter,
};
use acre_model::{
    ids::{ProjectName, TaskName},
    plan::Fetch,
    secret::SecretValue,
    stored_task::{StoredTask, TaskStatus},
    submission::Source,
};
use acre_task::address;
use acre_web::{
    Unfetched,
    registry::patience::{may_pass, retry_after},
};
use http::{HeaderMap, header::AUTHORIZATION};
use reqwest::Url;

/// The largest list of branches and tags that is read, in bytes.
const LARGEST: u64 = 32 << 20;
/// Most branches and tags that start a task; they are one record.
const MOST: usize = 4_096;

/// The repository of a task that is to be asked.
pub(super) fn watched(task: &StoredTask) -> Option<Watched> {
    let is_on = task.status == TaskStatus::Enabled && task.triggers.source.poll;
    let Source::Address(address) = &task.source else { return None };
    let (project, name, address) = (task.project.clone(), task.name.clone(), address.clone());
    is_on.then_some(Watched::Source { project, task: name, address })
}

/// Where the branches and tags of a repository are listed; `None`: it is not one that is reached by http.
pub(crate) fn list_of(source: &Source) -> Option<Url> {
    let Source::Address(text) = source else { return None };
    let Ok(Fetch::Git(git)) = address::parse(text) else { return None };
    let mut url = Url::parse(&git.repository).ok().filter(|url| ["http", "https"].contains(&url.scheme()))?;
    url.path_segments_mut().ok()?.pop_if_empty().extend(["info", "refs"]);
    url.set_query(Some("service=git-upload-pack"));
    Some(url)
}

/// Why a repository's branches and tags are not known.
enum Unknown {
    Refused(String),
    Away(String, Option<u64>),
}

impl From<Unfetched> for Unknown {
    fn from(why: Unfetched) -> Self {
        match why {
            Unfetched::Away(why) => Self::Away(why, None),
            other => Self::Refused(other.to_string()),
        }
    }
}

impl From<TaskError> for Unknown {
    fn from(why: TaskError) -> Self {
        Self::Refused(why.to_string())
    }
}

impl Polling {
    /// Looks at the repository of a task, and tells what has happened there since the last look.
    pub(super) async fn look_at_source(&self, project: &ProjectName, name: &TaskName) -> Answer {
        match self.look_for_commits(project, name).await {
            Ok(()) => Answer::AsBefore,
            Err(Unknown::Refused(why)) => {
                tracing::warn!(%project, task = %name, why, "its repository is not looked at");
                Answer::Failed
            }
            Err(Unknown::Away(why, after)) => {
                tracing::warn!(%project, task = %name, why, "its repository does not answer");
                Answer::Away(after)
            }
        }
    }

    async fn look_for_commits(&self, project: &ProjectName, name: &TaskName) -> Result<(), Unknown> {
        let task = self.stored_tasks.get(project, name).await?;
        let list = list_of(&task.source).ok_or_else(|| Unknown::Refused("it is not reached by https".to_owned()))?;
        let token = self.registries.secrets.task(project, name).await.map_err(TaskError::from)?.git_token;
        let (response, _) = self.registries.web.get(&list, &shown(token.as_ref()), None).await?;
        let status = response.status();
        if !status.is_success() {
            let why = format!("{}: {status}", list.host_str().unwrap_or_default());
            let after = retry_after(response.headers());
            return Err(if may_pass(status) { Unknown::Away(why, after) } else { Unknown::Refused(why) });
        }
        let mut answer = Vec::new();
        self.registries.web.save(response, LARGEST, &mut answer, |_| {}).await?;
        let Ok(Some(filter)) = source_filter(&task) else { return Ok(()) };
        let now = heads(&answer).and_then(|heads| wanted(heads, &filter)).map_err(Unknown::Refused)?;
        Ok(self.tell(&task, now).await?)
    }

    /// Tells what has happened since the last look; at the first there is nothing to compare with.
    async fn tell(&self, task: &StoredTask, now: Heads) -> Result<(), TaskError> {
        let key = keys::heads(&task.project, &task.name);
        let stored = self.stored_tasks.store.get(&key).await?;
        let then = stored.and_then(|stored| store::decode::<Heads>(&stored.value).ok());
        if let Some(then) = &then {
            for (id, event) in events(then, &now) {
                let told = Told::Source { task: task.name.clone(), provider: None, events: vec![event] };
                self.inbox.keep(&task.project, task.name.as_str(), &format!("found {id}"), &told).await?;
            }
        }
        if then.as_ref() != Some(&now) {
            self.stored_tasks.driver.record(Change::Put(key, store::encode(&now))).await?;
        }
        Ok(())
    }
}

/// The branches and tags that start the task.
fn wanted(mut heads: Heads, filter: &Filter) -> Result<Heads, String> {
    heads.retain(|name, commit| event(name, commit).is_some_and(|event| filter.check(&event).is_ok()));
    let count = heads.len();
    let few = "name branches and tags with --branch and --tag-trigger";
    (count <= MOST).then_some(heads).ok_or_else(|| format!("{count} branches and tags start it; limit {MOST}: {few}"))
}

/// What a host is shown that knows the token.
fn shown(token: Option<&SecretValue>) -> HeaderMap {
    let login = token.map(|token| [TOKEN_USER.as_bytes(), b":", token.expose()].concat());
    HeaderMap::from_iter(login.and_then(|login| acre_web::basic(&login)).map(|header| (AUTHORIZATION, header)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use acre_model::trigger::{EventKind, SourceFilter};

    #[test]
    fn what_starts_the_task_is_remembered_and_too_much_is_refused() {
        let heads = |count: usize| -> Heads {
            let tags = (0..count).map(|number| format!("refs/tags/v{number}"));
            let names = tags.chain(["refs/heads/main".to_owned(), "refs/heads/other".to_owned()]);
            names.map(|name| (name, "a".repeat(40).parse().unwrap())).collect()
        };
        let filter = |tags: &[&str]| {
            let kinds = [EventKind::Commit, EventKind::Tag].into();
            let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
            Filter::new(&SourceFilter { kinds, branches: vec!["main".to_owned()], tags, ..SourceFilter::default() })
                .unwrap()
        };
        let count = |count, filter: &Filter| wanted(heads(count), filter).map(|heads| heads.len());
        assert_eq!((count(0, &filter(&[])), count(9, &filter(&["v1*"]))), (Ok(1), Ok(2)));
        assert_eq!(count(MOST, &filter(&["x"])), Ok(1));
        let why = count(MOST, &filter(&["v*"])).unwrap_err();
        assert!(why.contains("4097 branches and tags start it; limit 4096"), "{why}");
    }
}
