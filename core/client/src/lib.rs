//! Talk with a SecondMe AI avatar.
//!
//! An avatar's owner creates an API key in the SecondMe app. With it, any program opens conversations
//! for its users: [`AvatarClient`] → [`open`](AvatarClient::open) → [`Conversation`].
//!
//! ```
//! use secondme_avatar::{AvatarClient, Visitor};
//! use secondme_avatar_emulator::Emulator;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // The service on this machine; leave it out, and the same code talks with the real one.
//! let emulator = Emulator::builder().start().await?;
//! let client = AvatarClient::builder(emulator.api_key())?
//!     .base_url(emulator.base_url().parse()?)
//!     .build()?;
//!
//! let chat = client.open(Visitor::for_user("feishu", "ou_abc")?.name("张三")).await?;
//! let reply = chat.ask("Hello, tell me about yourself").await?;
//! assert!(reply.text.contains("tell me about yourself"));
//!
//! let mut pieces = chat.stream("And now in pieces");
//! while let Some(piece) = pieces.next().await {
//!     print!("{}", piece?.text);
//! }
//! client.close().await;
//! # Ok(())
//! # }
//! ```
//!
//! # Which door for whom
//!
//! The service has two APIs. A conversation is the same behind both: events, replies, reconnecting, the store, every
//! call.
//!
//! | you have | the door | it needs |
//! | --- | --- | --- |
//! | an avatar's API key, and people of any platform: a bot, a website, a help desk | the Avatar Open API: [`AvatarClient::builder`] | the API key |
//! | an app that is registered with the service, on a server | Visitor Chat: [`AvatarClient::visitor_chat`] | the client id, the client secret, the API key |
//! | users who have let your app speak for them | Visitor Chat, with a function: [`AvatarClient::visitor_chat_with_tokens`] | the API key, and each user's access token (`lba_at_…`) |
//!
//! # Errors and secrets
//!
//! Every failure is an [`Error`] with a [kind](ErrorKind), the service's code and the step. This crate never logs
//! the API key, the visitor token, the socket address or what people say: their types redact them. A crate below
//! (`tungstenite`) logs frames at its own TRACE level, if that is turned on.

mod authenticate;
mod base_url;
mod client;
mod client_inner;
mod clock;
mod connection_log;
mod conversation;
mod credentials;
mod dial;
mod driver;
mod env;
mod environment;
mod errors;
mod events;
mod http;
mod limit;
mod loss;
mod message_id;
mod options;
mod origin;
mod pacer;
mod peers;
mod per_process;
mod pieces;
mod pins;
mod proxy;
mod quota;
mod race;
mod reply_stream;
mod report;
mod request;
mod resolver;
mod routing;
mod runtime;
mod saving;
mod secrets_of_env;
mod slots;
mod socket;
mod stats;
mod store;
mod store_writer;
mod subscriptions;
#[cfg(test)]
mod testing;
mod tls;
mod tokens;

mod tunnel;
mod visitor_handle;
mod wakers;

pub use base_url::BaseUrl;
pub use client::{AddNote, Authenticate, AvatarClient, Close, Open, Recover, Request, SetNote};
pub use conversation::{Ask, Conversation, Send, SendDurable};
pub use credentials::{CredentialsFuture, CredentialsProvider, CredentialsRequest};
pub use environment::Environment;
pub use events::Events;
pub use message_id::new_message_id;
pub use options::ClientBuilder;
pub use pieces::Piece;
pub use reply_stream::ReplyStream;
pub use report::CallReport;
pub use secondme_avatar_protocol::{
    ApiKey, Attribution, Author, Card, CloseReason, Confirmation, ConversationKey, Counters, Credentials,
    Delivery, Door, Ended, Error, ErrorKind, Event, EventKind, Gap, HistoryMessage, InvalidApiKey,
    InvalidVisitor, Json, KeptMessage, MessageId, Misuse, NoticeKind, OptionName, Part, Raw, Record, Reply,
    Sent, SeqId, ServiceError, SessionId, State, Step, Text, UnsentMessage, VISITOR_NAMESPACE, Visitor,
    VisitorId,
};
pub use secrets_of_env::api_key_from_env;
pub use stats::Stats;
#[cfg(feature = "redis")]
pub use store::RedisStore;
pub use store::{
    AvatarRef, Change, Idle, KeyRef, KnownVisitor, Leftover, MemoryStore, Note, NoteChange, RowContent,
    Store, StoreCounts, StoreError, StoredRow,
};
#[cfg(any(feature = "sqlite", feature = "redis"))]
pub use store::{Seal, SealError, SealUnavailable};
#[cfg(feature = "sqlite")]
pub use store::{SqliteStore, StoredVisitor};
pub use tokens::{TokenFuture, TokenProvider, TokenRequest};

// For bindings, which run their work on the clients' runtime and may be forked.
#[doc(hidden)]
pub use per_process::PerProcess;
#[doc(hidden)]
pub use runtime::shared_runtime;
#[doc(hidden)]
pub use secondme_avatar_protocol::{one_line, visible};
// For the command line, which writes times, and reads the service's answers as they are.
#[doc(hidden)]
pub use secondme_avatar_protocol::is_payment_code;
#[doc(hidden)]
pub use store::date;

/// Compiles and runs the programs in the README.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
mod readme {}
