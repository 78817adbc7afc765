//! The library beneath the Kotlin and Swift packages.
//!
//! What crosses the border is named `Core…`, and is no API: each language has a hand-written layer over it.
//! The rules, each of which was measured to matter:
//!
//! - Nothing here blocks, and nothing but a [`CoreSeal`] runs code of the program: that runs on a thread of its own. An
//!   exported `async fn` is polled by the host's own
//!   threads; the clients' work is done on one runtime, which ends with the last of them. When a wait is over, the
//!   core's thread calls UniFFI's continuation, which does enter the host: it does no more than resume the coroutine or
//!   the task that waits, and the layers above see to it that this goes on on a thread of the host.
//! - What comes by itself (events, pieces of a reply, reports of calls, requests for a user's token, the log) waits in
//!   a bounded queue:
//!   `ready()` carries nothing, so a wait that is cancelled loses nothing, and `drain(max)` takes a batch at once.
//! - Kotlin's cancellation drops a future later, on another thread, and Swift's does not drop it: so every call and
//!   every wait can be ended by a synchronous call, a queue's by `finish()` or `end()`, a call's by a [`CoreCancel`].
//! - Durations are milliseconds, JSON is text.

#[cfg(target_os = "android")]
mod android;
mod calls;
mod cancel;
mod client;
mod conversation;
mod convert;
mod enums;
mod error;
mod event;
mod event_kind;
mod events;
#[cfg(feature = "benchmark")]
mod listener;
mod logs;
mod message;
mod names;
mod notes;
mod options;
mod pieces;
mod runtime;
mod seal;
mod stats;
mod tokens;
mod values;
mod visitor;

pub use calls::{CoreCallBatch, CoreCalls};
pub use cancel::CoreCancel;
pub use client::CoreClient;
pub use conversation::CoreConversation;
pub use enums::*;
pub use error::{CoreError, CoreFailure};
pub use event::{CoreBatch, CoreEvent, CoreOrigin};
pub use event_kind::CoreEventKind;
pub use events::CoreEvents;
#[cfg(feature = "benchmark")]
pub use listener::CoreListener;
pub use logs::{CoreLog, CoreLogBatch, CoreLogLevel, CoreLogRecord, install_log};
pub use message::{CoreMessage, CoreQuestion};
pub use notes::{CoreNote, new_message_id};
pub use options::CoreOptions;
pub use pieces::{CorePiece, CorePieces};
pub use seal::{CoreSeal, CoreSealFailure};
pub use stats::{CoreCallReport, CoreStats};
pub use tokens::{CoreTokenBatch, CoreTokenFailure, CoreTokenRequest, CoreTokens};
pub use values::*;
pub use visitor::{
    CoreCredentials, CoreVisitor, parse_credentials, parse_visitor_id, random_visitor_id,
    visitor_id_for_user, visitor_id_for_user_with_secret,
};

uniffi::setup_scaffolding!();
