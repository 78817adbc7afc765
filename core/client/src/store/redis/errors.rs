//! The texts of errors: what is wrong, and what to do. Redis's own words name commands and keys, but no password.

use redis::{ErrorKind, RedisError};
use secondme_avatar_protocol::one_line;

use super::address::{Address, Way};
use crate::store::error::StoreError;

/// How much is shown of what Redis says, in characters.
const WORDS: usize = 300;

/// What was done when the error came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Open,
    Read,
    Save,
}

/// Whether a later attempt may succeed: the connection is lost, or Redis is not ready.
pub(super) fn is_passing(error: &RedisError) -> bool {
    const NOT_READY: [&str; 8] =
        ["ASK", "BUSY", "CLUSTERDOWN", "LOADING", "MASTERDOWN", "MOVED", "READONLY", "TRYAGAIN"];
    is_lost(error) || error.code().is_some_and(|code| NOT_READY.contains(&code))
}

/// Whether the connection is of no use any more.
pub(super) fn is_lost(error: &RedisError) -> bool {
    error.is_io_error() || error.is_unrecoverable_error() || error.code() == Some("READONLY")
}

/// Whether the lease of this store has run out.
pub(super) fn is_fenced(error: &RedisError) -> bool {
    error.code() == Some("FENCED")
}

pub(super) fn redis_error(address: &Address, operation: Operation, error: RedisError) -> StoreError {
    // Redis-rs quotes an answer that it does not expect, and that may be a record.
    if matches!(error.kind(), ErrorKind::UnexpectedReturnType | ErrorKind::Parse) {
        return strange(address);
    }
    let words = one_line(&error.to_string(), WORDS);
    let done = match operation {
        Operation::Open => "cannot be opened",
        Operation::Read => "cannot be read",
        Operation::Save => "cannot be written",
    };
    let (code, detail) = (error.code().unwrap_or_default(), error.detail().unwrap_or_default());
    let advice = if error.is_timeout() {
        "Redis did not answer in time. What was being written may be there or not: try again"
    } else if error.is_io_error() {
        match address.way {
            Way::Socket => "Is a Redis running there, and may this program use its socket?",
            Way::Sentinel => {
                "Are the sentinels and a primary running there, and does a firewall let this machine through?"
            }
            Way::Direct | Way::Cluster => {
                "Is a Redis running there, does it speak TLS where the URL says rediss, and does a firewall let this \
                 machine through?"
            }
        }
    } else if error.kind() == ErrorKind::AuthenticationFailed
        || code == "WRONGPASS"
        || detail.contains("invalid password")
    {
        "Redis does not accept the user or the password: correct them in the URL"
    } else {
        match code {
            "NOAUTH" => "Redis asks for a password: write it in the URL, redis://:PASSWORD@HOST",
            "NOPERM" => {
                "The user of the URL may not do this: give it the commands of docs/redis.md, and the keys that begin with \
                 the prefix"
            }
            "OOM" => {
                "Redis has no memory left, and nothing of this was changed: raise its `maxmemory`, or delete visitors \
                 who are idle"
            }
            "MISCONF" => "Redis cannot write to its disk, and takes no changes: see its log",
            "READONLY" => "This Redis is a replica now: name the primary, or use redis+sentinel://",
            "NOREPLICAS" => "Redis has too few replicas for what `min-replicas-to-write` asks: see its log",
            "LOADING" => "Redis is reading its file: try again in a moment",
            "CLUSTERDOWN" | "MOVED" | "ASK" | "TRYAGAIN" => {
                "The cluster is not whole, or moves the keys at present: try again, and see `redis-cli cluster info`"
            }
            _ => "See the log of Redis",
        }
    };
    StoreError::new(format!("the store {address} {done}: {words}. {advice}")).caused_by(error)
}

/// What came is not what a script of ours returns.
pub(super) fn strange(address: &Address) -> StoreError {
    StoreError::new(format!(
        "the store {address} gave an answer that cannot be read: is it a Redis, and do other programs write to keys that \
         begin with the store's prefix?"
    ))
}

/// A connection that was made by the parent of a forked process.
pub(super) fn forked(address: &Address) -> StoreError {
    StoreError::new(format!(
        "the store {address} was opened before a fork, and cannot be used in the child: open it after the fork"
    ))
}
