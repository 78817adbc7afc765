//! The bytes on the wire: requests and frames that are sent, and the parsing of what comes back.

mod answer;
mod envelope;
mod frame;
mod lenient;
mod mend;
mod request;

pub(crate) use answer::{AuthAnswer, AvatarAnswer, InitAnswer, SessionAnswer, SocketAnswer, query_frames};
pub use envelope::verdict;
pub(crate) use envelope::{Blame, Refusal, data, is_answer_code, is_retryable_code, read};
pub(crate) use frame::{Content, Frame, FrameType, Halved, Sender, ack, ping};
pub(crate) use mend::{LONE, join, mend_body};
pub(crate) use request::{Direction, Outgoing, Pass};
pub use request::{HttpRequest, Method};
