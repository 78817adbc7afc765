//! Who may speak through Visitor Chat: registered apps, and users who let an app speak for them.

use std::collections::{HashMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::service::failure::{Code, Failure};
use crate::switch::switch;
use crate::time::{Millis, moment};

/// The scope that a chat needs.
pub(super) const CHAT_WRITE: &str = "chat.write";

/// Tokens that are remembered; the oldest is forgotten first.
const TOKENS: usize = 10_000;

/// An app registered with the vendor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct App {
    /// Its id, public.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
    /// Its name, which the owner sees as where a visitor comes from.
    #[serde(default = "app_name")]
    pub name: String,
    /// Whether it may speak.
    #[serde(default)]
    pub standing: AppStanding,
    /// What it may do; a chat needs `chat.write`.
    #[serde(default = "chat_write")]
    pub scopes: Vec<String>,
}

fn app_name() -> String {
    App::default().name
}

fn chat_write() -> Vec<String> {
    App::default().scopes
}

impl Default for App {
    fn default() -> Self {
        Self {
            client_id: "emulator-app".to_owned(),
            client_secret: "emulator-secret".to_owned(),
            name: "Emulator App".to_owned(),
            standing: AppStanding::Active,
            scopes: vec![CHAT_WRITE.to_owned()],
        }
    }
}

switch! {
    /// Whether an app may speak.
    AppStanding {
        /// It may.
        #[default]
        Active = "active",
        /// It waits for the vendor's review.
        PendingReview = "pending-review",
        /// The review refused it.
        Rejected = "rejected",
        /// It was suspended.
        Suspended = "suspended",
        /// It is of a type that may not chat.
        InvalidType = "invalid-type",
        /// It is in a state that the vendor does not explain.
        InvalidStatus = "invalid-status",
        /// It was banned.
        Banned = "banned",
    }
}

/// A user's access token that is there from the beginning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct UserToken {
    /// The token, beginning with `lba_at_`.
    pub token: String,
    /// The user.
    pub user: String,
    /// Whether it is valid.
    #[serde(default)]
    pub standing: TokenStanding,
}

switch! {
    /// Whether a token of Visitor Chat is valid.
    TokenStanding {
        /// It is.
        #[default]
        Live = "live",
        /// Its time is over.
        Expired = "expired",
        /// It was revoked.
        Revoked = "revoked",
        /// The user has taken back what the app was allowed to do.
        Withdrawn = "withdrawn",
    }
}

/// For whom a token speaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Speaker {
    /// An app, for anonymous visitors. Its `client_id`.
    App(String),
    /// A user.
    User(String),
}

#[derive(Debug, Serialize, Deserialize)]
struct Issued {
    speaker: Speaker,
    #[serde(with = "moment")]
    expires: Millis,
    standing: TokenStanding,
}

/// The tokens that were issued, by their text.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(in crate::service) struct Tokens {
    issued: HashMap<String, Issued>,
    order: VecDeque<String>,
}

impl Tokens {
    pub(super) fn issue(&mut self, text: &str, speaker: Speaker, expires: Millis) {
        if self.order.len() == TOKENS
            && let Some(oldest) = self.order.pop_front()
        {
            self.issued.remove(&oldest);
        }
        self.order.push_back(text.to_owned());
        self.issued.insert(text.to_owned(), Issued { speaker, expires, standing: TokenStanding::Live });
    }

    /// The speaker of a token, if that is live.
    pub(super) fn speaker(&self, text: &str, now: Millis) -> Result<Speaker, Failure> {
        let Some(issued) = self.issued.get(text) else {
            return Err(dead(Code::OauthTokenInvalid));
        };
        issued.standing.check()?;
        if now >= issued.expires {
            return Err(dead(Code::OauthTokenExpired));
        }
        Ok(issued.speaker.clone())
    }

    /// Those that are live: the client id or the user they speak for, and when they end.
    pub(in crate::service) fn live(&self) -> impl Iterator<Item = (&str, Millis)> {
        let live = self.issued.values().filter(|issued| issued.standing == TokenStanding::Live);
        live.map(|issued| {
            let (Speaker::App(name) | Speaker::User(name)) = &issued.speaker;
            (name.as_str(), issued.expires)
        })
    }

    /// Changes the standing of a token, or of all. Says how many there were.
    pub(super) fn set(&mut self, text: Option<&str>, standing: TokenStanding) -> usize {
        let wanted = self.issued.iter_mut().filter(|(name, _)| text.is_none_or(|text| text == *name));
        wanted.map(|(_, issued)| issued.standing = standing).count()
    }
}

impl TokenStanding {
    /// Refuses a token that is not live.
    pub(super) fn check(self) -> Result<(), Failure> {
        match self {
            Self::Live => Ok(()),
            Self::Expired => Err(dead(Code::OauthTokenExpired)),
            Self::Revoked => Err(dead(Code::OauthTokenRevoked)),
            Self::Withdrawn => Err(dead(Code::OauthAuthorizationRevoked)),
        }
    }
}

fn dead(code: Code) -> Failure {
    let text = match code {
        Code::OauthTokenExpired => "the access token has expired",
        Code::OauthTokenRevoked => "the access token was revoked",
        Code::OauthAuthorizationRevoked => "the user has withdrawn the authorization of this app",
        _ => "the access token is not valid",
    };
    Failure::new(code, text)
}

impl AppStanding {
    /// Refuses an app that may not speak.
    pub(super) fn check(self) -> Result<(), Failure> {
        let (code, text) = match self {
            Self::Active => return Ok(()),
            Self::PendingReview => (Code::AppPendingReview, "the application waits for its review"),
            Self::Rejected => (Code::AppRejected, "the application was rejected"),
            Self::Suspended => (Code::AppSuspended, "the application is suspended"),
            Self::InvalidType => (Code::AppInvalidType, "the application is of a type that may not chat"),
            Self::InvalidStatus => (Code::AppInvalidStatus, "the application is in no valid status"),
            Self::Banned => (Code::AppBanned, "the application is banned"),
        };
        Err(Failure::new(code, text))
    }
}
