//! The visitor's order, and the reply: what a visitor asks goes to the avatar, once and in turn.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use secondme_avatar::{AvatarClient, Conversation, Error, ErrorKind, MessageId, Visitor, VisitorId};
use tokio::sync::broadcast::error::RecvError;
use tokio_util::task::TaskTracker;

use super::chats::Chats;
use super::idempotency::{Claimed, Key};
use super::later::{Later, Said, Word};
use super::recent::{Recent, Standing};
use super::telling;
use super::turn::{End, Reader, Sent, Turn, Voice};

mod again;

/// From how many visitors on those who have long been silent are looked for.
const PLACES: usize = 1024;

/// One avatar, under the name that callers know it by.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) id: String,
    pub(super) client: AvatarClient,
    pub(super) later: Later,
    /// How long a question waits for an owner who has the conversation in person.
    owner_wait: Duration,
    places: Mutex<HashMap<VisitorId, Arc<Place>>>,
}

/// What is known of a visitor.
#[derive(Debug, Default)]
struct Place {
    /// Held from opening the conversation until the answer is there: the next answer begins with what was said after
    /// this one, and an answer may not say to which of several conversations it belongs.
    order: tokio::sync::Mutex<Chats>,
    recent: Mutex<Recent>,
}

/// A question, on its way to the avatar.
#[derive(Debug)]
pub(super) struct Asking {
    pub(super) visitor: Visitor,
    pub(super) text: String,
    pub(super) chat: Option<String>,
    /// A request that is made again has the same.
    pub(super) digest: u64,
    /// The caller says that it has asked this before.
    pub(super) again: bool,
    /// What the caller calls it by.
    pub(super) key: Option<Key>,
}

/// What becomes of a question.
pub(super) struct Asked {
    pub(super) reader: Reader,
    /// It is a question that was asked before, and did not go out again.
    pub(super) attached: bool,
}

impl Model {
    pub(super) fn new(id: String, client: AvatarClient, owner_wait: Duration, said: Said) -> Self {
        let later = Later::new(&client, &id, said);
        Self { id, client, later, owner_wait, places: Mutex::default() }
    }

    /// Asks, unless the same is being asked already.
    pub(super) fn ask(self: &Arc<Self>, asking: Asking, tasks: &TaskTracker) -> Asked {
        let place = self.place(asking.visitor.id());
        let mut recent = place.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let chat = asking.chat.as_deref();
        let again = asking.again.then_some(asking.digest);
        let unanswered = match recent.standing(&asking.text, chat, again, asking.key.as_ref()) {
            Standing::Same(turn) => return Asked { reader: turn.reader(), attached: true },
            Standing::Unanswered(error, sent) => Some((error, sent)),
            Standing::Another => None,
        };
        let attached = unanswered.is_some();
        let turn = Turn::new();
        let reader = turn.reader();
        recent.put(&asking.text, chat, asking.digest, asking.key.clone(), Arc::clone(&turn));
        drop(recent);
        let model = Arc::clone(self);
        // Not within the request: the reply goes on when its caller has gone.
        tasks.spawn(async move {
            let end = match unanswered {
                None => model.run(&place, &turn, asking).await,
                Some((error, sent)) => {
                    turn.set_sent(sent);
                    model.wait(&turn, asking.visitor.id(), sent, error).await
                }
            };
            turn.end(end);
        });
        Asked { reader, attached }
    }

    async fn run(&self, place: &Place, turn: &Turn, asking: Asking) -> End {
        let Asking { visitor, text, chat, key, .. } = asking;
        let mut chats = place.order.lock().await;
        let of_visitor = match self.client.open(visitor.clone()).await {
            Ok(of_visitor) => of_visitor,
            Err(error) => return End::Failed(error),
        };
        let conversation = match &chat {
            None => of_visitor,
            Some(chat) => match chats.conversation(of_visitor, chat).await {
                Ok(conversation) => conversation,
                Err(error) => return End::Failed(error),
            },
        };
        let claimed = match key {
            None => None,
            Some(key) => match key.claim(&self.client, &visitor, &text, chat.as_deref()).await {
                Ok(claimed) => Some(claimed),
                Err(error) => return End::Failed(error),
            },
        };
        let end = match claimed {
            Some(Claimed { id, again: true }) => self.converse_again(&conversation, turn, text, id).await,
            Some(Claimed { id, again: false }) => self.converse(&conversation, turn, text, Some(id)).await,
            None => self.converse(&conversation, turn, text, None).await,
        };
        if let (Some(chat), End::Failed(error)) = (&chat, &end)
            && matches!(error.kind(), ErrorKind::Closed | ErrorKind::NotMember)
        {
            chats.forget(chat);
        }
        end
    }

    /// Asks in this conversation.
    async fn converse(
        &self,
        conversation: &Conversation,
        turn: &Turn,
        text: String,
        id: Option<MessageId>,
    ) -> End {
        self.later.set_name(&conversation.avatar_name());
        turn.set_name(conversation.avatar_name());
        let visitor = conversation.visitor_id();
        let mut ask = conversation.ask(text);
        if let Some(id) = id {
            ask = ask.message_id(id);
        }
        if conversation.taken_over() {
            // Less the time for which the questions before it have waited.
            ask = ask.first_piece_deadline(self.owner_wait.saturating_sub(turn.began.elapsed()));
        }
        // What the answer before has told is taken first, so that its end is not taken for this one's beginning.
        self.later.catch_up().await;
        turn.set_sent(Sent { words: self.later.asks(&visitor), key: conversation.key() });
        let mut pieces = ask.stream();
        let mut before = None;
        let end = loop {
            let next = pieces.next().await;
            if before.is_none()
                && !matches!(next, Some(Err(ref error)) if error.kind() != ErrorKind::TakenOver)
            {
                before = Some(self.tell_what_came_before(turn, &visitor).await);
            }
            match next {
                Some(Ok(piece)) => turn.say(Voice::from(piece.author), &piece.text),
                Some(Err(error)) if error.kind() == ErrorKind::TakenOver => {
                    turn.say(Voice::Gateway, &has_it(conversation));
                    break End::Whole;
                }
                Some(Err(error)) => break End::Failed(error),
                None => break End::Whole,
            }
        };
        self.later.answered(&visitor);
        // After a failure the caller may have shown none of it.
        if matches!(end, End::Whole) && turn.is_read() {
            self.were_told(visitor.platform(), &before.unwrap_or_default()).await;
        }
        end
    }

    /// Waits for the answer of a question that went out before.
    async fn wait(&self, turn: &Turn, visitor: &VisitorId, sent: Sent, unanswered: Error) -> End {
        let mut said = self.later.listen();
        let came = tokio::time::timeout(self.owner_wait, async {
            loop {
                self.later.catch_up().await;
                let words = self.later.of(visitor);
                if words.iter().any(|word| word.may_answer(sent)) {
                    return words;
                }
                // One that fell behind looks again.
                if matches!(said.recv().await, Err(RecvError::Closed)) {
                    return words;
                }
            }
        });
        let Ok(words) = came.await else { return End::Failed(unanswered) };
        let (answer, earlier): (Vec<_>, Vec<_>) = words.into_iter().partition(|word| word.may_answer(sent));
        if answer.is_empty() {
            return End::Failed(unanswered);
        }
        tell_earlier(turn, &earlier);
        for word in &answer {
            turn.say(word.by.into(), &word.text);
        }
        if turn.is_read() {
            self.were_told(visitor.platform(), &[earlier, answer].concat()).await;
        }
        End::Whole
    }

    /// Says what was said since the last answer, and returns it.
    async fn tell_what_came_before(&self, turn: &Turn, visitor: &VisitorId) -> Vec<Arc<Word>> {
        self.later.catch_up().await;
        let words = self.later.before_answer(visitor).await;
        tell_earlier(turn, &words);
        words
    }

    async fn were_told(&self, caller: &str, words: &[Arc<Word>]) {
        for word in words {
            self.later.told(caller, &word.id).await;
        }
    }

    fn place(&self, visitor: &VisitorId) -> Arc<Place> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = places.get(visitor) {
            return Arc::clone(place);
        }
        if places.len() >= PLACES && places.len().is_power_of_two() {
            let silent = places.extract_if(|_, place| Arc::strong_count(place) == 1 && !place.is_needed());
            let silent: Vec<_> = silent.map(|(_, place)| place).collect();
            tokio::spawn(async move {
                for place in silent {
                    place.order.lock().await.close().await;
                }
            });
        }
        Arc::clone(places.entry(visitor.clone()).or_default())
    }
}

impl Place {
    /// Whether a question may still be asked again, or a chat go on.
    fn is_needed(&self) -> bool {
        !self.recent.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
            || self.order.try_lock().map_or(true, |chats| chats.are_needed())
    }
}

/// Says what was said before the question.
fn tell_earlier(turn: &Turn, words: &[Arc<Word>]) {
    let mut last = None;
    for word in words {
        let between = if last == Some(word.by) { "\n\n" } else { "" };
        turn.say(Voice::Earlier(word.by), &format!("{between}{}", word.text));
        last = Some(word.by);
    }
}

/// What the visitor is told where the owner has the conversation, and has not answered yet.
fn has_it(conversation: &Conversation) -> String {
    let name = conversation.avatar_name();
    format!(
        "{} has this conversation in person and has your message. The answer comes before the next one here.",
        telling::owner(&name)
    )
}

#[cfg(test)]
mod tests;
