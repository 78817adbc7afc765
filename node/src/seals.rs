//! A seal around what a store keeps: functions of the program, which run on the environment's own thread.

use std::sync::Arc;

use napi::Result;
use napi::bindgen_prelude::{Buffer, Uint8Array};
use napi_derive::napi;
use secondme_avatar_bridge::calls::Ticket;
use secondme_avatar_bridge::seals::{SealAsked, SealRequests, SealWork};

use crate::host_queue::{Queue, Stream};
use crate::json;
use crate::words::Words;

/// What the store of one client has sealed and unsealed. The program holds it until there is nothing more, so that a
/// client that is gone can still write.
#[napi]
pub struct NativeSeal {
    requests: Stream<SealRequests>,
    queue: Arc<Queue>,
}

/// Bytes that are to be sealed or unsealed.
#[napi(object, object_from_js = false)]
pub struct BytesAsked {
    pub ticket: Ticket,
    /// They are to be sealed; otherwise they were.
    pub is_open: bool,
    pub bytes: Buffer,
}

impl NativeSeal {
    pub(crate) fn new(requests: SealRequests, queue: &Arc<Queue>) -> Self {
        Self { requests: Stream::new(requests), queue: Arc::clone(queue) }
    }
}

#[napi]
impl NativeSeal {
    /// By which the queue says that there is something to drain.
    #[napi(getter)]
    pub fn ticket(&self) -> Ticket {
        self.requests.ticket()
    }

    /// At most so many requests. Nothing where none have come: the queue will say when some have. An empty list: there
    /// will be no more.
    #[napi]
    pub fn drain(&self, max: u32) -> Option<Vec<BytesAsked>> {
        let asked = self.requests.drain(&self.queue, max as usize).unwrap_or_default()?;
        let given = |SealAsked { ticket, work, bytes }| BytesAsked {
            ticket,
            is_open: work == SealWork::Seal,
            bytes: bytes.into(),
        };
        Some(asked.into_iter().map(given).collect())
    }

    /// What the function gave under this ticket.
    #[napi]
    pub fn answer(&self, ticket: Ticket, bytes: Uint8Array) {
        self.requests.with(|requests| requests.answer(ticket, bytes.to_vec()));
    }

    /// The function has failed with these words.
    #[napi]
    pub fn fail(&self, ticket: Ticket, words: Words) -> Result<()> {
        let words = words.named("message").map_err(|error| json::thrown(&error))?;
        self.requests.with(|requests| requests.fail(ticket, words));
        Ok(())
    }
}

/// The environment ends: the store waits for it no longer.
impl Drop for NativeSeal {
    fn drop(&mut self) {
        self.requests.close();
    }
}
