//! A question that another gateway has asked, or this one before it was started anew.

use std::time::Duration;

use secondme_avatar::{
    Author, Conversation, Error, ErrorKind, Event, EventKind, Events, HistoryMessage, MessageId, Misuse,
    Reply,
};
use tokio::time::Instant;

use super::{End, Model, Turn, Voice};

/// How many of the last messages are looked through.
const MESSAGES: usize = 100;
/// How often the history is looked at while the answer comes.
const LOOK: Duration = Duration::from_millis(500);
/// An answer that has not grown for so long is whole.
const STILL: Duration = Duration::from_secs(3);
/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(120);

/// What the history has of an answer.
struct Found {
    said: Vec<HistoryMessage>,
    /// Another question came after it.
    is_over: bool,
}

impl Model {
    /// Passes on the answer of the question that has this id, if the service has the question. Otherwise it is asked.
    pub(super) async fn converse_again(
        &self,
        conversation: &Conversation,
        turn: &Turn,
        text: String,
        id: MessageId,
    ) -> End {
        let events = conversation.events();
        let (until, mut since, mut seen) = (Instant::now() + PATIENCE, Instant::now(), 0);
        loop {
            let found = match conversation.history(MESSAGES, None).await {
                Ok(messages) => found(messages, &id),
                // It is known by its id alone then.
                Err(error) if error.kind() == ErrorKind::Unsupported => None,
                Err(error) => return End::Failed(error),
            };
            let Some(found) = found else {
                match self.converse(conversation, turn, text.clone(), Some(id.clone())).await {
                    // It is under way in another process, and listed when the service has it.
                    End::Failed(error) if is_under_way(&error) => {
                        if Instant::now() >= until {
                            return End::Failed(late());
                        }
                    }
                    end => return end,
                }
                match reply(&events, &id, Instant::now() + LOOK).await {
                    Some(reply) => return self.pass_on(turn, conversation, &reply).await,
                    None => continue,
                }
            };
            let length = found.said.iter().map(|message| message.text.len()).sum();
            if length != seen {
                (since, seen) = (Instant::now(), length);
            }
            if seen > 0 && (found.is_over || since.elapsed() >= STILL) {
                for message in &found.said {
                    turn.say(Voice::from(message.author), &message.text);
                    self.was_passed_on(turn, conversation, message.id.as_ref()).await;
                }
                return End::Whole;
            }
            if let Some(reply) = reply(&events, &id, (Instant::now() + LOOK).min(until)).await {
                return self.pass_on(turn, conversation, &reply).await;
            }
            if Instant::now() >= until {
                return End::Failed(late());
            }
        }
    }

    async fn pass_on(&self, turn: &Turn, conversation: &Conversation, reply: &Reply) -> End {
        turn.say(Voice::from(reply.author), &reply.text);
        self.was_passed_on(turn, conversation, reply.id.as_ref()).await;
        End::Whole
    }

    /// It does not come before the next answer as well.
    async fn was_passed_on(&self, turn: &Turn, conversation: &Conversation, id: Option<&MessageId>) {
        self.later.catch_up().await;
        if let Some(id) = id.filter(|_| turn.is_read()) {
            self.later.told(conversation.visitor_id().platform(), id.as_str()).await;
        }
    }
}

/// What was said after the question, if it is there.
fn found(messages: Vec<HistoryMessage>, id: &MessageId) -> Option<Found> {
    let at = messages.iter().position(|message| message.id.as_ref() == Some(id))?;
    let mut after: Vec<_> = messages.into_iter().skip(at + 1).collect();
    let next = after.iter().position(|message| message.author == Author::Visitor);
    after.truncate(next.unwrap_or(after.len()));
    Some(Found { said: after, is_over: next.is_some() })
}

/// The reply to this question, if it comes by then.
async fn reply(events: &Events, id: &MessageId, until: Instant) -> Option<Reply> {
    let answers = |event: Event| match event.kind {
        EventKind::Reply(reply) | EventKind::OwnerReply(reply) if reply.in_reply_to.as_ref() == Some(id) => {
            Some(*reply)
        }
        _ => None,
    };
    let next = async {
        while let Some(event) = events.next().await {
            if let Some(reply) = answers(event) {
                return Some(reply);
            }
        }
        None
    };
    tokio::time::timeout_at(until, next).await.ok().flatten()
}

/// Another process's failure comes as its text.
fn is_under_way(error: &Error) -> bool {
    error.to_string() == Error::from(Misuse::MessageIdInUse).to_string()
}

fn late() -> Error {
    Error::new(
        ErrorKind::Deadline,
        "the question was asked before, and its answer has not come: ask again under the same key",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_that_is_under_way_in_another_process_is_known_by_its_failure() {
        let failed = Error::from(Misuse::MessageIdInUse);
        let carried: Error = serde_json::from_str(&serde_json::to_string(&failed).unwrap()).unwrap();
        assert!(is_under_way(&failed) && is_under_way(&carried));
        assert!(!is_under_way(&Misuse::MessageTooLong { bytes: 300_000 }.into()));
    }
}
