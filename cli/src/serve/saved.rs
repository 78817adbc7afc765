//! Answers that can be asked for again: the newest, and for as long as the process lives.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;

/// How many answers are kept, and how long their texts may be together.
const ANSWERS: usize = 1000;
const BYTES: usize = 8 * 1024 * 1024;

/// The newest answers, of all callers.
#[derive(Debug, Default)]
pub(super) struct Saved(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    answers: VecDeque<Answer>,
    bytes: usize,
}

#[derive(Debug)]
struct Answer {
    id: String,
    caller: String,
    /// The chat that it belongs to, where each has a conversation.
    chat: Option<String>,
    body: String,
}

impl Saved {
    /// Keeps an answer, in the place of what was kept of it.
    pub(super) fn put(&self, caller: &str, id: &str, chat: Option<&str>, answer: &Value) {
        let body = answer.to_string();
        let mut kept = self.lock();
        let Kept { answers, bytes } = &mut *kept;
        if let Some(known) = answers.iter_mut().find(|known| known.id == id) {
            *bytes = *bytes + body.len() - known.body.len();
            known.body = body;
        } else {
            *bytes += body.len();
            let (id, caller, chat) = (id.to_owned(), caller.to_owned(), chat.map(str::to_owned));
            answers.push_back(Answer { id, caller, chat, body });
        }
        while answers.len() > ANSWERS || *bytes > BYTES {
            match answers.pop_front() {
                Some(oldest) => *bytes -= oldest.body.len(),
                None => break,
            }
        }
    }

    /// The answer as it was given, if this caller has got it.
    pub(super) fn get(&self, caller: &str, id: &str) -> Option<String> {
        let kept = self.lock();
        kept.answers
            .iter()
            .find(|answer| answer.id == id && answer.caller == caller)
            .map(|answer| answer.body.clone())
    }

    /// The chat of an answer. None where the answer is not known.
    pub(super) fn chat(&self, caller: &str, id: &str) -> Option<Option<String>> {
        let kept = self.lock();
        kept.answers
            .iter()
            .find(|answer| answer.id == id && answer.caller == caller)
            .map(|answer| answer.chat.clone())
    }

    /// Forgets an answer. Returns whether it was there.
    pub(super) fn delete(&self, caller: &str, id: &str) -> bool {
        let mut kept = self.lock();
        let found = kept.answers.iter().position(|answer| answer.id == id && answer.caller == caller);
        let deleted = found.and_then(|at| kept.answers.remove(at));
        kept.bytes -= deleted.as_ref().map_or(0, |answer| answer.body.len());
        deleted.is_some()
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_newest_answers_are_there_for_the_caller_who_got_them() {
        let saved = Saved::default();
        saved.put("one", "a", Some("chat"), &json!({"status": "in_progress"}));
        saved.put("one", "a", Some("chat"), &json!({"status": "completed"}));
        assert_eq!(saved.get("one", "a").as_deref(), Some(r#"{"status":"completed"}"#));
        assert_eq!((saved.get("two", "a"), saved.chat("one", "a")), (None, Some(Some("chat".to_owned()))));
        assert!(!saved.delete("two", "a") && saved.delete("one", "a") && !saved.delete("one", "a"));
        for number in 0..=ANSWERS {
            saved.put("one", &number.to_string(), None, &json!(number));
        }
        assert_eq!((saved.get("one", "0"), saved.get("one", "1").as_deref()), (None, Some("1")));
        let long = "x".repeat(BYTES / 2);
        saved.put("one", "long", None, &json!(long));
        assert!(saved.get("one", "1000").is_some());
        saved.put("one", "longer", None, &json!(long));
        assert_eq!((saved.get("one", "1000"), saved.get("one", "long")), (None, None));
        assert!(saved.get("one", "longer").is_some());
    }
}
