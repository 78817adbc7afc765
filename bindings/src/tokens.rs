//! Tokens of users, for which a function of the program is asked.

use std::sync::Arc;

use secondme_avatar_bridge::streams::HostStream;
use secondme_avatar_bridge::tokens::{TokenFailure, TokenMessage, TokenRequests};

use crate::convert::size;
use crate::enums::error_kind;

/// A token is wanted.
#[derive(uniffi::Record)]
pub struct CoreTokenRequest {
    /// It is answered under this.
    pub ticket: i64,
    /// Whose.
    pub visitor_id: String,
    /// The service has refused the one that was given last.
    pub refused: bool,
}

/// What was taken at once.
#[derive(uniffi::Record)]
pub struct CoreTokenBatch {
    /// Oldest first.
    pub wanted: Vec<CoreTokenRequest>,
    /// The tickets of earlier requests that are no longer wanted.
    pub taken_back: Vec<i64>,
}

/// Why the function gave no token.
#[derive(uniffi::Record)]
pub struct CoreTokenFailure {
    /// The kind's name, where it was a failure of this library's.
    pub kind: Option<String>,
    /// What it said.
    pub words: String,
    /// The service's own code, where it was a failure of this library's.
    pub code: Option<String>,
    /// It was the network's or a time limit's: the function may succeed later.
    pub may_pass: bool,
}

/// The requests for tokens of one client. The program's function runs on the program's threads: nothing of the core
/// waits in it.
#[derive(uniffi::Object)]
pub struct CoreTokens(HostStream<TokenRequests>);

#[uniffi::export]
impl CoreTokens {
    /// Waits until there may be something to drain. `false`: the client is closed or gone, and no call waits for a
    /// token any more.
    pub async fn ready(self: Arc<Self>) -> bool {
        self.0.ready().await
    }

    /// Takes at most `max` requests and words that one is taken back. Never waits.
    pub fn drain(&self, max: u32) -> CoreTokenBatch {
        let mut batch = CoreTokenBatch { wanted: Vec::new(), taken_back: Vec::new() };
        // Requests do not fail.
        for message in self.0.drain(size(max)).unwrap_or_default() {
            match message {
                TokenMessage::Wanted(ticket, request) => {
                    let visitor_id = request.visitor_id.into();
                    batch.wanted.push(CoreTokenRequest { ticket, visitor_id, refused: request.refused });
                }
                TokenMessage::TakenBack(ticket) => batch.taken_back.push(ticket),
            }
        }
        batch
    }

    /// The token that was wanted under this ticket. One that is no longer wanted is dropped.
    pub fn answer_token(&self, ticket: i64, token: String) {
        self.0.with(|requests| requests.answer(ticket, token));
    }

    /// There is no token for this ticket.
    pub fn fail_token(&self, ticket: i64, failure: CoreTokenFailure) {
        let CoreTokenFailure { kind, words, code, may_pass } = failure;
        let failure = match kind.as_deref().and_then(error_kind) {
            Some(kind) => TokenFailure::Own { kind, words, code },
            None => TokenFailure::Foreign { words, may_pass },
        };
        self.0.with(|requests| requests.fail(ticket, failure));
    }

    /// Ends the requests: a wait in `ready` is told `false`, and calls that wait for a token fail.
    pub fn finish(&self) {
        self.0.finish();
    }
}

impl CoreTokens {
    pub(crate) fn new(requests: TokenRequests) -> Arc<Self> {
        Arc::new(Self(HostStream::new(requests)))
    }
}
