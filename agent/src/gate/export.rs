//! A builder that sends an image to its repository as it builds it: all but the manifest, which is kept.

use super::{
    By, Gate, Manifest, Pushed, SAID, Stopped, Target,
    passage::{Ending, Passage},
    upstream::Upstream,
};
use crate::engine::{Built, EngineError, Login, Said, Saying};
use acre_model::reference::Reference;
use bytes::Bytes;
use std::convert::Infallible;
use tokio::sync::mpsc;

/// Where a builder exports to.
pub struct Exporting {
    /// The repository, as it is called here.
    pub repository: Reference,
    /// The login to it, with the registry that it is for.
    pub login: (String, Login),
    /// Where the builder says what it does.
    pub say: Saying,
}

impl Gate {
    /// Has a builder export an image. Its blobs are in the repository then; its manifest is to be published
    /// ([`Gate::publish`]). If they are still on their way when `late` resolves, the export is given up.
    pub async fn export<F: Future<Output = Result<Built, EngineError>>>(
        &self,
        target: Target<'_>,
        say: &Saying,
        late: impl Future<Output = ()>,
        build: impl FnOnce(Exporting) -> F,
    ) -> Result<(Built, Manifest), Stopped<Infallible>> {
        let passage = Passage::new(target, Ending::Keep).map_err(Stopped::Failed)?;
        let passing = self.passages.enter(passage);
        let repository = self.local(target.reference, "").map_err(Stopped::Failed)?;
        let names = Names { local: repository.name(), target: target.reference.name() };
        let (tell, mut told) = mpsc::channel(SAID);
        let building = build(Exporting { repository, login: self.login(&passing), say: tell });
        let telling = async {
            while let Some(said) = told.recv().await {
                // Nobody listening is no reason to stop.
                drop(say.send(names.put_back(said)).await);
            }
        };
        let too_late = async {
            late.await;
            passing.came().await;
        };
        let built = tokio::select! {
            (built, ()) = async { tokio::join!(building, telling) } => built,
            () = too_late => Err(EngineError::NotExported("it takes too much of the step's time".to_owned())),
        };
        match built {
            Ok(built) => match &passing.kept()[..] {
                [manifest] if manifest.digest() == built.image => Ok((built, manifest.clone())),
                _ => Err(Stopped::Failed(EngineError::NotExported("it sent no manifest of the image".to_owned()))),
            },
            Err(error @ EngineError::NotExported(_)) if passing.is_untouched() => Err(Stopped::Unreached(error)),
            // The engine tells what it was told last; the registry's own words are better.
            Err(EngineError::NotExported(why)) => {
                let better = passing.refused().or_else(|| passing.failed());
                Err(Stopped::Failed(EngineError::NotExported(better.map_or(why, |better| better.to_string()))))
            }
            Err(error) => Err(Stopped::Failed(error)),
        }
    }

    /// Publishes the manifest of an image that was exported. [`EngineError::Transfer`] if the repository does not have its
    /// blobs any more.
    pub async fn publish(&self, target: Target<'_>, by: By, manifest: &Manifest) -> Result<Pushed, EngineError> {
        let upstream = Upstream::new(target.reference, target.logins, target.plain)?;
        let (digest, size) = (manifest.digest(), manifest.content.len() as u64);
        let name = match by {
            By::Tag => upstream.tag().to_owned(),
            By::Digest => digest.to_string(),
        };
        match upstream.publish(&name, &manifest.media_type, &manifest.content).await {
            Ok(()) => Ok(Pushed { digest, media_type: manifest.media_type.clone(), size }),
            Err(fault) if fault.is_of_blobs() => Err(EngineError::Transfer(upstream.error(&fault).to_string())),
            Err(fault) => Err(upstream.error(&fault)),
        }
    }
}

/// The repository's name at the gate, and the one that people know it by.
struct Names {
    local: String,
    target: String,
}

impl Names {
    /// What the builder says, with the repository's own name, and without saying that the manifest is pushed.
    fn put_back(&self, said: Said) -> Said {
        let put_back = |text: &str| {
            let pushing = format!("pushing manifest for {}", self.local);
            text.replace(&pushing, "handing over the manifest").replace(&self.local, &self.target)
        };
        match said {
            Said::Status(text) => Said::Status(put_back(&text)),
            Said::Output(stream, bytes) => {
                let text = std::str::from_utf8(&bytes).ok().filter(|text| text.contains(&self.local)).map(put_back);
                Said::Output(stream, text.map_or(bytes, Bytes::from))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use acre_model::log::Stream;

    #[test]
    fn people_read_what_happens_to_what_they_named() {
        let names = Names { local: "127.0.0.1:4711/acre/r__5000/app".to_owned(), target: "r:5000/app".to_owned() };
        let table = [
            ("#6 pushing layers 0.1s done\n", "#6 pushing layers 0.1s done\n"),
            (
                "#6 pushing manifest for 127.0.0.1:4711/acre/r__5000/app 0.0s done\n",
                "#6 handing over the manifest 0.0s done\n",
            ),
            ("failed to push 127.0.0.1:4711/acre/r__5000/app\n", "failed to push r:5000/app\n"),
        ];
        for (said, expected) in table {
            let put_back = names.put_back(Said::Output(Stream::Stdout, said.into()));
            assert_eq!(put_back, Said::Output(Stream::Stdout, expected.into()), "{said}");
        }
    }
}
