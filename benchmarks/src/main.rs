//! What the library costs beside code written by hand: `make bench`. With `BASE`, beside another commit's library as
//! well.
//!
//! Every row is a ratio of two measurements in one run on one machine. Absolute figures differ between
//! machines; the ratios hold.
#![allow(clippy::print_stdout, reason = "a program that prints its figures")]

mod beside;
mod by_hand;
mod console;
mod emulator;
mod flood;
mod frames;
mod memory;
mod opening;
mod program;
mod report;
mod store;

use report::Report;

type Error = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let wanted = arguments.next();
    // A memory measurement runs in a process of its own, which this program starts.
    if wanted.as_deref() == Some("memory-of") {
        return memory::measure_one(&arguments.collect::<Vec<_>>());
    }
    if wanted.as_deref() == Some("serve") {
        return flood::Flood::serve();
    }
    // The emulator's rows compare with another emulator by themselves.
    if wanted.as_deref() != Some("emulator")
        && let Some(base) = program::base()?
    {
        return beside::measure(&base, wanted.as_deref());
    }
    let runs = |name: &str| wanted.as_deref().is_none_or(|wanted| wanted == name);
    let mut report = Report::default();
    if runs("opening") {
        opening::measure(&mut report)?;
    }
    if runs("frames") {
        frames::measure(&mut report)?;
    }
    if runs("memory") {
        memory::measure(&mut report)?;
    }
    if runs("emulator") {
        console::measure(&mut report)?;
        emulator::measure(&mut report)?;
    }
    if runs("store") {
        store::measure(&mut report)?;
    }
    report.print();
    Ok(())
}
