//! A visitor's credentials, as one program gives them to another; and the call that brings them.

use std::fmt;

use serde::Deserialize;
use serde_json::json;

use crate::error::{Error, ErrorKind, Step};
use crate::facts::Identity;
use crate::ids::NumericMindId;
use crate::redact::Secret;
use crate::visitor::{Visitor, VisitorId};
use crate::wire::{AuthAnswer, number};

/// What the service answers to an authentication: all that is needed to speak as one visitor, without the API key.
///
/// A server that has the key gets them, and gives them to an app as JSON, which speaks as that visitor and as no other.
/// They are a secret, good until the service refuses them: give each user their own alone, over TLS. Neither `Debug`
/// nor an error shows what is in them.
///
/// ```
/// use secondme_avatar_protocol::Credentials;
///
/// # fn main() -> Result<(), secondme_avatar_protocol::Error> {
/// let text = r#"{"visitorId":"web_6ba7b810-9dad-11d1-80b4-00c04fd430c8","visitorToken":"t","visitorUserId":"u",
///     "visitorMindId":"487569763543990272","avatarShareCode":"s","avatarName":"Ada","ownerUserId":"o"}"#;
/// let credentials = Credentials::from_json(text)?;
/// assert_eq!(credentials.visitor().id().platform(), "web");
/// assert_eq!(Credentials::from_json(&credentials.to_json())?, credentials);
/// assert_eq!(format!("{credentials:?}"), "Credentials(web_6ba7b810-9dad-11d1-80b4-00c04fd430c8)");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    visitor_id: VisitorId,
    identity: Identity,
}

#[derive(Deserialize)]
struct Named {
    #[serde(rename = "visitorId")]
    visitor_id: VisitorId,
}

impl Credentials {
    /// Those of this visitor, as an authentication has brought them.
    #[must_use]
    pub fn new(visitor_id: VisitorId, identity: Identity) -> Self {
        Self { visitor_id, identity }
    }

    /// Reads what [`to_json`](Self::to_json) wrote. Fields that are not known are passed over.
    ///
    /// # Errors
    ///
    /// Fails with kind [`InvalidAnswer`](ErrorKind::InvalidAnswer) if the text is anything else. The error does not
    /// repeat it.
    pub fn from_json(text: &str) -> Result<Self, Error> {
        let invalid = |error: serde_json::Error| {
            let message = "the text does not hold credentials: hand on what `to_json` of the credentials gave, as it is";
            Error::new(ErrorKind::InvalidAnswer, message).caused_by(error)
        };
        let Named { visitor_id } = serde_json::from_str(text).map_err(|_| {
            let message = "the credentials have no `visitorId`: hand on what `to_json` of the credentials gave, as it is";
            Error::new(ErrorKind::InvalidAnswer, message)
        })?;
        let answer: AuthAnswer<'_> = serde_json::from_str(text).map_err(invalid)?;
        Ok(Self { visitor_id, identity: Identity::told(answer)? })
    }

    /// Writes them as one line of JSON, with the service's own names: `visitorId`, `visitorToken`, `visitorUserId`,
    /// `visitorMindId` (digits in a string), `avatarShareCode`, `avatarName` and `ownerUserId`.
    #[must_use]
    pub fn to_json(&self) -> String {
        let Self { visitor_id, identity } = self;
        json!({
            "visitorId": visitor_id.as_str(),
            "visitorToken": identity.token.expose_secret(),
            "visitorUserId": identity.user_id.as_str(),
            "visitorMindId": identity.mind_id.0.to_string(),
            "avatarShareCode": identity.share_code.as_str(),
            "avatarName": identity.avatar_name,
            "ownerUserId": identity.owner_user_id.as_str(),
        })
        .to_string()
    }

    /// The visitor that they are of, for [`open`](crate::Command::Open): a program that has none of its own learns
    /// here who it is.
    #[must_use]
    pub fn visitor(&self) -> Visitor {
        self.visitor_id.clone().into()
    }

    /// The id of the visitor that they are of.
    #[must_use]
    pub fn visitor_id(&self) -> &VisitorId {
        &self.visitor_id
    }

    /// The avatar's name; may be empty.
    #[must_use]
    pub fn avatar_name(&self) -> &str {
        &self.identity.avatar_name
    }

    /// Who the visitor is to the service, if it is this visitor.
    pub(crate) fn of(self, visitor: &VisitorId) -> Result<Identity, Error> {
        if self.visitor_id == *visitor {
            return Ok(self.identity);
        }
        let message = format!(
            "the credentials are those of {}, and {visitor} was asked for: open the visitor that the credentials name",
            self.visitor_id
        );
        Err(Error::new(ErrorKind::Misuse, message).without_retry())
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({})", self.visitor_id)
    }
}

impl Identity {
    pub(crate) fn told(answer: AuthAnswer<'_>) -> Result<Self, Error> {
        let mind_id = number(Step::Authenticate, "visitorMindId", answer.visitor_mind_id.as_u64())?;
        Ok(Self {
            token: Secret::from(answer.visitor_token.0.into_owned()),
            user_id: answer.visitor_user_id.0.as_ref().into(),
            mind_id: NumericMindId(mind_id),
            share_code: answer.avatar_share_code.0.as_ref().into(),
            avatar_name: answer.avatar_name.as_deref().unwrap_or_default().into(),
            owner_user_id: answer.owner_user_id.0.as_ref().into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "web_6ba7b810-9dad-11d1-80b4-00c04fd430c8";

    fn answer() -> serde_json::Value {
        json!({
            "visitorToken": "secret-token", "visitorUserId": "u", "visitorMindId": 487_569_763_543_990_272_u64,
            "avatarShareCode": "s", "avatarName": "Ada", "ownerUserId": "o", "more": [1],
        })
    }

    fn authenticated() -> Credentials {
        let answer = answer().to_string();
        let identity = Identity::told(serde_json::from_str(&answer).unwrap()).unwrap();
        Credentials::new(ID.parse().unwrap(), identity)
    }

    #[test]
    fn what_is_written_is_read_again_with_every_digit() {
        let credentials = authenticated();
        let text = credentials.to_json();
        assert!(text.contains(r#""visitorMindId":"487569763543990272""#), "{text}");
        assert!(!text.contains('\n'));
        assert_eq!(Credentials::from_json(&text).unwrap(), credentials);
        assert_eq!(credentials.visitor().id().as_str(), ID);
    }

    #[test]
    fn what_lacks_something_is_refused_and_not_repeated() {
        let whole: serde_json::Value = serde_json::from_str(&authenticated().to_json()).unwrap();
        for field in
            ["visitorId", "visitorToken", "visitorUserId", "visitorMindId", "avatarShareCode", "ownerUserId"]
        {
            let mut less = whole.clone();
            less.as_object_mut().unwrap().remove(field);
            let error = Credentials::from_json(&less.to_string()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidAnswer, "{field}");
            let shown =
                format!("{error} {error:?} {:?}", std::error::Error::source(&error).map(ToString::to_string));
            assert!(!shown.contains("secret-token"), "{shown}");
        }
        for text in ["", "null", "[]", "{\"visitorId\":\"secret-token\"}", "<html>secret-token</html>"] {
            let error = Credentials::from_json(text).unwrap_err();
            assert!(!format!("{error:?}").contains("secret-token"), "{error:?}");
        }
    }

    #[test]
    fn they_are_good_for_their_own_visitor_alone() {
        let other: VisitorId = "web_6ba7b810-9dad-11d1-80b4-00c04fd430c9".parse().unwrap();
        let error = authenticated().of(&other).unwrap_err();
        assert_eq!((error.kind(), error.forbids_retry()), (ErrorKind::Misuse, true));
    }
}
