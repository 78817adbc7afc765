//! What the library costs beside code written by hand: `make bench`. With `BASE`, beside another commit's library as
//! well.
//!
//! Every row is a ratio of two measurements in one run on one machine. Absolute figures differ between
//! machines; the ratios hold.
#![allow(clippy::print_stdout, reason = "a program that prints its figures")]

mod beside;
mod by_hand;
mod console;
mod draw;
mod emulator;
mod flood;
mod frames;
mod growth;
mod machine;
mod memory;
mod opening;
mod pages;
mod program;
mod redis;
mod report;
mod results;
mod scale;
mod store;
mod storm;

use report::Report;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// What measures a row.
type Measure = fn(&mut Report) -> Result<(), Error>;

/// The rows, in their order.
const ROWS: [(&str, &[Measure]); 9] = [
    ("opening", &[opening::measure]),
    ("frames", &[frames::measure]),
    ("memory", &[memory::measure]),
    ("scale", &[scale::measure]),
    ("storm", &[storm::measure]),
    ("growth", &[growth::measure]),
    ("emulator", &[console::measure, emulator::measure]),
    ("store", &[store::measure]),
    ("redis", &[redis::measure]),
];

fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let wanted = arguments.next();
    let arguments: Vec<_> = arguments.collect();
    match wanted.as_deref() {
        // A memory measurement runs in a process of its own, which this program starts.
        Some("memory-of") => return memory::measure_one(&arguments),
        Some("scale-of") => return scale::measure_one(&arguments),
        Some("scale-by-hand") => return scale::measure_by_hand(&arguments),
        Some("serve") => return flood::Flood::serve(),
        Some("keep") => return results::keep_lines(),
        Some("show") => return results::show(),
        _ => {}
    }
    // The emulator's rows compare with another emulator by themselves.
    if wanted.as_deref() != Some("emulator")
        && let Some(base) = program::base()?
    {
        return beside::measure(&base, wanted.as_deref());
    }
    let mut report = Report::default();
    for (name, parts) in ROWS {
        if wanted.as_deref().is_none_or(|wanted| wanted == name) {
            report.begin(name);
            parts.iter().try_for_each(|measure| measure(&mut report))?;
        }
    }
    report.print();
    results::keep(report)
}
