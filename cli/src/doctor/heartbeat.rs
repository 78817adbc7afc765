//! Whether anything comes over the socket: opening it says nothing about its frames.

use std::time::{Duration, Instant};

use secondme_avatar::{AvatarClient, Error, EventKind, Events};

use super::report::Examination;

/// How long the answer to a ping may take. Less than the time after which a lost link is given up.
const PATIENCE: Duration = Duration::from_secs(5);

/// The longest time until a ping is due.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Has a ping sent and waits for a frame. A connection that breaks meanwhile is an error. If no frame comes,
/// that is a finding, since some services may not answer pings.
pub(super) async fn watch(
    client: &AvatarClient,
    events: &Events,
    examination: &mut Examination,
) -> Result<(), Error> {
    let sent = Instant::now();
    let before = client.stats().counters;
    client.advance_clock(HEARTBEAT).await;
    let heard = async {
        loop {
            if client.stats().counters.frames > before.frames {
                return Ok(true);
            }
            tokio::select! {
                event = events.next() => match event.map(|event| event.kind) {
                    Some(EventKind::Disconnected { cause, .. }) => return Err(cause),
                    Some(_) => {}
                    None => return Ok(false),
                },
                // A pong is not an event.
                () = tokio::time::sleep(Duration::from_millis(10)) => {}
            }
        }
    };
    let heard = tokio::time::timeout(PATIENCE, heard).await.unwrap_or(Ok(false));
    let error = heard.as_ref().err().cloned();
    examination.heartbeat(sent, error.as_ref());
    if let Ok(false) = heard {
        examination.doubt(format!(
            "No frame came over the socket within {} s of a ping: the service does not answer pings, or something on \
             the way swallows frames. `avatar doctor --message TEXT` tells which; its owner can read it.",
            PATIENCE.as_secs()
        ));
    }
    error.map_or(Ok(()), Err)
}

/// The causes of lost connections so far.
pub(super) async fn losses(events: &Events) -> Vec<String> {
    let mut losses = Vec::new();
    // The events so far.
    while let Ok(Some(event)) = tokio::time::timeout(Duration::ZERO, events.next()).await {
        if let EventKind::Disconnected { cause, .. } = event.kind {
            let loss = format!("The connection was lost: {cause}.");
            if losses.last() != Some(&loss) {
                losses.push(loss);
            }
        }
    }
    losses
}
