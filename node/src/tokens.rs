//! The tokens of users, which a function of the program gives: it runs on the environment's own thread.

use std::error::Error as StdError;
use std::fmt;

use napi_derive::napi;
use secondme_avatar::Error;
use secondme_avatar_bridge::calls::Ticket;
use secondme_avatar_bridge::tokens::{TokenFailure, TokenMessage};

use crate::contract::names::error_kind;
use crate::words::Words;

/// A token is wanted. Without a visitor the request under the ticket is taken back.
#[napi(object, object_from_js = false)]
pub struct TokenAsked {
    pub ticket: Ticket,
    pub visitor_id: Option<String>,
    pub refused: bool,
}

impl From<TokenMessage> for TokenAsked {
    fn from(message: TokenMessage) -> Self {
        match message {
            TokenMessage::Wanted(ticket, request) => {
                let visitor_id = Some(request.visitor_id.as_str().to_owned());
                Self { ticket, visitor_id, refused: request.refused }
            }
            TokenMessage::TakenBack(ticket) => Self { ticket, visitor_id: None, refused: false },
        }
    }
}

/// Why there is no token.
#[napi(object, object_to_js = false)]
pub struct TokenFailed {
    /// Under which JavaScript keeps what was thrown.
    pub thrown: u32,
    pub words: Words,
    pub may_pass: bool,
    /// Of an error of this package's.
    pub kind: Option<Words>,
    pub code: Option<Words>,
}

impl TokenFailed {
    pub(crate) fn into_failure(self) -> Result<(Thrown, TokenFailure), Error> {
        let words = self.words.named("message")?;
        let kind = Words::named_if(self.kind, "kind")?;
        let failure = match kind.as_deref().and_then(error_kind) {
            Some(kind) => TokenFailure::Own { kind, words, code: Words::named_if(self.code, "code")? },
            None => TokenFailure::Foreign { words, may_pass: self.may_pass },
        };
        Ok((Thrown(self.thrown), failure))
    }
}

/// What the function threw: JavaScript keeps it under this number, and makes it the cause of the calls' errors.
#[derive(Debug)]
pub(crate) struct Thrown(pub(crate) u32);

impl StdError for Thrown {}

impl fmt::Display for Thrown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("what the program's function has thrown")
    }
}
