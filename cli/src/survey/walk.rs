//! What the walks through both doors have in common: what may be said, what was found, what has been heard.

use std::time::Duration;

use serde_json::Value;

use super::ask::{Asker, Decision};
use super::clock::Clock;
use super::findings::{Findings, seconds};
use super::frames::{end_mark, index_of, is_reply, is_said, money_in};
use super::report::Report;
use super::sockets::{Heard, Refused, Socket, listen};
use super::wire::{Refusal, Trouble, Wire};

/// How long a reply may let wait for itself.
const REPLY_WITHIN: Duration = Duration::from_secs(45);
/// A reply is over when nothing has come for so long.
const QUIET: Duration = Duration::from_secs(4);
/// The longest wait for the end of frames that belong to earlier questions.
const DRAINS_WITHIN: Duration = Duration::from_secs(60);

/// The code with which an older socket is closed where a silent one is cut.
const OLDER_OF_MIXED: u16 = 4001;

/// A question, what it answers, and what it costs at most.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question {
    pub(super) text: &'static str,
    pub(super) switches: &'static [&'static str],
    pub(super) messages: u32,
    pub(super) calls: u32,
    pub(super) sockets: u32,
    /// How long it waits at most, in seconds.
    pub(super) wait: u64,
}

impl Question {
    /// What a question is and what it answers, at no cost yet.
    pub(super) const fn new(text: &'static str, switches: &'static [&'static str]) -> Self {
        Self { text, switches, messages: 0, calls: 0, sockets: 0, wait: 0 }
    }

    pub(super) const fn messages(mut self, messages: u32) -> Self {
        self.messages = messages;
        self
    }

    /// Calls and sockets.
    pub(super) const fn opens(mut self, calls: u32, sockets: u32) -> Self {
        (self.calls, self.sockets) = (calls, sockets);
        self
    }

    pub(super) const fn waits(mut self, seconds: u64) -> Self {
        self.wait = seconds;
        self
    }
}

/// One walk through the questions.
pub(super) struct Walk<'a> {
    pub(super) wire: &'a mut Wire,
    pub(super) findings: &'a mut Findings,
    pub(super) report: &'a mut Report,
    pub(super) asker: &'a Asker,
    /// The most messages that may be sent.
    pub(super) budget: u32,
}

/// What an exchange has shown, for the questions after it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shown {
    /// Whether a message was ever taken.
    pub(super) taken: bool,
    /// Whether frames carry what an acknowledgement needs.
    pub(super) can_acknowledge: bool,
    /// Whether the echo came.
    pub(super) echo_comes: bool,
    /// How long the reply took.
    pub(super) reply_after: Duration,
    /// The code with which a silent socket was closed, if one was.
    pub(super) silent_close: Option<Option<u16>>,
    /// The code with which an older socket was closed, if one was.
    pub(super) older_close: Option<Option<u16>>,
}

impl Default for Shown {
    fn default() -> Self {
        Self {
            taken: false,
            can_acknowledge: true,
            echo_comes: false,
            reply_after: Duration::from_secs(20),
            silent_close: None,
            older_close: None,
        }
    }
}

impl Walk<'_> {
    /// Says what is asked now.
    pub(super) fn begin(&self, question: &Question) {
        let wait = match question.wait {
            0 => String::new(),
            wait => format!(" (up to {wait} s)"),
        };
        self.report.doing(&format!("{}{wait}", question.text));
    }

    /// Every switch of a question has a finding afterwards.
    pub(super) fn conclude(&mut self, question: &Question, outcome: Result<(), Trouble>) {
        let why = match outcome {
            Ok(()) => "The question brought no answer.".to_owned(),
            Err(trouble) => format!("The question could not be put to its end: {}.", trouble.as_str()),
        };
        for switch in question.switches {
            if !self.findings.has(switch) {
                self.findings.not_seen(switch, &why);
            }
        }
        self.report.show(self.findings, &self.wire.secrets);
    }

    /// Whether a question may be put that costs messages; if not, why.
    pub(super) async fn may_say(&self, question: &Question) -> Result<(), String> {
        if self.wire.used.messages + question.messages > self.budget {
            let cost = if question.messages == 1 { "a message" } else { "two messages" };
            return Err(format!("It costs {cost}, and --budget allows no more."));
        }
        match self.asker.may(question.text, question.messages).await {
            Decision::Yes => Ok(()),
            Decision::No => Err("It costs a message, which was not allowed.".to_owned()),
        }
    }

    pub(super) fn skip(&mut self, question: &Question, why: &str) {
        for switch in question.switches {
            self.findings.not_asked(switch, why);
        }
        self.report.show(self.findings, &self.wire.secrets);
    }

    /// The base URL's own origin.
    pub(super) fn own_origin(&self) -> String {
        self.wire.base().origin().ascii_serialization()
    }

    /// A refusal for the quota may have come unasked, for other programs use the key as well.
    pub(super) fn note_quota(&mut self) {
        match &self.wire.refused_for_quota {
            None => {}
            Some(None) => {
                self.findings.answer("retry-after", "absent", "A refusal for the quota had no Retry-After.")
            }
            Some(Some(said)) if said.trim().parse::<u32>().is_ok() => {
                self.findings.answer(
                    "retry-after",
                    "seconds",
                    "A refusal for the quota had a Retry-After in seconds.",
                );
            }
            Some(Some(said)) if said.trim().ends_with("GMT") => {
                self.findings.answer(
                    "retry-after",
                    "date",
                    "A refusal for the quota had a Retry-After with a date.",
                );
            }
            Some(Some(_)) => self
                .findings
                .not_seen("retry-after", "A refusal for the quota had a Retry-After that is no number."),
        }
    }

    /// What became of a handshake without an `Origin`, where one with the base URL's own was taken.
    pub(super) fn note_origin(&mut self, refused: Refused) {
        let what = refused.shown();
        let seen =
            format!("A handshake without an Origin got {what}; one with the base URL's own was taken.");
        match refused {
            Refused::Status(403) => self.findings.answer("origin", "required", seen),
            Refused::NoAnswer => self.findings.answer("origin", "reset", seen),
            Refused::Status(_) => {
                self.findings.not_seen("origin", format!("{seen} No known answer is like that."));
            }
        }
    }

    /// Whether a handshake may offer an extension, from what became of one that did.
    pub(super) fn note_extensions(&mut self, refused: Option<Refused>) {
        match refused {
            None => {
                let seen = "A handshake that offered an extension was taken.";
                self.findings.answer("extensions", "free", seen);
            }
            Some(Refused::NoAnswer) => {
                let seen = "A handshake that offered an extension got no HTTP answer.";
                self.findings.answer("extensions", "reset", seen);
            }
            Some(Refused::Status(status)) => {
                let why = format!(
                    "A handshake that offered an extension got HTTP {status}. No known answer is like that."
                );
                self.findings.not_seen("extensions", why);
            }
        }
    }

    /// How the service closes sockets on its own, from those that it has closed in this run.
    pub(super) fn note_close_code(&mut self, shown: &Shown) {
        let silent = shown.silent_close.map(|code| format!("A silent socket was closed {}.", close_of(code)));
        let older = shown.older_close.map(|code| format!("An older socket was closed {}.", close_of(code)));
        let seen: Vec<_> = [silent, older].into_iter().flatten().collect();
        let seen = seen.join(" ");
        let answer = match (shown.silent_close, shown.older_close) {
            (Some(None), Some(Some(OLDER_OF_MIXED))) | (None, Some(Some(OLDER_OF_MIXED))) => Some("mixed"),
            (Some(None), Some(None)) | (None, Some(None)) => Some("none"),
            (Some(Some(code)), None) | (None, Some(Some(code))) => known_code(code),
            (Some(Some(code)), Some(Some(other))) if code == other => known_code(code),
            _ => None,
        };
        match (answer, shown.silent_close, shown.older_close) {
            (Some(answer), _, _) => self.findings.answer("close-code", answer, seen),
            (None, None, None) => {
                self.findings.not_seen("close-code", "The service closed no socket in this run.")
            }
            (None, Some(None), None) => {
                let why = format!("{seen} An older socket, which could tell more, stays open.");
                self.findings.not_seen("close-code", why);
            }
            _ => self.findings.not_seen("close-code", format!("{seen} No known answer is like that.")),
        }
    }

    /// What an exchange says about allowances: a refusal, or the frames.
    pub(super) fn note_money(&mut self, outcome: &Result<(), Refusal>, frames: &[&Value]) {
        match outcome {
            Err(refusal) if refusal.is_for_money() => {
                let seen = format!("A message got {}.", refusal.shown());
                self.findings.answer("money", "refused", seen);
            }
            Err(_) => {}
            Ok(()) if frames.iter().any(|frame| money_in(frame)) => {
                let seen = "A message was taken, and a frame said that an allowance is used up.";
                self.findings.answer("money", "frame", seen);
            }
            Ok(()) if frames.iter().any(|frame| is_reply(frame)) => {
                self.findings.answer("money", "free", "A message was answered; no allowance was used up.");
            }
            Ok(()) => {}
        }
    }

    /// How a reply came, from its frames.
    pub(super) fn note_pieces(&mut self, reply: &[&Value]) {
        if reply.is_empty() {
            let why = format!("No reply came within {}.", seconds(REPLY_WITHIN));
            self.findings.not_seen("streaming", &why);
            return self.findings.not_seen("end-mark", why);
        }
        if !reply.iter().any(|frame| index_of(frame).is_some()) {
            self.findings.answer("streaming", "whole", "The reply came in one frame without an index.");
            self.findings.not_seen("end-mark", "The reply came whole, so it needed no end.");
            return;
        }
        let seen = format!("The reply came in {} frames with an index.", reply.len());
        self.findings.answer("streaming", "pieces", seen);
        match end_mark(reply) {
            Some((answer, seen)) => self.findings.answer("end-mark", answer, seen),
            None => self.findings.not_seen("end-mark", "The reply ended like no known answer."),
        }
    }

    /// Waits until sockets are silent, so that what comes then belongs to what is asked next.
    pub(super) async fn drain(
        &mut self,
        can_acknowledge: bool,
        sockets: &mut [&mut Socket],
    ) -> Result<(), Trouble> {
        let comes_again = self.findings.answer_to("redelivery") == Some("after-5s") && !can_acknowledge;
        let quiet = if comes_again { Duration::from_secs(6) } else { Duration::from_millis(1_500) };
        let clock = self.wire.clock.clone();
        let began = clock.now();
        let silent = |sockets: &[&mut Socket]| {
            clock.now().saturating_sub(last_said(sockets).unwrap_or(began).max(began)) >= quiet
        };
        if listen(&clock, sockets, DRAINS_WITHIN, silent).await? {
            return Ok(());
        }
        Err(Trouble::new("frames do not stop coming that belong to earlier questions"))
    }
}

fn known_code(code: u16) -> Option<&'static str> {
    Some(match code {
        1000 => "1000",
        1001 => "1001",
        1012 => "1012",
        3001 => "3001",
        4003 => "4003",
        _ => return None,
    })
}

/// In words: how a socket was closed.
pub(super) fn close_of(code: Option<u16>) -> String {
    code.map_or_else(|| "without a close frame".to_owned(), |code| format!("with code {code}"))
}

/// Keeps what was heard among what must not be written.
pub(super) fn keep(wire: &mut Wire, heard: &[Heard]) {
    heard.iter().for_each(|heard| wire.secrets.keep_all(&heard.frame));
}

/// The moment of the last frame that is more than the socket's own.
fn last_said(sockets: &[&mut Socket]) -> Option<Duration> {
    let said = sockets.iter().flat_map(|socket| socket.heard.iter().filter(|heard| is_said(&heard.frame)));
    said.map(|heard| heard.at).max()
}

/// Listens until the reply to a message is over, or does not come. Says whether one came. What counts begins at a
/// number of frames of the first socket.
pub(super) async fn hear_out(
    clock: &Clock,
    sockets: &mut [&mut Socket],
    from: usize,
    sent: Duration,
) -> Result<bool, Trouble> {
    let replied = |sockets: &[&mut Socket]| {
        sockets[0].heard[from..].iter().any(|heard| is_reply(&heard.frame) && heard.at >= sent)
    };
    let over = |sockets: &[&mut Socket]| {
        let quiet = last_said(sockets).is_some_and(|last| clock.now().saturating_sub(last) >= QUIET);
        sockets[0].ended.is_some() || (replied(sockets) && quiet)
    };
    listen(clock, sockets, REPLY_WITHIN, over).await?;
    Ok(replied(sockets))
}
