//! What a service knows, as it is kept in a file and taken up again by another.
//!
//! Kept is what a client may rely on: visitors and their tokens, sessions with their messages and frames, takeovers,
//! addresses, quotas, counts, and who may call. Not kept are live sockets, which clients open anew, what is just being
//! said, messages that wait for their answer, the journal and the faults.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Service;
use super::counts::Counts;
use super::ids::VisitorIndex;
use super::random::Random;
use super::settings::{Avatar, Key, Settings};
use super::timers::Timer;
use super::visitor_chat::{App, UserToken};
use super::visitors::VisitorKey;
use super::world::World;
use crate::time::Millis;

/// What the file is, and the version of its form.
const FORMAT: &str = "state of the SecondMe emulator";
const VERSION: u64 = 1;

#[derive(Serialize)]
struct Kept<'a> {
    format: &'static str,
    version: u64,
    now: u64,
    seed: u64,
    counter: u64,
    random: &'a Random,
    avatars: &'a [Avatar],
    keys: &'a [Key],
    apps: &'a [App],
    user_tokens: &'a [UserToken],
    counts: &'a Counts,
    /// The ids of the sockets that are live, with their visitors.
    live: Vec<(VisitorIndex, &'a str)>,
    world: &'a World,
}

/// What another service has left.
#[derive(Debug, Deserialize)]
pub(crate) struct Saved {
    now: u64,
    seed: u64,
    counter: u64,
    random: Random,
    avatars: Vec<Avatar>,
    keys: Vec<Key>,
    apps: Vec<App>,
    user_tokens: Vec<UserToken>,
    counts: Counts,
    live: Vec<(VisitorIndex, String)>,
    world: World,
}

impl Saved {
    /// Reads what [`Service::saved`] has written. An error says what is wrong.
    pub(crate) fn read(text: &[u8]) -> Result<Self, String> {
        let file: Value = serde_json::from_slice(text).map_err(|error| format!("it is broken: {error}"))?;
        if file.get("format").and_then(Value::as_str) != Some(FORMAT) {
            return Err("it is no state of an emulator".to_owned());
        }
        match file.get("version").and_then(Value::as_u64) {
            Some(VERSION) => {}
            other => {
                let other = other.map_or("an unknown one".to_owned(), |other| other.to_string());
                return Err(format!("it is of version {other}, and this emulator writes version {VERSION}"));
            }
        }
        let saved: Self = serde_json::from_value(file).map_err(|error| format!("it is broken: {error}"))?;
        saved.check().map(|()| saved)
    }

    /// The time of the service that has left it.
    pub(crate) fn now(&self) -> Millis {
        Millis(self.now)
    }

    /// Refuses what refers to something that is not there.
    fn check(&self) -> Result<(), String> {
        let (visitors, avatars) = (self.world.visitors.len(), self.avatars.len());
        let sessions = self.world.sessions.values();
        let is_whole = self.world.visitors.iter().all(|visitor| visitor.avatar < avatars)
            && sessions.into_iter().all(|one| one.visitor.0 < visitors && one.avatar < avatars)
            && self.world.tokens.values().all(|token| token.visitor.0 < visitors)
            && self.world.addresses.all().all(|address| address.visitor.0 < visitors)
            && self.live.iter().all(|(visitor, _)| visitor.0 < visitors)
            && !self.keys.is_empty();
        if is_whole { Ok(()) } else { Err("it is broken: it refers to what is not in it".to_owned()) }
    }
}

impl Service {
    /// What this service knows, as text in JSON. It holds secrets.
    pub(crate) fn saved(&self) -> Vec<u8> {
        let live = self.world.sockets.values().map(|socket| (socket.visitor, socket.ws_id.as_str()));
        let kept = Kept {
            format: FORMAT,
            version: VERSION,
            now: self.now.0,
            seed: self.seed,
            counter: self.counter,
            random: &self.random,
            avatars: &self.settings.avatars,
            keys: &self.settings.keys,
            apps: &self.settings.apps,
            user_tokens: &self.settings.user_tokens,
            counts: &self.counts,
            live: live.collect(),
            world: &self.world,
        };
        // What it is made of has texts as keys throughout, which is all that could be wrong.
        serde_json::to_vec(&kept).unwrap_or_default()
    }

    /// A service that goes on where another has ended. Keys, avatars and apps that it had stay; those of `settings` come
    /// to them.
    pub(crate) fn resumed(settings: Settings, now: Millis, saved: Saved) -> Self {
        let mut service = Self::new(settings.clone(), now, saved.seed);
        (service.counter, service.random, service.counts) = (saved.counter, saved.random, saved.counts);
        service.world = saved.world;
        service.world.count_history();
        service.settings.avatars = joined(saved.avatars, settings.avatars, |one| &one.share_code, true);
        service.settings.keys.clone_from(&saved.keys);
        // After the world, whose tokens and quotas go by the places of the keys.
        service.change_settings(|now| {
            let disabled = |key: &Key| saved.keys.iter().any(|old| old.key == key.key && old.disabled);
            now.keys = settings
                .keys
                .into_iter()
                .map(|key| Key { disabled: key.disabled || disabled(&key), ..key })
                .collect();
            now.keys = joined(std::mem::take(&mut now.keys), saved.keys.clone(), |one| &one.key, false);
            now.apps = joined(settings.apps, saved.apps, |one| &one.client_id, false);
            now.user_tokens = joined(settings.user_tokens, saved.user_tokens, |one| &one.token, false);
        });
        for (index, visitor) in service.world.visitors.iter().enumerate() {
            let (door, avatar, is_user) = (visitor.door, visitor.avatar, visitor.is_user);
            let key = VisitorKey { door, avatar, id: visitor.visitor_id.clone(), is_user };
            service.world.visitors_by_id.insert(key, VisitorIndex(index));
        }
        for (visitor, ws_id) in saved.live {
            service.remember_idle(visitor, ws_id);
        }
        service.set_timers_again();
        service
    }

    /// Why it could not be kept, if it could not.
    pub(crate) fn state_trouble(&self) -> Option<&String> {
        self.state_trouble.as_ref()
    }

    /// It could be kept, or why not.
    pub(crate) fn set_state_trouble(&mut self, trouble: Option<String>) {
        self.state_trouble = trouble;
    }

    fn set_timers_again(&mut self) {
        for (id, session) in &self.world.sessions {
            if let Some(until) = session.takeover.and_then(|takeover| takeover.until) {
                self.timers.set(until, Timer::TakeoverEnds { session: id.clone(), until });
            }
        }
        for (ticket, expires) in self.world.addresses.expiring() {
            self.timers.set(expires, Timer::AddressExpires(ticket.to_owned()));
        }
    }
}

/// The first ones, then those of the second that are new. Where both have one, that of the second stands in the place of
/// the first if it is `newer`.
fn joined<T>(first: Vec<T>, second: Vec<T>, name: impl Fn(&T) -> &String, newer: bool) -> Vec<T> {
    let mut all = first;
    for one in second {
        match all.iter_mut().find(|known| name(known) == name(&one)) {
            Some(known) if newer => *known = one,
            Some(_) => {}
            None => all.push(one),
        }
    }
    all
}
