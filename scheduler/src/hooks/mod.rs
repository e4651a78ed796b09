//! The door for those who host sources and images: `POST /hooks/PROJECT/TASK/PROVIDER` and
//! `POST /registries/PROJECT/KIND[/SECRET]`.
//!
//! Invariant: whoever does not know the secret is not told why he is refused, and of a task that is not there the same is
//! worked out; whoever does is answered after what he told is kept.

mod delivery;
mod inbox;

pub(crate) use delivery::{Done, Pushed, Told};
pub use inbox::Inbox;

use crate::{
    blobs::digest_of,
    parts::{Clock, Random},
    secrets::Secrets,
    stored_tasks::source_filter,
    triggers::{self, registry, webhook},
};
use acre_model::{
    ids::{DeliveryId, ProjectName, TaskName},
    secret::SecretValue,
    stored_task::{StoredTask, TaskStatus},
    submission::Source,
    trigger::{ImagePushed, Provider, SourceEvent},
};
use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, State},
    http::{HeaderMap, StatusCode},
    routing::post,
};
use inbox::Kept;
use std::{future::Future, io, sync::Arc};
use tokio::net::TcpListener;

/// The largest request, in bytes: GitHub's own limit.
const LARGEST: usize = 25 << 20;

/// What requests are answered with.
#[derive(Clone)]
pub struct Hooks {
    /// Where what is told is kept.
    pub inbox: Inbox,
    /// What it is signed with.
    pub secrets: Arc<Secrets>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
}

type Answer = (StatusCode, String);

/// Answers requests until `until` resolves.
pub async fn serve(
    hooks: Hooks,
    listener: TcpListener,
    until: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    axum::serve(listener, routes(hooks)).with_graceful_shutdown(until).await
}

fn routes(hooks: Hooks) -> Router {
    Router::new()
        .route("/hooks/{project}/{task}/{provider}", post(source))
        .route("/registries/{project}/{kind}", post(images))
        .route("/registries/{project}/{kind}/{secret}", post(images_with_secret))
        .layer(DefaultBodyLimit::max(LARGEST))
        .with_state(hooks)
}

/// Of what is not there.
fn unknown() -> Answer {
    (StatusCode::NOT_FOUND, "no such trigger\n".to_owned())
}

fn refused(why: &triggers::Refused) -> Answer {
    let code = match why {
        triggers::Refused::Signature => StatusCode::UNAUTHORIZED,
        triggers::Refused::Malformed(_) => StatusCode::BAD_REQUEST,
    };
    (code, format!("{why}\n"))
}

fn unavailable(why: &dyn std::fmt::Display) -> Answer {
    (StatusCode::SERVICE_UNAVAILABLE, format!("not accepted: {why}\n"))
}

fn ignored(why: &str) -> Answer {
    (StatusCode::OK, format!("ignored: {why}\n"))
}

async fn source(
    State(hooks): State<Hooks>,
    Path((project, task, provider)): Path<(String, String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let Ok(provider) = provider.parse() else { return unknown() };
    let names = project.parse::<ProjectName>().ok().zip(task.parse::<TaskName>().ok());
    let (task, secret) = match hooks.task(names).await {
        Ok(found) => found.unzip(),
        Err(why) => return unavailable(&why),
    };
    // Of a task that is not there the same is worked out.
    let secret = secret.unwrap_or_else(|| SecretValue::new(hooks.random.draw().to_vec()));
    let read = webhook::read(provider, &headers, &body, &secret, hooks.clock.now().wall);
    match (task, read) {
        (None, _) => unknown(),
        (Some(_), Err(why)) => refused(&why),
        (Some(task), Ok(delivered)) => match wanted(&task, delivered.content) {
            Ok(events) => {
                let id = identity(provider, &delivered.delivery, &body);
                let told = Told::Source { task: task.name.clone(), provider: Some(provider), events };
                let kept = hooks.inbox.keep(&task.project, task.name.as_str(), &id, &told).await;
                kept.map_or_else(|why| unavailable(&why), |kept| answer(&kept))
            }
            Err(why) => ignored(&why),
        },
    }
}

/// What makes a delivery one. The id in a header is not signed: with another one, what was overheard would be new again.
/// Only in acre's own format it is part of what is signed.
fn identity(provider: Provider, id: &DeliveryId, body: &[u8]) -> String {
    match provider {
        Provider::Generic => id.to_string(),
        _ => digest_of(body).to_string(),
    }
}

/// The events that the task starts for, or why there is none.
fn wanted(task: &StoredTask, content: webhook::Content) -> Result<Vec<SourceEvent>, String> {
    let events = match content {
        webhook::Content::Events(events) => events,
        webhook::Content::Ignored { why } => return Err(why),
    };
    if task.status == TaskStatus::Disabled {
        return Err("the task is disabled".to_owned());
    }
    let filter = source_filter(task).ok().flatten().ok_or("the task starts for nothing that happens in its source")?;
    let Source::Address(own) = &task.source else { return Err("the task has no source".to_owned()) };
    let mut why = String::new();
    let mut is_wanted = |event: &SourceEvent| {
        let is_own = event.repository.iter().any(|address| triggers::is_same_repository(address, own));
        let checked = filter.check(event).map_err(|unwanted| unwanted.to_string());
        let checked = checked.and_then(|()| is_own.then_some(()).ok_or("it is another repository".to_owned()));
        checked.inspect_err(|unwanted| why.clone_from(unwanted)).is_ok()
    };
    let wanted: Vec<SourceEvent> = events.into_iter().filter(|event| is_wanted(event)).collect();
    if wanted.is_empty() { Err(why) } else { Ok(wanted) }
}

fn answer(kept: &Kept) -> Answer {
    match kept {
        Kept::Waiting => (StatusCode::ACCEPTED, "accepted\n".to_owned()),
        Kept::Duplicate(runs) if runs.is_empty() => (StatusCode::OK, "duplicate\n".to_owned()),
        Kept::Duplicate(runs) => {
            let runs = runs.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            (StatusCode::OK, format!("duplicate of run {runs}\n"))
        }
    }
}

async fn images(
    state: State<Hooks>,
    Path((project, kind)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    images_with_secret(state, Path((project, kind, String::new())), headers, body).await
}

async fn images_with_secret(
    State(hooks): State<Hooks>,
    Path((project, kind, in_address)): Path<(String, String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let (Ok(project), Ok(kind)) = (project.parse::<ProjectName>(), kind.parse()) else { return unknown() };
    let secret = match hooks.secrets.registry_hook(&project).await {
        Ok(secret) => secret,
        Err(why) => return unavailable(&why),
    };
    let is_known = secret.is_some();
    let secret = secret.unwrap_or_else(|| SecretValue::new(hooks.random.draw().to_vec()));
    let in_address = (!in_address.is_empty()).then_some(in_address.as_str());
    match registry::read(kind, &headers, &body, &secret, in_address) {
        _ if !is_known => unknown(),
        Err(why) => refused(&why),
        Ok(pushed) => {
            let images: Vec<Pushed> = pushed.images.into_iter().filter_map(named).collect();
            if images.is_empty() {
                return ignored("no tag was put whose digest is told");
            }
            let kept = hooks.inbox.keep(&project, "images", pushed.delivery.as_str(), &Told::Images(images)).await;
            kept.map_or_else(|why| unavailable(&why), |kept| answer(&kept))
        }
    }
}

/// As lineages name images. Of one whose digest is not told nothing is known to have changed.
fn named(pushed: ImagePushed) -> Option<Pushed> {
    let ImagePushed { registry, repository, tag, digest } = pushed;
    let registry = registry.unwrap_or_else(|| acre_model::reference::DOCKER_HUB.to_owned());
    Some(Pushed { image: format!("{registry}/{repository}:{tag}"), digest: digest? })
}

impl Hooks {
    /// A task that is there, and what is signed with that tells of its source.
    async fn task(
        &self,
        names: Option<(ProjectName, TaskName)>,
    ) -> Result<Option<(StoredTask, SecretValue)>, crate::stored_tasks::TaskError> {
        let Some((project, name)) = names else { return Ok(None) };
        let task = match self.inbox.stored_tasks.get(&project, &name).await {
            Err(crate::stored_tasks::TaskError::Missing { .. }) => return Ok(None),
            found => found?,
        };
        Ok(self.secrets.task(&project, &name).await?.hook.map(|secret| (task, secret)))
    }
}
