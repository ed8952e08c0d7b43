//! The owners that this websurfer has heard of: a session whose task has a newer one ends at once.

use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;
use wayfarer_core::{Epoch, Fence, TaskRef};

#[derive(Default)]
pub(crate) struct Owners {
    fence: Mutex<Fence>,
    /// Somebody was admitted.
    changed: Notify,
}

impl Owners {
    fn fence(&self) -> MutexGuard<'_, Fence> {
        self.fence.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of an owner; `false` if a newer one was heard of.
    pub(crate) fn admit(&self, task: &TaskRef, epoch: Epoch) -> bool {
        let admitted = self.fence().admit(task, epoch);
        self.changed.notify_waiters();
        admitted
    }

    /// Returns when a newer owner of the task was heard of.
    pub(crate) async fn superseded(&self, task: &TaskRef, epoch: Epoch) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // registered before the look, so that no owner is missed
            changed.as_mut().enable();
            if self.fence().is_stale(task, epoch) {
                return;
            }
            changed.await;
        }
    }
}
