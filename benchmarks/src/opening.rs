//! How many answers of the service an opening waits for, one after the other.

use std::time::{Duration, Instant};

use secondme_avatar::{AvatarClient, Visitor};
use secondme_avatar_emulator::Emulator;

use crate::report::{Report, median};
use crate::{Error, by_hand};

/// The latency of every answer of the emulator.
const LATENCY: Duration = Duration::from_millis(100);

const RUNS: u32 = 5;

pub(crate) fn measure(report: &mut Report) -> Result<(), Error> {
    tokio::runtime::Runtime::new()?.block_on(async {
        let emulator = Emulator::builder().latency(LATENCY).start().await?;
        let client =
            AvatarClient::builder(emulator.api_key())?.base_url(emulator.base_url().parse()?).build()?;
        let http = by_hand::http()?;
        let (mut cold, mut resumed, mut hand) = (Vec::new(), Vec::new(), Vec::new());
        for run in 0..RUNS {
            let visitor = Visitor::for_user("bench", &format!("visitor {run}"))?;
            let started = Instant::now();
            let chat = client.open(visitor.clone()).await?;
            cold.push(started.elapsed().div_duration_f64(LATENCY));

            chat.close().await?;
            let started = Instant::now();
            client.open(visitor).await?;
            resumed.push(started.elapsed().div_duration_f64(LATENCY));

            let visitor = Visitor::for_user("hand", &format!("visitor {run}"))?;
            let started = Instant::now();
            by_hand::open(&http, emulator.base_url(), emulator.api_key(), visitor.id().as_str(), None)
                .await?;
            hand.push(started.elapsed().div_duration_f64(LATENCY));
        }
        let aside = format!("(the API page's own order: {:.2})", median(hand));
        report.at_most("cold open, in round trips of 100 ms", median(cold), 4.6, "", &aside);
        report.at_most("resumed open, in round trips of 100 ms", median(resumed), 2.6, "", "");
        Ok(())
    })
}
