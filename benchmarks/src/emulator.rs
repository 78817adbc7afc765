//! The cost of an emulator with ten thousand visitors, each with a session and a connected socket with
//! heartbeats: the resident memory of a process with nothing else.

use std::time::Duration;

use futures_util::stream::{self, TryStreamExt};
use futures_util::{SinkExt, StreamExt};
use secondme_avatar::Visitor;
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use crate::program::{self, Program};
use crate::report::Report;
use crate::scale::allow_descriptors;
use crate::{Error, by_hand};

const VISITORS: usize = 10_000;

/// Enough to keep both sides busy, and few enough that no connection waits to be accepted.
const AT_ONCE: usize = 32;

/// The bar, in MiB.
const BAR: f64 = 400.0;

/// The interval of the vendor's API page.
const BEAT: Duration = Duration::from_secs(15);

/// Long enough for every visitor to have sent a ping after the last one connected.
const HEARTBEATS: Duration = Duration::from_secs(17);

pub(crate) fn measure(report: &mut Report) -> Result<(), Error> {
    let most = allow_descriptors()?;
    if most < VISITORS + 200 {
        let reason = format!("it needs {} open files, and the system allows {most}", VISITORS + 200);
        report.left_out("emulator with 10,000 live sockets, resident memory", &reason);
        return Ok(());
    }
    let mib = tokio::runtime::Runtime::new()?.block_on(run())?;
    let aside = format!("({:.1} KiB each)", mib * 1_024.0 / VISITORS as f64);
    report.at_most("emulator with 10,000 live sockets, resident memory", mib, BAR, " MiB", &aside);
    Ok(())
}

async fn run() -> Result<f64, Error> {
    let program = Program::start(&program::current()?).await?;
    let http = by_hand::http()?;
    let config = WebSocketConfig::default().read_buffer_size(2_048).write_buffer_size(0);
    stream::iter((0..VISITORS).map(Ok))
        .try_for_each_concurrent(AT_ONCE, |number| {
            let (http, base, key) = (&http, &program.base_url, &program.api_key);
            async move {
                let visitor = Visitor::for_user("many", &number.to_string())?;
                let opened = by_hand::open(http, base, key, visitor.id().as_str(), Some(config));
                let (mut socket, ws_id) = opened.await?;
                tokio::spawn(async move {
                    let ping = json!({ "type": "ping", "wsId": ws_id }).to_string();
                    let mut beat = tokio::time::interval(BEAT);
                    loop {
                        tokio::select! {
                            _ = beat.tick() => {
                                if socket.send(Message::text(ping.as_str())).await.is_err() { return }
                            }
                            frame = socket.next() => if !matches!(frame, Some(Ok(_))) { return },
                        }
                    }
                });
                Ok::<(), Error>(())
            }
        })
        .await?;
    tokio::time::sleep(HEARTBEATS).await;
    let mib = program.resident_mib()?;
    let alive = program.state(&http).await?.sockets.iter().filter(|socket| socket.pings >= 2).count();
    if alive != VISITORS {
        return Err(format!("only {alive} of {VISITORS} sockets are live and have pinged twice").into());
    }
    program.end().await?;
    Ok(mib)
}
