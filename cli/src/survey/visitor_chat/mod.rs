//! The questions about Visitor Chat that an app alone can answer.

mod calls;
mod sockets;
mod speech;
mod visit;

pub(crate) use self::visit::Credentials;
use self::visit::Visit;
use super::sockets::{Offer, Socket};
use super::walk::{Question, Shown, Walk};
use super::wire::{NoVisit, Trouble};

pub(super) const DOOR: &str = "visitor-chat";

/// Calls that come before the first question.
pub(super) const OTHER_CALLS: u32 = 2;

/// Something to find out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Topic {
    Refusals,
    VisitorId,
    Handshake,
    BarePing,
    Exchange,
    SecondInit,
    SendApiKey,
    Silence,
    AddressLife,
}

/// Each topic with its question.
const ASKED: [(Topic, Question); 9] = [
    (
        Topic::Refusals,
        Question::new("What does a refusal look like?", &["failure-http", "failure-form"]).opens(1, 0),
    ),
    (Topic::VisitorId, Question::new("Is any visitorId taken?", &["visitor-id"]).opens(1, 0)),
    (
        Topic::Handshake,
        Question::new("Does a socket need an Origin, may it offer an extension, and is its address good for a second one?", &["origin", "extensions"]).opens(2, 4),
    ),
    (
        Topic::BarePing,
        Question::new("Is a ping without wsId answered?", &["bare-ping", "pings"]).opens(1, 1).waits(30),
    ),
    (
        Topic::Exchange,
        Question::new(
            "What do an echo and a reply look like, and does a frame come again that is not acknowledged?",
            &["send-answer", "frame-ids", "echo", "echo-id", "streaming", "end-mark", "money", "redelivery"],
        )
        .messages(1)
        .opens(2, 1)
        .waits(70),
    ),
    (
        Topic::SecondInit,
        Question::new(
            "Does a second init find the session, and what becomes of the first socket?",
            &["second-init", "older-socket"],
        )
        .messages(1)
        .opens(2, 1)
        .waits(50),
    ),
    (
        Topic::SendApiKey,
        Question::new("Has a message to carry the apiKey?", &["send-api-key"]).messages(1).opens(1, 0),
    ),
    (
        Topic::Silence,
        Question::new("How soon does a socket drop that sends no ping?", &["ping-drop"]).waits(80),
    ),
    (
        Topic::AddressLife,
        Question::new("How long is a socket's address good?", &["socket-url-life"]).opens(0, 1).waits(30),
    ),
];

/// The questions in their order.
pub(super) fn questions() -> impl Iterator<Item = &'static Question> {
    ASKED.iter().map(|(_, question)| question)
}

const COSTS_THE_QUOTA: &str =
    "Only a key whose quota is used up can tell, and that would lock its other programs out.";

/// What cannot be seen from here, and why.
const NOT_ASKED: [(&str, &str); 4] = [
    ("quota", COSTS_THE_QUOTA),
    ("message-length", "To find the limit would cost many messages of thousands of characters."),
    ("takeover-silence", "Only the avatar's owner can take over."),
    ("voice", "No one but the avatar's owner can have a voice message sent."),
];

/// What is found without a question of its own, or not asked at all.
pub(super) const OTHERS: &[&str] = &[
    "expires-in",
    "opening",
    "socket-url",
    "close-code",
    "quota",
    "message-length",
    "takeover-silence",
    "voice",
];

/// What the questions have in common once the chat is open.
struct State<'a> {
    visit: Visit<'a>,
    socket: Option<Socket>,
    shown: Shown,
    /// Whether an address is good for more than one connection, once that is known.
    many: Option<bool>,
    said: u32,
}

impl Walk<'_> {
    /// Asks every question, one after the other. What is known so far stands in the findings at any time.
    pub(super) async fn run_visitor_chat(
        mut self,
        credentials: &Credentials,
        visitor_id: &str,
    ) -> Result<(), NoVisit> {
        self.report.doing("opening a chat");
        let visit = Visit::begin(self.wire, credentials, visitor_id).await?;
        self.note_token_and_init(&visit);
        self.report.show(self.findings, &self.wire.secrets);
        let mut state = State { visit, socket: None, shown: Shown::default(), many: None, said: 0 };
        for (topic, question) in &ASKED {
            self.put_at_chat(*topic, question, &mut state).await;
        }
        self.findings.leave_out(&NOT_ASKED);
        self.note_close_code(&state.shown);
        if let Some(socket) = state.socket.take() {
            socket.close().await;
        }
        self.report.show(self.findings, &self.wire.secrets);
        Ok(())
    }

    async fn put_at_chat(&mut self, topic: Topic, question: &Question, state: &mut State<'_>) {
        if question.switches.iter().all(|switch| self.findings.answer_to(switch).is_some()) {
            // An earlier question has answered it.
            return;
        }
        // A second init may close the first socket, and then nothing has to be said.
        if question.messages > 0
            && topic != Topic::SecondInit
            && let Err(why) = self.may_say(question).await
        {
            return self.skip(question, &why);
        }
        self.begin(question);
        let outcome = match topic {
            Topic::Refusals => self.ask_chat_refusals(state).await,
            Topic::VisitorId => self.ask_visitor_id(state).await,
            Topic::Handshake => self.ask_chat_handshake(state).await,
            Topic::BarePing => self.ask_bare_ping(state).await,
            Topic::Exchange => self.ask_chat_exchange(state).await,
            Topic::SecondInit => self.ask_second_init(question, state).await,
            Topic::SendApiKey => self.ask_send_api_key(state).await,
            Topic::Silence => self.ask_chat_silence(state).await,
            Topic::AddressLife => self.ask_address_life(state).await,
        };
        self.conclude(question, outcome);
    }

    /// Returns the open socket. Opens one if none is open.
    async fn chat_socket<'s>(&mut self, state: &'s mut State<'_>) -> Result<&'s mut Socket, Trouble> {
        if state.socket.as_ref().is_some_and(|socket| socket.ended.is_some()) {
            state.socket = None;
        }
        if state.socket.is_none() {
            state.socket = Some(self.chat_connect(state).await?);
        }
        state.socket.as_mut().ok_or_else(|| Trouble::new("there is no socket"))
    }

    /// One more socket: at the address of the last `init`, if that is good for more than one and young enough,
    /// else at a new one.
    async fn chat_connect(&mut self, state: &mut State<'_>) -> Result<Socket, Trouble> {
        let offer = Offer { origin: Some(self.own_origin()), ..Offer::default() };
        if state.many == Some(true)
            && let Ok(socket) = state.visit.connect(self.wire, &offer).await?
        {
            return Ok(self.kept_alive(socket));
        }
        state.visit.init(self.wire).await??;
        let connected = state.visit.connect(self.wire, &offer).await?;
        let refused = |how: super::sockets::Refused| {
            Trouble::new(format!("the socket's handshake was refused ({})", how.shown()))
        };
        connected.map(|socket| self.kept_alive(socket)).map_err(refused)
    }

    /// A ping without `wsId` may end a socket.
    fn kept_alive(&self, mut socket: Socket) -> Socket {
        socket.pinging = socket.ws_id.is_some() || self.findings.answer_to("bare-ping") != Some("closed");
        socket
    }

    fn next_text(state: &mut State<'_>) -> String {
        state.said += 1;
        let number = state.said;
        format!(
            "Hello! This is an automatic check of the connection ({number}). One short sentence is enough as an answer."
        )
    }
}
