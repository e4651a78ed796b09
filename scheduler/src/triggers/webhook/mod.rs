//! Webhooks of those who host sources: one file for each, from headers and body to a [`SourceEvent`].
//!
//! A repository's host tells more than acre asks for, and tells it again when nobody answered. What is of no interest
//! is [`Content::Ignored`], with the reason for the log; what is told twice has the same [`DeliveryId`].

mod azure_devops;
mod bitbucket;
mod generic;
mod gitea;
mod github;
mod gitlab;
#[cfg(test)]
mod tests;

pub(super) use github::is_authentic as is_from_github;

use super::{
    Malformed, Refused,
    payload::{Part, Payload, delivery},
    signature,
};
use acre_model::{
    ids::DeliveryId,
    secret::SecretValue,
    text::clip,
    time::Timestamp,
    trigger::{Provider, SourceEvent},
};
use http::HeaderMap;

/// The most refs of one push that start runs. GitLab tells nothing of a push of more than three; whoever pushes more
/// than this moves a repository, and does not want a run for each branch of it.
const MOST_REFS: usize = 100;

/// What one request told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// Which request it was, so that the same one is not taken twice.
    pub delivery: DeliveryId,
    /// What it said.
    pub content: Content,
}

/// What a request said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Events, in the order given. More than one only where a push of several refs is told at once (Azure DevOps,
    /// Bitbucket).
    Events(Vec<SourceEvent>),
    /// Nothing that could start a run.
    Ignored {
        /// What it was.
        why: String,
    },
}

impl Content {
    fn one(event: SourceEvent) -> Self {
        Self::Events(vec![event])
    }

    fn ignored(why: impl Into<String>) -> Self {
        Self::Ignored { why: why.into() }
    }

    /// A kind of event that is none of a repository's content.
    fn unsupported(kind: &str) -> Self {
        Self::ignored(format!("`{}` starts no run", clip(kind)))
    }

    /// An action on a pull request that changes none of its content.
    fn unchanged(action: &str) -> Self {
        Self::ignored(format!("pull request: `{}` changes no source", clip(action)))
    }
}

/// A request as it was received.
#[derive(Clone, Copy)]
pub(super) struct Received<'a> {
    /// Its headers.
    pub(super) headers: &'a HeaderMap,
    /// Its body, byte by byte.
    pub(super) body: &'a [u8],
    /// The trigger's secret.
    pub(super) secret: &'a [u8],
    /// When it was received.
    pub(super) now: Timestamp,
}

impl<'a> Received<'a> {
    /// A header, if it is there and is text.
    pub(super) fn header(&self, name: &str) -> Option<&'a str> {
        signature::text(self.headers, name)
    }

    fn need(&self, name: &'static str) -> Result<&'a str, Malformed> {
        self.header(name).ok_or(Malformed::Header(name))
    }
}

/// How one provider's requests are read.
struct Reader {
    /// Whether the request proves that its sender knows the secret.
    is_authentic: fn(&Received<'_>) -> bool,
    /// The sender's own name for the delivery.
    delivery: fn(&Received<'_>, &Part<'_>) -> Option<String>,
    /// What it says.
    content: fn(&Received<'_>, &Part<'_>) -> Result<Content, Malformed>,
}

const fn reader(provider: Provider) -> Reader {
    match provider {
        Provider::Github => github::READER,
        Provider::Gitlab => gitlab::READER,
        Provider::Gitea => gitea::READER,
        Provider::AzureDevops => azure_devops::READER,
        Provider::Bitbucket => bitbucket::READER,
        Provider::Generic => generic::READER,
    }
}

/// Reads a request that was received at `now` for a trigger with this `secret`.
///
/// `body` is what was received, byte by byte: a signature is over that, and not over what it means. Its size was
/// bounded before it was read.
///
/// # Errors
/// [`Refused::Signature`] before anything of the body is looked at; [`Refused::Malformed`] after it.
pub fn read(
    provider: Provider,
    headers: &HeaderMap,
    body: &[u8],
    secret: &SecretValue,
    now: Timestamp,
) -> Result<Delivered, Refused> {
    let received = Received { headers, body, secret: secret.expose(), now };
    let reader = reader(provider);
    if !(reader.is_authentic)(&received) {
        return Err(Refused::Signature);
    }
    let payload = Payload::parse(headers, body)?;
    let own = (reader.delivery)(&received, &payload.root());
    let content = (reader.content)(&received, &payload.root())?;
    Ok(Delivered { delivery: delivery(own.as_deref(), body), content })
}

/// The events of a push of several refs, each of which may be of no interest.
fn events<'a>(
    refs: Vec<Part<'a>>,
    event: impl Fn(&Part<'a>) -> Result<Option<SourceEvent>, Malformed>,
) -> Result<Content, Malformed> {
    if refs.len() > MOST_REFS {
        return Ok(Content::ignored(format!("a push of {} refs at once; at most {MOST_REFS} are taken", refs.len())));
    }
    let events: Vec<_> = refs.iter().filter_map(|one| event(one).transpose()).collect::<Result<_, _>>()?;
    if events.is_empty() {
        return Ok(Content::ignored("no branch or tag has a new commit"));
    }
    Ok(Content::Events(events))
}
