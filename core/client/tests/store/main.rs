//! The stores: what they keep, whom they keep it for, and what they refuse.

#![cfg(unix)] // Modes, links, users and kills are told in Unix's words.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(clippy::print_stderr, reason = "what is left out is said")]

mod backup;
mod calls;
mod files;
mod foreign;
mod forget;
mod heard;
mod kept;
mod notes;
mod permissions;
mod place;
mod processes;
mod proxy;
mod quota;
mod reach;
mod redis;
mod redis_server;
mod replicas;
mod same;
mod sealed;
mod support;
mod visitors;
