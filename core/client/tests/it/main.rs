//! The client against the emulator, over real sockets. One program: one thing to link.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod cancellation;
mod conversation;
mod credentials;
mod events;
mod failures;
#[cfg(feature = "sqlite")]
mod forget;
#[cfg(unix)]
mod limits;
mod notes;
mod request;
mod restarts;
mod retention;
mod second_key;
mod stores;
mod support;
#[cfg(feature = "sqlite")]
mod two_processes;
mod visitor_chat;
mod watching;
