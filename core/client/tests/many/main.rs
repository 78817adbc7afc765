//! Many visitors at once: slots, the quota, deadlines, and the end. Over real sockets, in virtual time.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod deadlines;
mod places;
mod quota;
mod rest;
mod rotation;
mod shutdown;
mod stage;
#[path = "../it/support.rs"]
mod support;
