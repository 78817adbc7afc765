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
        visitor_chat(report).await
    })
}

/// Cold: a client that has no app token yet. Warm: the next visitor of the same client.
async fn visitor_chat(report: &mut Report) -> Result<(), Error> {
    let emulator = Emulator::builder().latency(LATENCY).start().await?;
    let http = by_hand::http()?;
    let (mut cold, mut warm, mut cold_by_hand, mut warm_by_hand) =
        <(Vec<_>, Vec<_>, Vec<_>, Vec<_>)>::default();
    for run in 0..RUNS {
        let visitor = |name: &str| Visitor::for_user("bench", &format!("{name} {run}"));
        let key = emulator.api_key();
        let client = AvatarClient::visitor_chat(&emulator.client_id(), &emulator.client_secret(), key)?
            .base_url(emulator.lab_base_url().parse()?)
            .build()?;
        for (name, figures) in [("cold", &mut cold), ("warm", &mut warm)] {
            let visitor = visitor(name)?;
            let started = Instant::now();
            client.open(visitor).await?;
            figures.push(started.elapsed().div_duration_f64(LATENCY));
        }
        let mut token = None;
        for (name, figures) in [("cold hand", &mut cold_by_hand), ("warm hand", &mut warm_by_hand)] {
            let visitor = visitor(name)?;
            let started = Instant::now();
            let (_socket, shown) =
                by_hand::open_visitor_chat(&http, &emulator, visitor.id().as_str(), token).await?;
            figures.push(started.elapsed().div_duration_f64(LATENCY));
            token = Some(shown);
        }
    }
    let aside = |by_hand| format!("(by hand: {:.2})", median(by_hand));
    let what = |which| format!("{which} open of Visitor Chat, in round trips of 100 ms, with the handshake");
    report.at_most(&what("cold"), median(cold), 3.6, "", &aside(cold_by_hand));
    report.at_most(&what("warm"), median(warm), 2.6, "", &aside(warm_by_hand));
    Ok(())
}
