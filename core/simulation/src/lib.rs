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

pub mod arbitrary;
mod chance;
mod client;
pub mod cluster;
mod disk;
mod exchange;
mod life;
mod network;
mod properties;
mod queue;
mod quota;
pub mod runs;
mod sight;
mod slots;
mod sockets;
mod talk;
mod world;

pub use chance::Chance;
pub use client::{Client, ClientId, Log};
pub use disk::Disk;
pub use exchange::{Asked, PATH_PREFIX};
pub use life::{Life, Report};
pub use network::{Delay, Fate, Network};
pub use properties::{Properties, Terms, Violation};
pub use secondme_avatar_emulator::Settings;
pub use sight::{Call, Sight};
pub use world::World;
