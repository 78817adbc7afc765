//! Error texts for lost connections.

use secondme_avatar_protocol::{Error, ErrorKind};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{self, error::ProtocolError};

use crate::dial::root_cause;

/// The service, or a proxy before it, sent a Close frame.
pub(crate) fn closed_by_peer(frame: Option<&CloseFrame>) -> Error {
    let Some(frame) = frame else {
        let message = "the service closed the connection, without giving a reason";
        return Error::new(ErrorKind::ConnectionFailed, message);
    };
    let code = u16::from(frame.code);
    let closed =
        |message: String| Error::new(ErrorKind::ConnectionFailed, message).with_close(code, &frame.reason);
    match closed(String::new()).close_reason() {
        Some(reason) => closed(format!("the service closed the connection (code {code}: {reason})")),
        None => closed(format!("the service closed the connection (code {code})")),
    }
}

/// The connection failed.
pub(crate) fn failed(error: &tungstenite::Error) -> Error {
    let message = match error {
        tungstenite::Error::ConnectionClosed
        | tungstenite::Error::AlreadyClosed
        | tungstenite::Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
            "the connection ended without a Close frame: the service, or something on the way, dropped it"
                .to_owned()
        }
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

#[cfg(test)]
mod tests {
    use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

    use super::*;

    #[test]
    fn a_reason_is_one_line_of_bounded_length() {
        let frame = |reason: &str| CloseFrame { code: CloseCode::Restart, reason: reason.to_owned().into() };
        let said = closed_by_peer(Some(&frame("bye\n\u{1b}[31m"))).to_string();
        assert_eq!(said, "the service closed the connection (code 1012: bye [31m)");
        let said = closed_by_peer(Some(&frame(&"so ".repeat(60)))).to_string();
        assert!(said.ends_with("so so…)") && said.len() < 150, "{said}");
        assert_eq!(
            closed_by_peer(Some(&frame(""))).to_string(),
            "the service closed the connection (code 1012)"
        );
    }

    #[test]
    fn a_reason_brings_no_secret_into_an_error() {
        let reason = "token 0123456789abcdef0123 of wss://host/?ticket=1 expired";
        let frame = CloseFrame { code: CloseCode::from(4001), reason: reason.into() };
        let error = closed_by_peer(Some(&frame));
        assert_eq!(error.to_string(), "the service closed the connection (code 4001: token … of … expired)");
        assert_eq!((error.close_code(), error.close_reason()), (Some(4001), Some("token … of … expired")));
        assert_eq!(closed_by_peer(None).close_code(), None);
    }
}
