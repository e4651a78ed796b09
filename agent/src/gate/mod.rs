//! The push gate: a registry on this machine's own loopback address that takes an engine's push on to the real one.
//!
//! The engine pushes to it as to any registry (OCI distribution specification, "Push"), with a password made for this
//! one push. What it sends streams on; what the real registry has already, in any repository that is known, is mounted
//! there instead. The login to the real registry stays here, and the manifest, which publishes, is held until the farm
//! has permitted it.
//!
//! A builder that exports an image comes the same way ([`Gate::export`]); then the manifest is kept until somebody
//! publishes it ([`Gate::publish`]).
//!
//! Where the engine is not on this machine's loopback address (in a virtual machine, far away) no request arrives, which
//! is told ([`Stopped::Unreached`]), and the engine must push by itself.

mod ends;
mod export;
mod known;
mod manifest;
mod passage;
mod serve;
mod upload;
mod upstream;

pub use export::Exporting;
pub use manifest::Manifest;
pub use passage::{By, Pushed};

use crate::{
    engine::{EngineError, Login, Logins, Runtime, Said, Saying},
    parts::Tasks,
};
use acre_model::{digest::Digest, reference::Reference};
use known::Known;
use passage::{Ending, Entered, Passage, Passages};
use std::{
    io,
    net::Ipv4Addr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::{net::TcpListener, sync::mpsc};

/// What an engine has said and nobody has taken yet, at most.
const SAID: usize = 16;

/// The gate of an agent.
pub struct Gate {
    port: u16,
    passages: Arc<Passages>,
    /// Under which digests images of the engine were pushed.
    images: Known,
    runtime: Arc<dyn Runtime>,
    tasks: Tasks,
}

/// The way to the gate, which is shut once the engine was seen not to come to it.
pub struct Door {
    gate: Gate,
    is_shut: AtomicBool,
}

impl Door {
    /// Open, as far as known.
    pub const fn new(gate: Gate) -> Self {
        Self { gate, is_shut: AtomicBool::new(false) }
    }

    /// The gate, if the engine comes to it as far as known.
    pub fn open(&self) -> Option<&Gate> {
        (!self.is_shut.load(Ordering::Relaxed)).then_some(&self.gate)
    }

    /// The gate, open or shut.
    pub const fn gate(&self) -> &Gate {
        &self.gate
    }

    /// The engine does not come.
    pub fn shut(&self) {
        self.is_shut.store(true, Ordering::Relaxed);
    }
}

/// Where something goes.
#[derive(Clone, Copy)]
pub struct Target<'a> {
    /// The repository, and the tag unless it goes by digest.
    pub reference: &'a Reference,
    /// Whether its registry is asked without TLS.
    pub plain: bool,
    /// Logins of the run.
    pub logins: &'a Logins,
}

/// What is to be pushed, and whereto.
pub struct Push<'a> {
    /// The image's id on the engine, or a name it has there.
    pub image: &'a str,
    /// Whereto.
    pub target: Target<'a>,
    /// Under what it is published.
    pub by: By,
    /// Notes the name that the image is about to have for the push, so that it goes even if this process does not live
    /// to take it off.
    pub note: &'a (dyn Fn(&Reference) -> Result<(), EngineError> + Sync),
}

/// Why nothing was pushed.
#[derive(Debug)]
pub enum Stopped<D> {
    /// The engine did not come to the gate, and said this.
    Unreached(EngineError),
    /// It was not permitted.
    Denied(D),
    /// Engine or registry.
    Failed(EngineError),
}

impl Gate {
    /// Opens the gate; `memory` is a folder of its own, for what it has seen.
    pub async fn open(memory: PathBuf, runtime: Arc<dyn Runtime>, tasks: Tasks) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        std::fs::create_dir_all(&memory)?;
        let passages = Arc::new(Passages::new(Known::open(memory.join("blobs"))?, tasks.clone()));
        let images = Known::open(memory.join("images"))?;
        tasks.spawn("push gate", serve::accept(listener, passages.clone(), tasks.clone()));
        Ok(Self { port, passages, images, runtime, tasks })
    }

    /// Pushes an image, which keeps its other names on the engine. `permit` is asked once, when everything but the
    /// manifest is in the registry.
    pub async fn push<D>(
        &self,
        push: Push<'_>,
        permit: impl AsyncFnOnce() -> Result<(), D>,
        say: &Saying,
    ) -> Result<Pushed, Stopped<D>> {
        let (asking, mut asked) = mpsc::channel(1);
        let target = push.target.reference;
        let passage = Passage::new(push.target, Ending::Publish { by: push.by, asking }).map_err(Stopped::Failed)?;
        let passing = self.passages.enter(passage);
        let local = self.local(target, &format!(":p{}", passing.id())).map_err(Stopped::Failed)?;
        (push.note)(&local).map_err(Stopped::Failed)?;
        self.runtime.tag(push.image, &local).await.map_err(Stopped::Failed)?;
        let names = Names { local: local.clone(), target: target.clone().with_default_tag() };
        let _named = Named { reference: local.clone(), runtime: self.runtime.clone(), tasks: self.tasks.clone() };
        let logins = Logins::from_iter([self.login(&passing)]);

        let (tell, mut told) = mpsc::channel(SAID);
        let pushing = async move { self.runtime.push(&local, &logins, &tell).await };
        tokio::pin!(pushing);
        let mut permit = Some(permit);
        let done = loop {
            tokio::select! {
                Some(said) = told.recv() => drop(say.send(names.put_back(said)).await),
                done = &mut pushing => break done,
                Some(answer) = asked.recv() => {
                    let Some(permit) = permit.take() else { continue };
                    let permitted = permit().await;
                    let _gone = answer.send(permitted.is_ok());
                    permitted.map_err(Stopped::Denied)?;
                }
            }
        };
        while let Ok(said) = told.try_recv() {
            drop(say.send(names.put_back(said)).await);
        }
        let pushed = self.judge(done.err(), &passing)?;
        self.note(push.image, target, pushed.digest).await;
        Ok(pushed)
    }

    /// The digest under which an image of the engine was pushed to the repository of `reference`, as far as known.
    pub fn digest(&self, image: Digest, reference: &Reference) -> Option<Digest> {
        self.images.names(image, &pushed_to(reference)).iter().find_map(|digest| digest.parse().ok())
    }

    async fn note(&self, image: &str, target: &Reference, digest: Digest) {
        let id = match image.parse() {
            Ok(id) => Some(id),
            Err(_) => self.runtime.image(image).await.ok().flatten().map(|image| image.id),
        };
        if let Some(id) = id {
            self.images.learn(id, &format!("{}{digest}", pushed_to(target)));
        }
    }

    fn judge<D>(&self, error: Option<EngineError>, passage: &Passage) -> Result<Pushed, Stopped<D>> {
        match (passage.pushed(), passage.refused(), error) {
            (Some(pushed), ..) => Ok(pushed),
            (None, Some(refused), _) => Err(Stopped::Failed(refused)),
            (None, None, Some(error)) if passage.is_untouched() => Err(Stopped::Unreached(error)),
            // The engine tells what it was told last; the registry's own words are better.
            (None, None, Some(error)) => Err(Stopped::Failed(passage.failed().unwrap_or(error))),
            (None, None, None) => {
                Err(Stopped::Failed(EngineError::BrokenOff("it pushed without a manifest".to_owned())))
            }
        }
    }

    /// An image's name at the gate; `tag` begins with a colon, or is empty. Its repository is the same for each push to one
    /// target, so that engines which remember where they have seen a layer find it again.
    fn local(&self, target: &Reference, tag: &str) -> Result<Reference, EngineError> {
        let host = target.registry_or_hub().to_ascii_lowercase().replace(':', "__");
        let host: String =
            host.chars().map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' }).collect();
        let host = host.trim_matches(['.', '_', '-']);
        let text = format!("127.0.0.1:{}/acre/{host}/{}{tag}", self.port, target.full_repository());
        text.parse().map_err(|why| EngineError::Refused(format!("{target}: cannot be pushed: {why}")))
    }

    /// Who may come through here, and to which registry.
    fn login(&self, passing: &Entered) -> (String, Login) {
        let login = Login { username: passing.id().to_string(), secret: passing.secret().to_owned() };
        (format!("127.0.0.1:{}", self.port), login)
    }
}

/// What the name of a pushed image begins with, before its digest.
fn pushed_to(reference: &Reference) -> String {
    format!("{}/{}@", reference.registry_or_hub(), reference.full_repository())
}

/// The name of an image at the gate, and the one that people know it by.
struct Names {
    local: Reference,
    target: Reference,
}

impl Names {
    /// What the engine says, with the image's own name.
    fn put_back(&self, said: Said) -> Said {
        let Said::Output(stream, bytes) = said else { return said };
        let Ok(text) = std::str::from_utf8(&bytes) else { return Said::Output(stream, bytes) };
        let text = text.replace(&self.local.name(), &self.target.name());
        // The last line begins with the tag: `1: digest: sha256:… size: 528`.
        let tag = |reference: &Reference| format!("{}: digest: ", reference.tag().unwrap_or("latest"));
        Said::Output(stream, text.replace(&tag(&self.local), &tag(&self.target)).into())
    }
}

/// A name that an image has while it is pushed, and that is taken off it again, whatever happens.
struct Named {
    reference: Reference,
    runtime: Arc<dyn Runtime>,
    tasks: Tasks,
}

impl Drop for Named {
    fn drop(&mut self) {
        let (reference, runtime) = (self.reference.clone(), self.runtime.clone());
        self.tasks.spawn("take a name off an image", async move {
            if let Err(why) = runtime.untag(&reference).await {
                tracing::warn!(%reference, %why, "a name for the push gate is left on the engine");
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use acre_model::log::Stream;

    #[test]
    fn people_read_the_names_that_they_gave() {
        let names = Names {
            local: "127.0.0.1:4711/acre/r__5000/app:p7".parse().unwrap(),
            target: "r:5000/app:1.0".parse().unwrap(),
        };
        let table = [
            (
                "The push refers to repository [127.0.0.1:4711/acre/r__5000/app]\n",
                "The push refers to repository [r:5000/app]\n",
            ),
            ("p7: digest: sha256:12 size: 528\n", "1.0: digest: sha256:12 size: 528\n"),
            ("3397a4cea8c9: Pushed\n", "3397a4cea8c9: Pushed\n"),
        ];
        for (said, expected) in table {
            let put_back = names.put_back(Said::Output(Stream::Stdout, said.into()));
            assert_eq!(put_back, Said::Output(Stream::Stdout, expected.into()), "{said}");
        }
    }
}
