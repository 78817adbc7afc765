//! Where `--store` keeps things: in a file, or in Redis.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use secondme_avatar::{ClientBuilder, RedisStore, SqliteStore};

use crate::exit::{self, Failure};

const VARIABLE: &str = "SECONDME_SERVE_STORE";

/// What `--store` names.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum StorePlace {
    File(PathBuf),
    /// A URL, which may hold a password.
    Redis(String),
}

impl StorePlace {
    /// Reads what the command line or the settings say. An error does not repeat it.
    pub(crate) fn parse(text: OsString) -> Result<Self, String> {
        match text.into_string() {
            Ok(url) if RedisStore::is_url(&url) => Ok(Self::Redis(url)),
            Ok(other) if other.contains("://") => {
                Err("it is a file, or a URL that begins with redis:// or rediss://".to_owned())
            }
            Ok(path) => Ok(Self::File(path.into())),
            Err(path) => Ok(Self::File(path.into())),
        }
    }

    /// What the command line says, or else the environment. Other programs of the machine can read the command line.
    pub(crate) fn given(argument: Option<OsString>) -> Result<Option<Self>, Failure> {
        let (from, text) = match argument {
            Some(text) => ("--store", text),
            None => match std::env::var_os(VARIABLE).filter(|text| !text.is_empty()) {
                Some(text) => (VARIABLE, text),
                None => return Ok(None),
            },
        };
        let place = Self::parse(text).map_err(|why| Failure::new(exit::USAGE, format!("{from}: {why}")))?;
        if from != VARIABLE && place.has_password() {
            let message = format!("{from}: other programs of this machine can read a password here");
            let advice = format!("Put the URL into {VARIABLE}, or into the file of --settings.");
            return Err(Failure::new(exit::USAGE, message).advise(advice));
        }
        Ok(Some(place))
    }

    fn has_password(&self) -> bool {
        matches!(self, Self::Redis(url) if url.contains('@') || url.contains("password="))
    }

    /// Opens the store for a model's client.
    pub(crate) fn open(&self, builder: ClientBuilder) -> Result<ClientBuilder, Failure> {
        let failed = |error| Failure::new(exit::USAGE, format!("--store: {self}: {error}"));
        Ok(match self {
            Self::File(path) => builder.store(SqliteStore::open(path).map_err(failed)?),
            Self::Redis(url) => builder.store(RedisStore::open(url).map_err(failed)?),
        })
    }
}

/// The path, or the URL without what may be secret: the user, the password and the settings.
impl fmt::Display for StorePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Redis(url) => {
                let shown = url.split(['?', '#']).next().unwrap_or_default();
                let (scheme, rest) = shown.split_once("://").unwrap_or_default();
                write!(f, "{scheme}://{}", rest.rsplit('@').next().unwrap_or_default())
            }
        }
    }
}

impl fmt::Debug for StorePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_shown_without_its_password() {
        let shown = |text: &str| StorePlace::parse(text.into()).map(|place| format!("{place} {place:?}"));
        let both = |text: &str| Ok(format!("{text} {text}"));
        assert_eq!(shown("avatar.db"), both("avatar.db"));
        assert_eq!(
            shown("redis://bot:pa@ss@redis.example:6379/0?prefix=bot"),
            both("redis://redis.example:6379/0")
        );
        assert_eq!(
            shown("rediss+sentinel://:word@a,b:26379/main/0?sentinel_password=word"),
            both("rediss+sentinel://a,b:26379/main/0")
        );
        let refused = shown("postgres://bot:word@db").unwrap_err();
        assert!(!refused.contains("word") && refused.contains("redis://"), "{refused}");
    }
}
