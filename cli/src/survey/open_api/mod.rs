//! The questions about the Avatar Open API that a visitor alone can answer.

mod handshake;
mod lifetimes;
mod refusals;
mod speech;
mod twice;
mod visit;

use self::visit::Visit;
use super::sockets::{Offer, Socket};
use super::walk::{Question, Shown, Walk};
use super::wire::{NoVisit, Trouble};

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

/// Each topic with its question.
const ASKED: [(Topic, Question); 10] = [
    (
        Topic::Refusals,
        Question::new("What does a refusal look like?", &["failure-shape", "failure-status", "dead-token"])
            .opens(3, 0),
    ),
    (Topic::History, Question::new("Are the calls for history there?", &["history-calls"]).opens(2, 0)),
    (
        Topic::Handshake,
        Question::new(
            "Does a socket need an Origin, and may it offer an extension?",
            &["origin", "extensions"],
        )
        .opens(3, 3),
    ),
    (Topic::Pings, Question::new("Are pings answered?", &["pings"]).opens(1, 1).waits(20)),
    (
        Topic::Exchange,
        Question::new(
            "What do an echo and a reply look like, and does a frame come again that is not acknowledged?",
            &[
                "frame-fields",
                "streaming",
                "end-mark",
                "client-text",
                "money",
                "redelivery",
                "replies-per-question",
            ],
        )
        .messages(1)
        .opens(2, 1)
        .waits(70),
    ),
    (
        Topic::Repeated,
        Question::new(
            "Is a message that is sent twice under one id one message or two?",
            &["repeated-message"],
        )
        .messages(2)
        .opens(2, 0)
        .waits(70),
    ),
    (
        Topic::SecondSocket,
        Question::new("What becomes of the first socket when a second one connects?", &["second-socket"])
            .messages(1)
            .opens(2, 1)
            .waits(50),
    ),
    (
        Topic::DeadSocket,
        Question::new("What becomes of a message that names a socket which is gone?", &["dead-socket-send"])
            .messages(1)
            .opens(1, 0)
            .waits(20),
    ),
    (
        Topic::Silence,
        Question::new("How soon does a socket drop that sends no ping?", &["ping-drop"]).waits(80),
    ),
    (
        Topic::Token,
        Question::new("How long is a visitor's token good?", &["token-lifetime"]).opens(8, 0).waits(40),
    ),
];

/// The questions in their order.
pub(super) fn questions() -> impl Iterator<Item = &'static Question> {
    ASKED.iter().map(|(_, question)| question)
}

/// What a visitor cannot see, and why.
const NOT_ASKED: [(&str, &str); 4] = [
    ("other-clients", "The survey sends what the page says, and nothing else."),
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
pub(super) const OTHERS: &[&str] =
    &["id-form", "close-code", "other-clients", "quota-scope", "retry-after", "takeover-silence"];

/// What the questions have in common once the conversation is open.
struct State {
    visit: Visit,
    /// The socket that is open, if one is.
    socket: Option<Socket>,
    /// The `wsId` of a socket that is gone.
    gone: Option<String>,
    shown: Shown,
    said: u32,
}

impl Walk<'_> {
    /// Asks every question, one after the other. What is known so far stands in the findings at any time.
    pub(super) async fn run_open_api(mut self, key: &str, visitor_id: &str) -> Result<(), NoVisit> {
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
        self.report.show(self.findings, &self.wire.secrets);
        let mut state = State { visit, socket: None, gone: None, shown: Shown::default(), said: 0 };
        for (topic, question) in &ASKED {
            self.put(*topic, question, &mut state).await;
        }
        self.findings.leave_out(&NOT_ASKED);
        self.note_quota();
        self.note_close_code(&state.shown);
        if let Some(socket) = state.socket.take() {
            socket.close().await;
        }
        state.visit.end(self.wire).await;
        self.report.show(self.findings, &self.wire.secrets);
        Ok(())
    }

    /// Puts one question, if it may be put.
    async fn put(&mut self, topic: Topic, question: &Question, state: &mut State) {
        // A second socket may be closed at once, and then nothing has to be said.
        if question.messages > 0
            && topic != Topic::SecondSocket
            && let Err(why) = self.may_say(question).await
        {
            return self.skip(question, &why);
        }
        self.begin(question);
        let outcome = match topic {
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
        self.conclude(question, outcome);
    }

    /// Returns the open socket. Opens one if none is open.
    async fn socket<'s>(&mut self, state: &'s mut State) -> Result<&'s mut Socket, Trouble> {
        if state.socket.as_ref().is_some_and(|socket| socket.ended.is_some()) {
            state.gone = state.socket.take().and_then(|socket| socket.ws_id);
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
}
