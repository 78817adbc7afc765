//! The tokens of this door: how an app fetches one, and how tests give and end them.

use serde_json::json;

use super::apps::{Speaker, TokenStanding, UserToken};
use super::fields::Fields;
use super::{CHAT_WRITE, Data, ExpiresIn, bearer};
use crate::service::Service;
use crate::service::failure::{Code, Failure};
use crate::service::http::Request;
use crate::time::Millis;

impl Service {
    /// An app's id and secret for a token.
    pub(super) fn client_token(&mut self, request: &Request) -> Result<Data, Failure> {
        let mut fields = Fields::of_form(request);
        fields.fixed("grant_type", "client_credentials");
        let (client_id, secret) = (fields.text("client_id"), fields.text("client_secret"));
        let scope = fields.text("scope");
        fields.finish()?;
        let app = self.app(&client_id)?;
        if app.client_secret != secret {
            return Err(Failure::new(Code::ClientSecretMismatch, "this is not the application's secret"));
        }
        app.standing.check()?;
        let lacks = |scope: &&str| *scope != CHAT_WRITE || !app.scopes.iter().any(|has| has == scope);
        if let Some(scope) = scope.split_whitespace().find(lacks) {
            let text = format!("the application may not ask for the scope `{scope}`");
            return Err(Failure::new(Code::ScopeInvalid, text));
        }
        let token = format!("lba_app_{}", self.random.hex32());
        let lifetime = self.settings.visitor_chat_token_lifetime;
        self.world.chat_tokens.issue(&token, Speaker::App(client_id), self.now + lifetime);
        let seconds = lifetime.0 / 1_000;
        let expires_in = match self.settings.visitor_chat_expires_in {
            ExpiresIn::Number => json!(seconds),
            ExpiresIn::Text => json!(seconds.to_string()),
        };
        Ok(Data::Value(json!({
            "accessToken": token,
            "tokenType": "Bearer",
            "expiresIn": expires_in,
            "scope": [CHAT_WRITE],
        })))
    }

    /// The token of a request expires before its time.
    pub(in crate::service) fn end_chat_token(&mut self, request: &Request) {
        if let Some(token) = bearer(request) {
            self.set_standing(Some(token), TokenStanding::Expired);
        }
    }

    /// Issues an access token of a user, `lba_at_…`, as if that user had just let an app speak.
    pub fn issue_user_token(&mut self, now: Millis, user: &str) -> String {
        self.tick(now);
        self.watch.note();
        let token = format!("lba_at_{}", self.random.hex32());
        let expires = self.now + self.settings.visitor_chat_token_lifetime;
        self.world.chat_tokens.issue(&token, Speaker::User(user.to_owned()), expires);
        token
    }

    /// Changes the standing of a token of Visitor Chat, an app's or a user's; without one, of all that
    /// were issued and of all that stand in the settings. Says how many there were.
    pub fn set_chat_tokens(&mut self, now: Millis, token: Option<&str>, standing: TokenStanding) -> usize {
        self.tick(now);
        self.set_standing(token, standing)
    }

    fn set_standing(&mut self, token: Option<&str>, standing: TokenStanding) -> usize {
        self.watch.note();
        let is_meant = |one: &&mut UserToken| token.is_none_or(|token| token == one.token);
        let prepared = self.settings.user_tokens.iter_mut().filter(is_meant);
        let prepared = prepared.map(|one| one.standing = standing).count();
        prepared + self.world.chat_tokens.set(token, standing)
    }
}
