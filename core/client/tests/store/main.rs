//! The stores: what they keep, whom they keep it for, and what they refuse.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod files;
mod kept;
mod permissions;
mod processes;
mod same;
mod support;
