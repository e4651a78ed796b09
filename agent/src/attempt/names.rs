//! Names on the engine. Two runs may give one name to different images, and the images of several platforms share one:
//! who needs a name to mean an image holds it meanwhile.

use acre_model::{digest::Digest, reference::Reference};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::Notify;

/// Who holds which name.
#[derive(Default)]
pub(crate) struct Names {
    /// What a held name means, and how many hold it.
    held: Mutex<BTreeMap<Reference, (Digest, usize)>>,
    released: Notify,
}

/// A name that means one image for as long as this lives.
pub(super) struct HeldName {
    names: Arc<Names>,
    name: Reference,
}

impl Names {
    /// Resolves once the name is held for nothing but this image. Whoever holds several takes them in their order, so
    /// that two cannot wait for each other.
    pub(super) async fn hold(self: &Arc<Self>, name: &Reference, image: Digest) -> HeldName {
        loop {
            // Before looking, so that no release in between is missed.
            let released = self.released.notified();
            if self.take(name, image) {
                return HeldName { names: self.clone(), name: name.clone() };
            }
            released.await;
        }
    }

    fn take(&self, name: &Reference, image: Digest) -> bool {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let (means, holders) = held.entry(name.clone()).or_insert((image, 0));
        let is_free = *means == image;
        *holders += usize::from(is_free);
        is_free
    }
}

impl Drop for HeldName {
    fn drop(&mut self) {
        let mut held = self.names.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, holders)) = held.get_mut(&self.name) {
            *holders -= 1;
            if *holders == 0 {
                held.remove(&self.name);
            }
        }
        drop(held);
        self.names.released.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::{FutureExt as _, poll};

    fn image(byte: u8) -> Digest {
        Digest::from_bytes([byte; 32])
    }

    #[tokio::test]
    async fn a_name_means_one_image_at_a_time() {
        let names = Arc::new(Names::default());
        let (one, other): (Reference, Reference) = ("a:1".parse().unwrap(), "b:1".parse().unwrap());
        let first = names.hold(&one, image(1)).await;
        let second = names.hold(&one, image(1)).now_or_never().expect("one image may be held twice");
        assert!(names.hold(&other, image(2)).now_or_never().is_some(), "another name is free");
        let mut waiting = Box::pin(names.hold(&one, image(2)));
        assert!(poll!(&mut waiting).is_pending());
        drop(first);
        assert!(poll!(&mut waiting).is_pending(), "it is still held");
        drop(second);
        let third = waiting.await;
        assert!(names.hold(&one, image(1)).now_or_never().is_none());
        drop(third);
        assert!(names.held.lock().unwrap().is_empty());
    }
}
