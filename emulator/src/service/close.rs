//! How a socket is closed.

/// How a socket is closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CloseHow {
    /// With a close frame.
    Clean {
        /// Its code.
        code: u16,
        /// Its reason.
        reason: String,
    },
    /// By cutting the connection.
    Abrupt,
}

/// Refuses a code that RFC 6455 does not allow in a close frame.
pub(crate) fn check_close_code(code: u16) -> Result<(), String> {
    match code {
        1_000..=1_003 | 1_007..=1_014 | 3_000..=4_999 => Ok(()),
        code => Err(format!("{code} is no code a close frame may carry")),
    }
}
