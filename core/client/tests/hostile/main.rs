//! What a server may do that means no good, or has lost its mind.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod answers;
mod connections;
mod fields;
mod server;
mod sockets;
#[path = "../proxy/tls.rs"]
mod tls;
mod waits;
