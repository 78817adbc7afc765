//! What lies beneath a failure, carried to another process: its texts.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How deep it goes at most.
const DEPTH: usize = 8;

type Source = Arc<dyn StdError + Send + Sync>;

/// A failure of another process.
#[derive(Debug)]
struct Carried {
    text: String,
    source: Option<Box<Carried>>,
}

impl fmt::Display for Carried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl StdError for Carried {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

pub(super) fn serialize<S: Serializer>(source: &Option<Source>, to: S) -> Result<S::Ok, S::Error> {
    let mut texts = Vec::new();
    let mut next = source.as_deref().map(|source| source as &(dyn StdError + 'static));
    while let Some(source) = next.filter(|_| texts.len() < DEPTH) {
        texts.push(source.to_string());
        next = source.source();
    }
    texts.serialize(to)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Source>, D::Error> {
    let texts = Vec::<String>::deserialize(from)?;
    let chain =
        texts.into_iter().take(DEPTH).rfold(None, |source, text| Some(Box::new(Carried { text, source })));
    Ok(chain.map(|source| Arc::new(*source) as Source))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::error::{Error, ErrorKind, Step};

    #[test]
    fn a_failure_says_in_another_process_what_it_says_here() {
        let deep =
            Error::new(ErrorKind::ConnectionFailed, "no route").caused_by(std::io::Error::other("the cable"));
        let error = Error::new(ErrorKind::Deadline, "the message did not finish")
            .at(Step::SendMessage)
            .with_code("some.code")
            .with_retry_after(Some(Duration::from_millis(1500)))
            .with_close(4001, "kicked")
            .caused_by(deep);
        let carried: Error = serde_json::from_str(&serde_json::to_string(&error).unwrap()).unwrap();
        assert_eq!(format!("{carried:?} {carried}"), format!("{error:?} {error}"));
        assert_eq!((carried.close_code(), carried.close_reason()), (Some(4001), Some("kicked")));
        let chain = |error: &Error| {
            let all = std::iter::successors(std::error::Error::source(error), |source| source.source());
            all.map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(chain(&carried), ["no route", "the cable"]);
        assert_eq!(chain(&carried), chain(&error));
    }
}
