//! What is said when no question waits for it, as server-sent events.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use futures_util::stream;
use serde_json::json;
use tokio::sync::{broadcast, watch};
use tokio::time::sleep;

use super::later::Word;
use super::sse::{COMMENT, KEEP_ALIVE};
use super::telling;
use super::turn::Earlier;

struct Feed {
    caller: String,
    /// Not told yet.
    waiting: VecDeque<Arc<Word>>,
    said: broadcast::Receiver<Arc<Word>>,
    stopped: watch::Receiver<bool>,
    begun: bool,
}

/// The body of a caller's feed: what it was not told yet, then what is said from now on.
pub(super) fn body(
    caller: &str,
    mut waiting: Vec<Arc<Word>>,
    said: broadcast::Receiver<Arc<Word>>,
    stopped: watch::Receiver<bool>,
) -> Body {
    waiting.sort_by_key(|word| word.at);
    let feed = Feed { caller: caller.to_owned(), waiting: waiting.into(), said, stopped, begun: false };
    Body::from_stream(stream::unfold(feed, |mut feed| async move {
        let text = feed.next().await?;
        Some((Ok::<_, Infallible>(Bytes::from(text)), feed))
    }))
}

impl Feed {
    async fn next(&mut self) -> Option<String> {
        if !std::mem::replace(&mut self.begun, true) {
            // The listener learns that it is connected.
            return Some(COMMENT.to_owned());
        }
        if let Some(word) = self.waiting.pop_front() {
            return Some(event(&word));
        }
        loop {
            tokio::select! {
                word = self.said.recv() => match word {
                    Ok(word) if word.visitor.platform() == self.caller => return Some(event(&word)),
                    Ok(_) => {}
                    // A listener that fell behind comes again, and is told what it was not told.
                    Err(_) => return None,
                },
                _ = self.stopped.wait_for(|stopped| *stopped) => return None,
                () = sleep(KEEP_ALIVE) => return Some(COMMENT.to_owned()),
            }
        }
    }
}

fn event(word: &Word) -> String {
    let Word { id, visitor, person, by, text, at, model, name, .. } = word;
    let (author, name) = match by {
        Earlier::Owner => ("owner", Some(telling::owner(name))),
        Earlier::Avatar => ("avatar", Some(name.as_str()).filter(|name| !name.is_empty())),
    };
    let person = person.as_deref().unwrap_or(visitor.as_str());
    let data = json!({
        "id": id, "object": "avatar.event", "type": "said", "created": at, "model": &**model, "visitor": person,
        "author": author, "name": name, "text": text,
    });
    format!("id: {id}\nevent: avatar.said\ndata: {data}\n\n")
}
