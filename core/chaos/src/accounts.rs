//! Counts what was said and what was received, on both sides, and compares.

use std::collections::{BTreeMap, BTreeSet};

use secondme_avatar_emulator::service::{Author, State};

/// What a program learned about a message that it sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The service has taken it.
    Taken,
    /// It is stored, and goes out when it can.
    Kept,
    /// It was handed back.
    HandedBack {
        /// Whether the service certainly did not take it.
        certain: bool,
        /// The reason, in a word.
        reason: String,
    },
    /// The service has taken it, but no answer came in time.
    Unanswered,
}

/// What a program received of a message of the avatar or its owner.
#[derive(Clone, Debug, Default)]
pub struct Heard {
    /// Its texts, in the order of arrival.
    pub texts: Vec<String>,
    /// How many of them came to a process that replaced a killed one.
    pub again: usize,
}

/// What all programs know.
#[derive(Debug, Default)]
pub struct Account {
    /// By text; all texts differ.
    pub sent: BTreeMap<String, Fate>,
    /// By message id.
    pub heard: BTreeMap<String, Heard>,
    /// Sessions with an announced gap.
    pub may_lack: BTreeSet<String>,
}

/// The comparison of the two sides.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Messages that programs sent.
    pub sent: usize,
    /// How many of them the service has taken.
    pub delivered: usize,
    /// Messages that the service has taken more than once.
    pub doubled: Vec<String>,
    /// Messages that programs believe to be taken or pending, and that the service never took.
    pub lost: Vec<String>,
    /// Messages that were handed back as certainly not taken, and that the service took.
    pub wrongly_handed_back: Vec<String>,
    /// Messages that were handed back, by reason.
    pub handed_back: BTreeMap<String, usize>,
    /// Replies and owner's messages on the service.
    pub said: usize,
    /// How many of them were received.
    pub heard: usize,
    /// What one process received more than once.
    pub heard_twice: Vec<String>,
    /// What a process received again after it replaced a killed one.
    pub heard_again: usize,
    /// What was never received, although no gap was announced.
    pub unheard: Vec<String>,
    /// What was never received in sessions with an announced gap.
    pub missing_as_told: usize,
    /// What the service never said.
    pub foreign: Vec<String>,
}

impl Account {
    /// Compares with what the service has.
    pub fn against(&self, service: &State) -> Verdict {
        let mut verdict = Verdict { sent: self.sent.len(), ..Verdict::default() };
        let mut taken: BTreeMap<&str, usize> = BTreeMap::new();
        let mut known = BTreeSet::new();
        for session in &service.sessions {
            for message in &session.messages {
                if message.author == Author::Visitor {
                    *taken.entry(&message.text).or_default() += 1;
                    continue;
                }
                known.insert(message.message_id.as_str());
                verdict.said += 1;
                let heard = self.heard.get(&message.message_id);
                self.compare(heard, &message.message_id, &message.text, &session.session_id, &mut verdict);
            }
        }
        verdict.foreign.extend(self.heard.keys().filter(|id| !known.contains(id.as_str())).cloned());
        for (text, fate) in &self.sent {
            let times = taken.get(text.as_str()).copied().unwrap_or_default();
            verdict.delivered += usize::from(times > 0);
            if times > 1 {
                verdict.doubled.push(text.clone());
            }
            match fate {
                Fate::Taken | Fate::Kept | Fate::Unanswered if times == 0 => verdict.lost.push(text.clone()),
                Fate::HandedBack { certain: true, .. } if times > 0 => {
                    verdict.wrongly_handed_back.push(text.clone());
                }
                Fate::HandedBack { reason, .. } => {
                    *verdict.handed_back.entry(reason.clone()).or_default() += 1;
                }
                Fate::Taken | Fate::Kept | Fate::Unanswered => {}
            }
        }
        verdict
    }

    fn compare(&self, heard: Option<&Heard>, id: &str, text: &str, session: &str, verdict: &mut Verdict) {
        let Some(heard) = heard else {
            match self.may_lack.contains(session) {
                true => verdict.missing_as_told += 1,
                false => verdict.unheard.push(format!("{id}: {text}")),
            }
            return;
        };
        verdict.heard += 1;
        verdict.heard_again += heard.again;
        // A reply with a long pause comes in two parts.
        let all = heard.texts.concat();
        if all == text {
            return;
        }
        let whole = heard.texts.iter().filter(|part| *part == text).count();
        if whole > 0 && whole == heard.texts.len() && heard.again == whole - 1 {
            return; // Whole each time, once by each process.
        }
        if all.len() > text.len() {
            verdict.heard_twice.push(format!("{id}: {text:?} was heard as {:?}", heard.texts));
        } else if self.may_lack.contains(session) {
            verdict.missing_as_told += 1;
        } else {
            verdict.unheard.push(format!("{id}: of {text:?} only {all:?}"));
        }
    }
}

impl Verdict {
    /// Whether nothing was lost and nothing came twice.
    pub fn is_good(&self) -> bool {
        self.doubled.is_empty()
            && self.lost.is_empty()
            && self.wrongly_handed_back.is_empty()
            && self.heard_twice.is_empty()
            && self.unheard.is_empty()
            && self.foreign.is_empty()
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let handed_back: usize = self.handed_back.values().sum();
        writeln!(f, "sent                    {:>6}", self.sent)?;
        writeln!(f, "delivered               {:>6}", self.delivered)?;
        writeln!(f, "duplicated              {:>6}", self.doubled.len())?;
        writeln!(f, "lost                    {:>6}", self.lost.len() + self.wrongly_handed_back.len())?;
        writeln!(f, "handed back             {handed_back:>6}")?;
        for (reason, times) in &self.handed_back {
            writeln!(f, "  {reason:<40} {times:>6}")?;
        }
        writeln!(f, "said to visitors        {:>6}", self.said)?;
        writeln!(f, "heard                   {:>6}", self.heard)?;
        writeln!(f, "heard twice             {:>6}", self.heard_twice.len())?;
        writeln!(f, "heard again after a kill{:>6}", self.heard_again)?;
        writeln!(f, "not heard               {:>6}", self.unheard.len())?;
        writeln!(f, "missing, as was told    {:>6}", self.missing_as_told)?;
        let bad = [
            &self.doubled,
            &self.lost,
            &self.wrongly_handed_back,
            &self.heard_twice,
            &self.unheard,
            &self.foreign,
        ];
        let names =
            ["taken twice", "lost", "certainly not sent, but taken", "heard twice", "not heard", "foreign"];
        for (name, list) in names.iter().zip(bad) {
            for what in list.iter().take(8) {
                writeln!(f, "  {name}: {what}")?;
            }
        }
        Ok(())
    }
}
