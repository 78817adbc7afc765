//! Step 6: a visitor's message.

use serde_json::Value;

use super::Caller;
use super::body::{Fields, whole};
use crate::brain::Author;
use crate::service::Service;
use crate::service::failure::{Code, Failure};
use crate::service::frames::Frame;
use crate::service::switches::{DeadSocketSend, OtherClients, RepeatedMessage};
use crate::service::world::{Message, Waiting};

impl Service {
    pub(super) fn message_send(&mut self, caller: Caller, fields: Fields<'_>) -> Result<Value, Failure> {
        let user_id = self.world.visitors[caller.visitor.0].user_id.clone();
        fields.number("timestamp")?;
        let message_id = message_id(fields)?;
        fields.own_user(&user_id)?;
        let is_other =
            self.settings.other_clients == OtherClients::Taken && fields.get("refUserId").is_some();
        // The vendor's web client names itself once.
        if (!is_other || fields.get("sendUserId").is_some()) && fields.text("sendUserId")? != user_id {
            return Err(Failure::field_invalid("sendUserId", "the same as `userId`"));
        }
        self.check_mind_id(caller, fields, is_other)?;
        let index = fields.required("index")?.as_number().and_then(whole);
        let is_index = match self.settings.other_clients {
            OtherClients::Taken => index.is_some(),
            OtherClients::Refused => index == Some(0),
        };
        if !is_index {
            return Err(Failure::field_invalid("index", "0"));
        }
        fields.fixed("dataType", "text")?;
        fields.fixed("sender", "client")?;
        fields.fixed("type", "msg")?;
        let (text, urls) = content(fields)?;
        let session_id = fields.id("sessionId")?;
        let session = self.own_session(caller, &session_id)?;
        if session.closed {
            return Err(Failure::new(Code::SessionClosed, "the session is closed"));
        }
        self.check_allowance()?;
        let lost = self.socket_is_dead(caller, fields.text("wsId")?)?;

        let session = self.own_session(caller, &session_id)?;
        let mut sent = session.messages.iter().rev().filter(|one| one.author == Author::Visitor);
        let known = sent.any(|one| one.message_id == message_id);
        if known && self.settings.repeated_message == RepeatedMessage::One {
            return Ok(Value::Null);
        }
        let message = Message::new(Author::Visitor, message_id, text.to_owned(), self.now);
        self.note(&session_id, message);
        let place = self.settings.client_text;
        if let Some(about) = self.envelope(&session_id) {
            let ids = (message_id, message_id);
            let echo = Frame::client(&about, ids, &user_id, (text, place), urls);
            self.deliver(&session_id, echo, lost);
        }
        let (message_id, text) = (message_id.to_owned(), text.to_owned());
        self.queue_turn(&session_id, Waiting { message_id, text, lost });
        Ok(Value::Null)
    }

    /// Whether the socket that a message names is not one of the visitor's open ones.
    fn socket_is_dead(&self, caller: Caller, ws_id: &str) -> Result<bool, Failure> {
        let visitor = &self.world.visitors[caller.visitor.0];
        let open = |id| self.world.sockets.get(id).is_some_and(|socket| socket.ws_id == ws_id);
        if visitor.sockets.iter().any(open) {
            return Ok(false);
        }
        if !visitor.idle_sockets.iter().any(|idle| idle == ws_id) {
            let text = format!("this visitor has no socket `{ws_id}`");
            return Err(Failure::new(Code::SocketNotFound, text));
        }
        match self.settings.dead_socket_send {
            DeadSocketSend::AnswerLost => Ok(true),
            DeadSocketSend::Refused => {
                Err(Failure::new(Code::SocketGone, format!("the socket `{ws_id}` is not open")))
            }
        }
    }

    /// Step 6 wants the encoded id of step 1. The vendor's web client writes the number of the authentication.
    fn check_mind_id(&self, caller: Caller, fields: Fields<'_>, is_other: bool) -> Result<(), Failure> {
        let given = fields.required("mindId")?;
        if is_other && fields.number("mindId") == Ok(self.world.visitors[caller.visitor.0].mind_id) {
            return Ok(());
        }
        if given == self.settings.avatars[caller.avatar].mind_id.as_str() {
            return Ok(());
        }
        let text = "`mindId` must be the encoded id that chat/init answered here, not `visitorMindId`";
        Err(Failure::new(Code::MindIdNotEncoded, text))
    }
}

/// `{random}_____{timestamp}`, the same in `seqId` and `messageId`.
fn message_id(fields: Fields<'_>) -> Result<&str, Failure> {
    let seq_id = fields.text("seqId")?;
    let well_formed = seq_id.rsplit_once("_____").is_some_and(|(random, timestamp)| {
        !random.is_empty() && timestamp.parse::<u64>().is_ok() && !timestamp.starts_with('+')
    });
    if !well_formed {
        return Err(Failure::field_invalid("seqId", "{random}_____{timestamp in ms}"));
    }
    if fields.text("messageId")? != seq_id {
        return Err(Failure::field_invalid("messageId", "the same as `seqId`"));
    }
    Ok(seq_id)
}

/// The text, and the attachments if there are any. One of the two must be there.
fn content(fields: Fields<'_>) -> Result<(&str, Option<&Value>), Failure> {
    let data = fields.required("data")?.as_object();
    let data = data.ok_or_else(|| Failure::field_invalid("data", "an object"))?;
    let data = Fields::new(data);
    let urls = data.get("urls");
    if urls.is_some_and(|urls| !urls.as_array().is_some_and(|urls| urls.iter().all(Value::is_string))) {
        return Err(Failure::field_invalid("data.urls", "a list of addresses"));
    }
    let text = match data.get("content") {
        None => return Err(Failure::field_missing("data.content")),
        Some(Value::String(text)) => text,
        Some(_) => return Err(Failure::field_invalid("data.content", "a text")),
    };
    let attached = urls.and_then(Value::as_array).is_some_and(|urls| !urls.is_empty());
    if text.is_empty() && !attached {
        return Err(Failure::field_invalid("data.content", "a text that is not empty"));
    }
    Ok((text, urls.filter(|_| attached)))
}
