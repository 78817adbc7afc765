//! `init`, which makes a session and a socket's address, and `send`.

use serde_json::{Value, json};

use super::apps::Speaker;
use super::fields::Fields;
use super::{
    Data, Echo, EchoId, MessageLength, OlderSocket, OpeningLine, SecondInit, SendAnswer, SendApiKey,
    SocketUrl, SocketUrlLife, UserIdOf, VisitorIdForm,
};
use crate::brain::{Author, Question};
use crate::service::Service;
use crate::service::addresses::Address;
use crate::service::close::CloseHow;
use crate::service::door::Door;
use crate::service::failure::{Code, Failure};
use crate::service::frames::Frame;
use crate::service::http::Request;
use crate::service::ids::VisitorIndex;
use crate::service::journal::By;
use crate::service::random::Random;
use crate::service::sockets::SOCKET_PATH;
use crate::service::switches::ClientText;
use crate::service::timers::Timer;
use crate::service::visitors::{VisitorKey, is_visitor_id};
use crate::service::world::{Message, Waiting};
use crate::time::Millis;

impl Service {
    pub(super) fn visitor_chat_init(&mut self, request: &Request) -> Result<Data, Failure> {
        let speaker = self.speaker(request)?;
        let mut fields = Fields::of_json(request)?;
        let api_key = fields.text("apiKey");
        let (visitor_id, source) = match &speaker {
            Speaker::App(client_id) => {
                let visitor_id = fields.text("visitorId");
                let strict = self.settings.visitor_chat_visitor_id == VisitorIdForm::PlatformUuid;
                if strict && !visitor_id.is_empty() && !is_visitor_id(&visitor_id) {
                    fields.refuse("visitorId", "Value error, not {platform}_{uuid}", "value_error");
                }
                (visitor_id, Some(self.app(client_id)?.name.clone()))
            }
            Speaker::User(user) => (user.clone(), None),
        };
        let name = fields.optional_text("visitorName").filter(|name| !name.is_empty());
        fields.finish()?;
        let (_, avatar) = self.chat_key(&api_key)?;
        let (door, id, is_user) = (Door::VisitorChat, visitor_id, matches!(speaker, Speaker::User(_)));
        let visitor = self.visitor(VisitorKey { door, avatar, id, is_user })?;
        self.world.visitors[visitor.0].channel.clone_from(&source);
        self.touch_visitor(visitor);
        let known = &mut self.world.visitors[visitor.0].name;
        match (name, source) {
            (Some(name), Some(source)) => *known = Some(format!("{name}({source})")),
            (Some(name), None) => *known = Some(name),
            (None, Some(source)) if known.is_none() => *known = Some(source),
            (None, _) => {}
        }

        let session_id = self.chat_session(visitor, avatar);
        if self.settings.visitor_chat_older_socket == OlderSocket::Closed {
            for older in self.world.visitors[visitor.0].sockets.clone() {
                let reason = "this visitor has begun the chat anew".to_owned();
                let how = self.own_close(CloseHow::Clean { code: 4001, reason });
                self.close(older, how, By::Service);
            }
        }
        let url = self.give_chat_address(visitor, &session_id, request.headers.get("host"));
        let about = &self.settings.avatars[avatar];
        let session = self.world.sessions.get(&session_id).map(|session| session.id.clone());
        let mut data = json!({"sessionId": session, "wsUrl": url});
        match self.settings.visitor_chat_opening {
            OpeningLine::Told => {
                data["avatarName"] = json!(about.name);
                data["opening"] = json!(about.opening);
            }
            OpeningLine::Null => {
                data["avatarName"] = json!(about.name);
                data["opening"] = Value::Null;
            }
            OpeningLine::Absent => {}
        }
        Ok(Data::Value(data))
    }

    pub(super) fn visitor_chat_send(&mut self, request: &Request) -> Result<Data, Failure> {
        let speaker = self.speaker(request)?;
        let mut fields = Fields::of_json(request)?;
        let session_id = fields.id("sessionId");
        let api_key = match self.settings.visitor_chat_send_api_key {
            SendApiKey::Required => Some(fields.text("apiKey")),
            SendApiKey::Optional => fields.optional_text("apiKey"),
        };
        let text = fields.text("message");
        fields.finish()?;
        let avatar = api_key.map(|key| self.chat_key(&key)).transpose()?.map(|(_, avatar)| avatar);
        let visitor = self.visitor_of_session(&session_id, &speaker, avatar)?;
        self.check_allowance()?;
        let message_id = self.message_id();
        let answer = match self.settings.visitor_chat_send_answer {
            SendAnswer::Null => Data::Value(Value::Null),
            SendAnswer::Absent => Data::Absent,
            SendAnswer::MessageId => Data::Value(json!({"messageId": message_id})),
        };
        self.take_message(visitor, &session_id, message_id, text);
        Ok(answer)
    }

    /// Whether a message is longer than this door takes.
    pub(in crate::service) fn is_too_long(&self, question: &Question) -> bool {
        let MessageLength::Characters(limit) = self.settings.visitor_chat_message_length else {
            return false;
        };
        let session = self.world.sessions.get(&question.session_id);
        let door = session.map(|session| self.world.visitors[session.visitor.0].door);
        door == Some(Door::VisitorChat) && question.text.chars().count() > limit as usize
    }

    /// The session that `init` gives a visitor.
    fn chat_session(&mut self, visitor: VisitorIndex, avatar: usize) -> String {
        let sessions = self.world.visitors[visitor.0].sessions.iter().rev();
        let open = |id: &&String| self.world.sessions.get(*id).is_some_and(|session| !session.closed);
        let known = match self.settings.visitor_chat_second_init {
            SecondInit::Same => sessions.into_iter().find(open).cloned(),
            SecondInit::New => None,
        };
        if let Some(known) = known {
            return known;
        }
        self.add_session(visitor, avatar, |session| {
            session.knows_persona = true;
            session.owner_is_member = true;
            session.bound = true;
        })
    }

    /// The visitor of a session, if it is the caller's.
    fn visitor_of_session(
        &self,
        session_id: &str,
        speaker: &Speaker,
        avatar: Option<usize>,
    ) -> Result<VisitorIndex, Failure> {
        let none = || Failure::new(Code::ChatSessionNotFound, "there is no such session");
        let session = self.world.sessions.get(session_id).filter(|session| !session.closed);
        let session = session.ok_or_else(none)?;
        let visitor = &self.world.visitors[session.visitor.0];
        let is_speakers = match speaker {
            Speaker::App(_) => !visitor.is_user,
            Speaker::User(user) => visitor.is_user && visitor.visitor_id == *user,
        };
        let is_avatars = avatar.is_none_or(|avatar| avatar == session.avatar);
        match visitor.door == Door::VisitorChat && is_speakers && is_avatars {
            true => Ok(session.visitor),
            false => Err(none()),
        }
    }

    /// A visitor's message: noted, echoed, answered.
    fn take_message(&mut self, visitor: VisitorIndex, session_id: &str, message_id: String, text: String) {
        let message = Message::new(Author::Visitor, &message_id, text.clone(), self.now);
        self.note(session_id, message);
        let place = match self.settings.visitor_chat_echo {
            Echo::MultipleData => Some(ClientText::MultipleData),
            Echo::Content => Some(ClientText::Content),
            Echo::Nothing => None,
        };
        if let Some(place) = place {
            let user_id = self.user_id_of_echo(visitor, session_id);
            let echo_id = match self.settings.visitor_chat_echo_id {
                EchoId::OfSend => message_id.clone(),
                EchoId::Other | EchoId::Absent => self.message_id(),
            };
            if let Some(about) = self.envelope(session_id) {
                let ids = (echo_id.as_str(), echo_id.as_str());
                let mut echo = Frame::client(&about, ids, &user_id, (&text, place), None);
                if self.settings.visitor_chat_echo_id == EchoId::Absent {
                    echo = echo.without("messageId");
                }
                self.deliver(session_id, echo, false);
            }
        }
        self.queue_turn(session_id, Waiting { message_id, text, lost: false });
    }

    /// The user id that an echo carries.
    fn user_id_of_echo(&self, visitor: VisitorIndex, session_id: &str) -> String {
        match self.settings.visitor_chat_user_id {
            UserIdOf::Visitor => self.world.visitors[visitor.0].user_id.clone(),
            UserIdOf::Session => Random::of_text(self.seed, session_id).encoded(9),
        }
    }

    /// A new address of a socket for a session.
    fn give_chat_address(&mut self, visitor: VisitorIndex, session_id: &str, host: Option<&str>) -> String {
        let (ticket, ws_id) = self.new_socket_id(visitor);
        let base = self.socket_base(host);
        let base = match self.settings.visitor_chat_socket_url {
            SocketUrl::OtherHost => under_another_name(&base),
            SocketUrl::Query | SocketUrl::Opaque => base,
        };
        let url = match self.settings.visitor_chat_socket_url {
            SocketUrl::Opaque => format!("{base}{SOCKET_PATH}/{ticket}"),
            SocketUrl::Query | SocketUrl::OtherHost => {
                format!("{base}{SOCKET_PATH}?wsId={ws_id}&token={ticket}")
            }
        };
        let life = self.settings.visitor_chat_socket_url_life;
        let expires = match life {
            SocketUrlLife::Once | SocketUrlLife::Many => self.now + self.settings.address_lifetime,
            SocketUrlLife::Session => Millis(u64::MAX),
        };
        if life != SocketUrlLife::Session {
            self.timers.set(expires, Timer::AddressExpires(ticket.clone()));
        }
        let address = Address::new(visitor, ws_id, expires).of_session(session_id);
        let address = if life == SocketUrlLife::Once { address } else { address.for_many() };
        self.world.addresses.give(ticket, address);
        url
    }
}

/// The same place by another name: `localhost` for `127.0.0.1`, and the other way round.
fn under_another_name(base: &str) -> String {
    match base.contains("localhost") {
        true => base.replacen("localhost", "127.0.0.1", 1),
        false => base.replacen("127.0.0.1", "localhost", 1),
    }
}
