//! The time line of one conversation, drawn: where the time went.
//!
//! A time line is made of a journal: the emulator's own, or the one that `avatar record` writes. It has a lane for the
//! messages, the owner, the calls, the sockets, the frames, the faults, and for all that is good for a time only; and
//! it knows the longest stretches, and what was waited for in each.
//!
//! ```
//! use secondme_avatar_emulator::service::{Millis, Request, Service, Settings};
//! use secondme_avatar_emulator::trace::{Journal, Options, svg};
//! use serde_json::json;
//!
//! let mut service = Service::new(Settings::default(), Millis::ZERO, 7);
//! let visitor = "web_6ba7b810-9dad-11d1-80b4-00c04fd430c8";
//! let request = Request::new("POST", "/gate/in/rest/open/avatar/auth")
//!     .header("Authorization", "Bearer sk-emulator")
//!     .json(&json!({"visitorId": visitor}));
//! service.handle(Millis::ZERO, &request);
//! let journal = Journal::of_entries(&service.journal(Millis::ZERO, 0).0);
//! let timeline = journal.of_visitor(visitor).ok_or("there is no such visitor")?;
//! assert!(svg(&timeline, &Options::default()).starts_with("<svg"));
//! # Ok::<(), &str>(())
//! ```

mod build;
mod draw;
mod emulated;
mod file;
mod happening;
mod model;
mod recorded;
mod summary;
mod text;
mod whose;

pub use self::draw::{Form, Options, Theme, UnknownTheme, svg};
pub use self::file::InvalidJournal;
pub use self::model::{Lane, LaneKind, Span, SpanKind, Stretch, StretchKind, Timeline};
pub use self::summary::length;
pub use self::whose::{Conversation, Journal};
use crate::service::Entry;

/// The time line of a session, with what its visitor's conversations share. `None` if no entry is of this session.
pub fn of_session(entries: &[Entry], session_id: &str) -> Option<Timeline> {
    Journal::of_entries(entries).of_session(session_id)
}
