//! What a reader of the live feed is told: what has changed since it was told last.
//!
//! A reader keeps where it stands, and asks when it is ready for more. So a slow one costs no memory: what changed
//! several times meanwhile is told once, and what has been forgotten comes as a new snapshot.

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use super::Service;
use super::journal::Entry;
use super::overview::Overview;
use super::summary::{Said, Summary};
use super::world::Session;
use crate::time::Millis;

/// How many conversations a snapshot holds: those in which something was said last.
const SNAPSHOT: usize = 2_000;
/// How many changed conversations, and how many entries of the journal, are told at once.
const CHANGED: usize = 500;
const ENTRIES: usize = 200;
/// How many entries of the past a reader may ask for.
const PAST_ENTRIES: u64 = 1_000;
/// How many messages of the chosen session are told at the beginning.
const FIRST_MESSAGES: u64 = 50;
/// How many of its messages are told at once, and of how many a reader is told that is behind.
const MESSAGES: u64 = 100;
const PAST_MESSAGES: u64 = 2_000;

/// Where a reader of the live feed stands.
#[derive(Debug)]
pub(crate) struct Reader {
    /// The last change it knows; `None` before the first snapshot.
    change: Option<u64>,
    /// The entry of the journal that it wants next.
    entry: u64,
    session: Option<String>,
    /// The last message of the session it knows.
    noted: Option<u64>,
    /// What is being said in it, as it knows it.
    saying: Option<(String, usize)>,
    overview: Option<Overview>,
}

/// One event of the feed, serialised as its data.
#[derive(Debug, Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
pub(crate) enum Event {
    Snapshot { run: String, now: u64, next: u64, total: usize, conversations: Vec<Summary> },
    Conversations { now: u64, total: usize, changed: Vec<Summary>, gone: Vec<String> },
    Overview(Value),
    Journal { next: u64, missed: u64, entries: Vec<Arc<Entry>> },
    Message { session_id: String, message: Said },
}

impl Event {
    /// Its name.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Snapshot { .. } => "snapshot",
            Self::Conversations { .. } => "conversations",
            Self::Overview(_) => "overview",
            Self::Journal { .. } => "journal",
            Self::Message { .. } => "message",
        }
    }
}

impl Reader {
    /// When the overview will be another without anything happening.
    pub(crate) fn overview_ends(&self, now: Millis) -> Option<Millis> {
        self.overview.as_ref()?.next_change(now)
    }
}

impl Service {
    /// One more reader of the live feed. `since` is the entry of the journal that it wants first; without it, the next
    /// to come. Each reader ends with [`Service::unwatch`].
    pub(crate) fn watch(&mut self, since: Option<u64>, session: Option<String>) -> Reader {
        self.watch.begin();
        let next = self.journal.next();
        let entry = since.unwrap_or(next).clamp(next.saturating_sub(PAST_ENTRIES), next);
        Reader { change: None, entry, session, noted: None, saying: None, overview: None }
    }

    /// A reader has gone.
    pub(crate) fn unwatch(&mut self) {
        self.watch.end();
    }

    #[cfg(test)]
    pub(crate) fn is_watched(&self) -> bool {
        self.watch.is_on()
    }

    /// What a reader does not know yet, with the overview if that is wanted.
    pub(crate) fn news(&mut self, now: Millis, reader: &mut Reader, with_overview: bool) -> Vec<Event> {
        let mut events = Vec::new();
        self.tell_conversations(now, reader, &mut events);
        self.tell_messages(reader, &mut events);
        self.tell_journal(reader, &mut events);
        if with_overview {
            let overview = self.overview(now, reader.session.as_deref());
            if reader.overview.as_ref() != Some(&overview) {
                events.push(Event::Overview(overview.told(now)));
                reader.overview = Some(overview);
            }
        }
        events
    }

    fn tell_conversations(&self, now: Millis, reader: &mut Reader, events: &mut Vec<Event>) {
        let total = self.world.sessions.len();
        let Some((names, last)) = reader.change.and_then(|known| self.watch.since(known, CHANGED)) else {
            let conversations = self.told_first(reader.session.as_ref());
            let (run, next) = (self.begun.0.to_string(), self.journal.next());
            events.push(Event::Snapshot { run, now: now.0, next, total, conversations });
            // What was known before it is no longer so.
            (reader.change, reader.noted, reader.saying) = (Some(self.watch.last()), None, None);
            return;
        };
        if names.is_empty() {
            return;
        }
        let (mut changed, mut gone) = (Vec::new(), Vec::new());
        for name in names {
            match self.summary(name) {
                Some(summary) => changed.push(summary),
                None => gone.push(name.to_owned()),
            }
        }
        events.push(Event::Conversations { now: now.0, total, changed, gone });
        reader.change = Some(last);
    }

    /// The conversations of a snapshot; the reader's own is always among them.
    fn told_first(&self, own: Option<&String>) -> Vec<Summary> {
        let is_own = |id: &String| own == Some(id);
        let last = |session: &Session| session.messages.back().map_or(session.created, |said| said.at);
        let sessions = self.world.sessions.iter();
        let mut sessions: Vec<_> =
            sessions.map(|(id, session)| (is_own(id), last(session), session.number, id)).collect();
        sessions.sort_unstable();
        let active = &sessions[sessions.len().saturating_sub(SNAPSHOT)..];
        active.iter().filter_map(|(_, _, _, id)| self.summary(id)).collect()
    }

    fn tell_messages(&self, reader: &mut Reader, events: &mut Vec<Event>) {
        let Some((id, session)) =
            reader.session.as_ref().and_then(|id| Some((id, self.world.sessions.get(id)?)))
        else {
            return;
        };
        let known = reader.noted.unwrap_or_else(|| session.noted.saturating_sub(FIRST_MESSAGES));
        let tell = |message| Event::Message { session_id: id.clone(), message };
        // What is not kept any more is not told, and nothing waits for it.
        let known = known.max(session.noted.saturating_sub(PAST_MESSAGES)).max(session.forgotten());
        let last = session.noted.min(known + MESSAGES);
        if known < last {
            events.extend(session.said_between(known + 1, last + 1).into_iter().map(tell));
            reader.noted = Some(last);
        }
        if last < session.noted {
            return;
        }
        let saying = session.being_said(self.now);
        let mark = saying.as_ref().map(|said| (said.id.clone(), said.text.len()));
        if mark != reader.saying {
            events.extend(saying.map(tell));
        }
        (reader.noted, reader.saying) = (Some(session.noted), mark);
    }

    fn tell_journal(&self, reader: &mut Reader, events: &mut Vec<Event>) {
        let next = self.journal.next();
        if reader.entry >= next {
            return;
        }
        // The newest say more than the oldest to a reader that cannot keep up.
        let from = reader.entry.max(next.saturating_sub(PAST_ENTRIES));
        let entries = self.journal.range(from, ENTRIES);
        let first = entries.first().map_or(next, |entry| entry.n);
        let missed = first.saturating_sub(reader.entry);
        reader.entry = entries.last().map_or(next, |entry| entry.n + 1);
        if !entries.is_empty() || missed > 0 {
            events.push(Event::Journal { next: reader.entry, missed, entries });
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::service::{Fault, OwnerAction, Request, Settings};

    /// Authenticates a visitor and makes a session for it, as Visitor Chat does in one call.
    fn session_of(service: &mut Service, number: usize) {
        let token = service.issue_user_token(Millis(0), &format!("user{number}"));
        let init = Request::new("POST", "/gate/lab/api/secondme/visitor-chat/init")
            .header("Authorization", &format!("Bearer {token}"))
            .json(&json!({"apiKey": "sk-emulator"}));
        assert_eq!(service.handle(Millis(0), &init).status, 200);
    }

    fn told(events: &[Event], name: &str) -> Value {
        json!(
            events
                .iter()
                .find(|event| event.name() == name)
                .unwrap_or_else(|| panic!("no {name}: {events:?}"))
        )
    }

    #[test]
    fn a_reader_that_falls_behind_is_told_the_sum_in_bounded_parts() {
        let mut service = Service::new(Settings::default(), Millis(0), 7);
        let mut reader = service.watch(None, None);
        assert_eq!(told(&service.news(Millis(0), &mut reader, false), "snapshot")["total"], 0);
        for number in 0..CHANGED + 10 {
            session_of(&mut service, number);
        }
        let events = service.news(Millis(0), &mut reader, false);
        assert_eq!(told(&events, "conversations")["changed"].as_array().unwrap().len(), CHANGED);
        let journal = told(&events, "journal");
        assert_eq!(journal["entries"].as_array().unwrap().len(), ENTRIES);
        assert!(journal["missed"].as_u64().unwrap() > 0, "{}", journal["missed"]);
        assert_eq!(journal["entries"][0]["n"].as_u64().unwrap() - 1, journal["missed"].as_u64().unwrap());
        let events = service.news(Millis(0), &mut reader, false);
        assert_eq!(told(&events, "conversations")["changed"].as_array().unwrap().len(), 10);
        while !service.news(Millis(0), &mut reader, false).is_empty() {}
        assert_eq!(reader.entry, service.journal.next());
    }

    #[test]
    fn a_reader_that_falls_behind_what_is_kept_is_told_what_is_kept() {
        let mut service = Service::new(Settings::default().history_bytes(32 * 1024), Millis(0), 7);
        session_of(&mut service, 1);
        let session_id = service.world.sessions.keys().next().unwrap().clone();
        let mut reader = service.watch(None, Some(session_id.clone()));
        while !service.news(Millis(0), &mut reader, false).is_empty() {}
        for number in 0..3 * MESSAGES {
            let text = format!("{number} {}", "long ".repeat(100));
            service.owner(Millis(1), OwnerAction::Reply { session_id: session_id.clone(), text }).unwrap();
        }
        let kept = service.world.sessions[&session_id].messages.len();
        assert!(0 < kept && kept < MESSAGES as usize, "{kept}");
        let events = service.news(Millis(1), &mut reader, false);
        assert_eq!(events.iter().filter(|event| event.name() == "message").count(), kept);
    }

    #[test]
    fn a_snapshot_holds_the_readers_session_and_those_that_are_active() {
        let mut service = Service::new(Settings::default(), Millis(0), 7);
        for number in 0..SNAPSHOT + 3 {
            session_of(&mut service, number);
        }
        let mut ids: Vec<_> =
            service.world.sessions.iter().map(|(id, one)| (one.number, id.clone())).collect();
        ids.sort_unstable();
        let [(_, opened), (_, active), (_, idle)] = &ids[..3] else { panic!("{ids:?}") };
        let (session_id, text) = (active.clone(), "Hi".to_owned());
        service.owner(Millis(1), OwnerAction::Reply { session_id, text }).unwrap();
        let mut reader = service.watch(None, Some(opened.clone()));
        let snapshot = told(&service.news(Millis(2), &mut reader, false), "snapshot");
        let conversations = snapshot["conversations"].as_array().unwrap();
        let holds = |id: &String| conversations.iter().any(|one| one["sessionId"] == id.as_str());
        assert_eq!((conversations.len(), &snapshot["total"]), (SNAPSHOT, &json!(SNAPSHOT + 3)));
        assert_eq!((holds(opened), holds(active), holds(idle)), (true, true, false));
    }

    #[test]
    fn a_reader_of_a_busy_session_is_told_its_messages_in_bounded_parts_and_each_once() {
        let mut service = Service::new(Settings::default(), Millis(0), 7);
        session_of(&mut service, 1);
        let id = service.world.sessions.keys().next().unwrap().clone();
        let mut reader = service.watch(None, Some(id.clone()));
        service.news(Millis(0), &mut reader, false);
        let write = |service: &mut Service, count: u64| {
            for _ in 0..count {
                let (session_id, text) = (id.clone(), "Hi".to_owned());
                service.owner(Millis(1), OwnerAction::Reply { session_id, text }).unwrap();
            }
        };
        let numbers = |events: &[Event]| -> Vec<u64> {
            let messages = events.iter().filter(|event| event.name() == "message");
            messages.map(|event| json!(event)["message"]["number"].as_u64().unwrap()).collect()
        };
        write(&mut service, 2 * MESSAGES + 1);
        let first = numbers(&service.news(Millis(1), &mut reader, false));
        assert_eq!(first.len() as u64, MESSAGES);
        let mut all = first;
        for _ in 0..3 {
            all.extend(numbers(&service.news(Millis(1), &mut reader, false)));
        }
        assert_eq!(all, (1..=2 * MESSAGES + 1).collect::<Vec<_>>());

        write(&mut service, PAST_MESSAGES + 7);
        let next = numbers(&service.news(Millis(1), &mut reader, false));
        assert_eq!(next[0], 2 * MESSAGES + 1 + 7 + 1, "of older ones it is not told");
    }

    #[test]
    fn after_a_reset_a_reader_begins_anew() {
        let mut service = Service::new(Settings::default(), Millis(5), 7);
        let mut reader = service.watch(None, None);
        session_of(&mut service, 1);
        let before = told(&service.news(Millis(9), &mut reader, false), "snapshot");
        assert_eq!((&before["total"], &before["run"]), (&json!(1), &json!("5")));
        service.reset(Millis(9));
        let after = told(&service.news(Millis(9), &mut reader, false), "snapshot");
        assert_eq!((&after["total"], &after["run"]), (&json!(0), &json!("5")), "it is the same run");
        assert!(service.news(Millis(0), &mut reader, false).is_empty());
    }

    #[test]
    fn an_overview_is_told_when_something_in_it_is_another() {
        let mut service = Service::new(Settings::default(), Millis(0), 7);
        let mut reader = service.watch(None, None);
        let first = service.news(Millis(0), &mut reader, true);
        assert_eq!(told(&first, "overview")["keys"][0]["key"], "sk-em…");
        assert!(service.news(Millis(5_000), &mut reader, true).is_empty());
        service.add_fault(r#"{"at": "auth", "do": "refuse"}"#.parse::<Fault>().unwrap()).unwrap();
        assert_eq!(told(&service.news(Millis(5_000), &mut reader, true), "overview")["faults"], 1);
        let end = Settings::default().visitor_chat_token_lifetime;
        service.issue_user_token(Millis(0), "ann");
        let overview = service.news(Millis(6_000), &mut reader, true);
        assert_eq!(told(&overview, "overview")["lifetimes"][0]["endsInMs"], end.0 - 6_000);
        assert_eq!(reader.overview_ends(Millis(6_000)), Some(end));
        service.handle(Millis(7_000), &Request::new("POST", "/gate/in/rest/open/avatar/auth"));
        let spent = told(&service.news(Millis(7_000), &mut reader, true), "overview");
        assert_eq!((&spent["faults"], &spent["settings"]), (&json!(0), &json!(0)), "it happens no more");
        service.change_settings(|settings| settings.quota_per_minute = 7);
        let changed = told(&service.news(Millis(7_000), &mut reader, true), "overview");
        assert_eq!((&changed["settings"], &changed["keys"][0]["limit"]), (&json!(1), &json!(7)));
    }
}
