//! Containers on their way in and out. An engine takes them through the kernel's one lock for networks, so that one that
//! starts while another leaves is slower than both in turn: what starts goes before what is removed, and after what is
//! being taken off its network.

use std::{sync::Arc, time::Duration};
use tokio::sync::watch;

/// How long one container waits for others. An engine that takes longer is not waited for.
const PATIENCE: Duration = Duration::from_millis(500);

/// The containers of an agent on their way in and out.
#[derive(Clone, Default)]
pub(crate) struct Traffic {
    arriving: Count,
    leaving: Count,
}

impl Traffic {
    /// One more begins its way to its start.
    pub(super) fn arrive(&self) -> Counted {
        self.arriving.one()
    }

    /// The process of one more has ended, and the engine still has to take it off its network and volumes. Counted from
    /// now on, until it is `released`.
    pub(super) fn leave<F: Future<Output = ()>>(&self, released: F) -> impl Future<Output = ()> + use<F> {
        let counted = self.leaving.one();
        async move {
            drop(tokio::time::timeout(PATIENCE, released).await);
            drop(counted);
        }
    }

    /// Resolves when a container can be started.
    pub(super) async fn may_start(&self) {
        drop(tokio::time::timeout(PATIENCE, self.leaving.none()).await);
    }

    /// Resolves when containers can be removed.
    pub(super) async fn may_remove(&self) {
        self.arriving.none().await;
    }
}

#[derive(Clone, Default)]
struct Count(Arc<watch::Sender<usize>>);

/// One that is counted until it is dropped.
pub(super) struct Counted(Count);

impl Count {
    fn one(&self) -> Counted {
        self.0.send_modify(|count| *count += 1);
        Counted(self.clone())
    }

    async fn none(&self) {
        // The sender lives in `self`: it cannot be gone.
        drop(self.0.subscribe().wait_for(|count| *count == 0).await);
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.0.send_modify(|count| *count -= 1);
    }
}
