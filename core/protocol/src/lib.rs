//! The SecondMe avatar protocol as a state machine: no sockets, no clock, no randomness.
//!
//! [`Machine`] holds one visitor's conversations with an avatar. It takes what happens
//! ([`Input`], [`Command`]) with the moment it happens at, and says what is to be done ([`Output`]):
//! HTTP calls, frames, events, answers. A run with the same inputs and the same seed is the same run.
//!
//! The crate `secondme-avatar` drives it over real sockets; most programs want that one.
//!
//! ```
//! use std::time::Duration;
//! use secondme_avatar_protocol::{Command, Config, ConversationKey, Machine, Millis, Output, Visitor};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let key = "sk-0123456789abcdef".parse()?;
//! let visitor = Visitor::for_user("web", "ada")?;
//! let now = Millis(1_774_580_000_000);
//! let mut machine = Machine::new(Config::default(), key, visitor, None, now, 7);
//!
//! let conversation = ConversationKey::FIRST;
//! machine.command(now, Command::Open { conversation, deadline: Duration::from_secs(30) })?;
//! // First of all it asks for a slot of the API key's quota, for the authentication.
//! assert!(matches!(machine.poll(), Some(Output::Quota(_))));
//! # Ok(())
//! # }
//! ```

#![warn(clippy::wildcard_enum_match_arm)]

mod alike;
mod app_token;
mod assembly;
mod authentication;
mod call;
mod capabilities;
mod connection;
mod conversation;
mod counters;
mod credentials;
mod delivery;
mod door;
mod error;
mod event;
mod facts;
mod ids;
mod key;
pub mod limits;
mod link;
mod machine;
mod memory_size;
mod misuse;
mod option_name;
mod permit;
mod quota;
mod quote;
mod rare;
mod redact;
mod rng;
mod seen;
mod slots;
mod time;
mod visitor;
mod wire;

pub use alike::Alike;
pub use app_token::{AppCredentials, AppToken, PresentToken, TokenAsked};
pub use authentication::Freshness;
pub use call::CallId;
pub use conversation::Hold;
pub use counters::Counters;
pub use credentials::Credentials;
pub use delivery::Delivery;
pub use door::{Door, InvalidDoor, Speaker};
pub use error::{Error, ErrorKind, Step, UnsentMessage};
pub use event::{
    Attribution, Author, Card, CloseReason, Confirmation, ConversationKey, Ended, Event, EventKind, Gap,
    HistoryMessage, NoticeKind, Part, Reply, Sent, ServiceError, State,
};
pub use facts::{
    ChatContext, HalfSaid, Identity, KeptMessage, OwnUser, Record, SessionFacts, VisitorChatFacts,
};
pub use ids::{
    AvatarId, EncodedMindId, MessageId, NumericMindId, SeqId, SessionId, ShareCode, Ticket, UserId, WsId,
};
pub use key::{ApiKey, InvalidApiKey};
pub use link::Generation;
pub use machine::{Command, Config, Input, Machine, Outcome, Output};
pub use misuse::Misuse;
pub use option_name::OptionName;
pub use quota::{Quota, QuotaTicket};
pub use quote::{KnownSecrets, one_line, visible};
pub use redact::{Json, Raw, Secret, Text};
pub use slots::{SlotTicket, Slots};
pub use time::Millis;
pub use visitor::{InvalidVisitor, VISITOR_NAMESPACE, Visitor, VisitorId};
pub use wire::{Encoding, HttpRequest, Method, OtherFailure, is_payment_code, read_other, verdict};
