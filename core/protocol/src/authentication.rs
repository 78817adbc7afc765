//! The token that calls show: the present one, whether it has proven good, and when another one is fetched.

use crate::alike::Alike;
use crate::facts::Identity;
use crate::ids::UserId;
use crate::redact::Secret;
use crate::time::Millis;

/// What is known about who the visitor is to the service.
#[derive(Debug, Default)]
pub(crate) struct Authentication {
    credentials: Option<Identity>,
    /// What the calls of Visitor Chat show in the place of credentials.
    bearer: Option<Box<Bearer>>,
    /// The last token that was refused, until there is another.
    refused: Option<Secret>,
    /// Outlives the credentials: who the visitor is does not change with a token.
    user_id: Option<UserId>,
    /// Counts the tokens.
    token: TokenNumber,
    /// The present token replaces a refused one, and no call has succeeded with it yet.
    is_unproven: bool,
    /// A token that was at hand has been taken for a good one since a call last succeeded. The next that is at hand is
    /// not: two visitors of an app could else have tokens fetched for each other for ever.
    was_spared: bool,
    /// The handshake was refused, and another token is fetched for it.
    is_handshake_refused: bool,
}

/// A token of Visitor Chat: the app's, which all its visitors share, or one user's.
#[derive(Debug)]
pub(crate) struct Bearer {
    pub(crate) token: Secret,
    /// From then on another one is asked for.
    pub(crate) renew_at: Option<Millis>,
}

/// Whether a token was fetched for the machine that asked, or was there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// It was fetched after the machine had asked: a refusal of it says that another one does not help either.
    Fetched,
    /// It was there: it may have died since. A refusal of it does not count as final, once.
    AtHand,
}

/// Names one token: a refusal of an older one says nothing about the present one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TokenNumber(u32);

/// What a refused token means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenRefusal {
    /// It is not the present one: another one is there, or is being fetched.
    Stale,
    /// Another one is fetched now.
    Renewed,
    /// The present one has already replaced a refused one: another token does not help.
    Final,
}

impl Authentication {
    /// What an earlier run knew.
    pub(crate) fn new(credentials: Option<Identity>) -> Self {
        let user_id = credentials.as_ref().map(|credentials| credentials.user_id.clone());
        Self { credentials, user_id, ..Self::default() }
    }

    /// The credentials, until the service refuses them.
    pub(crate) fn credentials(&self) -> Option<&Identity> {
        self.credentials.as_ref()
    }

    /// The bearer token, unless it is time for another.
    pub(crate) fn bearer(&self, now: Millis) -> Option<&Secret> {
        let bearer = self.bearer.as_ref()?;
        bearer.renew_at.is_none_or(|renew_at| renew_at > now).then_some(&bearer.token)
    }

    /// The token that was refused, and for which there is no other yet.
    pub(crate) fn refused_token(&self) -> Option<&Secret> {
        self.refused.as_ref()
    }

    /// The tokens that are known.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &Secret> {
        let token = self.credentials.as_ref().map(|credentials| &credentials.token);
        let bearer = self.bearer.as_ref().map(|bearer| &bearer.token);
        [token, bearer, self.refused.as_ref()].into_iter().flatten()
    }

    pub(crate) fn user_id(&self) -> Option<&UserId> {
        self.user_id.as_ref()
    }

    /// Shares with other visitors what is the same for all of them.
    pub(crate) fn share(&mut self, alike: &mut Alike) {
        if let Some(credentials) = &mut self.credentials {
            alike.share_identity(credentials);
        }
    }

    /// Which token calls show from now on.
    pub(crate) fn token(&self) -> TokenNumber {
        self.token
    }

    /// The service has given a token.
    pub(crate) fn granted(&mut self, credentials: Identity) {
        self.token.0 += 1;
        self.user_id = Some(credentials.user_id.clone());
        self.credentials = Some(credentials);
        self.refused = None;
    }

    /// There is a bearer token.
    pub(crate) fn bearer_granted(&mut self, bearer: Bearer, freshness: Freshness) {
        self.token.0 += 1;
        self.bearer = Some(Box::new(bearer));
        self.refused = None;
        if freshness == Freshness::AtHand && self.is_unproven && !self.was_spared {
            self.is_unproven = false;
            self.was_spared = true;
        }
    }

    /// A call that showed this token has succeeded.
    pub(crate) fn proven(&mut self, token: TokenNumber) {
        if token == self.token {
            self.is_unproven = false;
            self.was_spared = false;
        }
    }

    /// A call that showed this token was refused because of it.
    pub(crate) fn refused(&mut self, token: TokenNumber) -> TokenRefusal {
        if token != self.token || (self.credentials.is_none() && self.bearer.is_none()) {
            return TokenRefusal::Stale;
        }
        if self.is_unproven {
            return TokenRefusal::Final;
        }
        self.is_unproven = true;
        self.drop_token();
        TokenRefusal::Renewed
    }

    /// Another token is wanted in the place of the present one.
    fn drop_token(&mut self) {
        let credentials = self.credentials.take().map(|credentials| credentials.token);
        let bearer = self.bearer.take().map(|bearer| bearer.token);
        if let Some(token) = credentials.or(bearer) {
            self.refused = Some(token);
        }
    }

    /// A handshake was refused. The address may be refused for the token it was made with: once, another one is
    /// fetched.
    pub(crate) fn handshake_refused(&mut self) {
        if !std::mem::replace(&mut self.is_handshake_refused, true) {
            self.drop_token();
        }
    }

    /// A handshake has succeeded.
    pub(crate) fn handshake_accepted(&mut self) {
        self.is_handshake_refused = false;
    }

    /// The key or the visitor is refused: the token is of no use.
    pub(crate) fn forget(&mut self) {
        self.credentials = None;
        self.bearer = None;
    }
}
