//! The questions about the Avatar Open API that a visitor alone can answer.

mod handshake;
mod lifetimes;
mod refusals;
mod speech;
mod twice;
mod visit;

use std::time::Duration;

pub(crate) use self::visit::NoVisit;
use self::visit::Visit;
use super::ask::{Asker, Decision};
use super::findings::Findings;
use super::report::Report;
use super::sockets::{Offer, Socket};
use super::wire::{Trouble, Wire};

pub(super) const DOOR: &str = "avatar-open-api";

/// Calls that come before the first question, and the one that ends the session.
pub(super) const OTHER_CALLS: u32 = 7;

/// Something to find out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Topic {
    Refusals,
    History,
    Handshake,
    Pings,
    Exchange,
    Repeated,
    SecondSocket,
    DeadSocket,
    Silence,
    Token,
}

/// A question, what it answers, and what it costs at most.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question {
    topic: Topic,
    pub(super) text: &'static str,
    pub(super) switches: &'static [&'static str],
    pub(super) messages: u32,
    pub(super) calls: u32,
    pub(super) sockets: u32,
    /// How long it waits at most, in seconds.
    pub(super) wait: u64,
}

pub(super) const QUESTIONS: [Question; 10] = [
    Question {
        topic: Topic::Refusals,
        text: "What does a refusal look like?",
        switches: &["failure-shape", "failure-status", "dead-token"],
        messages: 0,
        calls: 3,
        sockets: 0,
        wait: 0,
    },
    Question {
        topic: Topic::History,
        text: "Are the calls for history there?",
        switches: &["history-calls"],
        messages: 0,
        calls: 2,
        sockets: 0,
        wait: 0,
    },
    Question {
        topic: Topic::Handshake,
        text: "Does a socket need an Origin?",
        switches: &["origin"],
        messages: 0,
        calls: 2,
        sockets: 2,
        wait: 0,
    },
    Question {
        topic: Topic::Pings,
        text: "Are pings answered?",
        switches: &["pings"],
        messages: 0,
        calls: 1,
        sockets: 1,
        wait: 20,
    },
    Question {
        topic: Topic::Exchange,
        text: "What do an echo and a reply look like, and does a frame come again that is not acknowledged?",
        switches: &["frame-fields", "streaming", "end-mark", "client-text", "redelivery"],
        messages: 1,
        calls: 2,
        sockets: 1,
        wait: 70,
    },
    Question {
        topic: Topic::Repeated,
        text: "Is a message that is sent twice under one id one message or two?",
        switches: &["repeated-message"],
        messages: 2,
        calls: 2,
        sockets: 0,
        wait: 70,
    },
    Question {
        topic: Topic::SecondSocket,
        text: "What becomes of the first socket when a second one connects?",
        switches: &["second-socket"],
        messages: 1,
        calls: 2,
        sockets: 1,
        wait: 50,
    },
    Question {
        topic: Topic::DeadSocket,
        text: "What becomes of a message that names a socket which is gone?",
        switches: &["dead-socket-send"],
        messages: 1,
        calls: 1,
        sockets: 0,
        wait: 20,
    },
    Question {
        topic: Topic::Silence,
        text: "How soon does a socket drop that sends no ping?",
        switches: &["ping-drop"],
        messages: 0,
        calls: 0,
        sockets: 0,
        wait: 80,
    },
    Question {
        topic: Topic::Token,
        text: "How long is a visitor's token good?",
        switches: &["token-lifetime"],
        messages: 0,
        calls: 8,
        sockets: 0,
        wait: 40,
    },
];

/// What a visitor cannot see, and why.
const NOT_ASKED: [(&str, &str); 3] = [
    (
        "quota-scope",
        "Only a key whose quota is used up can tell, and that would lock its other programs out.",
    ),
    (
        "retry-after",
        "Only a key whose quota is used up can tell, and that would lock its other programs out.",
    ),
    ("takeover-silence", "Only the avatar's owner can take over."),
];

/// What is found without a question of its own, or not asked at all.
pub(super) const OTHERS: &[&str] = &["id-form", "quota-scope", "retry-after", "takeover-silence"];

/// One walk through the questions.
pub(super) struct Walk<'a> {
    pub(super) wire: &'a mut Wire,
    pub(super) findings: &'a mut Findings,
    pub(super) report: &'a mut Report,
    pub(super) asker: &'a Asker,
    /// The most messages that may be sent.
    pub(super) budget: u32,
}

/// What the questions have in common once the conversation is open.
struct State {
    visit: Visit,
    /// The socket that is open, if one is.
    socket: Option<Socket>,
    /// The `wsId` of a socket that is gone.
    gone: Option<String>,
    /// Whether frames carry what an acknowledgement needs.
    can_acknowledge: bool,
    /// Whether the echo of the first message came.
    echo_comes: bool,
    /// How long the first reply took.
    reply_after: Duration,
    said: u32,
}

impl Walk<'_> {
    /// Asks every question, one after the other. What is known so far stands in the findings at any time.
    pub(super) async fn run(mut self, key: &str, visitor_id: &str) -> Result<(), NoVisit> {
        self.report.doing("opening a conversation");
        let visit = Visit::begin(self.wire, key, visitor_id).await?;
        match visit.writes_numbers {
            Some(true) => self.findings.answer(
                "id-form",
                "number",
                "The authentication wrote a numeric id as a JSON number.",
            ),
            Some(false) => self.findings.answer(
                "id-form",
                "string",
                "The authentication wrote a numeric id as a string.",
            ),
            None => self.findings.not_seen("id-form", "The authentication held no numeric id."),
        }
        self.report.show(self.findings);
        let mut state = State {
            visit,
            socket: None,
            gone: None,
            can_acknowledge: true,
            echo_comes: false,
            reply_after: Duration::from_secs(20),
            said: 0,
        };
        for question in &QUESTIONS {
            self.put(question, &mut state).await;
            self.report.show(self.findings);
        }
        for (switch, why) in NOT_ASKED {
            if !self.findings.has(switch) {
                self.findings.not_asked(switch, why);
            }
        }
        self.note_quota();
        if let Some(socket) = state.socket.take() {
            socket.close().await;
        }
        state.visit.end(self.wire).await;
        self.report.show(self.findings);
        Ok(())
    }

    /// Puts one question, if it may be put.
    async fn put(&mut self, question: &Question, state: &mut State) {
        // A second socket may be closed at once, and then nothing has to be said.
        if question.messages > 0
            && question.topic != Topic::SecondSocket
            && let Err(why) = self.may_say(question).await
        {
            return self.skip(question, &why);
        }
        let wait = match question.wait {
            0 => String::new(),
            wait => format!(" (up to {wait} s)"),
        };
        self.report.doing(&format!("{}{wait}", question.text));
        let outcome = match question.topic {
            Topic::Refusals => self.ask_refusals(state).await,
            Topic::History => self.ask_history(state).await,
            Topic::Handshake => self.ask_handshake(state).await,
            Topic::Pings => self.ask_pings(state).await,
            Topic::Exchange => self.ask_exchange(state).await,
            Topic::Repeated => self.ask_repeated(state).await,
            Topic::SecondSocket => self.ask_second_socket(question, state).await,
            Topic::DeadSocket => self.ask_dead_socket(state).await,
            Topic::Silence => self.ask_silence(state).await,
            Topic::Token => self.ask_token(state).await,
        };
        let why = match outcome {
            Ok(()) => "The question brought no answer.".to_owned(),
            Err(trouble) => format!("The question could not be put to its end: {}.", trouble.as_str()),
        };
        for switch in question.switches {
            if !self.findings.has(switch) {
                self.findings.not_seen(switch, &why);
            }
        }
    }

    /// Whether a question may be put that costs messages; if not, why.
    async fn may_say(&self, question: &Question) -> Result<(), String> {
        if self.wire.used.messages + question.messages > self.budget {
            let cost = if question.messages == 1 { "a message" } else { "two messages" };
            return Err(format!("It costs {cost}, and --budget allows no more."));
        }
        match self.asker.may(question.text, question.messages).await {
            Decision::Yes => Ok(()),
            Decision::No => Err("It costs a message, which was not allowed.".to_owned()),
        }
    }

    fn skip(&mut self, question: &Question, why: &str) {
        for switch in question.switches {
            self.findings.not_asked(switch, why);
        }
    }

    /// A refusal for the quota may have come unasked, for other programs use the key as well.
    fn note_quota(&mut self) {
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
            Some(Some(_)) => self
                .findings
                .not_seen("retry-after", "A refusal for the quota had a Retry-After that is no number."),
        }
    }

    /// The open socket; a new one if there is none.
    async fn socket<'s>(&mut self, state: &'s mut State) -> Result<&'s mut Socket, Trouble> {
        if state.socket.as_ref().is_some_and(|socket| socket.ended.is_some()) {
            state.gone = state.socket.take().map(|socket| socket.ws_id);
        }
        if state.socket.is_none() {
            state.socket = Some(self.connect(&mut state.visit).await?);
        }
        state.socket.as_mut().ok_or_else(|| Trouble::new("there is no socket"))
    }

    /// One more socket, made as the library makes it.
    async fn connect(&mut self, visit: &mut Visit) -> Result<Socket, Trouble> {
        let offer = Offer { origin: Some(self.own_origin()), ..Offer::default() };
        let connected = visit.connect(self.wire, &offer).await?;
        connected.map_err(|refused| {
            Trouble::new(format!("the socket's handshake was refused ({})", refused.shown()))
        })
    }

    fn own_origin(&self) -> String {
        self.wire.base().origin().ascii_serialization()
    }
}
