//! What came of it.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use secondme_avatar_emulator::service::State;
use secondme_avatar_protocol::Millis;

use super::Redis;

#[derive(Debug)]
pub(super) struct Tally {
    begun: Millis,
    asked: u64,
    waits: Vec<Duration>,
    moved_waits: Vec<Duration>,
    moves: u64,
    kills: u64,
    failed: Vec<String>,
    sockets: Sockets,
}

/// How many there are, at most and on average.
#[derive(Debug)]
struct Sockets {
    now: usize,
    since: Millis,
    most: usize,
    /// Sockets times milliseconds.
    sum: u64,
}

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Figures {
    /// How long it was.
    pub time: Duration,
    /// Questions that people asked.
    pub asked: u64,
    /// Those that were answered.
    pub answered: u64,
    /// Those without an answer, and why.
    pub failed: Vec<String>,
    /// Questions that the avatar has not heard.
    pub lost: u64,
    /// Those that it has heard twice.
    pub twice: u64,
    /// Those that it has heard after a later one.
    pub out_of_order: u64,
    /// The most sockets at a time.
    pub most_sockets: usize,
    /// How many sockets there were on average.
    pub sockets: f64,
    /// How often visitors were authenticated.
    pub authentications: u64,
    /// How many processes were killed.
    pub kills: u64,
    /// How many visitors went to another process.
    pub moves: u64,
    /// How long an answer took, in the middle.
    pub wait: Duration,
    /// The longest that an answer took.
    pub longest_wait: Duration,
    /// The longest for an answer during which the visitor's process died.
    pub longest_move: Duration,
    /// Redis's commands, but for those of processes that do nothing.
    pub commands: u64,
    /// The letters between processes.
    pub letters: u64,
}

impl Tally {
    pub(super) fn new(begun: Millis) -> Self {
        let sockets = Sockets { now: 0, since: begun, most: 0, sum: 0 };
        Self {
            begun,
            asked: 0,
            waits: Vec::new(),
            moved_waits: Vec::new(),
            moves: 0,
            kills: 0,
            failed: Vec::new(),
            sockets,
        }
    }

    pub(super) fn asked(&mut self) {
        self.asked += 1;
    }

    pub(super) fn answered(&mut self, wait: Duration, moved: bool) {
        self.waits.push(wait);
        if moved {
            self.moved_waits.push(wait);
        }
    }

    pub(super) fn failed(&mut self, question: &str, error: &str) {
        self.failed.push(format!("{question}: {error}"));
    }

    pub(super) fn moved(&mut self) {
        self.moves += 1;
    }

    pub(super) fn killed(&mut self) {
        self.kills += 1;
    }

    pub(super) fn sockets(&mut self, now: Millis, many: usize) {
        let sockets = &mut self.sockets;
        sockets.sum += sockets.now as u64 * now.since(sockets.since).as_millis() as u64;
        (sockets.now, sockets.since, sockets.most) = (many, now, sockets.most.max(many));
    }

    pub(super) fn figures(mut self, state: State, redis: &Redis) -> Figures {
        let time = self.sockets.since.since(self.begun);
        let heard = Heard::of(&state);
        self.waits.sort_unstable();
        Figures {
            time,
            asked: self.asked,
            answered: self.waits.len() as u64,
            failed: self.failed,
            lost: self.asked.saturating_sub(heard.different),
            twice: heard.twice,
            out_of_order: heard.out_of_order,
            most_sockets: self.sockets.most,
            sockets: self.sockets.sum as f64 / time.as_millis().max(1) as f64,
            authentications: state.calls("auth"),
            kills: self.kills,
            moves: self.moves,
            wait: self.waits.get(self.waits.len() / 2).copied().unwrap_or_default(),
            longest_wait: self.waits.last().copied().unwrap_or_default(),
            longest_move: self.moved_waits.iter().max().copied().unwrap_or_default(),
            commands: redis.commands(),
            letters: redis.letters(),
        }
    }
}

/// What the avatar has heard.
#[derive(Debug, Default)]
struct Heard {
    different: u64,
    twice: u64,
    out_of_order: u64,
}

impl Heard {
    fn of(state: &State) -> Self {
        let mut visitors: BTreeMap<&str, Vec<(u64, &str)>> = BTreeMap::new();
        for session in &state.sessions {
            let said = session.messages.iter().filter(|message| message.text.starts_with('v'));
            let said = said.map(|message| (message.timestamp, message.text.as_str()));
            visitors.entry(&session.visitor_id).or_default().extend(said);
        }
        let mut heard = Self::default();
        for mut said in visitors.into_values() {
            said.sort_by_key(|(at, _)| *at);
            let (mut times, mut last) = (HashMap::new(), 0);
            for (_, text) in said {
                let number: u64 =
                    text.split('q').next_back().and_then(|number| number.parse().ok()).unwrap_or(0);
                let times = times.entry(text).or_insert(0);
                *times += 1;
                match *times {
                    1 => heard.different += 1,
                    2 => heard.twice += 1,
                    _ => {}
                }
                heard.out_of_order += u64::from(*times == 1 && number < last);
                last = last.max(number);
            }
        }
        heard
    }
}
