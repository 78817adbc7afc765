//! The tokens of Visitor Chat: the app's, which all visitors of a client share, or one of each user's own.

use std::fmt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt;
use secondme_avatar_protocol::{
    AppCredentials, AppToken, CallId, Error, ErrorKind, Freshness, HttpRequest, Input, Secret, TokenAsked,
    VisitorId, limits,
};
use tokio::sync::Notify;

use crate::credentials::{CredentialsProvider, CredentialsRequest};
use crate::env::Env;
use crate::runtime::spawn;

/// What a [`TokenProvider`] is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenRequest {
    /// Whose token is needed.
    pub visitor_id: VisitorId,
    /// The service has refused the token that was given last: another one is needed, refreshed perhaps.
    pub refused: bool,
}

impl TokenRequest {
    /// A request, for tests of a program's own [`TokenProvider`].
    pub fn new(visitor_id: VisitorId, refused: bool) -> Self {
        Self { visitor_id, refused }
    }
}

/// The token, or the reason why it could not be given.
pub type TokenFuture<'a> = Pin<Box<dyn Future<Output = Result<String, Error>> + Send + 'a>>;

/// Gives the access tokens of the users for whom a client speaks: see
/// [`AvatarClient::visitor_chat_with_tokens`](crate::AvatarClient::visitor_chat_with_tokens). Every async function of a
/// [`TokenRequest`] is one.
///
/// It is asked once for each visitor, and again when the service has refused that visitor's token. An error of it is
/// the error of the calls that wait; one that [may pass](Error::is_retryable) is tried again within their deadlines.
///
/// It has 20 s to answer. After that its future is dropped, and it is asked again within the deadlines of the calls that
/// wait; where it does not answer by then either, their error says so.
pub trait TokenProvider: Send + Sync + 'static {
    /// Returns the user's access token (`lba_at_…`).
    fn token(&self, request: TokenRequest) -> TokenFuture<'_>;
}

impl<F, Fut> TokenProvider for F
where
    F: Fn(TokenRequest) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<String, Error>> + Send + 'static,
{
    fn token(&self, request: TokenRequest) -> TokenFuture<'_> {
        Box::pin(self(request))
    }
}

/// Where a client's tokens come from, as the caller has chosen.
#[derive(Clone, Default)]
pub(crate) enum TokenSource {
    /// There are none: this door has no such tokens.
    #[default]
    None,
    App(AppCredentials),
    Users(Arc<dyn TokenProvider>),
    /// There is no key either: the visitors' credentials come from elsewhere.
    Credentials(Arc<dyn CredentialsProvider>),
}

impl TokenSource {
    /// The secrets that are known before any token is.
    pub(crate) fn secrets(&self) -> Vec<Secret> {
        match self {
            Self::App(app) => vec![app.secret().clone()],
            Self::None | Self::Users(_) | Self::Credentials(_) => Vec::new(),
        }
    }
}

impl fmt::Debug for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::App(_) => "app",
            Self::Users(_) => "users",
            Self::Credentials(_) => "credentials",
        })
    }
}

/// Where the drivers get their tokens.
pub(crate) enum Tokens {
    None,
    App(Arc<SharedToken>),
    Users(Arc<dyn TokenProvider>),
    Credentials(Arc<dyn CredentialsProvider>),
}

/// The app's token, shared by the drivers and awaited.
pub(crate) struct SharedToken {
    state: Mutex<State>,
    changed: Notify,
}

struct State {
    token: AppToken,
    /// Fetches that have failed: a driver that has waited for one of them takes its error.
    failed: u64,
}

impl Tokens {
    pub(crate) fn new(source: TokenSource, seed: u64) -> Self {
        match source {
            TokenSource::None => Self::None,
            TokenSource::App(app) => {
                let state = Mutex::new(State { token: AppToken::new(app, seed), failed: 0 });
                Self::App(Arc::new(SharedToken { state, changed: Notify::new() }))
            }
            TokenSource::Users(provider) => Self::Users(provider),
            TokenSource::Credentials(provider) => Self::Credentials(provider),
        }
    }

    /// Gets a visitor's token, for this call of its machine. `refused`: the token that the service has refused.
    pub(crate) async fn get(
        &self,
        env: &Arc<Env>,
        visitor: VisitorId,
        call: CallId,
        refused: Option<Secret>,
    ) -> Input {
        match self {
            Self::None | Self::Credentials(_) => nothing_to_show(call),
            Self::App(shared) => shared.get(env, visitor, call, refused).await,
            Self::Users(provider) => {
                let request = TokenRequest { visitor_id: visitor, refused: refused.is_some() };
                match answer_of(env, TOKENS, async { provider.token(request).await }).await.and_then(token) {
                    Ok(token) => {
                        let freshness = Freshness::Fetched;
                        Input::TokenGranted { call, token, renew_at: None, freshness }
                    }
                    Err(error) => Input::TokenFailed { call, error },
                }
            }
        }
    }

    /// Gets a visitor's credentials, for this call of its machine.
    pub(crate) async fn credentials(
        &self,
        env: &Env,
        visitor_id: VisitorId,
        call: CallId,
        refused: bool,
    ) -> Input {
        let Self::Credentials(provider) = self else {
            return nothing_to_show(call);
        };
        let request = CredentialsRequest { visitor_id, refused };
        match answer_of(env, CREDENTIALS, async { provider.credentials(request).await }).await {
            Ok(credentials) => Input::CredentialsGranted { call, credentials: Box::new(credentials) },
            Err(error) => Input::TokenFailed { call, error },
        }
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::App(_) => "app",
            Self::Users(_) => "users",
            Self::Credentials(_) => "credentials",
        })
    }
}

impl SharedToken {
    async fn get(
        self: &Arc<Self>,
        env: &Arc<Env>,
        visitor: VisitorId,
        call: CallId,
        refused: Option<Secret>,
    ) -> Input {
        let failed = self.lock().failed;
        let mut freshness = Freshness::AtHand;
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // From here on no change is missed, even before the await.
            changed.as_mut().enable();
            let now = env.clock.now();
            let request = {
                let mut state = self.lock();
                match (state.token.ask(now, refused.as_ref()), state.token.last_failure()) {
                    (TokenAsked::Present(present), _) => return present.granted(call, freshness),
                    (TokenAsked::Failed(error), _) => return Input::TokenFailed { call, error },
                    // The fetch that this call has waited for has failed.
                    (TokenAsked::Wait, Some(error)) if state.failed != failed => {
                        return Input::TokenFailed { call, error: error.clone() };
                    }
                    (TokenAsked::Wait, _) => state.token.begin(now, call),
                }
            };
            if let Some(request) = request {
                self.fetch(env, &visitor, request);
            }
            freshness = Freshness::Fetched;
            changed.await;
        }
    }

    /// Fetches the token, on a task of its own: the visitor that has asked first may be gone before the answer comes.
    fn fetch(self: &Arc<Self>, env: &Arc<Env>, visitor: &VisitorId, request: HttpRequest) {
        let fetch = Fetch { shared: Arc::clone(self), is_done: false };
        let running = env.on_call.begin(visitor, request.step);
        let env = Arc::clone(env);
        let runtime = env.runtime.clone();
        spawn(&runtime, async move {
            let answer = env.http.fetch(request).await;
            let now = env.clock.now();
            let mut server_time = None;
            let result = match answer {
                Ok(answer) => {
                    server_time = answer.server_time;
                    let mut state = fetch.shared.lock();
                    state.token.answered(now, answer.status, answer.retry_after, &answer.body)
                }
                Err(error) => Err(fetch.shared.lock().token.failed(now, error)),
            };
            running.end(|| (result.as_ref().err().cloned(), server_time));
            fetch.end(result.is_ok());
        });
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A fetch that is under way. Where its task is dropped, as with its runtime, another may begin.
struct Fetch {
    shared: Arc<SharedToken>,
    is_done: bool,
}

impl Fetch {
    fn end(mut self, succeeded: bool) {
        self.is_done = true;
        self.shared.lock().failed += u64::from(!succeeded);
    }
}

impl Drop for Fetch {
    fn drop(&mut self) {
        if !self.is_done {
            self.shared.lock().token.abandon();
        }
        self.shared.changed.notify_waiters();
    }
}

const TOKENS: &str = "the function that gives the users' tokens";
const CREDENTIALS: &str = "the function that gives the visitors' credentials";

/// What a function has given, if it can be a token.
fn token(text: String) -> Result<Secret, Error> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(Secret::from(text));
    }
    let message = format!(
        "{TOKENS} has given a text that cannot be a token: it is empty, or has a space, a line break or another character \
         that no token has"
    );
    Err(Error::new(ErrorKind::Misuse, message))
}

/// Waits for a function of the caller's, for a time.
async fn answer_of<T>(
    env: &Env,
    whose: &str,
    asked: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let until = env.clock.now() + limits::TOKEN_FUNCTION_TIMEOUT;
    tokio::select! {
        answer = AssertUnwindSafe(asked).catch_unwind() => answer.unwrap_or_else(|_| {
            Err(Error::new(ErrorKind::Misuse, format!("{whose} has panicked")))
        }),
        () = env.clock.at(until) => {
            let seconds = limits::TOKEN_FUNCTION_TIMEOUT.as_secs();
            Err(Error::new(ErrorKind::ConnectionFailed, format!("{whose} has not answered within {seconds} s")))
        }
    }
}

fn nothing_to_show(call: CallId) -> Input {
    let message = "this client has nothing of the kind to show: a fault of this library";
    Input::TokenFailed { call, error: Error::new(ErrorKind::Misuse, message).without_retry() }
}
