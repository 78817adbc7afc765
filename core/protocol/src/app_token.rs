//! An app's token for Visitor Chat, shared by all its visitors: fetched once, renewed before its end and after a
//! refusal.

use std::fmt;
use std::time::Duration;

use crate::authentication::Freshness;
use crate::call::CallId;
use crate::door::Door;
use crate::error::{Error, ErrorKind, Step};
use crate::limits::{
    BACKOFF_REFUSED_MAX, CALL_TIMEOUT, RATE_LIMIT_WAIT, RATE_LIMIT_WAIT_MAX, TOKEN_LIFETIME, TOKEN_RENEWAL,
    TOKEN_SHORT_LIFE,
};
use crate::link::{backoff, growing};
use crate::option_name::OptionName;
use crate::quote::KnownSecrets;
use crate::redact::Secret;
use crate::rng::Rng;
use crate::time::Millis;
use crate::wire::{self, HttpRequest, TokenAnswer};

/// The id and the secret of an app that is registered with the service. Its `Debug` shows neither.
///
/// ```
/// use secondme_avatar_protocol::AppCredentials;
///
/// # fn main() -> Result<(), secondme_avatar_protocol::Error> {
/// let app = AppCredentials::new("71658da7-659c-414a-abdf-cb6472037fc2", "the-secret")?;
/// assert_eq!(format!("{app:?}"), "AppCredentials(…)");
/// assert!(AppCredentials::new("", "the-secret").is_err());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct AppCredentials {
    client_id: Secret,
    client_secret: Secret,
}

impl AppCredentials {
    /// Takes the two as the developer console shows them.
    ///
    /// # Errors
    ///
    /// Fails with kind [`Misuse`](ErrorKind::Misuse) if one is empty or holds a space, a line break or another
    /// character that it cannot have. The text does not repeat it.
    pub fn new(client_id: &str, client_secret: &str) -> Result<Self, Error> {
        for (name, value) in [(OptionName::CLIENT_ID, client_id), (OptionName::CLIENT_SECRET, client_secret)]
        {
            let what = match value {
                "" => "is empty",
                _ if !value.bytes().all(|byte| byte.is_ascii_graphic()) => {
                    "has a space, a line break or another character that it cannot have"
                }
                _ => continue,
            };
            let message = format!("{name} {what}: copy it from the app's page at {CONSOLE}");
            return Err(Error::new(ErrorKind::Misuse, message));
        }
        let secret = |text: &str| Secret::from(text.to_owned());
        Ok(Self { client_id: secret(client_id), client_secret: secret(client_secret) })
    }

    /// The secret, which no quoted text may repeat.
    #[must_use]
    pub fn secret(&self) -> &Secret {
        &self.client_secret
    }

    fn known(&self) -> KnownSecrets {
        KnownSecrets::new([&self.client_secret])
    }
}

impl fmt::Debug for AppCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AppCredentials(…)")
    }
}

/// Where an app is registered, and where its state is seen.
pub(crate) const CONSOLE: &str = "https://develop.second.me";

/// The token of one app, without clock or sockets.
///
/// All who need the token ask. One that is at hand is given at once; otherwise one fetch is made for all who wait,
/// however many they are. A fetch that has failed is not made again before a wait that grows, and neither is one after
/// several tokens in a row that the service has refused soon after it had given them.
///
/// The host's part: it [asks](Self::ask) for each who needs the token, makes the call of [`begin`](Self::begin) where
/// one has to wait, gives its answer to [`answered`](Self::answered) or [`failed`](Self::failed), and then asks again
/// for each who waits.
///
/// ```
/// use secondme_avatar_protocol::{AppCredentials, AppToken, CallId, Millis, TokenAsked};
///
/// # fn main() -> Result<(), secondme_avatar_protocol::Error> {
/// let mut token = AppToken::new(AppCredentials::new("id", "secret")?, 7);
/// let now = Millis(0);
/// assert!(matches!(token.ask(now, None), TokenAsked::Wait));
/// let request = token.begin(now, CallId(1)).expect("no fetch is under way");
/// assert_eq!(request.path, "/api/oauth/token/client");
/// assert!(token.begin(now, CallId(2)).is_none(), "one at a time");
/// token.answered(now, 200, None, br#"{"code":0,"data":{"accessToken":"t1","expiresIn":"604800"}}"#)?;
/// assert!(matches!(token.ask(now, None), TokenAsked::Present(_)));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct AppToken {
    app: AppCredentials,
    present: Option<PresentToken>,
    /// When the last token was fetched.
    fetched_at: Millis,
    /// Tokens in a row that were refused soon after their fetch.
    refusals: u32,
    /// When the fetch that is under way began.
    fetching: Option<Millis>,
    /// Fetches in a row that have failed.
    failures: u32,
    held_until: Millis,
    /// Why no fetch is made: the last one failed, or its token was refused.
    last: Option<Error>,
    rng: Rng,
}

/// What there is for one who needs the token.
#[derive(Debug)]
pub enum TokenAsked {
    /// The token.
    Present(PresentToken),
    /// No token is fetched now, and why: the last fetch has failed a moment ago, or its token was refused.
    Failed(Error),
    /// Nothing yet: a fetch is under way, or has to be [begun](AppToken::begin).
    Wait,
}

/// A token, and when another one is to be asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PresentToken {
    /// The token.
    pub token: Secret,
    /// From then on another one is asked for.
    pub renew_at: Millis,
}

impl AppToken {
    /// Nothing is fetched yet. The `seed` is all the chance there is.
    #[must_use]
    pub fn new(app: AppCredentials, seed: u64) -> Self {
        Self {
            app,
            present: None,
            fetched_at: Millis::default(),
            refusals: 0,
            fetching: None,
            failures: 0,
            held_until: Millis::default(),
            last: None,
            rng: Rng::new(seed),
        }
    }

    /// Asks for the token. One that is about to end does not count, nor does the `refused` one.
    pub fn ask(&mut self, now: Millis, refused: Option<&Secret>) -> TokenAsked {
        if self.present.take_if(|present| Some(&present.token) == refused).is_some() {
            self.token_refused(now);
        }
        self.present.take_if(|present| present.renew_at <= now);
        match (&self.present, &self.last) {
            (Some(present), _) => TokenAsked::Present(present.clone()),
            (None, Some(last)) if self.held_until > now => {
                let imposed = last.retry_after().map(|_| self.held_until.since(now));
                TokenAsked::Failed(last.clone().with_retry_after(imposed))
            }
            (None, _) => TokenAsked::Wait,
        }
    }

    /// One refusal may be that of a token which was revoked; the next one is fetched at once. Where that one is refused
    /// as well, more of them do not help, and each visitor would cost another.
    fn token_refused(&mut self, now: Millis) {
        let is_soon = now.since(self.fetched_at) < TOKEN_SHORT_LIFE;
        self.refusals = if is_soon { self.refusals.saturating_add(1) } else { 1 };
        let Some(doublings) = self.refusals.checked_sub(2) else { return };
        let wait = growing(doublings, BACKOFF_REFUSED_MAX, &mut self.rng);
        let message = format!(
            "the service has refused {} of the app's tokens in a row, each soon after it had given it, so the next one \
             is asked for after a wait; if this goes on, check at {CONSOLE} whether the app may chat with this avatar",
            self.refusals
        );
        let error = Error::new(ErrorKind::Unavailable, message).at(Step::FetchToken);
        self.held_until = self.held_until.max(now + wait);
        self.last = Some(error.with_retry_after(Some(wait)));
    }

    /// The fetch to be made now. `None` while one is under way, and while the last failure lies too short back.
    pub fn begin(&mut self, now: Millis, call: CallId) -> Option<HttpRequest> {
        if self.is_fetching(now) || self.held_until > now {
            return None;
        }
        self.fetching = Some(now);
        Some(HttpRequest::fetch_app_token(call, self.app.client_id.expose_secret(), &self.app.client_secret))
    }

    /// Whether a fetch is under way. One that takes longer than a call may is over.
    fn is_fetching(&self, now: Millis) -> bool {
        self.fetching.is_some_and(|since| since + CALL_TIMEOUT > now)
    }

    /// Why the last fetch failed, or what kept the next one back, if none has succeeded since.
    #[must_use]
    pub fn last_failure(&self) -> Option<&Error> {
        self.last.as_ref()
    }

    /// The fetch was answered.
    ///
    /// # Errors
    ///
    /// Fails as the answer says: with kind [`Authentication`](ErrorKind::Authentication) where the app, its secret or
    /// its scope is refused, and with a kind that passes otherwise.
    pub fn answered(
        &mut self,
        now: Millis,
        status: u16,
        retry_after: Option<Duration>,
        body: &[u8],
    ) -> Result<PresentToken, Error> {
        let since = self.fetching.take().unwrap_or(now);
        let step = Step::FetchToken;
        let answer = wire::read(Door::VisitorChat, status, body, &self.app.known())
            .map_err(|refusal| refusal.into_error(step))
            .and_then(|data| wire::data::<TokenAnswer<'_>>(step, data));
        match answer {
            Ok(answer) => {
                let lifetime = answer.expires_in.0.and_then(|seconds| u64::try_from(seconds).ok());
                let lifetime = lifetime.map_or(TOKEN_LIFETIME, Duration::from_secs);
                let token = Secret::from(answer.access_token.0.into_owned());
                let present = PresentToken { token, renew_at: since + used_for(lifetime) };
                self.present = Some(present.clone());
                self.fetched_at = now;
                self.failures = 0;
                self.last = None;
                Ok(present)
            }
            Err(error) => {
                let wait = match (error.kind(), retry_after) {
                    (ErrorKind::RateLimited, wait) => Some(wait.unwrap_or(RATE_LIMIT_WAIT)),
                    (_, wait) => wait,
                };
                let wait = wait.map(|wait| wait.min(RATE_LIMIT_WAIT_MAX));
                Err(self.hold(now, wait, error.with_retry_after(wait)))
            }
        }
    }

    /// The fetch was not answered.
    pub fn failed(&mut self, now: Millis, error: Error) -> Error {
        self.fetching = None;
        self.hold(now, None, error.at(Step::FetchToken).hiding(&self.app.known()))
    }

    /// The fetch was given up before its answer came.
    pub fn abandon(&mut self) {
        self.fetching = None;
    }

    fn hold(&mut self, now: Millis, at_least: Option<Duration>, error: Error) -> Error {
        self.held_until = now + at_least.unwrap_or_default() + backoff(self.failures, &mut self.rng);
        self.failures = self.failures.saturating_add(1);
        self.last = Some(error.clone());
        error
    }
}

impl PresentToken {
    /// As the machine that asked takes it.
    #[must_use]
    pub fn granted(self, call: CallId, freshness: Freshness) -> crate::Input {
        crate::Input::TokenGranted { call, token: self.token, renew_at: Some(self.renew_at), freshness }
    }
}

/// How long a token is used that lives for so long. One that does not live long is used for half of it, and each for
/// a second at least: a service that gives dead ones is not asked without a pause.
fn used_for(lifetime: Duration) -> Duration {
    let used = lifetime.saturating_sub(TOKEN_RENEWAL).max(lifetime / 2);
    used.clamp(Duration::from_secs(1), TOKEN_LIFETIME)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = Millis(1_000_000);
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    fn token() -> AppToken {
        AppToken::new(AppCredentials::new("id", "secret").unwrap(), 1)
    }

    fn answer(token: &mut AppToken, now: Millis, name: &str, expires: &str) -> PresentToken {
        token.begin(now, CallId(1)).expect("it may be fetched");
        let body = format!(r#"{{"code":0,"data":{{"accessToken":"{name}","expiresIn":{expires}}}}}"#);
        token.answered(now, 200, None, body.as_bytes()).unwrap()
    }

    #[test]
    fn it_is_renewed_five_minutes_before_its_end() {
        for expires in ["604800", "\"604800\""] {
            let mut token = token();
            let end = NOW + 7 * DAY;
            let present = answer(&mut token, NOW, "t1", expires);
            assert_eq!(present.renew_at, end - TOKEN_RENEWAL);
            let last = end - TOKEN_RENEWAL - Duration::from_millis(1);
            assert!(matches!(token.ask(last, None), TokenAsked::Present(_)));
            assert!(matches!(token.ask(end - TOKEN_RENEWAL, None), TokenAsked::Wait));
        }
    }

    #[test]
    fn a_short_life_costs_no_fetch_without_a_pause() {
        for (expires, used) in [("60", 30), ("0", 1), ("-1", 604_500), ("null", 604_500)] {
            let present = answer(&mut token(), NOW, "t1", expires);
            assert_eq!(present.renew_at, NOW + Duration::from_secs(used), "expiresIn {expires}");
        }
    }

    #[test]
    fn a_token_refused_that_is_not_the_present_one_any_more_costs_no_fetch() {
        let mut token = token();
        let first = answer(&mut token, NOW, "t1", "604800");
        assert!(matches!(token.ask(NOW, Some(&first.token)), TokenAsked::Wait));
        let second = answer(&mut token, NOW, "t2", "604800");
        let TokenAsked::Present(present) = token.ask(NOW, Some(&first.token)) else { panic!("it is there") };
        assert_eq!(present, second);
    }

    #[test]
    fn tokens_that_are_refused_soon_after_their_fetch_are_fetched_ever_more_seldom() {
        let mut token = token();
        let (mut now, mut waits) = (NOW, Vec::new());
        for number in 0..10 {
            let name = format!("t{number}");
            let present = answer(&mut token, now, &name, "604800");
            let wait = match token.ask(now, Some(&present.token)) {
                TokenAsked::Failed(error) => {
                    assert!(error.is_retryable() && error.to_string().contains("refused"), "{error}");
                    assert!(token.begin(now, CallId(1)).is_none());
                    error.retry_after().unwrap()
                }
                TokenAsked::Wait => Duration::ZERO,
                TokenAsked::Present(_) => panic!("it was refused"),
            };
            now = now + wait;
            waits.push(wait);
        }
        assert_eq!(waits[0], Duration::ZERO, "one may have been revoked");
        assert!(waits[1] >= Duration::from_millis(2_500), "{waits:?}");
        assert!(waits[5..].iter().all(|wait| *wait >= BACKOFF_REFUSED_MAX / 2), "{waits:?}");
        assert!(waits.iter().all(|wait| *wait <= BACKOFF_REFUSED_MAX), "{waits:?}");
        // One that has been good for a while ends that.
        let present = answer(&mut token, now, "good", "604800");
        assert!(matches!(token.ask(now + TOKEN_SHORT_LIFE, Some(&present.token)), TokenAsked::Wait));
        assert!(token.begin(now + TOKEN_SHORT_LIFE, CallId(1)).is_some());
    }

    #[test]
    fn a_failed_fetch_is_not_made_again_at_once() {
        let mut token = token();
        token.begin(NOW, CallId(1)).unwrap();
        let error = token.answered(NOW, 429, Some(Duration::from_secs(9)), b"").unwrap_err();
        assert_eq!(
            (error.kind(), error.retry_after()),
            (ErrorKind::RateLimited, Some(Duration::from_secs(9)))
        );
        let soon = NOW + Duration::from_secs(8);
        assert!(token.begin(soon, CallId(2)).is_none());
        let TokenAsked::Failed(error) = token.ask(soon, None) else { panic!("it has failed a moment ago") };
        assert!(error.retry_after().unwrap() >= Duration::from_secs(1));
        let later = NOW + Duration::from_secs(10);
        assert!(matches!(token.ask(later, None), TokenAsked::Wait));
        assert!(token.begin(later, CallId(3)).is_some());
    }

    #[test]
    fn a_fetch_that_is_never_answered_does_not_hold_up_the_next() {
        let mut token = token();
        token.begin(NOW, CallId(1)).unwrap();
        assert!(token.begin(NOW + CALL_TIMEOUT, CallId(2)).is_some());
    }

    #[test]
    fn the_form_holds_exactly_what_is_documented_and_escapes_it() {
        let app = AppCredentials::new("id&x=1", "a+b%/").unwrap();
        let request = AppToken::new(app, 1).begin(NOW, CallId(1)).unwrap();
        let form =
            "grant_type=client_credentials&client_id=id%26x%3D1&client_secret=a%2Bb%25%2F&scope=chat.write";
        assert_eq!(request.body.as_deref(), Some(form));
        assert_eq!(request.encoding.content_type(), "application/x-www-form-urlencoded");
        assert!(request.headers.is_empty());
    }

    #[test]
    fn neither_the_id_nor_the_secret_is_shown() {
        let app = AppCredentials::new("my-id", "my-secret").unwrap();
        let shown = format!("{:?}", AppToken::new(app, 1));
        assert!(!shown.contains("my-"), "{shown}");
        for bad in [("my id", "s"), ("i", "my\nsecret")] {
            let error = AppCredentials::new(bad.0, bad.1).unwrap_err();
            assert!(!error.to_string().contains("my"), "{error}");
        }
    }
}
