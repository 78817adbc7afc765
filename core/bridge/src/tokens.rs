//! Tokens of users and credentials of visitors, for which the host's own function is asked.
//!
//! A request for either is an item that the host drains and answers: the function runs as a task of the host, and no
//! thread of the core waits for it. A request that is no longer wanted, because its call ran into a deadline or its
//! conversation was closed, is taken back, so that the host can end its task.

use std::collections::HashMap;
use std::error::Error as StdError;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use secondme_avatar::{
    Credentials, CredentialsFuture, CredentialsProvider, CredentialsRequest, Error, ErrorKind, TokenFuture,
    TokenProvider, TokenRequest, one_line,
};
use tokio::sync::oneshot;

use crate::calls::{Ticket, next_ticket};
use crate::queue::HostQueue;

/// What the host's function gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gives {
    /// The access tokens of users.
    Tokens,
    /// The credentials of visitors, as the JSON text that [`Credentials::to_json`] writes.
    Credentials,
}

impl Gives {
    /// The function, for an error's text.
    fn function(self) -> &'static str {
        match self {
            Self::Tokens => "the function that gives the users' tokens",
            Self::Credentials => "the function that gives the visitors' credentials",
        }
    }
}

/// What a host finds when it drains.
#[derive(Debug, PartialEq, Eq)]
pub enum TokenMessage {
    /// A token, or credentials, are wanted. It is answered under the ticket.
    Wanted(Ticket, TokenRequest),
    /// The request under this ticket was drained, and is no longer wanted. An answer to it does nothing.
    TakenBack(Ticket),
}

/// The requests of one client, until the client or the host ends them.
///
/// The queue is bounded by the calls of the client: it holds at most one request for each visitor, and for each that
/// was drained one word that it is taken back.
#[derive(Clone)]
pub struct TokenRequests(Arc<Inner>);

struct Inner {
    gives: Gives,
    queue: HostQueue<TokenMessage>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    wanted: HashMap<Ticket, oneshot::Sender<Result<String, Error>>>,
    has_ended: bool,
}

/// The client's end. Dropped with the client, it ends the requests.
#[derive(Debug)]
pub struct TokenFeed(TokenRequests);

/// Why a function of the host gave no token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenFailure {
    /// It was no failure of this library's: its words. Where `may_pass`, it was the network's or a time limit's, and
    /// the function is asked again within the deadline of the calls that wait.
    Foreign {
        /// The name of the failure's type, and what it says.
        words: String,
        /// Whether the same function may succeed later.
        may_pass: bool,
    },
    /// It was a failure of this library's, with its name and its words.
    Own {
        /// The kind, which it keeps.
        kind: ErrorKind,
        /// What it says.
        words: String,
        /// The service's own code.
        code: Option<String>,
    },
}

/// How much is shown of what a function of the host says.
const WORDS: usize = 300;

impl TokenRequests {
    /// No requests yet; and the end that a client is built with.
    pub fn new(gives: Gives) -> (Self, TokenFeed) {
        let requests = Self(Arc::new(Inner { gives, queue: HostQueue::new(0), state: Mutex::default() }));
        (requests.clone(), TokenFeed(requests))
    }

    /// The queue, for those who poll by hand.
    pub fn queue(&self) -> &HostQueue<TokenMessage> {
        &self.0.queue
    }

    /// Takes at most `max` messages, oldest first, without requests that are no longer wanted. Never waits.
    pub fn drain(&self, max: usize) -> Vec<TokenMessage> {
        let state = self.lock();
        let mut messages = self.0.queue.drain(max);
        messages.retain(|message| match message {
            TokenMessage::Wanted(ticket, _) => state.wanted.contains_key(ticket),
            TokenMessage::TakenBack(_) => true,
        });
        messages
    }

    /// The token that was wanted under this ticket.
    pub fn answer(&self, ticket: Ticket, token: String) {
        self.settle(ticket, Ok(token));
    }

    /// There is no token for this ticket, for this reason.
    pub fn fail(&self, ticket: Ticket, failure: TokenFailure) {
        self.settle(ticket, Err(failure.into_error(self.0.gives)));
    }

    /// The same, with what stood behind the failure: the error keeps it as its source.
    pub fn fail_because(
        &self,
        ticket: Ticket,
        failure: TokenFailure,
        cause: impl StdError + Send + Sync + 'static,
    ) {
        self.settle(ticket, Err(failure.into_error(self.0.gives).caused_by(cause)));
    }

    /// Nothing more is asked for, and calls that wait for a token fail. Once more does no harm.
    pub fn end(&self) {
        let wanted = {
            let mut state = self.lock();
            state.has_ended = true;
            std::mem::take(&mut state.wanted)
        };
        self.0.queue.close();
        // Outside the lock: those who wait take it.
        drop(wanted);
    }

    fn settle(&self, ticket: Ticket, result: Result<String, Error>) {
        let wanted = self.lock().wanted.remove(&ticket);
        if let Some(wanted) = wanted {
            let _ = wanted.send(result); // It may just have been given up.
        }
    }

    async fn ask(&self, request: TokenRequest) -> Result<String, Error> {
        let ticket = next_ticket();
        let (wanted, answered) = oneshot::channel();
        {
            let mut state = self.lock();
            if state.has_ended {
                return Err(ended(self.0.gives));
            }
            state.wanted.insert(ticket, wanted);
        }
        let _taken_back = TakeBack { requests: self, ticket };
        self.0.queue.put(TokenMessage::Wanted(ticket, request));
        answered.await.unwrap_or_else(|_| Err(ended(self.0.gives)))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes the request back where its wait is given up.
struct TakeBack<'a> {
    requests: &'a TokenRequests,
    ticket: Ticket,
}

impl Drop for TakeBack<'_> {
    fn drop(&mut self) {
        let was_wanted = self.requests.lock().wanted.remove(&self.ticket).is_some();
        if was_wanted {
            self.requests.0.queue.put(TokenMessage::TakenBack(self.ticket));
        }
    }
}

impl TokenProvider for TokenFeed {
    fn token(&self, request: TokenRequest) -> TokenFuture<'_> {
        Box::pin(self.0.ask(request))
    }
}

impl CredentialsProvider for TokenFeed {
    fn credentials(&self, request: CredentialsRequest) -> CredentialsFuture<'_> {
        let request = TokenRequest::new(request.visitor_id, request.refused);
        Box::pin(async { Credentials::from_json(&self.0.ask(request).await?) })
    }
}

impl Drop for TokenFeed {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl fmt::Debug for TokenRequests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenRequests").field("wanted", &self.lock().wanted.len()).finish_non_exhaustive()
    }
}

impl TokenFailure {
    fn into_error(self, gives: Gives) -> Error {
        let said = |words: &str| format!("{} has failed: {}", gives.function(), one_line(words, WORDS));
        match self {
            Self::Foreign { words, may_pass: true } => Error::new(ErrorKind::ConnectionFailed, said(&words)),
            Self::Foreign { words, may_pass: false } => Error::new(ErrorKind::Authentication, said(&words)),
            Self::Own { kind, words, code } => {
                let error = Error::new(kind, said(&words));
                match code {
                    Some(code) => error.with_code(code),
                    None => error,
                }
            }
        }
    }
}

fn ended(gives: Gives) -> Error {
    let message = format!("the client is closed, so {} is not asked any more", gives.function());
    Error::new(ErrorKind::Closed, message)
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Poll, Waker};

    use secondme_avatar::Visitor;

    use super::*;

    fn request(user: &str) -> TokenRequest {
        TokenRequest::new(Visitor::for_user("test", user).unwrap().id().clone(), false)
    }

    fn wanted(requests: &TokenRequests) -> Ticket {
        match requests.drain(9).as_slice() {
            [TokenMessage::Wanted(ticket, _)] => *ticket,
            other => panic!("{other:?}"),
        }
    }

    fn poll<T>(future: &mut TokenFuture<'_>, expected: impl FnOnce(Poll<Result<String, Error>>) -> T) -> T {
        expected(future.as_mut().poll(&mut Context::from_waker(Waker::noop())))
    }

    #[test]
    fn a_request_is_drained_once_and_answered_under_its_ticket() {
        let (requests, feed) = TokenRequests::new(Gives::Tokens);
        let (mut ada, mut bob) = (feed.token(request("ada")), feed.token(request("bob")));
        poll(&mut ada, |poll| assert!(poll.is_pending()));
        let first = wanted(&requests);
        poll(&mut bob, |poll| assert!(poll.is_pending()));
        let second = wanted(&requests);
        assert!(requests.drain(9).is_empty());
        requests.answer(second, "lba_at_bob".into());
        requests.answer(second, "lba_at_other".into());
        requests.answer(first, "lba_at_ada".into());
        poll(&mut ada, |poll| assert!(matches!(poll, Poll::Ready(Ok(token)) if token == "lba_at_ada")));
        poll(&mut bob, |poll| assert!(matches!(poll, Poll::Ready(Ok(token)) if token == "lba_at_bob")));
        drop((ada, bob));
        assert!(requests.drain(9).is_empty(), "what was answered is not taken back");
    }

    #[test]
    fn a_request_that_is_given_up_is_taken_back_where_it_was_drained() {
        let (requests, feed) = TokenRequests::new(Gives::Tokens);
        let mut drained = feed.token(request("ada"));
        poll(&mut drained, |poll| assert!(poll.is_pending()));
        let ticket = wanted(&requests);
        drop(drained);
        assert_eq!(requests.drain(9), [TokenMessage::TakenBack(ticket)]);
        requests.answer(ticket, "lba_at_late".into());
        let mut waiting = feed.token(request("ada"));
        poll(&mut waiting, |poll| assert!(poll.is_pending()));
        drop(waiting);
        assert!(!requests.drain(9).iter().any(|message| matches!(message, TokenMessage::Wanted(..))));
        assert!(requests.lock().wanted.is_empty());
    }

    #[test]
    fn whichever_end_ends_the_other_does_not_wait() {
        let ends: [fn(&TokenRequests, TokenFeed); 2] = [
            |requests, feed| {
                let mut waiting = feed.token(request("ada"));
                poll(&mut waiting, |poll| assert!(poll.is_pending()));
                requests.end();
                poll(&mut waiting, |poll| {
                    assert!(matches!(poll, Poll::Ready(Err(error)) if error.kind() == ErrorKind::Closed));
                });
                let mut late = feed.token(request("ada"));
                poll(&mut late, |poll| assert!(matches!(poll, Poll::Ready(Err(_)))));
            },
            |_, feed| drop(feed),
        ];
        for end in ends {
            let (requests, feed) = TokenRequests::new(Gives::Tokens);
            end(&requests, feed);
            assert!(requests.drain(9).is_empty());
            let cx = Context::from_waker(Waker::noop());
            assert_eq!(requests.queue().poll_ready(&cx), Poll::Ready(false));
        }
    }

    #[test]
    fn credentials_come_the_same_way_as_json_and_what_is_none_of_it_is_an_error() {
        let (requests, feed) = TokenRequests::new(Gives::Credentials);
        let ada = request("ada").visitor_id;
        let ask = || feed.credentials(CredentialsRequest::new(ada.clone(), true));
        let mut cx = Context::from_waker(Waker::noop());
        for (answer, is_good) in [("nothing of the kind", false), (CREDENTIALS, true)] {
            let mut asked = ask();
            assert!(asked.as_mut().poll(&mut cx).is_pending());
            requests.answer(wanted(&requests), answer.to_owned());
            let Poll::Ready(given) = asked.as_mut().poll(&mut cx) else { panic!("it was answered") };
            assert_eq!(given.is_ok(), is_good, "{given:?}");
        }
        requests.end();
        let Poll::Ready(Err(error)) = ask().as_mut().poll(&mut cx) else { panic!("it has ended") };
        assert!(error.to_string().contains("gives the visitors' credentials"), "{error}");
    }

    const CREDENTIALS: &str = r#"{"visitorId":"web_6ba7b810-9dad-11d1-80b4-00c04fd430c8","visitorToken":"t",
        "visitorUserId":"u","visitorMindId":"1","avatarShareCode":"s","avatarName":"","ownerUserId":"o"}"#;

    #[test]
    fn a_failure_keeps_its_kind_where_it_is_ours_and_shows_no_secret() {
        let words = "IOException: no route, token=lba_at_secret".to_owned();
        let cases = [
            (
                TokenFailure::Foreign { words: words.clone(), may_pass: true },
                ErrorKind::ConnectionFailed,
                true,
            ),
            (
                TokenFailure::Foreign { words: words.clone(), may_pass: false },
                ErrorKind::Authentication,
                false,
            ),
            (TokenFailure::Own { kind: ErrorKind::Closed, words, code: None }, ErrorKind::Closed, false),
        ];
        for (failure, kind, retryable) in cases {
            let error = failure.into_error(Gives::Tokens);
            assert_eq!((error.kind(), error.is_retryable()), (kind, retryable));
            assert!(error.to_string().ends_with("has failed: IOException: no route, …"), "{error}");
        }
    }
}
