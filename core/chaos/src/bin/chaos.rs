//! `make chaos`: many conversations over a bad network, and the comparison.

use std::process::ExitCode;
use std::time::Instant;

use secondme_avatar_chaos::{FAULTS, Storm, number};

#[tokio::main]
#[allow(clippy::print_stdout)] // This is what it is for.
async fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let storm = Storm {
        seed: number("SEED", 1),
        visitors: number("VISITORS", 200) as usize,
        seconds: number("STORM_SECONDS", 600),
    };
    println!(
        "{} conversations, {} virtual seconds of faults, SEED={}",
        storm.visitors, storm.seconds, storm.seed
    );
    let started = Instant::now();
    let report = storm.rage().await?;
    println!("{report}after {} s", started.elapsed().as_secs());
    let all_met = FAULTS.iter().all(|fault| report.faults.contains_key(fault));
    if !all_met {
        println!("not every fault was met: make it longer, or choose another seed");
    }
    Ok(if report.is_good() && all_met { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
