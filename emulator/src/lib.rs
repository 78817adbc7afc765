//! The SecondMe avatar service on one machine: offline, stateful, many instances side by side.
//!
//! It is written from the vendor's API page and from `docs/protocol.md`, and shares no code with the
//! client it is used to test. Two layers:
//!
//! - [`service`] is the whole service as a state machine without sockets, clock or randomness.
//!   Time is passed in, so a run in virtual time replays exactly.
//! - [`Emulator`] puts that machine behind real HTTP and WebSocket on a loopback port.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use secondme_avatar_emulator::Emulator;
//!
//! let emulator = Emulator::builder().start().await?;
//! println!("base URL {}, key {}", emulator.base_url(), emulator.api_key());
//! emulator.stop().await;
//! # Ok(()) }
//! ```

pub mod brain;
#[cfg(feature = "cli")]
mod cli;
mod profile;
mod server;
pub mod service;
mod switch;
mod time;
pub mod trace;
mod written;

pub use brain::Brain;
#[cfg(feature = "cli")]
pub use cli::{EmulatorArgs, RunError, SwitchArgs, run};
pub use profile::{InvalidProfile, Profile};
pub use server::{Emulator, EmulatorBuilder, Owner, StartError, StateFileError};
pub use service::Settings;
