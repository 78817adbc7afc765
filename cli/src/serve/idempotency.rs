//! A question that a caller asks again under its `Idempotency-Key`, maybe through another gateway: it has the message id of
//! the first time, so it is known at the service and in every gateway of the store.

use std::fmt::Write as _;
use std::time::Duration;

use axum::http::HeaderMap;
use ring::digest::{SHA256, digest};
use secondme_avatar::{AvatarClient, Error, ErrorKind, MessageId, Visitor, new_message_id};

use super::refusal::Refusal;

const HEADER: &str = "idempotency-key";
/// How long a key may be, in bytes.
const LONGEST: usize = 255;
/// What the keys of these notes begin with.
const NOTES: &str = "serve/asked/";
/// For how long a key is known.
const LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// What a caller calls a request by. It is of one visitor, and so of one caller: others may use the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key(String);

/// A question that has its id.
pub(super) struct Claimed {
    pub(super) id: MessageId,
    /// It was asked before under this key.
    pub(super) again: bool,
}

impl Key {
    pub(super) fn read(headers: &HeaderMap) -> Result<Option<Self>, Refusal> {
        let Some(key) = headers.get(HEADER) else { return Ok(None) };
        match key.to_str().map(str::trim) {
            Ok(key) if (1..=LONGEST).contains(&key.len()) => Ok(Some(Self(hash(&[key])))),
            _ => {
                let message = "Idempotency-Key takes 1 to 255 visible ASCII characters, such as a UUID";
                Err(Refusal::invalid("invalid_idempotency_key", message))
            }
        }
    }

    /// Gives the question its id, or the one that it had before, in any process of the store.
    pub(super) async fn claim(
        &self,
        client: &AvatarClient,
        visitor: &Visitor,
        text: &str,
        chat: Option<&str>,
    ) -> Result<Claimed, Error> {
        let (note, question) = (format!("{NOTES}{}", self.0), hash(&[text, chat.unwrap_or_default()]));
        loop {
            let id = new_message_id()?;
            let added = client.add_note(visitor, note.as_str(), format!("{id} {question}"));
            if added.lifetime(LIFETIME).await? {
                return Ok(Claimed { id, again: false });
            }
            // One that has expired in between is added anew.
            let Some(kept) = client.note(visitor.id(), &note).await? else { continue };
            return match kept.split_once(' ') {
                Some((id, asked)) if asked == question => {
                    Ok(Claimed { id: MessageId::from(id), again: true })
                }
                _ => {
                    let message = "this Idempotency-Key came before with another question: take a new one for each question";
                    Err(Error::new(ErrorKind::Misuse, message))
                }
            };
        }
    }
}

/// Of a fixed length, whatever a caller takes.
fn hash(words: &[&str]) -> String {
    let words = words.iter().fold(String::new(), |all, word| format!("{all}{} {word}", word.len()));
    digest(&SHA256, words.as_bytes()).as_ref()[..16].iter().fold(String::new(), |mut all, byte| {
        // Writing to a string does not fail.
        let _ = write!(all, "{byte:02x}");
        all
    })
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn a_key_is_what_a_header_can_hold() {
        let read = |value: &[u8]| {
            let mut headers = HeaderMap::new();
            headers.insert(HEADER, HeaderValue::from_bytes(value).unwrap());
            Key::read(&headers)
        };
        assert_eq!(Key::read(&HeaderMap::new()).unwrap(), None);
        assert_eq!(read(b"one").unwrap(), read(b" one ").unwrap());
        assert_ne!(read(b"one").unwrap(), read(b"two").unwrap());
        assert!(read(&[b'a'; LONGEST]).is_ok());
        for wrong in [&b""[..], b"  ", &[b'a'; LONGEST + 1], "\u{e9}".as_bytes()] {
            assert_eq!(read(wrong).unwrap_err().code(), "invalid_idempotency_key");
        }
    }
}
