//! What starts a run without a person: what is told by those who host sources and images, and which of it is wanted.

use crate::{
    digest::Digest,
    ids::{CommitId, DeliveryId},
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, fmt, str::FromStr};

/// Who sends a webhook about sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Provider {
    /// github.com and GitHub Enterprise Server.
    Github,
    /// gitlab.com and GitLab Self-Managed.
    Gitlab,
    /// Gitea and Forgejo, codeberg.org among them.
    Gitea,
    /// Service hooks of Azure DevOps.
    AzureDevops,
    /// Bitbucket Cloud.
    Bitbucket,
    /// Anybody who speaks acre's own format.
    Generic,
}

impl Provider {
    /// All of them, in the order in which they are listed to people.
    pub const ALL: [Self; 6] =
        [Self::Github, Self::Gitlab, Self::Gitea, Self::AzureDevops, Self::Bitbucket, Self::Generic];

    /// The name in task files, addresses and output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Github => "github",
            Self::Gitlab => "gitlab",
            Self::Gitea => "gitea",
            Self::AzureDevops => "azure-devops",
            Self::Bitbucket => "bitbucket",
            Self::Generic => "generic",
        }
    }
}

/// A kind of host that takes statuses of commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StatusHost {
    /// github.com and GitHub Enterprise Server.
    Github,
    /// gitlab.com and GitLab Self-Managed.
    Gitlab,
    /// Gitea and Forgejo, codeberg.org among them.
    Gitea,
}

impl StatusHost {
    /// All of them, in the order in which they are listed to people.
    pub const ALL: [Self; 3] = [Self::Github, Self::Gitlab, Self::Gitea];

    /// The name in task files, addresses and output.
    pub const fn name(self) -> &'static str {
        self.provider().name()
    }

    const fn provider(self) -> Provider {
        match self {
            Self::Github => Provider::Github,
            Self::Gitlab => Provider::Gitlab,
            Self::Gitea => Provider::Gitea,
        }
    }

    fn of(provider: Provider) -> Option<Self> {
        Self::ALL.into_iter().find(|host| host.provider() == provider)
    }
}

/// Whether the host of a task's source is told what becomes of its commits. As text: `auto`, `off`, or the kind of host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum CommitStatus {
    /// Where the host that told of the commit takes statuses.
    #[default]
    Auto,
    /// Never.
    Off,
    /// Always, as a host of this kind takes them.
    As(StatusHost),
}

impl CommitStatus {
    /// What kind of host is told, of a commit that one of this kind (`None`: none) has told of.
    pub fn host(self, told_by: Option<Provider>) -> Option<StatusHost> {
        match self {
            Self::Auto => told_by.and_then(StatusHost::of),
            Self::Off => None,
            Self::As(host) => Some(host),
        }
    }
}

impl fmt::Display for CommitStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Off => "off",
            Self::As(host) => host.name(),
        })
    }
}

impl FromStr for CommitStatus {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "off" => Ok(Self::Off),
            name => {
                let host = StatusHost::ALL.into_iter().find(|host| host.name() == name).map(Self::As);
                let shown = || format!("`{}` is none of auto, off, github, gitlab, gitea", crate::text::clip(name));
                host.ok_or_else(shown)
            }
        }
    }
}

impl TryFrom<String> for CommitStatus {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<CommitStatus> for String {
    fn from(status: CommitStatus) -> Self {
        status.to_string()
    }
}

/// Who sends a webhook about images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RegistryKind {
    /// The distribution project's registry (`docker-registry`, `registry:2`) and what sends its envelopes.
    Distribution,
    /// Docker Hub.
    DockerHub,
    /// Harbor.
    Harbor,
    /// Azure Container Registry.
    Acr,
    /// GitHub's container registry, `ghcr.io`.
    Ghcr,
}

impl RegistryKind {
    /// All of them, in the order in which they are listed to people.
    pub const ALL: [Self; 5] = [Self::Distribution, Self::DockerHub, Self::Harbor, Self::Acr, Self::Ghcr];

    /// The name in task files, addresses and output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Distribution => "distribution",
            Self::DockerHub => "docker-hub",
            Self::Harbor => "harbor",
            Self::Acr => "acr",
            Self::Ghcr => "ghcr",
        }
    }
}

/// A text that names no sender of webhooks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{shown}` is not known; what is: {known}")]
pub struct UnknownSender {
    shown: String,
    known: String,
}

impl UnknownSender {
    fn new(text: &str, known: &[&str]) -> Self {
        Self { shown: crate::text::clip(text), known: known.join(", ") }
    }
}

macro_rules! named {
    ($type:ident) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }

        impl FromStr for $type {
            type Err = UnknownSender;

            fn from_str(text: &str) -> Result<Self, UnknownSender> {
                let found = Self::ALL.into_iter().find(|one| one.name() == text);
                found.ok_or_else(|| UnknownSender::new(text, &Self::ALL.map(Self::name)))
            }
        }
    };
}

named!(Provider);
named!(RegistryKind);

/// Something that happened to a repository of sources, as its host tells it.
///
/// Every text of it was written by others. Names of refs keep the rules of `git check-ref-format`; nothing else is
/// more than clipped. Addresses are for comparing with the trigger's own, never for fetching from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceEvent {
    /// The addresses under which the repository can be cloned, as given; for a pull request that of its target.
    pub repository: Vec<String>,
    /// What is to be built. `None` where the host gives no more than its first digits (pull requests on Bitbucket
    /// Cloud): then the branch is what there is. For a tag the commit where the host tells it, else the tag object.
    pub commit: Option<CommitId>,
    /// What happened.
    pub change: Change,
    /// Who did it, as the host names them.
    pub by: Option<String>,
    /// The first line of the commit's message, or the title of the pull request.
    pub message: Option<String>,
    /// All paths that differ, sorted. `None` where that is not known, or not known completely: then no filter on
    /// paths can hold the event back.
    pub paths: Option<Vec<String>>,
}

impl SourceEvent {
    /// The kind of event, for filters.
    pub const fn kind(&self) -> EventKind {
        match self.change {
            Change::Commit { .. } => EventKind::Commit,
            Change::Tag { .. } => EventKind::Tag,
            Change::PullRequest(_) => EventKind::PullRequest,
        }
    }

    /// The full name of the ref that leads to the commit in [`Self::repository`]; `None` for a pull request whose host
    /// keeps none.
    pub fn reference(&self) -> Option<String> {
        match &self.change {
            Change::Commit { branch } => Some(format!("refs/heads/{branch}")),
            Change::Tag { tag } => Some(format!("refs/tags/{tag}")),
            Change::PullRequest(request) => request.reference.clone(),
        }
    }
}

/// What happened to a repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// A branch was created or moved.
    Commit {
        /// Its name, without `refs/heads/`.
        branch: String,
    },
    /// A tag was created or moved.
    Tag {
        /// Its name, without `refs/tags/`.
        tag: String,
    },
    /// A pull request, which GitLab calls a merge request.
    PullRequest(PullRequest),
}

/// A pull request that was opened, or whose source has changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullRequest {
    /// Its number in the target repository.
    pub number: u64,
    /// What was done to it.
    pub action: PullRequestAction,
    /// The branch it asks to be merged.
    pub source: String,
    /// The branch it asks to be merged into.
    pub target: String,
    /// Where the source branch is.
    pub origin: Origin,
    /// The ref under which the target repository itself keeps what is asked to be merged, `refs/pull/7/head`.
    pub reference: Option<String>,
}

/// What was done to a pull request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PullRequestAction {
    /// It was opened.
    Opened,
    /// Its source branch has changed.
    Updated,
    /// It had been closed, and is open again.
    Reopened,
}

/// Where the source branch of a pull request is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// In the target repository: somebody wrote it who may write there.
    SameRepository,
    /// In a fork: anybody may have written it.
    Fork {
        /// The fork's addresses, as given; empty if it is gone.
        repository: Vec<String>,
    },
}

/// A kind of event, for filters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EventKind {
    /// A branch was created or moved.
    Commit,
    /// A pull request was opened, reopened, or its source has changed.
    PullRequest,
    /// A tag was created or moved.
    Tag,
}

/// Which events of a repository start a run, as its user wrote it. Globs are checked where they are compiled.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SourceFilter {
    /// The kinds that do; none means that nothing does.
    pub kinds: BTreeSet<EventKind>,
    /// Globs of branches: the one that was pushed to, or the target of a pull request. None means all.
    pub branches: Vec<String>,
    /// Globs of tags; none means all.
    pub tags: Vec<String>,
    /// Globs of paths of which one at least must have changed; none means all.
    pub paths: Vec<String>,
    /// Globs of paths that do not count as changed.
    pub ignored_paths: Vec<String>,
    /// Whether pull requests from forks do, too: their authors decide what is run.
    pub forks: bool,
}

/// A tag of an image was put into a registry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImagePushed {
    /// `host[:port]` as the registry names itself. `None` where it does not say, and for Docker Hub.
    pub registry: Option<String>,
    /// The repository as the registry knows it.
    pub repository: String,
    /// The tag.
    pub tag: String,
    /// What the tag names now, where the registry says it.
    pub digest: Option<Digest>,
}

/// What one request of a registry told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImagesPushed {
    /// Which request it was, so that the same one is not taken twice.
    pub delivery: DeliveryId,
    /// The tags that were put; may be none.
    pub images: Vec<ImagePushed>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn senders_are_read_as_they_are_printed() {
        for provider in Provider::ALL {
            assert_eq!(provider.to_string().parse(), Ok(provider));
            assert_eq!(serde_json::to_string(&provider).unwrap(), format!("\"{provider}\""));
        }
        for kind in RegistryKind::ALL {
            assert_eq!(kind.to_string().parse(), Ok(kind));
            assert_eq!(serde_json::to_string(&kind).unwrap(), format!("\"{kind}\""));
        }
        let unknown = "svn".parse::<Provider>().unwrap_err().to_string();
        assert_eq!(unknown, "`svn` is not known; what is: github, gitlab, gitea, azure-devops, bitbucket, generic");
    }

    #[test]
    fn commit_statuses_go_where_somebody_takes_them() {
        let table = [
            ("auto", Some(Provider::Github), Some(StatusHost::Github)),
            ("auto", Some(Provider::Gitea), Some(StatusHost::Gitea)),
            ("auto", Some(Provider::Bitbucket), None),
            ("auto", None, None),
            ("off", Some(Provider::Github), None),
            ("gitlab", None, Some(StatusHost::Gitlab)),
            ("gitea", Some(Provider::Github), Some(StatusHost::Gitea)),
        ];
        for (text, told_by, host) in table {
            let setting: CommitStatus = text.parse().unwrap();
            assert_eq!((setting.host(told_by), setting.to_string().as_str()), (host, text), "{text} {told_by:?}");
        }
        let bad = "bitbucket".parse::<CommitStatus>().unwrap_err();
        assert_eq!(bad, "`bitbucket` is none of auto, off, github, gitlab, gitea");
    }

    #[test]
    fn every_event_leads_to_a_ref_if_its_host_keeps_one() {
        let request = |reference: Option<&str>| {
            Change::PullRequest(PullRequest {
                number: 7,
                action: PullRequestAction::Opened,
                source: "topic".to_owned(),
                target: "main".to_owned(),
                origin: Origin::SameRepository,
                reference: reference.map(str::to_owned),
            })
        };
        let table = [
            (Change::Commit { branch: "a/b".to_owned() }, Some("refs/heads/a/b"), EventKind::Commit),
            (Change::Tag { tag: "v1".to_owned() }, Some("refs/tags/v1"), EventKind::Tag),
            (request(Some("refs/pull/7/head")), Some("refs/pull/7/head"), EventKind::PullRequest),
            (request(None), None, EventKind::PullRequest),
        ];
        for (change, reference, kind) in table {
            let event =
                SourceEvent { repository: Vec::new(), commit: None, change, by: None, message: None, paths: None };
            assert_eq!((event.reference().as_deref(), event.kind()), (reference, kind));
        }
    }
}
