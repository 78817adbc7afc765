//! `make chaos`, its second half: a process killed 200 times, and the comparison.

use std::process::ExitCode;
use std::time::Instant;

use secondme_avatar::Delivery;
use secondme_avatar_chaos::{Crash, number, work};

#[tokio::main]
#[allow(clippy::print_stdout)] // This is what it is for.
async fn main() -> Result<ExitCode, Box<dyn std::error::Error + Send + Sync>> {
    if work().await? {
        return Ok(ExitCode::SUCCESS);
    }
    let child = std::env::current_exe()?;
    let mut good = true;
    for (delivery, name) in [(Delivery::Checked, "check"), (Delivery::AtLeastOnce, "resend")] {
        let kills = number("KILLS", 200) / 2;
        let crash =
            Crash { seed: number("SEED", 1), kills, visitors: number("VISITORS", 20) as usize, delivery };
        println!("{kills} kills, unconfirmed messages: {name}, SEED={}", crash.seed);
        let folder = std::env::temp_dir().join(format!("secondme-crash-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        let started = Instant::now();
        let report = crash.run(&child, &folder).await?;
        println!("{report}after {} s\n", started.elapsed().as_secs());
        let is_good = report.verdict.is_good();
        if is_good {
            std::fs::remove_dir_all(&folder)?;
        } else {
            println!("what was written down is in {}", folder.display());
        }
        good &= is_good;
    }
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
