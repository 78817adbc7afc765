//! What lies beneath an error.

use std::error::Error as StdError;

use secondme_avatar::Error;

/// The cause of an error for a host that shows both. Rust's own cause may be the same error in another type, with the
/// same text: it is passed over.
pub fn cause(error: &Error) -> Option<&(dyn StdError + 'static)> {
    let text = error.to_string();
    std::iter::successors(error.source(), |&cause| cause.source()).find(|cause| cause.to_string() != text)
}

#[cfg(test)]
mod tests {
    use secondme_avatar::{ErrorKind, Misuse};

    use super::*;

    #[test]
    fn a_cause_that_says_the_same_is_passed_over() {
        assert!(cause(&Error::from(Misuse::MessageIdForm)).is_none());
        let failed =
            Error::new(ErrorKind::Store, "the disk is full").caused_by(Error::from(Misuse::MessageIdForm));
        assert_eq!(cause(&failed).map(ToString::to_string), Some(Misuse::MessageIdForm.to_string()));
    }
}
