//! Repositories whose webhooks cannot reach the farm are asked what their branches and tags stand for.
//!
//! What is found is told to the inbox, as a webhook tells it, and remembered after that: whoever comes between the two
//! tells it again, and it is known there.

use super::{
    Polling,
    agenda::{Answer, Found, Watched},
    heads::{Heads, events, heads},
};
use crate::{
    blobs::digest_of,
    hooks::Told,
    store::{self, Change, keys},
    stored_tasks::{TaskError, source_filter},
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
use data_encoding::BASE64;
use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
use reqwest::Url;

/// The largest list of branches and tags that is read, in bytes.
const LARGEST: u64 = 32 << 20;

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
    pub(super) async fn look_at_source(&self, project: &ProjectName, name: &TaskName, last: &Found) -> Answer {
        match self.look_for_commits(project, name, last).await {
            Ok(answer) => answer,
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

    async fn look_for_commits(&self, project: &ProjectName, name: &TaskName, last: &Found) -> Result<Answer, Unknown> {
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
        let digest = Some(digest_of(&answer));
        if digest == last.digest {
            return Ok(Answer::AsBefore);
        }
        let now = heads(&answer).map_err(|why| Unknown::Refused(why.to_owned()))?;
        self.tell(&task, now).await?;
        Ok(Answer::Found(Found { digest, etag: None }))
    }

    /// Tells what has happened since the last look; at the first there is nothing to compare with.
    async fn tell(&self, task: &StoredTask, now: Heads) -> Result<(), TaskError> {
        let key = keys::heads(&task.project, &task.name);
        let stored = self.waves.store.get(&key).await?;
        let then = stored.and_then(|stored| store::decode::<Heads>(&stored.value).ok());
        let filter = source_filter(task).ok().flatten();
        if let (Some(then), Some(filter), Source::Address(address)) = (&then, filter, &task.source) {
            let wanted = events(address, then, &now).into_iter().filter(|(_, event)| filter.check(event).is_ok());
            for (id, event) in wanted {
                let told = Told::Source { task: task.name.clone(), provider: None, events: vec![event] };
                self.inbox.keep(&task.project, task.name.as_str(), &format!("found {id}"), &told).await?;
            }
        }
        if then.as_ref() != Some(&now) {
            self.waves.driver.record(Change::Put(key, store::encode(&now))).await?;
        }
        Ok(())
    }
}

/// What a host is shown that knows the token. Any user does; this is Bitbucket's.
fn shown(token: Option<&SecretValue>) -> HeaderMap {
    let pair = |token: &SecretValue| BASE64.encode(&[b"x-token-auth:", token.expose()].concat());
    let header = token.and_then(|token| HeaderValue::from_str(&format!("Basic {}", pair(token))).ok());
    HeaderMap::from_iter(header.map(|mut header| {
        header.set_sensitive(true);
        (AUTHORIZATION, header)
    }))
}
