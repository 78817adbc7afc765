//! The token of the app that all clients of a world share.

use std::time::Duration;

use secondme_avatar_emulator::service::{self, Answer, Delivery};
use secondme_avatar_protocol::{
    AppCredentials, AppToken, CallId, Error, ErrorKind, Freshness, Input, Secret, Step, TokenAsked, limits,
};

use super::{Happening, World};
use crate::client::ClientId;
use crate::exchange::{Asked, retry_after};
use crate::network::Fate;
use crate::sight::Sight;

/// The app that the emulated service knows, unless its settings say otherwise.
const APP: (&str, &str) = ("emulator-app", "emulator-secret");

/// The app's token, and who waits for it.
#[derive(Debug)]
pub(crate) struct TokenDesk {
    token: AppToken,
    waiting: Vec<Waiting>,
    /// The fetch that is under way; what is said of an earlier one is stale.
    fetch: u64,
}

#[derive(Debug)]
struct Waiting {
    client: ClientId,
    call: CallId,
    refused: Option<Secret>,
    freshness: Freshness,
}

impl TokenDesk {
    pub(crate) fn new(seed: u64) -> Self {
        let app = AppCredentials::new(APP.0, APP.1).expect("good credentials");
        Self { token: AppToken::new(app, seed), waiting: Vec::new(), fetch: 0 }
    }

    /// The call is not wanted any more.
    pub(crate) fn abandon(&mut self, client: ClientId, call: CallId) {
        self.waiting.retain(|waiting| (waiting.client, waiting.call) != (client, call));
    }

    /// The client was killed.
    pub(crate) fn forget(&mut self, client: ClientId) {
        self.waiting.retain(|waiting| waiting.client != client);
    }

    /// Whether this client waits here.
    pub(crate) fn awaits(&self, client: ClientId) -> bool {
        self.waiting.iter().any(|waiting| waiting.client == client)
    }
}

impl World {
    pub(super) fn ask_for_token(&mut self, client: ClientId, call: CallId, refused: Option<Secret>) {
        let freshness = Freshness::AtHand;
        self.tokens.waiting.push(Waiting { client, call, refused, freshness });
        self.serve_tokens();
    }

    /// Gives the token to all who wait, if it is there; else has it fetched.
    fn serve_tokens(&mut self) {
        for mut waiting in std::mem::take(&mut self.tokens.waiting) {
            let (client, call) = (waiting.client, waiting.call);
            match self.tokens.token.ask(self.now, waiting.refused.as_ref()) {
                TokenAsked::Present(present) => self.input(client, present.granted(call, waiting.freshness)),
                TokenAsked::Failed(error) => self.input(client, Input::TokenFailed { call, error }),
                TokenAsked::Wait => {
                    waiting.freshness = Freshness::Fetched;
                    self.tokens.waiting.push(waiting);
                }
            }
        }
        if self.tokens.waiting.is_empty() {
            return;
        }
        // Whose call it is does not matter: it is the app's.
        let Some(request) = self.tokens.token.begin(self.now, CallId(0)) else { return };
        self.tokens.fetch += 1;
        let fetch = self.tokens.fetch;
        self.see(|| Sight::TokenFetched);
        let asked = Asked::new(self.now, ClientId(usize::MAX), &request);
        let at = self.network.arrival(self.now);
        match self.network.fate(Step::FetchToken) {
            Fate::Refused => self.queue.plan(at, Happening::TokenFails(fetch)),
            fate => self.queue.plan(at, Happening::TokenArrives(fetch, asked.to_service(), fate)),
        }
        self.queue.plan(self.now + limits::CALL_TIMEOUT, Happening::TokenFails(fetch));
        if self.sights.is_none() {
            self.asked.push(asked);
        }
    }

    pub(super) fn token_arrives(&mut self, fetch: u64, request: &service::Request, fate: Fate) {
        let lost = matches!(fate, Fate::LostBefore | Fate::SilentBefore | Fate::Answered(..));
        let answer = (!lost).then(|| self.service.handle(service::Millis(self.now.0), request));
        self.carry_out_pushes();
        let at = self.network.arrival(self.now);
        match (fate, answer) {
            (Fate::LostBefore | Fate::LostAfter | Fate::Refused, _) => {
                self.queue.plan(at, Happening::TokenFails(fetch));
            }
            (Fate::Arrives, Some(answer)) => self.queue.plan(at, Happening::TokenAnswered(fetch, answer)),
            (Fate::Late(delay), Some(answer)) => {
                self.queue.plan(at + delay, Happening::TokenAnswered(fetch, answer));
            }
            (Fate::Answered(status, body) | Fate::AnsweredAfter(status, body), _) => {
                let answer = Answer { status, headers: Vec::new(), body, delivery: Delivery::Now };
                self.queue.plan(at, Happening::TokenAnswered(fetch, answer));
            }
            (Fate::SilentBefore | Fate::SilentAfter | Fate::Arrives | Fate::Late(_), _) => {}
        }
    }

    pub(super) fn token_answered(&mut self, fetch: u64, answer: &Answer) {
        if fetch != self.tokens.fetch {
            return;
        }
        self.tokens.fetch += 1; // It is over.
        let wait = retry_after(answer).map(Duration::from_secs);
        let result = self.tokens.token.answered(self.now, answer.status, wait, answer.body.as_bytes());
        match result {
            Ok(present) => {
                self.see(|| Sight::TokenCame(Some(present.token.expose_secret().to_owned())));
                self.serve_tokens();
            }
            Err(error) => self.token_is_not_there(&error),
        }
    }

    pub(super) fn token_fails(&mut self, fetch: u64) {
        if fetch != self.tokens.fetch {
            return;
        }
        self.tokens.fetch += 1;
        let error = Error::new(ErrorKind::ConnectionFailed, "the connection broke");
        let error = self.tokens.token.failed(self.now, error);
        self.token_is_not_there(&error);
    }

    fn token_is_not_there(&mut self, error: &Error) {
        self.see(|| Sight::TokenCame(None));
        for Waiting { client, call, .. } in std::mem::take(&mut self.tokens.waiting) {
            self.input(client, Input::TokenFailed { call, error: error.clone() });
        }
    }
}
