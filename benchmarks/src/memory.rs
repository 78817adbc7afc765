//! The cost of a thousand connected, idle conversations with heartbeats: the resident memory of a process with
//! nothing else. The emulator is another process.

use std::process::Stdio;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use secondme_avatar::{AvatarClient, Visitor};
use secondme_avatar_emulator::Emulator;
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use crate::report::Report;
use crate::{Error, by_hand};

const CONVERSATIONS: usize = 1_000;

/// Opened before the measurement: the runtime, the HTTP client and the allocator warm up.
const WARM_UP: usize = 50;

/// Long enough for every conversation to have sent a ping.
pub(crate) const HEARTBEATS: Duration = Duration::from_secs(17);

pub(crate) fn measure(report: &mut Report) -> Result<(), Error> {
    let ours = run("ours")?;
    let small = run("hand-small")?;
    let default = run("hand-default")?;
    let aside = format!(
        "(by hand: {small:.1} with small buffers, {default:.1} with the WebSocket library's defaults)"
    );
    report.at_most("1,000 live conversations, resident memory each", ours, 6.5, " KiB", &aside);
    let paused = run("paused")?;
    let aside = "(with `max_live`: no socket, and back within two round trips)";
    report.at_most("1,000 paused conversations, resident memory each", paused, 2.0, " KiB", aside);
    Ok(())
}

/// Measures in a fresh process of this program, against an emulator in this one.
fn run(what: &str) -> Result<f64, Error> {
    tokio::runtime::Runtime::new()?.block_on(async {
        let emulator =
            Emulator::builder().configure(|settings| settings.quota_per_minute = 1_000_000).start().await?;
        let output = tokio::process::Command::new(std::env::current_exe()?)
            .args(["memory-of", what, emulator.base_url(), emulator.api_key()])
            .stderr(Stdio::inherit())
            .output()
            .await?;
        let pings = emulator.state().sockets.len();
        let printed = String::from_utf8(output.stdout)?;
        if !output.status.success() || pings > CONVERSATIONS + WARM_UP {
            return Err(format!("the measurement of {what} failed: {printed}").into());
        }
        Ok(printed.trim().parse()?)
    })
}

/// The measured process: opens, waits, and prints the KiB of each conversation.
pub(crate) fn measure_one(arguments: &[String]) -> Result<(), Error> {
    let [what, base, key] = arguments else {
        return Err("memory-of takes what, base URL and key".into());
    };
    tokio::runtime::Runtime::new()?.block_on(async {
        let kib = match what.as_str() {
            "ours" => ours(base, key).await?,
            "paused" => paused(base, key).await?,
            "hand-small" => by_hand_small(base, key, CONVERSATIONS).await?,
            _ => by_hand(base, key, None, CONVERSATIONS).await?,
        };
        println!("{kib}");
        Ok(())
    })
}

async fn ours(base: &str, key: &str) -> Result<f64, Error> {
    let client = AvatarClient::builder(key)?.base_url(base.parse()?).quota(1_000_000).build()?;
    let open = async |range: std::ops::Range<usize>| {
        for visitor in range {
            client.open(Visitor::for_user("bench", &visitor.to_string())?).await?;
        }
        Ok::<(), Error>(())
    };
    open(0..WARM_UP).await?;
    let before = resident_kib()?;
    open(WARM_UP..WARM_UP + CONVERSATIONS).await?;
    tokio::time::sleep(HEARTBEATS).await;
    let stats = client.stats();
    assert_eq!(stats.connected, WARM_UP + CONVERSATIONS, "all are live");
    assert!(stats.counters.pings >= stats.connected as u64, "heartbeats run");
    Ok((resident_kib()? - before) / CONVERSATIONS as f64)
}

/// As many sockets as in the warm-up, and a thousand paused visitors.
async fn paused(base: &str, key: &str) -> Result<f64, Error> {
    let client =
        AvatarClient::builder(key)?.base_url(base.parse()?).quota(1_000_000).max_live(WARM_UP).build()?;
    let open = async |range: std::ops::Range<usize>| {
        for visitor in range {
            client.open(Visitor::for_user("bench", &visitor.to_string())?).await?;
        }
        Ok::<(), Error>(())
    };
    open(0..WARM_UP).await?;
    let before = resident_kib()?;
    open(WARM_UP..WARM_UP + CONVERSATIONS).await?;
    let stats = client.stats();
    assert_eq!((stats.live, stats.paused), (WARM_UP, CONVERSATIONS));
    Ok((resident_kib()? - before) / CONVERSATIONS as f64)
}

/// So many sockets with small buffers, as a user would open them by hand who looks after memory: the KiB of each.
pub(crate) async fn by_hand_small(base: &str, key: &str, count: usize) -> Result<f64, Error> {
    let config = WebSocketConfig::default().read_buffer_size(2048).write_buffer_size(0);
    by_hand(base, key, Some(config), count).await
}

async fn by_hand(base: &str, key: &str, config: Option<WebSocketConfig>, count: usize) -> Result<f64, Error> {
    let http = by_hand::http()?;
    let open = async |range: std::ops::Range<usize>| {
        for visitor in range {
            let visitor = Visitor::for_user("hand", &visitor.to_string())?;
            let (mut socket, ws_id) = by_hand::open(&http, base, key, visitor.id().as_str(), config).await?;
            tokio::spawn(async move {
                let mut beat = tokio::time::interval(Duration::from_secs(15));
                loop {
                    tokio::select! {
                        _ = beat.tick() => {
                            let ping = json!({ "type": "ping", "wsId": ws_id }).to_string();
                            if socket.send(Message::text(ping)).await.is_err() { return }
                        }
                        frame = socket.next() => if !matches!(frame, Some(Ok(_))) { return },
                    }
                }
            });
        }
        Ok::<(), Error>(())
    };
    open(0..WARM_UP).await?;
    let before = resident_kib()?;
    open(WARM_UP..WARM_UP + count).await?;
    tokio::time::sleep(HEARTBEATS).await;
    Ok((resident_kib()? - before) / count as f64)
}

/// The memory of this process.
pub(crate) fn resident_kib() -> Result<f64, Error> {
    resident_kib_of("self")
}

/// The memory of a process, by its id.
pub(crate) fn resident_kib_of(process: &str) -> Result<f64, Error> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse().ok());
    kib.ok_or_else(|| "no VmRSS in /proc: this row needs Linux".into())
}
