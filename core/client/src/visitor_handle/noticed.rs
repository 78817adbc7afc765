//! What a clock that a test puts forward waits for.

use std::sync::atomic::Ordering;

use super::VisitorHandle;

impl VisitorHandle {
    /// Everything is done that was due when the clock had been advanced this far; perhaps a call is under way.
    pub(crate) fn notice(&self, forward: u64, is_quiet: bool) {
        // The driver alone writes them, and seldom another value.
        let is_new = self.noticed.load(Ordering::Acquire) < forward;
        if is_new {
            self.noticed.store(forward, Ordering::Release);
        }
        let changes = self.quiet.load(Ordering::Acquire) != is_quiet;
        if changes {
            self.quiet.store(is_quiet, Ordering::Release);
        }
        if is_new || (changes && is_quiet) {
            self.clock.notice();
        }
    }

    /// Waits until everything is done that is due when the clock has been advanced this far.
    pub(crate) async fn noticed(&self, forward: u64) {
        self.until(|| self.noticed.load(Ordering::Acquire) >= forward).await;
    }

    /// Waits for the answers to all calls.
    pub(crate) async fn quiet(&self) {
        self.until(|| self.quiet.load(Ordering::Acquire)).await;
    }

    /// Or until the driver has ended, or has left a visitor that rests.
    async fn until(&self, is_so: impl Fn() -> bool) {
        loop {
            let noticed = self.clock.noticed();
            let has_no_driver = || {
                let state = self.lock();
                state.dropped || state.rests
            };
            if is_so() || has_no_driver() {
                return;
            }
            noticed.await;
        }
    }
}
