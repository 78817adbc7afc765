//! The native addon of the npm package `secondme-avatar`: the core, as its TypeScript layer wants it.
//!
//! Nothing in here is API. A call is a synchronous method that begins it and returns a number, its ticket. The result of
//! the call, and the sign that events have come, wait in the environment's `HostQueue` (`host_queue.rs`) until the
//! JavaScript thread drains it. No thread of the core ever enters JavaScript, and no `async fn` borrows a JavaScript
//! object: both crash when a worker is terminated.

mod arguments;
mod batch;
mod chat;
mod client;
mod contract;
mod events;
mod host_queue;
mod js;
mod json;
mod logs;
mod open_calls;
mod seals;
mod stream;
mod tokens;
mod visitor;
mod words;

use napi_derive::napi;
use secondme_avatar::{Error, ErrorKind};

/// The package checks that the addon is of its own version.
#[napi]
pub(crate) fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

/// An error of kind misuse.
fn misuse<T>(message: String) -> Result<T, Error> {
    Err(Error::new(ErrorKind::Misuse, message))
}
