//! The protocol machine and the emulated service as a pair in virtual time.
//!
//! A [`World`] holds one service and any number of clients, joined by a [`Network`] that delays,
//! loses, repeats and reorders by a seed. Nothing in it is real: no socket, no clock, no sleep. The
//! same seed is the same run, to the step.
//!
//! ```
//! use secondme_avatar_protocol::Outcome;
//! use secondme_avatar_simulation::{Settings, World};
//!
//! let mut world = World::new(Settings::default(), 7);
//! let ada = world.client("ada");
//! world.opened(ada);
//! let asked = world.ask(ada, "Hello");
//! let Ok(Outcome::Replied(reply)) = world.answer(ada, asked) else { panic!("no reply") };
//! assert_eq!(reply.text, "You said: Hello");
//! ```
//!
//! Some things hold in every run and are checked at every step; a run in which they do not hold
//! panics there: a ticket is answered once, nothing is output after a machine has closed, and a
//! machine never asks to be woken at a moment that has passed.

mod client;
mod exchange;
mod network;
mod queue;
mod quota;
mod sockets;
mod talk;
mod world;

pub use client::{Client, ClientId, Log};
pub use exchange::{Asked, PATH_PREFIX};
pub use network::{Delay, Fate, Network};
pub use secondme_avatar_emulator::Settings;
pub use world::World;
