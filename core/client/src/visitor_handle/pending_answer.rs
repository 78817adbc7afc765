//! The answer to a command, which its caller awaits.

use std::sync::Arc;

use secondme_avatar_protocol::{Error, Outcome, Ticket};
use tokio::sync::oneshot;

use super::VisitorHandle;
use crate::errors::ended;

/// The answer to a command, to be awaited.
#[derive(Debug)]
pub(crate) struct PendingAnswer {
    handle: Arc<VisitorHandle>,
    ticket: Ticket,
    receiver: Option<oneshot::Receiver<Result<Outcome, Error>>>,
}

impl PendingAnswer {
    pub(super) fn new(
        handle: &Arc<VisitorHandle>,
        ticket: Ticket,
        receiver: oneshot::Receiver<Result<Outcome, Error>>,
    ) -> Self {
        Self { handle: Arc::clone(handle), ticket, receiver: Some(receiver) }
    }

    pub(crate) async fn wait(mut self) -> Result<Outcome, Error> {
        let Some(receiver) = self.receiver.as_mut() else {
            return Err(ended());
        };
        let result = receiver.await.unwrap_or_else(|_| Err(ended()));
        self.receiver = None;
        result
    }
}

impl Drop for PendingAnswer {
    fn drop(&mut self) {
        if self.receiver.is_some() {
            self.handle.cancel(self.ticket);
        }
    }
}
