//! Ids for messages that a program chooses.

use secondme_avatar_protocol::{Error, MessageId, Millis};

use crate::client_inner::random_seed;
use crate::clock::WallClock;

/// Makes an id for a message, `{random}_____{milliseconds}` with the present time, for
/// [`Ask::message_id`](crate::Ask::message_id).
///
/// ```
/// let id = secondme_avatar::new_message_id()?;
/// assert_ne!(secondme_avatar::new_message_id()?, id);
/// # Ok::<_, secondme_avatar::Error>(())
/// ```
///
/// # Errors
///
/// Fails with kind [`Misuse`](crate::ErrorKind::Misuse) if the operating system has no randomness.
pub fn new_message_id() -> Result<MessageId, Error> {
    let now: Millis = WallClock::default().now();
    Ok(MessageId::of(random_seed()?, now))
}
