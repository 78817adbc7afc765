//! Error texts for lost connections.

use std::fmt::Write as _;

use secondme_avatar_protocol::{Error, ErrorKind};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{self, error::ProtocolError};

use crate::dial::root_cause;

/// The longest part of a Close frame's reason that is repeated, in characters. The frame allows 123 bytes.
const REASON: usize = 80;

/// The service, or a proxy before it, sent a Close frame.
pub(crate) fn closed_by_peer(frame: Option<&CloseFrame>) -> Error {
    let mut message = "the service closed the connection".to_owned();
    match frame {
        None => message.push_str(", without giving a reason"),
        Some(frame) => {
            // Writing to a string does not fail.
            let _ = write!(message, " (code {}", u16::from(frame.code));
            if !frame.reason.is_empty() {
                message.push_str(": ");
                message.push_str(&visible(&frame.reason));
            }
            message.push(')');
        }
    }
    Error::new(ErrorKind::ConnectionFailed, message)
}

/// The connection failed.
pub(crate) fn failed(error: &tungstenite::Error) -> Error {
    let message = match error {
        tungstenite::Error::ConnectionClosed
        | tungstenite::Error::AlreadyClosed
        | tungstenite::Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => ended(),
        // An error never contains the content of a frame.
        tungstenite::Error::Utf8(_) => {
            "a frame came that is not UTF-8: something on the way damages the connection".to_owned()
        }
        tungstenite::Error::Protocol(_) => format!(
            "a frame came that is no WebSocket frame ({}): something on the way damages the connection",
            root_cause(error)
        ),
        _ => format!("the connection broke: {}", root_cause(error)),
    };
    Error::new(ErrorKind::ConnectionFailed, message)
}

/// The connection ended without a Close frame.
pub(crate) fn ended_without_close_frame() -> Error {
    Error::new(ErrorKind::ConnectionFailed, ended())
}

fn ended() -> String {
    "the connection ended without a Close frame: the service, or something on the way, dropped it".to_owned()
}

/// Returns the peer's text as one line of bounded length, safe to print.
fn visible(words: &str) -> String {
    let mut shown: String = words.chars().take(REASON).flat_map(|char| char.escape_debug()).collect();
    if words.chars().nth(REASON).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

    use super::*;

    #[test]
    fn a_reason_is_one_line_of_bounded_length() {
        let frame = |reason: &str| CloseFrame { code: CloseCode::Restart, reason: reason.to_owned().into() };
        let said = closed_by_peer(Some(&frame("bye\n\u{1b}[31m"))).to_string();
        assert_eq!(said, "the service closed the connection (code 1012: bye\\n\\u{1b}[31m)");
        let said = closed_by_peer(Some(&frame(&"a".repeat(200)))).to_string();
        assert!(said.ends_with("aaa…)") && said.len() < 150, "{said}");
        assert_eq!(
            closed_by_peer(Some(&frame(""))).to_string(),
            "the service closed the connection (code 1012)"
        );
    }
}
