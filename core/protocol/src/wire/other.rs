//! The answers to calls that this library does not know.

use std::time::Duration;

use super::envelope::read;
use super::mend::mend_body;
use super::refusal::Blame;
use crate::door::Door;
use crate::error::{Error, ErrorKind, Step};
use crate::limits::RATE_LIMIT_WAIT_MAX;
use crate::quote::KnownSecrets;

/// Why such a call has failed.
#[derive(Clone, Debug)]
pub struct OtherFailure {
    /// For the caller.
    pub error: Error,
    /// Whether the token is what was refused, so that another one may help.
    pub blames_token: bool,
}

/// Reads an answer: its `data` as the service wrote it, and `null` where it has none. The secrets that are `known` do
/// not occur in the failure.
pub fn read_other(
    door: Door,
    status: u16,
    retry_after: Option<Duration>,
    body: &[u8],
    known: &KnownSecrets,
) -> Result<String, OtherFailure> {
    let mended = mend_body(body);
    let body = mended.as_deref().map_or(body, str::as_bytes);
    let refusal = match read(door, status, body, known) {
        Ok(data) => return Ok(data.map_or("null", |data| data.get()).to_owned()),
        Err(refusal) => refusal,
    };
    let blames_token = refusal.blames_the_token() != Blame::No;
    let error = refusal.into_error(Step::Request);
    let waits = matches!(error.kind(), ErrorKind::RateLimited | ErrorKind::Unavailable);
    let wait = retry_after.filter(|_| waits).map(|wait| wait.min(RATE_LIMIT_WAIT_MAX));
    Err(OtherFailure { error: error.with_retry_after(wait), blames_token })
}
