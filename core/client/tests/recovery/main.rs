//! How a client comes back: after a restart of the service, a frozen process, a suspended machine; and what
//! it says about it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[cfg(unix)]
mod frozen;
mod log;
mod storms;
#[path = "../it/support.rs"]
#[allow(dead_code, reason = "shared with the other tests")]
mod support;
mod suspended;
mod together;
