//! Index units: an image index over what the pushes of several platforms left. Every child is verified in the registry,
//! then the index is put by its digest, and the tag moves last.

use super::{Done, Failure, Job, permit, push::child_tag};
use crate::{
    engine::EngineError,
    registry::{
        Manifest, Manifests, Removed,
        index::{self, Descriptor, ImageIndex},
    },
};
use acre_model::{attempt::UnitResult, digest::Digest, outcome::Outcome, plan::Index, platform::Platform};
use acre_web::Web;
use futures::future::try_join_all;

/// The images that an index is made of, and the platforms that have none.
struct Children {
    pushed: Vec<(Platform, Digest)>,
    missing: Vec<Platform>,
}

/// A child as the registry has it.
struct Verified {
    platform: Platform,
    digest: Digest,
    manifest: Manifest,
    descriptor: Descriptor,
}

pub(super) async fn run(job: &Job, index: &Index) -> Done {
    let reference = index.reference.clone().with_default_tag();
    let children = children(job, index)?;
    let (web, logins) = (Web::new(job.works.config.plain_http.clone()), job.logins());
    let mut manifests = Manifests::open(&web, &reference, &logins).await?;
    let verified = verify_all(&mut manifests, children.pushed).await?;
    for child in &verified {
        job.notice(&format!("Verified image: {} for {}", reference.at(child.digest), child.platform))?;
        if child.descriptor.lacks_version() {
            job.notice(&format!(
                "warning: {} does not say which Windows it is for (os.version)",
                reference.at(child.digest)
            ))?;
        }
    }
    let descriptors: Vec<Descriptor> = verified.iter().map(|child| child.descriptor.clone()).collect();
    let index = index::image_index(&descriptors);
    publish(job, &mut manifests, &index, reference.tag().unwrap_or("latest")).await?;
    let platforms: Vec<String> = verified.iter().map(|child| child.platform.to_string()).collect();
    job.notice(&format!("Successfully pushed image: {reference} for {}", platforms.join(", ")))?;
    tidy_up(job, &mut manifests, &verified).await?;
    let media_type = Some(index.media_type.to_owned());
    Ok(UnitResult { pushed: Some(index.digest), media_type, ..UnitResult::default() })
}

/// What there is to publish, if that is enough.
fn children(job: &Job, index: &Index) -> Result<Children, Failure> {
    let mut children = Children { pushed: Vec::new(), missing: Vec::new() };
    for child in &job.attempt.unit.children {
        match child.digest {
            Some(digest) => children.pushed.push((child.platform.clone(), digest)),
            None => children.missing.push(child.platform.clone()),
        }
    }
    let missing = children.missing.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let all = job.attempt.unit.children.len();
    let failed = |message: String| Err(Outcome::Failed { exit_code: None, message }.into());
    match (children.pushed.len(), index.allow_partial) {
        (0, _) => failed(format!("{} is not published: no platform of {missing} was pushed", index.reference)),
        (count, _) if count == all => Ok(children),
        (_, false) => failed(format!("{} is not published: {missing} was not pushed", index.reference)),
        (count, true) => {
            job.notice(&format!("warning: {} has {count} of {all} platforms: without {missing}", index.reference))?;
            Ok(children)
        }
    }
}

/// All children: the first alone, after which it is known what the registry wants to see, the others at one time.
async fn verify_all(
    manifests: &mut Manifests<'_>,
    children: Vec<(Platform, Digest)>,
) -> Result<Vec<Verified>, EngineError> {
    let mut children = children.into_iter();
    let Some((platform, digest)) = children.next() else { return Ok(Vec::new()) };
    let mut verified = vec![verify(manifests, platform, digest).await?];
    let others = children.map(|(platform, digest)| {
        let mut manifests = manifests.clone();
        async move { verify(&mut manifests, platform, digest).await }
    });
    verified.extend(try_join_all(others).await?);
    Ok(verified)
}

/// A child as the registry has it, which must be an image for its platform.
async fn verify(manifests: &mut Manifests<'_>, platform: Platform, digest: Digest) -> Result<Verified, EngineError> {
    let manifest = manifests.get(digest).await?;
    let unfit = |manifests: &Manifests<'_>, why| manifests.refused(format!("{digest} for {platform}: {why}"));
    let configuration = index::configuration(&manifest).map_err(|why| unfit(manifests, why))?;
    let configuration = manifests.blob(configuration).await?;
    let descriptor = index::descriptor(digest, &platform, &manifest, &configuration);
    let descriptor = descriptor.map_err(|why| unfit(manifests, why))?;
    Ok(Verified { platform, digest, manifest, descriptor })
}

/// Puts the index under its digest, then under its tag. Right before each the farm is asked whether the attempt holds.
async fn publish(job: &Job, manifests: &mut Manifests<'_>, index: &ImageIndex, tag: &str) -> Result<(), Failure> {
    for name in [index.digest.to_string(), tag.to_owned()] {
        permit::ask(job).await?;
        job.started()?;
        manifests.put(&name, index.media_type, &index.bytes).await?;
    }
    Ok(())
}

/// Removes the tags that the children were pushed under, where they have some and the registry lets them go. What is
/// published stays so, whatever comes of it.
async fn tidy_up(job: &Job, manifests: &mut Manifests<'_>, children: &[Verified]) -> Result<(), Failure> {
    for child in children {
        let tag = child_tag(&job.attempt.id.run, &child.platform);
        let why = match manifests.remove_tag(&tag).await {
            Ok(Removed::Absent) => continue,
            Ok(Removed::Gone) if manifests.get(child.digest).await.is_ok() => continue,
            Ok(Removed::Gone) => {
                // Some registries take the image with its tag.
                let kind = index::media_type(&child.manifest);
                manifests.put(&child.digest.to_string(), kind, &child.manifest.bytes).await?;
                "it takes images with their tags".to_owned()
            }
            Ok(Removed::No(why)) => why,
            Err(why) => why.to_string(),
        };
        // Said once: what it does with one tag it does with all.
        job.notice(&format!("The registry does not remove tags ({why}): {tag} and the like stay"))?;
        return Ok(());
    }
    Ok(())
}
