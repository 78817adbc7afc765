//! What was said and what was heard, on both sides, and whether it agrees.

use std::collections::{BTreeMap, BTreeSet};

use secondme_avatar_emulator::service::{Author, State};

/// What a program was told of a message that it sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// That the service took it.
    Taken,
    /// That it is kept, and goes out when it can.
    Kept,
    /// That it is handed back: certainly not taken, or nobody can tell.
    HandedBack {
        /// Which of the two.
        certain: bool,
        /// Why, in a word.
        reason: String,
    },
    /// That the service took it, but no answer came in time.
    Unanswered,
}

/// What a program heard of one message of the avatar or its owner.
#[derive(Clone, Debug, Default)]
pub struct Heard {
    /// Its texts, in the order in which they came.
    pub texts: Vec<String>,
    /// Of these, how many came to a process that went on for one that was killed.
    pub again: usize,
}

/// All that programs know.
#[derive(Debug, Default)]
pub struct Account {
    /// By text; each is another.
    pub sent: BTreeMap<String, Fate>,
    /// By message id.
    pub heard: BTreeMap<String, Heard>,
    /// Sessions of which it was said that something may be missing.
    pub may_lack: BTreeSet<String>,
}

/// How the two sides agree.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Messages that programs sent.
    pub sent: usize,
    /// Of these, what the service took.
    pub delivered: usize,
    /// What it took more than once.
    pub doubled: Vec<String>,
    /// What programs were told it took, or would be sent, and it never took.
    pub lost: Vec<String>,
    /// What programs were told it certainly did not take, and it took.
    pub wrongly_handed_back: Vec<String>,
    /// Handed back, by reason.
    pub handed_back: BTreeMap<String, usize>,
    /// Replies and messages of the owner that the service has.
    pub said: usize,
    /// Of these, what was heard.
    pub heard: usize,
    /// What was heard more than once by one process.
    pub heard_twice: Vec<String>,
    /// What was heard again by a process that went on for a killed one.
    pub heard_again: usize,
    /// What was never heard, though nobody said that something may be missing.
    pub unheard: Vec<String>,
    /// What was never heard in sessions of which that was said.
    pub missing_as_told: usize,
    /// What came from nowhere.
    pub foreign: Vec<String>,
}

impl Account {
    /// Holds it against what the service has.
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
        // A reply that stopped for a while is told in two parts.
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
