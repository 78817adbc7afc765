//! The last questions of a visitor, so that one that is asked again does not go out again.

use std::sync::Arc;
use std::time::Duration;

use secondme_avatar::{Error, ErrorKind};

use super::idempotency::Key;
use super::turn::{End, Sent, Turn};

/// For how long a request with the same words counts as the same request.
const SAME: Duration = Duration::from_secs(60);
/// How many questions that have ended are remembered. Beyond that the oldest make room.
const ENDED: usize = 16;

/// The questions that are under way, or have ended not long ago; the newest at the end.
#[derive(Debug, Default)]
pub(super) struct Recent(Vec<Question>);

#[derive(Debug)]
struct Question {
    text: String,
    chat: Option<String>,
    digest: u64,
    key: Option<Key>,
    turn: Arc<Turn>,
}

/// How a question stands to those before it.
#[derive(Debug)]
pub(super) enum Standing {
    Another,
    /// The same, whose answer is there or comes.
    Same(Arc<Turn>),
    /// The same, whose answer did not come in time, and the avatar may have the question.
    Unanswered(Error, Sent),
}

impl Recent {
    pub(super) fn is_empty(&mut self) -> bool {
        self.forget();
        self.0.is_empty()
    }

    pub(super) fn put(
        &mut self,
        text: &str,
        chat: Option<&str>,
        digest: u64,
        key: Option<Key>,
        turn: Arc<Turn>,
    ) {
        self.forget();
        self.0.push(Question { text: text.to_owned(), chat: chat.map(str::to_owned), digest, key, turn });
    }

    /// `again`: the caller says that it has asked this before, with a request of this digest. Of two keys each is a question.
    pub(super) fn standing(
        &mut self,
        text: &str,
        chat: Option<&str>,
        again: Option<u64>,
        key: Option<&Key>,
    ) -> Standing {
        self.forget();
        let same = |question: &&Question| {
            question.text == text && question.chat.as_deref() == chat && question.key.as_ref() == key
        };
        let Some(Question { digest, turn, .. }) = self.0.iter().rev().find(same) else {
            return Standing::Another;
        };
        let again = key.map_or(again, |_| Some(*digest));
        match turn.ended() {
            None if again.is_some() || turn.began.elapsed() < SAME => Standing::Same(Arc::clone(turn)),
            // Its caller asks again, so the answer did not reach it. The same words of a later turn are another request.
            Some((End::Whole, _)) if again == Some(*digest) => Standing::Same(Arc::clone(turn)),
            Some((End::Failed(error), _)) if may_be_taken(&error) => match turn.sent() {
                Some(sent) => Standing::Unanswered(error, sent),
                None => Standing::Another,
            },
            _ => Standing::Another,
        }
    }

    fn forget(&mut self) {
        self.0.retain(|question| question.turn.ended().is_none_or(|(_, at)| at.elapsed() < SAME));
        let has_ended = |question: &Question| question.turn.ended().is_some();
        let mut too_many = self.0.iter().filter(|question| has_ended(question)).count().saturating_sub(ENDED);
        self.0.retain(|question| {
            let goes = too_many > 0 && has_ended(question);
            too_many -= usize::from(goes);
            !goes
        });
    }
}

/// Whether the avatar may have the question, so that it must not go out again.
fn may_be_taken(error: &Error) -> bool {
    match error.unsent() {
        Some(unsent) => !unsent.certain,
        None => error.kind() == ErrorKind::Deadline,
    }
}

#[cfg(test)]
mod tests {
    use secondme_avatar::ConversationKey;

    use super::*;

    const DIGEST: u64 = 7;

    fn put(recent: &mut Recent, text: &str) -> Arc<Turn> {
        let turn = Turn::new();
        recent.put(text, None, DIGEST, None, Arc::clone(&turn));
        turn
    }

    #[tokio::test]
    async fn a_question_is_known_again_though_another_came_after_it() {
        let mut recent = Recent::default();
        let first = put(&mut recent, "first");
        put(&mut recent, "second");
        for again in [None, Some(DIGEST)] {
            let Standing::Same(turn) = recent.standing("first", None, again, None) else { panic!() };
            assert!(Arc::ptr_eq(&turn, &first));
            assert!(matches!(recent.standing("first", Some("chat"), again, None), Standing::Another));
        }
        first.end(End::Whole);
        assert!(
            matches!(recent.standing("first", None, Some(DIGEST), None), Standing::Same(_)),
            "its caller has gone"
        );
        assert!(
            matches!(recent.standing("first", None, Some(8), None), Standing::Another),
            "of a later turn"
        );
        assert!(matches!(recent.standing("first", None, None, None), Standing::Another));
    }

    #[tokio::test]
    async fn a_question_that_the_avatar_may_have_does_not_go_out_again() {
        let mut recent = Recent::default();
        let late = || End::Failed(Error::new(ErrorKind::Deadline, "late"));
        let turn = put(&mut recent, "sent");
        turn.set_sent(Sent { words: 7, key: ConversationKey::FIRST });
        turn.end(late());
        put(&mut recent, "never sent").end(late());
        assert!(matches!(
            recent.standing("sent", None, None, None),
            Standing::Unanswered(_, Sent { words: 7, .. })
        ));
        assert!(matches!(recent.standing("never sent", None, Some(DIGEST), None), Standing::Another));
    }

    #[tokio::test]
    async fn the_oldest_that_have_ended_make_room_and_none_that_is_under_way() {
        let mut recent = Recent::default();
        put(&mut recent, "under way");
        for number in 0..=ENDED {
            put(&mut recent, &number.to_string()).end(End::Whole);
        }
        assert!(matches!(recent.standing("under way", None, Some(DIGEST), None), Standing::Same(_)));
        assert!(matches!(recent.standing("0", None, Some(DIGEST), None), Standing::Another));
        assert!(matches!(recent.standing("1", None, Some(DIGEST), None), Standing::Same(_)));
    }
}
