//! The errors of the client itself, each made in one place.

use secondme_avatar_protocol::{Error, ErrorKind, OptionName};

pub(crate) fn client_closed() -> Error {
    Error::new(ErrorKind::Closed, "the client is closed: make another one")
}

pub(crate) fn ended() -> Error {
    Error::new(ErrorKind::Closed, "the client was dropped or its runtime has ended")
}

/// The answer to a ticket is not of the kind that its command gives: a fault of this library.
pub(crate) fn unexpected() -> Error {
    Error::new(ErrorKind::InvalidAnswer, "the protocol machine gave an answer of another kind")
}

pub(crate) fn no_store() -> Error {
    let message = format!(
        "there is no store to keep the message in: give the client one with its option {}, or use a plain `send`",
        OptionName::STORE
    );
    Error::new(ErrorKind::Misuse, message)
}

pub(crate) fn nothing_stored() -> Error {
    let message = format!(
        "this client keeps nothing of visitors beyond its life: only a client with the option {} does",
        OptionName::STORE
    );
    Error::new(ErrorKind::Unsupported, message)
}

pub(crate) fn forgotten() -> Error {
    Error::new(ErrorKind::Closed, "the visitor was forgotten before the conversation was opened")
}

pub(crate) fn store_panicked() -> Error {
    let message = "the store has panicked, and nothing more is kept: make another client";
    Error::new(ErrorKind::Store, message)
}
