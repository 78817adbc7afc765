//! The real client and the real emulator, and everything that may happen to them: a proxy of our own lies
//! between them and breaks the connections to the byte; processes are killed; thousands of conversations come
//! and go. What was said is counted at the end, on both sides. See `docs/chaos.md`.

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

/// A number out of the environment, or this one.
pub fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}
