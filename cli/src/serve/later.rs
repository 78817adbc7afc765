//! What the owner, or the avatar, says when no question waits for it. Kept until it was told: before the next answer, or
//! to a program that says so.

use std::collections::HashMap;
use std::io::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use secondme_avatar::{AvatarClient, ConversationKey, Error, Event, EventKind, Events, Reply, VisitorId};
use tokio::sync::broadcast;

use super::gateway::now;
use super::shelf;
use super::turn::{Earlier, Sent};

/// How many words are kept of a visitor, and of all. Beyond that the oldest make room.
const WORDS: usize = 100;
const WORDS_OF_ALL: usize = 10_000;
/// How long the words of all may be together, in bytes.
const BYTES: usize = 64 * 1024 * 1024;
/// For how long words are kept.
pub(super) const LIFETIME: Duration = Duration::from_secs(30 * 24 * 3600);
/// How many words a listener may be behind.
const BEHIND: usize = 256;

/// Something that was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    /// The id of the message.
    pub(super) id: String,
    pub(super) visitor: VisitorId,
    /// The person, as the caller names them.
    pub(super) person: Option<String>,
    pub(super) by: Earlier,
    pub(super) text: String,
    /// In seconds since 1970.
    pub(super) at: u64,
    /// Which word it is.
    pub(super) number: u64,
    /// In which conversation, where it is known.
    pub(super) conversation: Option<ConversationKey>,
    pub(super) model: Arc<str>,
    /// The avatar's name, where it is known.
    pub(super) name: String,
    /// It was written to the store: where it is not there any more, another gateway has told it.
    pub(super) stored: OnceLock<()>,
}

impl Word {
    /// Whether it may answer the question that went out there.
    pub(super) fn may_answer(&self, sent: Sent) -> bool {
        self.number >= sent.words && self.conversation.is_none_or(|key| key == sent.key)
    }

    fn is_over(&self, now: u64) -> bool {
        self.at + LIFETIME.as_secs() <= now
    }
}

/// How what is said reaches those who listen: one for all models.
pub(super) type Said = broadcast::Sender<Arc<Word>>;

pub(super) fn said() -> Said {
    broadcast::channel(BEHIND).0
}

/// What was said to the visitors of a model and not told yet.
#[derive(Debug)]
pub(super) struct Later {
    client: AvatarClient,
    events: Events,
    /// Held while events are taken and kept, so that they stay in order.
    taking: tokio::sync::Mutex<()>,
    kept: Mutex<HashMap<VisitorId, Vec<Arc<Word>>>>,
    /// The visitors who have asked, and how many words there had been when the answer began.
    begun: Mutex<HashMap<VisitorId, Option<u64>>>,
    words: AtomicU64,
    said: Said,
    model: Arc<str>,
    /// The avatar's name, once it is known.
    name: OnceLock<String>,
    /// Of messages that the service has given no id.
    unnamed: AtomicU64,
}

impl Later {
    pub(super) fn new(client: &AvatarClient, model: &str, said: Said) -> Self {
        Self {
            client: client.clone(),
            // What is said to a visitor of another gateway is told by the one that is asked next.
            events: client.events_of_all_processes().without_raw(),
            taking: tokio::sync::Mutex::default(),
            kept: Mutex::default(),
            begun: Mutex::default(),
            words: AtomicU64::new(0),
            said,
            model: model.into(),
            name: OnceLock::new(),
            unnamed: AtomicU64::new(0),
        }
    }

    pub(super) fn set_name(&self, name: &str) {
        // The same avatar has the same name.
        let _ = self.name.set(name.to_owned());
    }

    /// Takes up what an earlier process has kept in the store.
    pub(super) async fn take_up(&self) -> Result<(), Error> {
        for mut word in shelf::all(&self.client, &self.model).await? {
            word.number = self.words.fetch_add(1, Ordering::Relaxed);
            self.lock().entry(word.visitor.clone()).or_default().push(Arc::new(word));
        }
        Ok(())
    }

    /// Keeps what is said, until the client is closed.
    pub(super) async fn hear(&self) {
        while self.events.ready().await {
            self.catch_up().await;
        }
    }

    #[cfg(test)]
    pub(super) async fn events_ready(&self) -> bool {
        self.events.ready().await
    }

    /// Keeps what has been said up to now.
    pub(super) async fn catch_up(&self) {
        let _taking = self.taking.lock().await;
        for event in self.events.drain(usize::MAX) {
            self.take(event).await;
        }
    }

    async fn take(&self, event: Event) {
        match event.kind {
            EventKind::ReplyDelta { asked: true, .. } => self.answer_begins(&event.visitor_id),
            EventKind::Reply(ref reply) | EventKind::OwnerReply(ref reply) if reply.asked => {
                self.answer_begins(&event.visitor_id);
            }
            _ => {
                if let Some(word) = self.word(event) {
                    self.keep(word).await;
                }
            }
        }
    }

    /// The visitor asks: what is said before the answer begins was said before it. Returns how many words there were.
    pub(super) fn asks(&self, visitor: &VisitorId) -> u64 {
        self.begun().insert(visitor.clone(), None);
        self.words.load(Ordering::Relaxed)
    }

    /// The answer is over, however it ended.
    pub(super) fn answered(&self, visitor: &VisitorId) {
        self.begun().remove(visitor);
    }

    fn answer_begins(&self, visitor: &VisitorId) {
        if let Some(begun @ None) = self.begun().get_mut(visitor) {
            *begun = Some(self.words.load(Ordering::Relaxed));
        }
    }

    /// What was said to this visitor before the answer began, in order, but for what another gateway has told.
    pub(super) async fn before_answer(&self, visitor: &VisitorId) -> Vec<Arc<Word>> {
        let begun = self.begun().remove(visitor).flatten();
        let mut words = Vec::new();
        for word in self.of(visitor) {
            if begun.is_some_and(|begun| word.number >= begun) {
                continue;
            }
            if word.stored.get().is_some() && matches!(shelf::has(&self.client, &word).await, Ok(false)) {
                self.forget(&word);
                continue;
            }
            words.push(word);
        }
        words
    }

    async fn keep(&self, word: Word) {
        let word = Arc::new(word);
        let make_room = {
            let mut kept = self.lock();
            let words = kept.entry(word.visitor.clone()).or_default();
            // An event that was heard before a crash comes again.
            if words.iter().any(|known| known.id == word.id) {
                return;
            }
            words.push(Arc::clone(&word));
            let oldest = (words.len() > WORDS).then(|| words.remove(0));
            let mut make_room = surplus(&mut kept, now());
            make_room.extend(oldest);
            make_room
        };
        let put = shelf::put(&self.client, &word).await;
        if put.is_ok() {
            // It is put once.
            let _ = word.stored.set(());
        }
        complain(put);
        for word in make_room {
            complain(shelf::remove(&self.client, &word).await);
        }
        // Without a listener it waits for the next answer.
        let _ = self.said.send(word);
    }

    /// What was said to this visitor, in order.
    pub(super) fn of(&self, visitor: &VisitorId) -> Vec<Arc<Word>> {
        let (mut words, now) = (self.lock().get(visitor).cloned().unwrap_or_default(), now());
        words.retain(|word| !word.is_over(now));
        words
    }

    /// All that callers with this name have not been told.
    pub(super) fn waiting(&self, caller: &str) -> Vec<Arc<Word>> {
        let (kept, now) = (self.lock(), now());
        let words = kept.values().flatten().filter(|word| !word.is_over(now));
        words.filter(|word| word.visitor.platform() == caller).cloned().collect()
    }

    /// What is said from now on, to visitors of all models.
    pub(super) fn listen(&self) -> broadcast::Receiver<Arc<Word>> {
        self.said.subscribe()
    }

    /// Forgets what was told. Returns whether it was there.
    pub(super) async fn told(&self, caller: &str, id: &str) -> bool {
        let word = {
            let kept = self.lock();
            let mut words = kept.values().flatten();
            words.find(|word| word.id == id && word.visitor.platform() == caller).cloned()
        };
        if let Some(word) = &word {
            self.forget(word);
            complain(shelf::remove(&self.client, word).await);
        }
        word.is_some()
    }

    fn forget(&self, word: &Word) {
        let mut kept = self.lock();
        if let Some(words) = kept.get_mut(&word.visitor) {
            words.retain(|known| known.id != word.id);
            if words.is_empty() {
                kept.remove(&word.visitor);
            }
        }
    }

    /// How much waits to be told.
    pub(super) fn len(&self) -> usize {
        self.lock().values().map(Vec::len).sum()
    }

    /// What an event says that no question receives.
    fn word(&self, event: Event) -> Option<Word> {
        let (reply, by): (Reply, Earlier) = match event.kind {
            EventKind::OwnerReply(reply) => (*reply, Earlier::Owner),
            EventKind::Reply(reply) => (*reply, Earlier::Avatar),
            _ => return None,
        };
        if reply.asked || reply.text.trim().is_empty() {
            return None;
        }
        let at = now();
        let unnamed = || format!("{at}-{}", self.unnamed.fetch_add(1, Ordering::Relaxed));
        Some(Word {
            id: reply.id.map_or_else(unnamed, |id| id.as_str().to_owned()),
            visitor: event.visitor_id,
            person: event.tag.map(|tag| tag.to_string()),
            by,
            text: reply.text.into_string(),
            at,
            number: self.words.fetch_add(1, Ordering::Relaxed),
            conversation: event.conversation,
            model: Arc::clone(&self.model),
            name: self.name.get().cloned().unwrap_or_default(),
            stored: OnceLock::new(),
        })
    }

    fn begun(&self) -> MutexGuard<'_, HashMap<VisitorId, Option<u64>>> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<VisitorId, Vec<Arc<Word>>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes out what is too old, and the oldest of what is too much.
fn surplus(kept: &mut HashMap<VisitorId, Vec<Arc<Word>>>, now: u64) -> Vec<Arc<Word>> {
    let mut taken: Vec<_> =
        kept.values_mut().flat_map(|words| words.extract_if(.., |word| word.is_over(now))).collect();
    let mut count: usize = kept.values().map(Vec::len).sum();
    let mut bytes: usize = kept.values().flatten().map(|word| word.text.len()).sum();
    while count > WORDS_OF_ALL || bytes > BYTES {
        let longest_ago = |words: &&mut Vec<Arc<Word>>| words.first().map_or(u64::MAX, |word| word.number);
        let Some(words) = kept.values_mut().min_by_key(longest_ago).filter(|words| !words.is_empty()) else {
            break;
        };
        let oldest = words.remove(0);
        (count, bytes) = (count - 1, bytes - oldest.text.len());
        taken.push(oldest);
    }
    kept.retain(|_, words| !words.is_empty());
    taken
}

/// Says that the store does not work. What is said is in memory all the same.
fn complain(outcome: Result<(), Error>) {
    if let Err(error) = outcome {
        // Without a standard error it cannot be told.
        let _ = writeln!(std::io::stderr(), "warning: what was said is kept in memory alone: {error}");
    }
}

#[cfg(test)]
mod tests {
    use secondme_avatar::Visitor;

    use super::*;

    #[test]
    fn the_oldest_words_make_room_and_none_is_kept_for_ever() {
        let mut kept: HashMap<_, Vec<_>> = HashMap::new();
        let put = |kept: &mut HashMap<_, Vec<_>>, number: u64, at, text: &str| {
            let visitor = Visitor::for_user("app", &(number % 200).to_string()).unwrap().id().clone();
            let word = Word {
                id: number.to_string(),
                visitor: visitor.clone(),
                person: None,
                by: Earlier::Owner,
                text: text.to_owned(),
                at,
                number,
                conversation: None,
                model: "avatar".into(),
                name: String::new(),
                stored: OnceLock::new(),
            };
            kept.entry(visitor).or_default().push(Arc::new(word));
        };
        let surplus = |kept: &mut HashMap<_, Vec<_>>| {
            let taken = surplus(kept, LIFETIME.as_secs() + 10);
            taken.iter().map(|word| word.number).collect::<Vec<_>>()
        };
        put(&mut kept, 0, 10, "too old");
        for number in 1..=WORDS_OF_ALL as u64 {
            put(&mut kept, number, 11, "x");
        }
        assert_eq!(surplus(&mut kept), [0]);
        put(&mut kept, 20_000, 11, "x");
        assert_eq!(surplus(&mut kept), [1]);
        put(&mut kept, 20_001, 11, &"x".repeat(BYTES));
        let taken = surplus(&mut kept);
        assert_eq!((taken.len(), taken[0]), (WORDS_OF_ALL, 2));
        assert_eq!(kept.len(), 1);
    }
}
