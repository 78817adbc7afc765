//! What is known about a visitor, and for how long.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::ids::{
    AvatarId, EncodedMindId, MessageId, NumericMindId, SeqId, SessionId, ShareCode, UserId, WsId,
};
use crate::limits::{ADDRESS_LIFETIME, CONTEXT_LIFETIME};
use crate::redact::{Secret, Text};
use crate::time::Millis;
use crate::visitor::{Visitor, VisitorId};

/// Who the visitor is to the service. Lives until the service refuses the token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Shown with every call.
    pub token: Secret,
    /// The visitor, encoded.
    pub user_id: UserId,
    /// The visitor's mind: what a session is created with.
    pub mind_id: NumericMindId,
    /// The avatar's public address.
    pub share_code: ShareCode,
    /// The avatar's name; may be empty.
    pub avatar_name: Arc<str>,
    /// The avatar's owner, who is made a member of each session.
    pub owner_user_id: UserId,
}

/// What `chat/init` answered. The service keeps its side for ten minutes, for a session to be made
/// of; the ids stay good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatContext {
    /// What messages are sent to.
    pub mind_id: EncodedMindId,
    /// The avatar's opening line; may be empty.
    pub opening: Arc<Text>,
    /// When it was asked for.
    pub since: Millis,
}

impl ChatContext {
    pub(crate) fn is_live(&self, now: Millis) -> bool {
        // A time in the future comes from a clock that was set back since.
        self.since <= now && self.since + CONTEXT_LIFETIME > now
    }
}

/// Where to connect to, for a minute.
#[derive(Clone, Debug)]
pub(crate) struct SocketAddress {
    /// The socket's name, where the service tells it.
    pub(crate) ws_id: Option<WsId>,
    pub(crate) address: Secret,
    pub(crate) since: Millis,
    /// How many attempts to connect it is still good for.
    pub(crate) attempts: u32,
}

impl SocketAddress {
    pub(crate) fn is_live(&self, now: Millis) -> bool {
        self.attempts > 0 && self.since + ADDRESS_LIFETIME > now
    }
}

/// What Visitor Chat has told of a visitor and the avatar.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VisitorChatFacts {
    /// The avatar's name; may be empty.
    pub avatar_name: Arc<str>,
    /// The avatar's opening line; may be empty.
    pub opening: Arc<Text>,
    /// The visitor's own user id, learned from echoes.
    #[serde(default)]
    pub own_user: Option<OwnUser>,
}

/// A user id that the visitor's echoes have carried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnUser {
    /// The id.
    pub id: UserId,
    /// How many echoes of the present session have carried it, as far as is counted.
    pub echoes: u32,
}

/// A session of the service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionFacts {
    /// Its id.
    pub id: SessionId,
    /// The owner can see it.
    pub bound: bool,
    /// The last frame seen: from here a gap is filled.
    pub last_seq: Option<SeqId>,
    /// A frame without a `seqId` has come since: a query would bring it again.
    #[serde(default)]
    pub unnamed: bool,
    /// What was being said when this was recorded.
    #[serde(default)]
    pub half_said: Option<HalfSaid>,
    /// The owner has the conversation.
    #[serde(default)]
    pub taken_over: bool,
    /// Replies that were cut off when the conversation was closed. What still comes of them answers no later question.
    #[serde(default)]
    pub cut_off: Vec<MessageId>,
}

/// Replies that had begun and not ended. The next run receives them from their beginning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HalfSaid {
    /// The last frame before the first of them; none where they begin the conversation.
    pub after: Option<SeqId>,
    /// Their ids. All other frames since have been dispatched.
    pub replies: Vec<MessageId>,
    /// Of those that answer a message: its id, after the reply's. A run that is given the message again has its answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub questions: Vec<(MessageId, MessageId)>,
}

/// What is stored of a visitor, so that a later run goes on where this one stood.
///
/// It holds the visitor token, so it is a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Whose record it is.
    pub visitor_id: VisitorId,
    /// Who the visitor is to the service.
    pub credentials: Option<Identity>,
    /// The avatar's context.
    pub context: Option<Box<ChatContext>>,
    /// The avatar's numeric id.
    pub avatar_id: Option<AvatarId>,
    /// The first conversation's session.
    pub session: Option<SessionFacts>,
    /// What the visitor was last named: the display name, the channel and the caller's own tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visitor: Option<Visitor>,
    /// What Visitor Chat has told, where that is the door. Holds no token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visitor_chat: Option<Box<VisitorChatFacts>>,
}

impl Record {
    /// The visitor, as it was last named.
    pub fn visitor(&self) -> Visitor {
        let named = self.visitor.clone().filter(|visitor| *visitor.id() == self.visitor_id);
        named.unwrap_or_else(|| self.visitor_id.clone().into())
    }
}

/// A message that is to outlive the process: stored until the service has taken it or it is given up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptMessage {
    /// The id it is sent under, this time and every other.
    pub message_id: MessageId,
    /// What is to be said.
    pub text: Text,
    /// The session it is meant for; none where there was none yet.
    pub session: Option<SessionId>,
    /// When it was handed over.
    pub since: Millis,
    /// When it is given up.
    pub deadline: Millis,
    /// It may have reached the service.
    pub left: bool,
}
