//! The machine and a peer that answers by hand: for what no service would do, or not at that moment.

#![allow(clippy::unwrap_used)] // In a test a panic is how a failure is reported.

#[path = "../support/mod.rs"]
mod support;

mod asks;
mod credentials;
mod ends;
mod failures;
mod gaps;
mod guesses;
mod helpers;
mod ids;
mod links;
mod opening;
mod owner;
mod probes;
mod refused;
mod sends;
mod token;
mod turns;
mod visitor_chat;
mod waits;
