//! The API key.

use std::fmt;
use std::str::FromStr;

use crate::redact::Secret;

/// An avatar's API key. Its `Debug` shows nothing of it, and its memory is overwritten when it is dropped.
///
/// ```
/// use secondme_avatar_protocol::ApiKey;
///
/// # fn main() -> Result<(), secondme_avatar_protocol::InvalidApiKey> {
/// let key: ApiKey = "sk-0123456789abcdef".parse()?;
/// assert_eq!(format!("{key:?}"), "ApiKey(sk-…)");
/// assert!("pk-0123456789abcdef".parse::<ApiKey>().is_err());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(Secret);

/// The text is not an API key. The text itself is not repeated: it may be another secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidApiKey {
    /// There is none.
    #[error(
        "the API key is empty: create one in the SecondMe app under Avatar Hub → Avatar Detail → \
         API Key Management"
    )]
    Empty,
    /// It does not begin as a key does.
    #[error("this is not an API key: a SecondMe API key starts with `sk-`")]
    Prefix,
    /// It has a character that no header can carry.
    #[error("the API key has a space, a line break or another character that no key has: copy it again")]
    Character,
}

impl ApiKey {
    /// The key, as a secret among others.
    #[must_use]
    pub fn as_secret(&self) -> &Secret {
        &self.0
    }

    /// The key itself. The name is long so that its uses are easy to find.
    pub fn expose_secret(&self) -> &str {
        self.0.expose_secret()
    }
}

impl FromStr for ApiKey {
    type Err = InvalidApiKey;

    fn from_str(text: &str) -> Result<Self, InvalidApiKey> {
        let Some(rest) = text.strip_prefix("sk-") else {
            return Err(if text.is_empty() { InvalidApiKey::Empty } else { InvalidApiKey::Prefix });
        };
        match rest {
            "" => Err(InvalidApiKey::Empty),
            _ if rest.bytes().all(|byte| byte.is_ascii_graphic()) => Ok(Self(Secret::from(text.to_owned()))),
            _ => Err(InvalidApiKey::Character),
        }
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(sk-…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_a_key_is_refused_with_the_reason() {
        for (text, reason) in [
            ("", InvalidApiKey::Empty),
            ("sk-", InvalidApiKey::Empty),
            ("Bearer sk-abc", InvalidApiKey::Prefix),
            ("sk-abc\n", InvalidApiKey::Character),
            ("sk-a b", InvalidApiKey::Character),
            ("sk-ключ", InvalidApiKey::Character),
        ] {
            assert_eq!(text.parse::<ApiKey>(), Err(reason), "{text:?}");
        }
    }
}
