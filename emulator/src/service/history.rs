//! What was said in all sessions together, and how much of it is kept.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use super::Service;
use super::frames::Frame;
use super::ids::Whose;
use super::journal::What;
use super::world::{Message, Session, World, bounds};

/// About what a message costs beside its texts, in bytes.
const MESSAGE_BYTES: usize = 160;

/// What all sessions keep together.
#[derive(Debug, Default)]
pub(super) struct History {
    bytes: usize,
    /// The number of the newest message or frame.
    given: u64,
}

impl Message {
    fn bytes(&self) -> usize {
        MESSAGE_BYTES + self.message_id.len() + self.text.len()
    }
}

impl Session {
    /// The number of the oldest thing it keeps.
    fn oldest(&self) -> Option<u64> {
        let message = self.messages.front().map(|message| message.n);
        message.into_iter().chain(self.frames.oldest()).min()
    }

    /// Drops the oldest thing it keeps. Returns its bytes, and whether it was a message.
    fn drop_oldest(&mut self) -> Option<(usize, bool)> {
        let frame = self.frames.oldest();
        match self.messages.front().map(|message| message.n) {
            Some(message) if frame.is_none_or(|frame| message <= frame) => {
                self.messages.pop_front().map(|message| (message.bytes(), true))
            }
            _ => self.frames.drop_oldest().map(|bytes| (bytes, false)),
        }
    }

    fn kept_bytes(&self) -> usize {
        self.messages.iter().map(Message::bytes).sum::<usize>() + self.frames.bytes()
    }
}

impl World {
    fn keep_message(&mut self, session_id: &str, mut message: Message) {
        let Some(session) = self.sessions.get_mut(session_id) else {
            return;
        };
        self.history.given += 1;
        message.n = self.history.given;
        self.history.bytes += message.bytes();
        if session.messages.len() == bounds::MESSAGES
            && let Some(oldest) = session.messages.pop_front()
        {
            self.history.bytes -= oldest.bytes();
        }
        session.messages.push_back(message);
        session.noted += 1;
    }

    fn keep_frame(&mut self, session_id: &str, frame: &Frame) {
        if let Some(session) = self.sessions.get_mut(session_id) {
            self.history.given += 1;
            let (came, went) = session.frames.push(self.history.given, frame);
            self.history.bytes = self.history.bytes + came - went;
        }
    }

    /// Forgets a session with all that was said in it.
    pub(super) fn forget_session(&mut self, session_id: &str) {
        if let Some(session) = self.sessions.remove(session_id) {
            self.history.bytes -= session.kept_bytes();
        }
    }

    /// Counts what is kept, after another service has left it.
    pub(super) fn count_history(&mut self) {
        let sessions = || self.sessions.values();
        let numbers = sessions().filter_map(|session| {
            let message = session.messages.back().map(|message| message.n);
            message.into_iter().chain(session.frames.newest()).max()
        });
        let given = numbers.max().unwrap_or_default();
        self.history = History { bytes: sessions().map(Session::kept_bytes).sum(), given };
    }
}

impl Service {
    /// Keeps a message.
    pub(super) fn note(&mut self, session_id: &str, message: Message) {
        self.world.keep_message(session_id, message);
        self.bound_history();
    }

    /// Keeps a frame for the history calls.
    pub(super) fn keep_frame(&mut self, session_id: &str, frame: &Frame) {
        self.world.keep_frame(session_id, frame);
        self.bound_history();
    }

    /// Drops what is oldest in all sessions, where there is too much. An eighth of the room is made at once, so that
    /// one entry of the journal stands for many messages.
    pub(super) fn bound_history(&mut self) {
        let most = self.settings.history_bytes;
        if self.world.history.bytes <= most {
            return;
        }
        let goal = most - most / 8;
        let sessions = self.world.sessions.iter();
        let mut oldest: BinaryHeap<_> =
            sessions.filter_map(|(id, one)| Some(Reverse((one.oldest()?, id.clone())))).collect();
        let (mut messages, mut frames, mut shortened) = (0, 0, BTreeSet::new());
        while self.world.history.bytes > goal
            && let Some(Reverse((_, id))) = oldest.pop()
            && let Some(session) = self.world.sessions.get_mut(&id)
            && let Some((bytes, is_message)) = session.drop_oldest()
        {
            self.world.history.bytes -= bytes;
            if is_message {
                messages += 1
            } else {
                frames += 1
            }
            let next = session.oldest();
            if is_message && !shortened.contains(&id) {
                shortened.insert(id.clone());
            }
            oldest.extend(next.map(|next| Reverse((next, id))));
        }
        for session_id in &shortened {
            self.watch.touch(session_id);
        }
        self.journal.note(self.now, Whose::default(), What::Dropped { messages, frames });
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::service::{Entry, Millis, OwnerAction, Request, Saved, Settings};

    /// A service with two sessions, in which the owner writes.
    fn service(settings: Settings) -> (Service, [String; 2]) {
        let mut service = Service::new(settings, Millis(0), 7);
        for name in ["ann", "bob"] {
            let token = service.issue_user_token(Millis(0), name);
            let init = Request::new("POST", "/gate/lab/api/secondme/visitor-chat/init")
                .header("Authorization", &format!("Bearer {token}"))
                .json(&json!({"apiKey": "sk-emulator"}));
            assert_eq!(service.handle(Millis(0), &init).status, 200);
        }
        let mut ids: Vec<_> = service.world.sessions.iter().map(|(id, one)| (one.number, id)).collect();
        ids.sort_unstable();
        let sessions = [ids[0].1.clone(), ids[1].1.clone()];
        (service, sessions)
    }

    fn write(service: &mut Service, session_id: &str, text: String) {
        let session_id = session_id.to_owned();
        service.owner(Millis(1), OwnerAction::Reply { session_id, text }).unwrap();
    }

    fn page(service: &Service, session_id: &str) -> Value {
        json!(service.conversation(session_id, None, Some(500)).unwrap())
    }

    fn dropped(service: &mut Service) -> Vec<Entry> {
        let entries = service.journal(Millis(1), 0).0;
        entries.into_iter().filter(|entry| matches!(entry.what, What::Dropped { .. })).collect()
    }

    #[test]
    fn the_oldest_of_all_sessions_is_dropped_first_and_it_is_said() {
        let most = 64 * 1024;
        let (mut service, [quiet, busy]) = service(Settings::default().history_bytes(most));
        write(&mut service, &quiet, "the first".to_owned());
        for number in 0..40 {
            write(&mut service, &busy, format!("{number} {}", "long ".repeat(200)));
        }
        assert!(service.world.history.bytes <= most, "{}", service.world.history.bytes);
        write(&mut service, &quiet, "the last".to_owned());

        let (quiet_page, busy_page) = (page(&service, &quiet), page(&service, &busy));
        let texts = |page: &Value| -> Vec<String> {
            let messages = page["messages"].as_array().unwrap().iter();
            messages.map(|one| one["text"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(texts(&quiet_page), ["the last"]);
        assert_eq!((&quiet_page["messages"][0]["number"], &quiet_page["older"]), (&json!(2), &Value::Null));
        assert_eq!(quiet_page["conversation"]["forgotten"], 1);
        let forgotten = busy_page["conversation"]["forgotten"].as_u64().unwrap();
        assert!((1..39).contains(&forgotten), "{forgotten}");
        assert!(
            texts(&busy_page)[0].starts_with(&format!("{forgotten} long")),
            "the newest are kept in order"
        );

        let state = service.state(Millis(1));
        assert_eq!(state.session(&quiet).unwrap().forgotten, 1);
        let said = dropped(&mut service);
        let messages: usize = said
            .iter()
            .map(|entry| match entry.what {
                What::Dropped { messages, .. } => messages,
                _ => 0,
            })
            .sum();
        assert_eq!(messages as u64, forgotten + 1, "the journal tells of each");
    }

    #[test]
    fn the_history_calls_begin_with_what_is_kept() {
        let (mut service, [session, _]) = service(Settings::default().history_bytes(16 * 1024));
        for number in 0..100 {
            write(&mut service, &session, format!("{number} {}", "long ".repeat(40)));
        }
        let frames = &service.world.sessions[&session].frames;
        let all: Vec<_> = frames.after(None, 1_000).collect();
        assert!((2..99).contains(&all.len()), "{}", all.len());
        assert!(all.last().unwrap().to_string().contains("99 long"));
        let second = all[1]["seqId"].as_str().unwrap();
        assert_eq!(frames.after(Some(second), 1).collect::<Vec<_>>(), &all[2..3]);
        assert_eq!(frames.before(Some(second), 5).collect::<Vec<_>>(), &all[..1]);
        assert_eq!(frames.after(Some("a dropped one"), 1).collect::<Vec<_>>(), &all[..1]);
        assert_eq!(frames.before(Some("a dropped one"), 5).next(), None, "the newest are not older ones");
    }

    #[test]
    fn what_another_service_has_left_counts_and_a_smaller_bound_drops_at_once() {
        let (mut service, [session, other]) = service(Settings::default());
        for number in 0..20 {
            write(&mut service, &session, format!("{number} {}", "long ".repeat(200)));
        }
        let saved = Saved::read(&service.saved()).unwrap();
        let mut resumed = Service::resumed(Settings::default(), Millis(2), saved);
        assert_eq!(resumed.world.history.bytes, service.world.history.bytes);
        assert_eq!(resumed.world.history.given, service.world.history.given);
        let frames = |service: &Service| -> Vec<_> {
            service.world.sessions[&session].frames.after(None, 100).collect()
        };
        assert_eq!(frames(&resumed), frames(&service));
        assert!(dropped(&mut resumed).is_empty());

        resumed.change_settings(|settings| settings.history_bytes = 8 * 1024);
        assert!(resumed.world.history.bytes <= 8 * 1024);
        assert_eq!(dropped(&mut resumed).len(), 1);
        let before = resumed.world.history.bytes;
        resumed.world.forget_session(&session);
        resumed.world.forget_session(&other);
        assert!(before > 0);
        assert_eq!(resumed.world.history.bytes, 0, "a session that goes takes all of it along");
    }
}
