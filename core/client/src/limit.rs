//! The system's limit of open files, which also limits connections.

use std::io;

use secondme_avatar_protocol::{Error, ErrorKind};

/// Returns an error if this process, or the system, may open no more connections. Trying again does not help
/// until something is closed.
pub(crate) fn reached(error: &io::Error) -> Option<Error> {
    let message = match error.raw_os_error()? {
        PROCESS => {
            let limit = limit().map_or_else(String::new, |files| format!(", here {files}"));
            format!(
                "this process has reached its limit of open files and connections (`ulimit -n`{limit}): raise \
                 it, or have fewer visitors open at a time"
            )
        }
        SYSTEM => "this system has reached its limit of open files and connections (`fs.file-max`): close \
                   programs, or raise it"
            .to_owned(),
        _ => return None,
    };
    Some(Error::new(ErrorKind::ConnectionFailed, message).without_retry())
}

/// Returns the same error for a failed lookup, where the system's resolver does not tell the reason.
pub(crate) fn reached_by_lookup(error: &io::Error) -> Option<Error> {
    reached(error).or_else(|| {
        let probe = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None);
        reached(&probe.err()?)
    })
}

#[cfg(unix)]
const PROCESS: i32 = nix::errno::Errno::EMFILE as i32;
#[cfg(unix)]
const SYSTEM: i32 = nix::errno::Errno::ENFILE as i32;

/// `WSAEMFILE`
#[cfg(not(unix))]
const PROCESS: i32 = 10024;
/// Windows has no such limit. `WSAENOBUFS` is the nearest error.
#[cfg(not(unix))]
const SYSTEM: i32 = 10055;

#[cfg(unix)]
fn limit() -> Option<u64> {
    use nix::sys::resource::{Resource, getrlimit};
    #[allow(clippy::useless_conversion, reason = "the type is another one on other systems")]
    getrlimit(Resource::RLIMIT_NOFILE).ok().and_then(|(soft, _)| u64::try_from(soft).ok())
}

#[cfg(not(unix))]
fn limit() -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_named_and_other_failures_are_not_taken_for_it() {
        let error = reached(&io::Error::from_raw_os_error(PROCESS)).unwrap();
        assert_eq!(error.kind(), ErrorKind::ConnectionFailed);
        assert!(error.forbids_retry() && error.is_retryable());
        assert!(error.to_string().contains("ulimit -n"), "{error}");
        assert!(reached(&io::Error::from_raw_os_error(SYSTEM)).unwrap().to_string().contains("this system"));
        assert!(reached(&io::Error::from(io::ErrorKind::ConnectionRefused)).is_none());
    }
}
