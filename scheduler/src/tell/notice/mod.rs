//! What those are told whom a project notifies: a signed webhook, a message for Slack, an e-mail.

mod mail;
mod slack;
#[cfg(test)]
mod tests;
mod webhook;

pub use mail::{Letter, letter};
pub use slack::slack;
pub use webhook::{BadSecret, WebhookSecret, webhook};

use super::{Tiding, text};
use acre_model::notification::Occasion;

/// What a notification is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject<'a> {
    /// A run that ended.
    Run(&'a Tiding, Occasion),
    /// Nothing: somebody wants to see that it arrives.
    Test {
        /// The project.
        project: &'a str,
    },
}

impl Subject<'_> {
    /// In one line, for people.
    fn headline(&self) -> String {
        match self {
            Self::Run(about, occasion) => {
                let word = match occasion {
                    Occasion::Failure => "failed",
                    Occasion::Success => "succeeded",
                    Occasion::Recovery => "succeeded again",
                };
                format!("{}/{} {word}", about.project, about.task)
            }
            Self::Test { project } => format!("A test of project {project}"),
        }
    }

    /// More of it, for people: names and values.
    fn facts(&self) -> Vec<(&'static str, String)> {
        let Self::Run(about, _) = self else {
            return vec![("", "This is what a notification looks like. No run has ended.".to_owned())];
        };
        let mut facts = vec![("", text::sentence(about)), ("run", about.run.to_string())];
        facts.extend(about.commit().map(|commit| ("commit", commit.to_owned())));
        facts.extend(about.cause.branch().map(|branch| ("branch", branch.to_owned())));
        facts.extend(about.cause.tag().map(|tag| ("tag", tag.to_owned())));
        facts.push(("started by", about.cause.to_string()));
        facts.push(("source", about.source.clone()));
        facts.push(("log", format!("acre --project {} logs {}", about.project, about.run)));
        facts.into_iter().map(|(name, value)| (name, text::line(&value, FACT))).collect()
    }
}

/// The longest value for people, in characters.
const FACT: usize = 500;
