//! What the console shows beside the conversations: keys, sockets, and what ends by itself.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Service;
use super::door::Door;
use super::ids::SocketId;
use super::journal::beginning;
use super::switches::TokenLifetime;
use crate::time::Millis;

/// How many sockets, and how many lifetimes, are shown.
const SOCKETS: usize = 200;
const LIFETIMES: usize = 100;

/// Everything beside the conversations. Its moments are absolute, so that two of them are equal while nothing changes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Overview {
    keys: Vec<KeyUse>,
    avatars: Vec<(String, String)>,
    sockets: Vec<SocketSeen>,
    sockets_total: usize,
    lifetimes: Vec<Lifetime>,
    faults: usize,
    settings: u64,
    state_trouble: Option<String>,
    calls: BTreeMap<String, u64>,
    failures: BTreeMap<String, u64>,
}

#[derive(Debug, Clone, PartialEq)]
struct KeyUse {
    key: String,
    avatar: String,
    disabled: bool,
    used: usize,
    limit: u32,
    resets: Option<Millis>,
}

#[derive(Debug, Clone, PartialEq)]
struct SocketSeen {
    ws_id: String,
    visitor_id: String,
    door: Door,
    connected: Millis,
    pings: u64,
    acks: u64,
    rejected: u64,
    pushed: u64,
    drops: Option<Millis>,
}

/// Something that ends by itself.
#[derive(Debug, Clone, PartialEq)]
struct Lifetime {
    ends: Millis,
    kind: &'static str,
    visitor_id: Option<String>,
    session_id: Option<String>,
    name: Option<String>,
}

impl Overview {
    /// The next moment at which it is another without anything happening.
    pub(super) fn next_change(&self, now: Millis) -> Option<Millis> {
        let keys = self.keys.iter().filter_map(|key| key.resets);
        let ends = self.lifetimes.iter().map(|lifetime| lifetime.ends);
        keys.chain(ends).filter(|at| *at > now).min()
    }

    /// As it is told: with how much time is left in place of moments.
    pub(super) fn told(&self, now: Millis) -> Value {
        let left = |at: Millis| (at - now).0;
        let keys = self.keys.iter().map(|key| {
            json!({"key": key.key, "avatar": key.avatar, "disabled": key.disabled, "used": key.used,
                "limit": key.limit, "resetsInMs": key.resets.map(left)})
        });
        let avatars = self.avatars.iter().map(|(code, name)| json!({"shareCode": code, "name": name}));
        let sockets = self.sockets.iter().map(|socket| {
            json!({"wsId": socket.ws_id, "visitorId": socket.visitor_id, "door": socket.door,
                "connectedAt": socket.connected.0, "pings": socket.pings, "acks": socket.acks,
                "rejected": socket.rejected, "pushed": socket.pushed, "dropsInMs": socket.drops.map(left)})
        });
        let lifetimes = self.lifetimes.iter().map(|lifetime| {
            json!({"kind": lifetime.kind, "endsInMs": left(lifetime.ends), "visitorId": lifetime.visitor_id,
                "sessionId": lifetime.session_id, "name": lifetime.name})
        });
        json!({
            "now": now.0,
            "keys": keys.collect::<Vec<_>>(),
            "avatars": avatars.collect::<Vec<_>>(),
            "sockets": sockets.collect::<Vec<_>>(),
            "socketsTotal": self.sockets_total,
            "lifetimes": lifetimes.collect::<Vec<_>>(),
            "faults": self.faults,
            "settings": self.settings,
            "stateTrouble": self.state_trouble,
            "calls": self.calls,
            "failures": self.failures,
        })
    }
}

impl Service {
    /// Everything beside the conversations; the sockets of `session` are among those that are shown.
    pub(super) fn overview(&self, now: Millis, session: Option<&str>) -> Overview {
        let limit = self.settings.quota_per_minute;
        let keys = self.settings.keys.iter().enumerate().map(|(number, key)| {
            let (used, resets) = self.world.quotas.used(number, now);
            let (avatar, disabled) = (key.share_code.clone(), key.disabled);
            KeyUse { key: beginning(&key.key), avatar, disabled, used, limit, resets }
        });
        let avatars = self.settings.avatars.iter().map(|one| (one.share_code.clone(), one.name.clone()));
        Overview {
            keys: keys.collect(),
            avatars: avatars.collect(),
            sockets: self.sockets_shown(session),
            sockets_total: self.world.sockets.len(),
            lifetimes: self.lifetimes(now),
            faults: self.faults.rules().iter().filter(|rule| rule.left != Some(0)).count(),
            settings: self.settings_changes,
            state_trouble: self.state_trouble.clone(),
            calls: self.counts.calls(),
            failures: self.counts.failures(),
        }
    }

    fn sockets_shown(&self, session: Option<&str>) -> Vec<SocketSeen> {
        let visitor = session.and_then(|id| self.world.sessions.get(id)).map(|session| session.visitor);
        let of_visitor = visitor.map(|visitor| self.world.visitors[visitor.0].sockets.as_slice());
        let of_visitor = of_visitor.unwrap_or_default();
        let newest = self.world.sockets.keys().rev().filter(|id| !of_visitor.contains(id));
        let shown = of_visitor.iter().chain(newest).take(SOCKETS);
        shown.filter_map(|id| self.socket_shown(*id)).collect()
    }

    fn socket_shown(&self, id: SocketId) -> Option<SocketSeen> {
        let socket = self.world.sockets.get(&id)?;
        let visitor = &self.world.visitors[socket.visitor.0];
        Some(SocketSeen {
            ws_id: socket.ws_id.clone(),
            visitor_id: visitor.visitor_id.clone(),
            door: visitor.door,
            connected: socket.connected,
            pings: socket.pings,
            acks: socket.acks,
            rejected: socket.rejected,
            pushed: socket.pushed,
            drops: self.silence_allowed(socket).map(|allowed| socket.last_ping + allowed),
        })
    }

    /// What ends by itself, what ends first before the others.
    fn lifetimes(&self, now: Millis) -> Vec<Lifetime> {
        let name_of = |visitor: super::ids::VisitorIndex| self.world.visitors[visitor.0].visitor_id.clone();
        let mut found = Vec::new();
        let mut add = |ends: Millis, kind, visitor_id, session_id, name| {
            if ends > now && ends < Millis(u64::MAX) {
                found.push(Lifetime { ends, kind, visitor_id, session_id, name });
            }
        };
        for visitor in &self.world.visitors {
            if let Some(at) = visitor.initialised {
                let ends = at + self.settings.chat_context_lifetime;
                if ends > now {
                    add(ends, "chat-context", Some(visitor.visitor_id.clone()), None, None);
                }
            }
        }
        for address in self.world.addresses.good() {
            add(
                address.expires,
                "socket-address",
                Some(name_of(address.visitor)),
                address.session.clone(),
                None,
            );
        }
        if let TokenLifetime::Minutes(minutes) = self.settings.token_lifetime {
            for token in self.world.tokens.values() {
                let ends = token.issued + Millis::minutes(minutes.into());
                if ends > now {
                    add(ends, "visitor-token", Some(name_of(token.visitor)), None, None);
                }
            }
        }
        for (speaker, ends) in self.world.chat_tokens.live() {
            add(ends, "chat-token", None, None, Some(speaker.to_owned()));
        }
        for (id, session) in &self.world.sessions {
            if let Some(until) = session.takeover.and_then(|takeover| takeover.until) {
                add(until, "takeover", Some(name_of(session.visitor)), Some(id.clone()), None);
            }
        }
        // Those of one moment always in one order, so that nothing seems to have changed.
        found.sort_unstable_by(|one, other| {
            let key = |it: &Lifetime| (it.ends, it.kind, it.visitor_id.clone(), it.session_id.clone());
            key(one).cmp(&key(other))
        });
        found.truncate(LIFETIMES);
        found
    }
}
