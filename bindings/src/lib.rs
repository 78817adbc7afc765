//! The library beneath the Kotlin and Swift packages.
//!
//! What crosses the border is named `Core…`, and is no API: each language has a hand-written layer over it.
//! The rules, each of which was measured to matter:
//!
//! - Nothing here calls into the host, and nothing blocks. An exported `async fn` is polled by the host's own
//!   threads; the clients' work is done on one runtime, which ends with the last of them.
//! - What comes by itself (events, pieces of a reply, reports of calls, the log) waits in a bounded queue:
//!   `ready()` carries nothing, so a wait that is cancelled loses nothing, and `drain(max)` takes a batch at once.
//! - Kotlin's cancellation drops a future, Swift's does not: so every wait can be ended by a synchronous call, a
//!   queue's by `wake()` or `finish()`, a call's by a [`CoreCancel`].
//! - Durations are milliseconds, JSON is text.

#[cfg(target_os = "android")]
mod android;
mod bell;
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
mod names;
mod options;
mod pieces;
mod runtime;
mod stats;
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
pub use options::CoreOptions;
pub use pieces::{CorePiece, CorePieces};
pub use stats::{CoreCallReport, CoreStats};
pub use values::*;
pub use visitor::{CoreVisitor, parse_visitor_id, random_visitor_id, visitor_id_for_user};

uniffi::setup_scaffolding!();
