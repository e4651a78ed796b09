//! What differs between two digests that a tag has stood for.

use super::Input;
use acre_model::{digest::Digest, platform::Platform};
use std::collections::BTreeMap;

/// What a digest names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// One image.
    Image,
    /// An index of images by their platforms.
    Index(Vec<(Platform, Digest)>),
}

impl Content {
    /// The image that a builder takes for a platform: that of the very platform, else the nearest that runs there.
    fn pick(&self, platform: &Platform) -> Option<Digest> {
        let Self::Index(images) = self else { return None };
        let own = images.iter().find(|(own, _)| own == platform);
        let fitting = || {
            let fitting = images.iter().filter(|(own, _)| own.arch() == platform.arch() && platform.runs_natively(own));
            fitting.max_by_key(|(own, _)| own.variant().map(str::to_owned))
        };
        own.or_else(fitting).map(|(_, digest)| *digest)
    }
}

/// What differs between two digests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// Everything, as far as is known.
    Everything,
    /// Images of some platforms: what there was, and what there is.
    Images(Content, Content),
}

impl Difference {
    /// Between what one digest names and what the other does; `None`: that is not known.
    pub fn between(then: Option<Content>, now: Option<Content>) -> Self {
        match (then, now) {
            (Some(then @ Content::Index(_)), Some(now @ Content::Index(_))) => Self::Images(then, now),
            _ => Self::Everything,
        }
    }

    /// Whether it makes a difference to what was built on the image.
    pub fn reaches(&self, input: &Input) -> bool {
        match (self, &input.platform) {
            (Self::Images(then, now), Some(platform)) if !input.pinned => {
                let (then, now) = (then.pick(platform), now.pick(platform));
                then.is_none() || then != now
            }
            (Self::Images(then, now), _) => then != now,
            (Self::Everything, _) => true,
        }
    }
}

/// What differs between what an image's tag stands for now, and digests that it stood for. Of others, everything does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Differences(pub BTreeMap<Digest, Difference>);

impl Differences {
    /// Whether what was built on the image is to be built on what it is now.
    pub fn reaches(&self, input: &Input) -> bool {
        let known = input.digest.and_then(|digest| self.0.get(&digest));
        known.is_none_or(|difference| difference.reaches(input))
    }
}
