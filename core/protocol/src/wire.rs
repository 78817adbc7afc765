//! The bytes on the wire: requests and frames that are sent, and the parsing of what comes back.

mod answer;
mod codes;
mod detail;
mod envelope;
mod frame;
mod lenient;
mod mend;
mod other;
mod refusal;
mod request;
mod visitor_chat;

pub(crate) use answer::{
    AuthAnswer, AvatarAnswer, InitAnswer, SessionAnswer, SocketAnswer, TokenAnswer, VisitorChatAnswer,
    answer_id, number, query_frames,
};
pub use codes::is_payment_code;
pub(crate) use codes::{is_answer_code, is_retryable_code, meaning};
pub use envelope::verdict;
pub(crate) use envelope::{data, read};
pub(crate) use frame::{Content, Frame, FrameType, Halved, Sender, ack, ping};
pub(crate) use mend::{LONE, join, mend_body};
pub use other::{OtherFailure, read_other};
pub(crate) use refusal::{Blame, Refusal};
pub(crate) use request::{Bearing, Direction, Outgoing, Pass};
pub use request::{Encoding, HttpRequest, Method};
pub(crate) use visitor_chat::ws_id_of;
