//! A visitor's credentials, as one program gives them to another; and the call that brings them.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use crate::call::CallId;
use crate::door::Door;
use crate::error::{Error, ErrorKind, Step};
use crate::facts::Identity;
use crate::ids::NumericMindId;
use crate::key::ApiKey;
use crate::limits::{MALFORMED_ANSWER_ATTEMPTS, RATE_LIMIT_WAIT, RATE_LIMIT_WAIT_MAX};
use crate::link::backoff;
use crate::quote::KnownSecrets;
use crate::redact::Secret;
use crate::rng::Rng;
use crate::visitor::{Visitor, VisitorId};
use crate::wire::{self, AuthAnswer, HttpRequest, number};

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
            avatar_name: answer.avatar_name.as_deref().unwrap_or_default().to_owned(),
            owner_user_id: answer.owner_user_id.0.as_ref().into(),
        })
    }
}

/// One authentication that is no machine's, tried until it succeeds or makes no sense, without clock or sockets.
///
/// The host's part: for each attempt it waits for a slot of the key's quota, makes the call of
/// [`begin`](Self::begin), and gives its answer to [`answered`](Self::answered) or [`failed`](Self::failed). These say
/// whether, and after how long, it is worth another attempt.
///
/// ```
/// use secondme_avatar_protocol::{Authenticating, CallId, Visitor};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut authenticating = Authenticating::new(Visitor::for_user("web", "ada")?, 7);
/// let request = authenticating.begin(CallId(1), &"sk-0123456789abcdef".parse()?);
/// assert_eq!(request.path, "/rest/open/avatar/auth");
/// let failed = authenticating.answered(503, None, b"").unwrap_err();
/// assert!(failed.again_after.is_some(), "the service may be back soon");
/// let failed = authenticating.answered(401, None, br#"{"code":"open.api.key.not.found"}"#).unwrap_err();
/// assert!(failed.again_after.is_none(), "another attempt does not help");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Authenticating {
    visitor: Visitor,
    attempts: u32,
    malformed: u32,
    last: Option<Error>,
    /// The key of the last attempt.
    known: KnownSecrets,
    rng: Rng,
}

/// Why an attempt to authenticate has failed.
#[derive(Clone, Debug)]
pub struct NotAuthenticated {
    /// The failure.
    pub error: Error,
    /// When another attempt makes sense; `None`: it makes none.
    pub again_after: Option<Duration>,
}

impl Authenticating {
    /// Nothing is asked yet. The `seed` is all the chance there is.
    #[must_use]
    pub fn new(visitor: Visitor, seed: u64) -> Self {
        let known = KnownSecrets::default();
        Self { visitor, attempts: 0, malformed: 0, last: None, known, rng: Rng::new(seed) }
    }

    /// The call to be made.
    #[must_use]
    pub fn begin(&mut self, call: CallId, key: &ApiKey) -> HttpRequest {
        self.known = KnownSecrets::new([key.as_secret()]);
        HttpRequest::authenticate(call, key, &self.visitor)
    }

    /// The visitor.
    #[must_use]
    pub fn visitor(&self) -> &Visitor {
        &self.visitor
    }

    /// The call was answered.
    ///
    /// # Errors
    ///
    /// Fails as the answer says.
    pub fn answered(
        &mut self,
        status: u16,
        retry_after: Option<Duration>,
        body: &[u8],
    ) -> Result<Credentials, NotAuthenticated> {
        let step = Step::Authenticate;
        let identity = wire::read(Door::AvatarOpenApi, status, body, &self.known)
            .map_err(|refusal| refusal.into_error(step))
            .and_then(|data| wire::data::<AuthAnswer<'_>>(step, data))
            .and_then(Identity::told);
        match identity {
            Ok(identity) => Ok(Credentials { visitor_id: self.visitor.id().clone(), identity }),
            Err(error) => {
                let is_limit = error.kind() == ErrorKind::RateLimited;
                let wait = retry_after.or(is_limit.then_some(RATE_LIMIT_WAIT));
                let wait = wait.map(|wait| wait.min(RATE_LIMIT_WAIT_MAX));
                Err(self.failed(error.with_retry_after(wait)))
            }
        }
    }

    /// The call was not answered, or with this failure.
    pub fn failed(&mut self, error: Error) -> NotAuthenticated {
        let is_malformed = error.kind() == ErrorKind::InvalidAnswer;
        self.malformed += u32::from(is_malformed);
        let may_pass = error.is_retryable() || (is_malformed && self.malformed < MALFORMED_ANSWER_ATTEMPTS);
        let wait = error.retry_after().unwrap_or_default() + backoff(self.attempts, &mut self.rng);
        self.attempts = self.attempts.saturating_add(1);
        let again_after = (may_pass && !error.forbids_retry()).then_some(wait);
        let error = error.at(Step::Authenticate);
        self.last = Some(error.clone());
        NotAuthenticated { error, again_after }
    }

    /// The error of one that has not succeeded by its deadline.
    #[must_use]
    pub fn late(&self) -> Error {
        Error::deadline("the authentication", self.last.as_ref())
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
        let body = json!({ "code": 0, "data": answer() }).to_string();
        Authenticating::new(Visitor::parse(ID).unwrap(), 1).answered(200, None, body.as_bytes()).unwrap()
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

    #[test]
    fn a_page_of_something_in_between_is_taken_for_the_answer_no_more_than_three_times() {
        let mut authenticating = Authenticating::new(Visitor::parse(ID).unwrap(), 1);
        let mut again = || authenticating.answered(200, None, b"<html>").unwrap_err().again_after.is_some();
        assert_eq!([again(), again(), again()], [true, true, false]);
    }
}
