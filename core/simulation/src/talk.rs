//! Commands as tests give them, with the page's deadlines.

use secondme_avatar_emulator::service::{Injection, OwnerAction};
use secondme_avatar_protocol::{Command, ConversationKey, Error, Outcome, SeqId, Text, Ticket, limits};

use crate::client::ClientId;
use crate::world::World;

const FIRST: ConversationKey = ConversationKey::FIRST;

impl World {
    /// Gives a command that makes sense.
    pub fn command(&mut self, client: ClientId, command: Command) -> Ticket {
        self.with_machine(client, |machine, now| machine.command(now, command)).expect("no misuse")
    }

    /// Opens the first conversation.
    pub fn open(&mut self, client: ClientId) -> Ticket {
        self.open_beside(client, FIRST)
    }

    /// Opens a conversation.
    pub fn open_beside(&mut self, client: ClientId, conversation: ConversationKey) -> Ticket {
        self.command(client, Command::Open { conversation, deadline: limits::OPEN_DEADLINE })
    }

    /// Opens the first conversation, and waits until it is open.
    pub fn opened(&mut self, client: ClientId) {
        let open = self.open(client);
        self.answer(client, open).expect("it opens");
    }

    /// Says something in the first conversation.
    pub fn send(&mut self, client: ClientId, text: &str) -> Ticket {
        let deadline = limits::SEND_DEADLINE;
        self.command(client, Command::Send { conversation: FIRST, text: Text::from(text), deadline })
    }

    /// Asks something in the first conversation.
    pub fn ask(&mut self, client: ClientId, text: &str) -> Ticket {
        self.ask_in(client, FIRST, text)
    }

    /// Asks something.
    pub fn ask_in(&mut self, client: ClientId, conversation: ConversationKey, text: &str) -> Ticket {
        let ask = Command::Ask {
            conversation,
            text: Text::from(text),
            deadline: limits::ASK_DEADLINE,
            first_piece: limits::FIRST_PIECE,
            collect: None,
            pieces: true,
        };
        self.command(client, ask)
    }

    /// Looks back in the first conversation.
    pub fn history(&mut self, client: ClientId, limit: usize, before: Option<SeqId>) -> Ticket {
        let deadline = limits::HISTORY_DEADLINE;
        self.command(client, Command::History { conversation: FIRST, before, limit, deadline })
    }

    /// Closes the first conversation.
    pub fn close(&mut self, client: ClientId, end_session: bool) -> Ticket {
        let deadline = limits::CLOSE_DEADLINE;
        self.command(client, Command::Close { conversation: FIRST, deadline, end_session })
    }

    /// Waits until a command is answered.
    pub fn answer(&mut self, client: ClientId, ticket: Ticket) -> Result<Outcome, Error> {
        self.run_until(|world| world.of(client).log.answers.contains_key(&ticket));
        self.of(client).log.answers[&ticket].1.clone()
    }

    /// The text of the reply to an ask, waited for.
    pub fn reply(&mut self, client: ClientId, ticket: Ticket) -> String {
        match self.answer(client, ticket) {
            Ok(Outcome::Replied(reply)) => reply.text.into_string(),
            other => panic!("no reply: {other:?}"),
        }
    }

    /// The session of the client's first conversation.
    pub fn session(&self, client: ClientId) -> String {
        self.of(client).machine.session_id(FIRST).expect("a session").as_str().to_owned()
    }

    /// The owner does something in the client's first conversation.
    pub fn owner(&mut self, client: ClientId, act: impl FnOnce(String) -> OwnerAction) {
        let action = act(self.session(client));
        self.with_service(|service, now| service.owner(now, action)).expect("the owner may");
    }

    /// The owner writes in person.
    pub fn owner_says(&mut self, client: ClientId, text: &str) {
        self.owner(client, |session_id| OwnerAction::Reply { session_id, text: text.to_owned() });
    }

    /// Puts a frame into the client's first conversation.
    pub fn inject(&mut self, client: ClientId, injection: Injection) {
        let session = self.session(client);
        self.with_service(|service, now| service.inject(now, &session, injection)).expect("a session");
    }
}
