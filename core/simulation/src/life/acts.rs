//! What visitors, owners, processes and the service do in a storm.

use std::time::Duration;

use secondme_avatar_emulator::service::{CloseHow, Injection, OwnerAction};
use secondme_avatar_protocol::{Command, ConversationKey, State, Step, Text, Ticket};

use super::{Life, Person, text_of};
use crate::client::ClientId;
use crate::properties::Violation;
use crate::sight::Sight;

const KEYS: [ConversationKey; 3] = [ConversationKey::FIRST, ConversationKey(1), ConversationKey(2)];

impl Life {
    /// One of the people acts.
    pub(super) fn act(&mut self) -> Result<(), Violation> {
        let at = self.chance.below(self.people.len() as u64) as usize;
        let mut client = self.people[at].client;
        if self.world.of(client).machine.is_closed() && self.chance.below(3) > 0 {
            // To open a closed conversation takes a new machine, with what was saved.
            client = self.world.restart_with(client, self.config.clone());
            self.people[at].client = client;
            self.open(client, ConversationKey::FIRST);
        }
        let one = &self.world.of(client).machine;
        let open = one.conversations();
        if open.is_empty() && !one.is_closed() {
            self.open(client, ConversationKey::FIRST);
            return self.look();
        }
        let key = if open.is_empty() { ConversationKey::FIRST } else { self.chance.of(&open) };
        match self.chance.below(40) {
            0..7 => self.say(client, key, false),
            7..10 => self.says_durably(client, key),
            10..20 => self.say(client, key, true),
            20..24 => self.owner_acts(client, key),
            24 | 25 => self.looks_back(client, key),
            26 => {
                let key = self.chance.of(&KEYS);
                self.open(client, key);
            }
            27 => self.close(client, key),
            28 => {
                self.world.see(|| Sight::Pauses(client));
                self.command(client, Command::Pause, Duration::ZERO, None);
            }
            29 | 30 => {
                self.command(client, Command::Resume, Duration::ZERO, None);
            }
            31 => {
                self.world.see(|| Sight::Moves(client));
                self.command(client, Command::NetworkChanged, Duration::ZERO, None);
            }
            32 => {
                let reading = self.chance.below(2) == 0;
                self.world.read(client, reading);
            }
            33 => self.world.read(client, true),
            34 => self.world.cut(client),
            35 if self.properties.terms().restarts && self.chance.below(2) == 0 => {
                self.kill(at);
            }
            36 => self.service_acts(),
            37 => self.cancel(client),
            38 if self.voices => self.voice_comes(client, key),
            _ => {}
        }
        self.look()
    }

    /// The process of this person is killed, and starts again.
    fn kill(&mut self, at: usize) {
        self.world.network.meet("process killed");
        let client = self.world.restart_with(self.people[at].client, self.config.clone());
        self.people[at].client = client;
        self.open(client, ConversationKey::FIRST);
    }

    /// Chooses which client is killed soon after a query.
    pub(super) fn doom(&mut self, sights: &[Sight]) {
        let Some(chance) = &mut self.after_queries else { return };
        for sight in sights {
            if let Sight::Answered(client, call, None) = sight
                && call.step == Step::QueryMessages
                && chance.below(6) == 0
            {
                self.doomed = Some((*client, self.world.now() + chance.millis(&[100, 600, 3_000])));
            }
        }
    }

    pub(super) fn kill_doomed(&mut self) -> Result<(), Violation> {
        let now = self.world.now();
        let Some((client, _)) = self.doomed.take_if(|(_, at)| *at <= now) else {
            return Ok(());
        };
        let lives = |person: &Person| person.client == client;
        if let Some(at) = self.people.iter().position(lives)
            && !self.world.of(client).machine.is_closed()
        {
            self.kill(at);
        }
        self.look()
    }

    /// Gives a command, and says when it is to be answered at the latest.
    pub(super) fn command(
        &mut self,
        client: ClientId,
        command: Command,
        within: Duration,
        question: Option<(ConversationKey, String)>,
    ) -> Option<Ticket> {
        let by = self.world.now() + within;
        let ticket = self.world.with_machine(client, |machine, now| machine.command(now, command)).ok()?;
        self.commands += 1;
        self.world.gave(client, ticket);
        self.world.see(|| Sight::Commanded { client, ticket, by, question });
        Some(ticket)
    }

    fn open(&mut self, client: ClientId, conversation: ConversationKey) {
        let deadline = self.chance.millis(&[30_000, 30_000, 120_000, 700]);
        if self.world.of(client).machine.state(conversation) == State::Closed {
            self.world.see(|| Sight::Opens(client, conversation));
        }
        self.command(client, Command::Open { conversation, deadline }, deadline, None);
    }

    fn say(&mut self, client: ClientId, conversation: ConversationKey, ask: bool) {
        self.said += 1;
        let text = text_of(self.said);
        if ask {
            let deadline = self.chance.millis(&[120_000, 120_000, 120_000, 5_000, 100]);
            let first_piece = self.chance.millis(&[60_000, 60_000, 3_000]);
            let collect = self.chance.of(&[None, None, None, Some(Duration::from_secs(2))]);
            let ask = Command::Ask {
                conversation,
                text: Text::from(text.as_str()),
                deadline,
                first_piece,
                pieces: true,
                collect,
            };
            self.command(client, ask, deadline, Some((conversation, text)));
        } else {
            let deadline = self.chance.millis(&[15_000, 15_000, 15_000, 60_000, 1_000, 20]);
            let text = Text::from(text.as_str());
            self.command(client, Command::Send { conversation, text, deadline }, deadline, None);
        }
    }

    fn says_durably(&mut self, client: ClientId, conversation: ConversationKey) {
        self.said += 1;
        let deadline = self.chance.millis(&[1_800_000, 1_800_000, 1_800_000, 90_000, 2_000, 3]);
        let text = Text::from(text_of(self.said));
        self.command(client, Command::SendDurable { conversation, text, deadline }, deadline, None);
    }

    fn looks_back(&mut self, client: ClientId, conversation: ConversationKey) {
        let deadline = self.chance.millis(&[30_000, 30_000, 500]);
        let limit = self.chance.of(&[1, 5, 40]);
        let history = Command::History { conversation, before: None, limit, deadline };
        self.command(client, history, deadline, None);
    }

    fn close(&mut self, client: ClientId, conversation: ConversationKey) {
        if self.chance.below(2) == 0 {
            return;
        }
        let deadline = self.chance.millis(&[5_000, 5_000, 100]);
        let end_session = self.chance.below(3) == 0;
        self.command(client, Command::Close { conversation, deadline, end_session }, deadline, None);
    }

    fn cancel(&mut self, client: ClientId) {
        let answered = &self.world.of(client).log.answers;
        let given = self.world.of(client).log.given();
        let waiting: Vec<_> = given.filter(|ticket| !answered.contains_key(ticket)).collect();
        if waiting.is_empty() {
            return;
        }
        let ticket = self.chance.of(&waiting);
        self.world.see(|| Sight::Cancelled(client, ticket));
        self.world.network.meet("command cancelled");
        self.world.with_machine(client, |machine, now| machine.cancel(now, ticket));
    }

    fn owner_acts(&mut self, client: ClientId, key: ConversationKey) {
        let Some(session) = self.world.of(client).machine.session_id(key) else {
            return;
        };
        if !self.properties.terms().owner {
            return;
        }
        self.said += 1;
        let session_id = session.as_str().to_owned();
        let mut text = format!("own: {}", text_of(self.said));
        if self.parrots && self.chance.below(4) == 0 {
            text = text_of(self.said.saturating_sub(1 + self.chance.below(3)));
            self.world.network.meet("owner says the same");
            self.world.see(|| Sight::Parrots(text.clone()));
        }
        let action = match self.chance.below(4) {
            0 | 1 => OwnerAction::Reply { session_id, text },
            2 => OwnerAction::TakeOver { session_id },
            _ => OwnerAction::HandBack { session_id },
        };
        self.world.network.meet("owner acts");
        // The owner may not see the session yet, or it may be closed: then nothing happens.
        let _ = self.world.with_service(|service, now| service.owner(now, action));
    }

    /// The avatar has a voice message sent.
    fn voice_comes(&mut self, client: ClientId, key: ConversationKey) {
        let Some(session) = self.world.of(client).machine.session_id(key) else {
            return;
        };
        self.world.network.meet("voice message");
        let voice = Injection::Voice("https://voice.test/one.mp3".to_owned());
        // The session may be gone: then nothing happens.
        let _ = self.world.with_service(|service, now| service.inject(now, session.as_str(), voice));
    }

    fn service_acts(&mut self) {
        match self.chance.below(12) {
            0 => self.world.reset_service(),
            1..5 => {
                self.world.network.meet("all sockets cut");
                let how = self
                    .chance
                    .of(&[CloseHow::Abrupt, CloseHow::Clean { code: 1001, reason: "restart".to_owned() }]);
                self.world.with_service(|service, now| service.close_sockets(now, None, &how));
            }
            _ => {}
        }
    }
}
