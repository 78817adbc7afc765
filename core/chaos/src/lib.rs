//! The real client and the real emulator, and everything that can happen to them. A proxy between them breaks
//! connections at any byte; processes are killed; thousands of conversations come and go. At the end both sides
//! are compared. See `docs/chaos.md`.

mod accounts;
mod answers;
mod crash;
mod diary;
mod frames;
mod plan;
mod proxy;
mod storm;

pub use accounts::{Account, Fate, Heard, Verdict};
pub use crash::{Crash, CrashReport, work};
pub use diary::{Diary, read};
pub use plan::FAULTS;
pub use proxy::FaultProxy;
pub use storm::{Report, Storm, fate};

/// A number from the environment, or the default.
pub fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}
