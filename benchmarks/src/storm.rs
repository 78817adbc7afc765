//! A storm: five thousand live conversations lose the service for ten seconds. How soon after its return all of them are
//! back, and how evenly they come: a service that has just come back must not be run over.

use std::time::{Duration, Instant};

use futures_util::stream::{self, TryStreamExt};
use reqwest::Client;
use secondme_avatar::{AvatarClient, Visitor};
use serde_json::Value;

use crate::program::{self, Program};
use crate::report::Report;
use crate::scale::allow_descriptors;
use crate::{Error, by_hand};

const CONVERSATIONS: usize = 5_000;

/// How many of them are opened at a time.
const AT_ONCE: usize = 64;

/// How long the service is away: connections are cut, and new ones are reset.
const AWAY: Duration = Duration::from_secs(10);

/// The bars: seconds until all are back, and the busiest second as a multiple of the mean.
const BACK_BAR: f64 = 30.0;
const RUSH_BAR: f64 = 2.0;

/// When the measurement is given up.
const GIVEN_UP: Duration = Duration::from_secs(120);

/// How often it is asked whether all are back. The time itself is the emulator's.
const LOOK: Duration = Duration::from_millis(100);

pub(crate) fn measure(report: &mut Report) -> Result<(), Error> {
    let most = allow_descriptors()?;
    if most < CONVERSATIONS + 400 {
        let reason = format!("it needs {} open files, and the system allows {most}", CONVERSATIONS + 400);
        report.left_out("5,000 conversations lose the service for 10 s", &reason);
        return Ok(());
    }
    let back = tokio::runtime::Runtime::new()?.block_on(run())?;
    let last = back.iter().copied().fold(0.0, f64::max);
    let (mean, busiest) = (back.len() as f64 / last, busiest_second(back));
    let of = "5,000 conversations lose the service for 10 s";
    report.at_most(&format!("{of}: all back after its return"), last, BACK_BAR, " s", "");
    let aside = format!("({busiest} in that second, {mean:.0} a second in the mean)");
    report.at_most(
        &format!("{of}: busiest second of reconnects"),
        busiest as f64 / mean,
        RUSH_BAR,
        " × the mean",
        &aside,
    );
    Ok(())
}

/// When each conversation was back, in seconds after the service's return.
async fn run() -> Result<Vec<f64>, Error> {
    let program = Program::start(&program::current()?).await?;
    let http = by_hand::http()?;
    let client = AvatarClient::builder(&program.api_key)?
        .base_url(program.base_url.parse()?)
        .quota(1_000_000)
        .build()?;
    let open = |number: usize| {
        let client = &client;
        async move {
            client.open(Visitor::for_user("storm", &number.to_string())?).await?;
            Ok::<_, Error>(())
        }
    };
    stream::iter((0..CONVERSATIONS).map(Ok)).try_for_each_concurrent(AT_ONCE, open).await?;

    let faults =
        r#"[{"at": "call", "do": "refuse", "chance": 1}, {"at": "connect", "do": "refuse", "chance": 1}]"#;
    tell(&program, &http, "faults", faults).await?;
    let cut = tell(&program, &http, "sockets/close", r#"{"abrupt": true}"#).await?;
    if cut["closed"] != CONVERSATIONS {
        return Err(format!("of {CONVERSATIONS} sockets others were cut: {cut}").into());
    }
    tokio::time::sleep(AWAY).await;
    if client.stats().connected != 0 {
        return Err("the service was not away: some are connected".into());
    }
    tell(&program, &http, "faults/clear", "{}").await?;
    let returned = Instant::now();
    while client.stats().connected < CONVERSATIONS {
        if returned.elapsed() > GIVEN_UP {
            let back = client.stats().connected;
            return Err(format!("after {GIVEN_UP:?} only {back} conversations are back").into());
        }
        tokio::time::sleep(LOOK).await;
    }
    let (asked, state) = (returned.elapsed(), program.state(&http).await?);
    let returned = state.now as f64 - asked.as_secs_f64() * 1_000.0;
    let back = state.sockets.iter().map(|socket| (socket.connected as f64 - returned) / 1_000.0);
    let back: Vec<f64> = back.collect();
    program.end().await?;
    match back.len() == CONVERSATIONS && back.iter().all(|at| *at > -1.0) {
        true => Ok(back),
        false => Err(format!("the emulator saw {} of them come back", back.len()).into()),
    }
}

async fn tell(program: &Program, http: &Client, call: &str, body: &'static str) -> Result<Value, Error> {
    let answer = program.control(http, "POST", call).body(body).send().await?.error_for_status()?;
    Ok(serde_json::from_slice(&answer.bytes().await?)?)
}

/// The most of these moments that are within one second, wherever that begins.
fn busiest_second(mut moments: Vec<f64>) -> usize {
    moments.sort_by(f64::total_cmp);
    let within = |from: usize| moments[from..].partition_point(|at| *at < moments[from] + 1.0);
    (0..moments.len()).map(within).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_busiest_second_begins_anywhere() {
        assert_eq!(busiest_second(vec![]), 0);
        assert_eq!(busiest_second(vec![3.0, 0.9, 1.1, 1.8, 0.2]), 3, "0.9 to 1.8");
        assert_eq!(busiest_second(vec![0.0, 1.0, 2.0]), 1, "a second later is another second");
    }
}
