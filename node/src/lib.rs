//! The native addon of the npm package `secondme-avatar`: the core, as its TypeScript layer wants it.
//!
//! Nothing in here is API. A call is a synchronous method that hands back a number, a ticket; what comes of
//! it, and that events have come, lies in the environment's `Port` (`port.rs`) until the JavaScript thread
//! takes it. No thread of the core ever enters JavaScript, and no `async fn` borrows a JavaScript object:
//! both crash when a worker is terminated.

mod arguments;
mod calls;
mod chat;
mod client;
mod contract;
mod events;
mod js;
mod json;
mod logs;
mod port;
mod stream;
mod visitor;
mod words;

use napi_derive::napi;
use secondme_avatar::{Error, ErrorKind};

/// The package looks whether it is its own.
#[napi]
pub(crate) fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

/// The call was wrong.
fn misuse<T>(message: String) -> Result<T, Error> {
    Err(Error::new(ErrorKind::Misuse, message))
}
