//! The names of things. Each is a type of its own, made in one place and cheap to clone.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::limits::MESSAGE_ID_RANDOM;
use crate::time::Millis;

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The id as the service writes it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(id: &str) -> Self {
                Self(id.into())
            }
        }

        impl From<String> for $name {
            fn from(id: String) -> Self {
                Self(id.into())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id!(
    /// One conversation on the service, as the answer to `session/create` names it.
    SessionId
);
text_id!(
    /// A user as the service encodes it: a visitor (`visitorUserId`) or an avatar's owner.
    UserId
);
text_id!(
    /// One message. A visitor's own is `{random}_____{milliseconds}`; all pieces of one reply share
    /// theirs.
    MessageId
);
impl MessageId {
    /// When the message was written, as its id says: `None` where it is not of the form of a visitor's own.
    pub fn written_at(&self) -> Option<Millis> {
        let (random, at) = self.as_str().split_once("_____")?;
        let is_random = (1..=MESSAGE_ID_RANDOM).contains(&random.len())
            && random.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let is_time = at.len() == 13 && at.bytes().all(|byte| byte.is_ascii_digit());
        if is_random && is_time { at.parse().ok().map(Millis) } else { None }
    }

    /// The id of a message that is written at this moment.
    pub fn of(random: u64, written_at: Millis) -> Self {
        Self::from(format!("{random}_____{:013}", written_at.0))
    }
}

text_id!(
    /// One frame. The service fills a gap from the last one seen.
    SeqId
);
text_id!(
    /// One WebSocket, as the answer to `ws/create` names it.
    WsId
);
text_id!(
    /// An avatar as its public address names it.
    ShareCode
);
text_id!(
    /// The **encoded** mind id of `chat/init`, which a message is sent to. Not to be confused with
    /// [`NumericMindId`]: the vendor's page calls both `mindId`.
    EncodedMindId
);

/// The **numeric** mind id of the authentication (`visitorMindId`), which a session is created with.
/// 64 bits, kept exact: as a JavaScript number `487569763543990272` would print as `…300`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NumericMindId(pub u64);

/// An avatar's numeric id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AvatarId(pub u64);

/// Names one command, and the [`Output::Resolved`](crate::Output::Resolved) that answers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(pub u64);
