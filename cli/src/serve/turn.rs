//! A reply as it comes in. Any number of readers follow it, from its beginning; it goes on without any.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use secondme_avatar::{Author, ConversationKey, Error};
use tokio::sync::watch;
use tokio::time::Instant;

/// A reply under way, or done.
#[derive(Debug)]
pub(super) struct Turn {
    state: Mutex<State>,
    /// Changes whenever the state does.
    version: watch::Sender<()>,
    pub(super) began: Instant,
    /// The avatar's name, which is its owner's, once it is known.
    name: OnceLock<String>,
    /// Where its question went out, once it does.
    sent: OnceLock<Sent>,
    /// Held by the readers that pass on what they read.
    listeners: Arc<()>,
}

/// Where a question went out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sent {
    /// How many words there had been before it.
    pub(super) words: u64,
    pub(super) key: ConversationKey,
}

#[derive(Debug, Default)]
struct State {
    said: Vec<Said>,
    end: Option<(End, Instant)>,
}

/// Some of what is said, by one author.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) voice: Voice,
    pub(super) text: String,
}

/// Who says something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Voice {
    Avatar,
    /// The owner in person, in answer to the question.
    Owner,
    /// The same, from before the question.
    Earlier(Earlier),
    /// The gateway itself.
    Gateway,
}

/// Who said something before the question was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Earlier {
    Avatar,
    Owner,
}

impl From<Earlier> for Voice {
    /// The same words, as an answer.
    fn from(by: Earlier) -> Self {
        match by {
            Earlier::Avatar => Self::Avatar,
            Earlier::Owner => Self::Owner,
        }
    }
}

impl From<Author> for Voice {
    fn from(author: Author) -> Self {
        match author {
            Author::Owner => Self::Owner,
            Author::Avatar | Author::Visitor => Self::Avatar,
        }
    }
}

/// How a reply ended.
#[derive(Debug, Clone)]
pub(super) enum End {
    Whole,
    Failed(Error),
}

impl Turn {
    pub(super) fn new() -> Arc<Self> {
        let (version, began) = (watch::Sender::new(()), Instant::now());
        Arc::new(Self {
            state: Mutex::default(),
            version,
            began,
            name: OnceLock::new(),
            sent: OnceLock::new(),
            listeners: Arc::new(()),
        })
    }

    pub(super) fn set_name(&self, name: String) {
        // The same avatar has the same name.
        let _ = self.name.set(name);
    }

    /// The avatar's name; empty where it has none, or before it is known.
    pub(super) fn name(&self) -> &str {
        self.name.get().map_or("", String::as_str)
    }

    pub(super) fn set_sent(&self, sent: Sent) {
        // A question goes out once.
        let _ = self.sent.set(sent);
    }

    pub(super) fn sent(&self) -> Option<Sent> {
        self.sent.get().copied()
    }

    pub(super) fn say(&self, voice: Voice, text: &str) {
        if text.is_empty() {
            return;
        }
        let mut state = self.lock();
        match state.said.last_mut() {
            Some(last) if last.voice == voice => last.text.push_str(text),
            Some(_) | None => state.said.push(Said { voice, text: text.to_owned() }),
        }
        drop(state);
        self.version.send_replace(());
    }

    pub(super) fn end(&self, end: End) {
        self.lock().end.get_or_insert((end, Instant::now()));
        self.version.send_replace(());
    }

    /// How it ended, and when.
    pub(super) fn ended(&self) -> Option<(End, Instant)> {
        self.lock().end.clone()
    }

    /// Whether it has a reader that passes it on.
    pub(super) fn is_read(&self) -> bool {
        Arc::strong_count(&self.listeners) > 1
    }

    pub(super) fn reader(self: &Arc<Self>) -> Reader {
        let listens = Some(Arc::clone(&self.listeners));
        Reader {
            turn: Arc::clone(self),
            changes: self.version.subscribe(),
            said: 0,
            bytes: 0,
            _listens: listens,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads a reply from its beginning, as it comes in.
#[derive(Debug)]
pub(super) struct Reader {
    turn: Arc<Turn>,
    changes: watch::Receiver<()>,
    /// How many of the texts were read to their end, and how much of the next one.
    said: usize,
    bytes: usize,
    /// Held while it passes on what it reads: counted by the turn.
    _listens: Option<Arc<()>>,
}

impl Reader {
    pub(super) fn turn(&self) -> &Turn {
        &self.turn
    }

    /// Another reader, from the beginning, that does not pass on what it reads.
    pub(super) fn silent(&self) -> Self {
        Self { _listens: None, ..self.turn.reader() }
    }

    /// Returns what has come in since the last call, by one author, or how the reply ended. Cancelling it loses nothing.
    pub(super) async fn next(&mut self) -> Result<Said, End> {
        loop {
            self.changes.mark_unchanged();
            if let Some(next) = self.take() {
                return next;
            }
            // The turn is held here, so it is not gone.
            let _ = self.changes.changed().await;
        }
    }

    fn take(&mut self) -> Option<Result<Said, End>> {
        let state = self.turn.lock();
        while let Some(said) = state.said.get(self.said) {
            let text = said.text.get(self.bytes..).unwrap_or_default();
            let is_last = self.said + 1 == state.said.len();
            let next = (!text.is_empty()).then(|| Said { voice: said.voice, text: text.to_owned() });
            match is_last {
                true => self.bytes = said.text.len(),
                false => (self.said, self.bytes) = (self.said + 1, 0),
            }
            match next {
                Some(next) => return Some(Ok(next)),
                None if is_last => break,
                None => {}
            }
        }
        let (end, _) = state.end.clone()?;
        Some(Err(end))
    }
}

#[cfg(test)]
mod tests {
    use secondme_avatar::ErrorKind;

    use super::*;

    fn said(voice: Voice, text: &str) -> Said {
        Said { voice, text: text.to_owned() }
    }

    #[tokio::test]
    async fn each_reader_gets_all_of_it_once_whenever_it_comes() {
        let turn = Turn::new();
        let mut early = turn.reader();
        turn.say(Voice::Avatar, "He");
        assert_eq!(early.next().await.unwrap(), said(Voice::Avatar, "He"));
        turn.say(Voice::Avatar, "llo");
        turn.say(Voice::Owner, "I am here");
        let mut late = turn.reader();
        assert_eq!(early.next().await.unwrap(), said(Voice::Avatar, "llo"));
        assert_eq!(early.next().await.unwrap(), said(Voice::Owner, "I am here"));
        assert_eq!(late.next().await.unwrap(), said(Voice::Avatar, "Hello"));
        let waiting = tokio::spawn(async move { early.next().await });
        tokio::task::yield_now().await;
        turn.say(Voice::Owner, ".");
        assert_eq!(waiting.await.unwrap().unwrap(), said(Voice::Owner, "."));
        turn.end(End::Whole);
        assert_eq!(late.next().await.unwrap(), said(Voice::Owner, "I am here."));
        assert!(matches!(late.next().await, Err(End::Whole)));
        assert!(matches!(late.next().await, Err(End::Whole)));
    }

    #[tokio::test]
    async fn an_end_stays_what_it_was_and_comes_after_the_words() {
        let turn = Turn::new();
        turn.say(Voice::Avatar, "");
        turn.say(Voice::Avatar, "Half");
        turn.end(End::Failed(Error::new(ErrorKind::Unavailable, "no")));
        turn.end(End::Whole);
        let mut reader = turn.reader();
        assert_eq!(reader.next().await.unwrap(), said(Voice::Avatar, "Half"));
        assert!(matches!(reader.next().await, Err(End::Failed(_))));
    }
}
