//! A seal around what a store keeps, for which functions of the host are asked.
//!
//! The store's own thread puts the bytes of a row into a queue and waits for the answer, no longer than [`LIMIT`]. The
//! host drains the queue on a thread of its own and answers. No thread of the host waits for the store's: a call that
//! needs the store is a future there, so the two never wait for each other.

use std::collections::HashMap;
use std::fmt;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use secondme_avatar::{Error, ErrorKind, Seal, SealError, SealUnavailable};

use crate::calls::{Ticket, next_ticket};
use crate::queue::HostQueue;

/// How long a function of the host may take for one row.
pub const LIMIT: Duration = Duration::from_secs(20);

/// Which of the two functions is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SealWork {
    /// These bytes are to be written.
    Seal,
    /// These bytes were written.
    Unseal,
}

/// What a host finds when it drains. It is answered under the ticket.
#[derive(PartialEq, Eq)]
pub struct SealAsked {
    /// Under which it is answered.
    pub ticket: Ticket,
    /// What to do with the bytes.
    pub work: SealWork,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// The requests of one client's store, until the store or the host ends them. There is one at a time.
#[derive(Clone)]
pub struct SealRequests(Arc<Inner>);

struct Inner {
    queue: HostQueue<SealAsked>,
    limit: Duration,
    state: Mutex<State>,
}

type Answer = Result<Vec<u8>, String>;

#[derive(Default)]
struct State {
    wanted: HashMap<Ticket, mpsc::Sender<Answer>>,
    has_ended: bool,
}

/// The store's end. Dropped with the store, it ends the requests.
#[derive(Debug)]
pub struct HostSeal(SealRequests);

impl SealRequests {
    /// No requests yet; and the seal that a store is opened with.
    pub fn new() -> (Self, HostSeal) {
        Self::with_limit(LIMIT)
    }

    fn with_limit(limit: Duration) -> (Self, HostSeal) {
        let requests = Self(Arc::new(Inner { queue: HostQueue::new(0), limit, state: Mutex::default() }));
        (requests.clone(), HostSeal(requests))
    }

    /// The queue, for those who poll by hand.
    pub fn queue(&self) -> &HostQueue<SealAsked> {
        &self.0.queue
    }

    /// Takes at most `max` requests, oldest first, without those that are no longer wanted. Never waits.
    pub fn drain(&self, max: usize) -> Vec<SealAsked> {
        let state = self.lock();
        let mut asked = self.0.queue.drain(max);
        asked.retain(|asked| state.wanted.contains_key(&asked.ticket));
        asked
    }

    /// What the function gave.
    pub fn answer(&self, ticket: Ticket, bytes: Vec<u8>) {
        self.settle(ticket, Ok(bytes));
    }

    /// The function has failed with these words.
    pub fn fail(&self, ticket: Ticket, words: String) {
        self.settle(ticket, Err(words));
    }

    /// Nothing more is asked for, and what is waited for fails. Once more does no harm.
    pub fn end(&self) {
        {
            let mut state = self.lock();
            state.has_ended = true;
            state.wanted.clear();
        }
        self.0.queue.close();
    }

    fn settle(&self, ticket: Ticket, answer: Answer) {
        let wanted = self.lock().wanted.remove(&ticket);
        if let Some(wanted) = wanted {
            let _ = wanted.send(answer); // It may just have been given up.
        }
    }

    fn ask(&self, work: SealWork, bytes: &[u8]) -> Result<Vec<u8>, SealError> {
        let ticket = next_ticket();
        let (wanted, answer) = mpsc::channel();
        {
            let mut state = self.lock();
            if state.has_ended {
                return Err(SealUnavailable::new(ENDED).into());
            }
            state.wanted.insert(ticket, wanted);
        }
        self.0.queue.put(SealAsked { ticket, work, bytes: bytes.to_vec() });
        let answer = answer.recv_timeout(self.0.limit);
        self.lock().wanted.remove(&ticket);
        match answer {
            Ok(answer) => Ok(answer?),
            Err(RecvTimeoutError::Disconnected) => Err(SealUnavailable::new(ENDED).into()),
            Err(RecvTimeoutError::Timeout) => {
                // What the host does not come for would otherwise pile up.
                self.0.queue.remove(|asked| asked.ticket == ticket);
                Err(SealUnavailable::new(format!(
                    "it has not answered within {:?}: fetch a data key once, before the client is made, and let the seal \
                     wait for nothing",
                    self.0.limit
                ))
                .into())
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const ENDED: &str = "the program's seal has ended with its client: make a client anew";

impl Seal for HostSeal {
    fn seal(&self, bytes: &[u8]) -> Result<Vec<u8>, SealError> {
        self.0.ask(SealWork::Seal, bytes)
    }

    fn unseal(&self, sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        self.0.ask(SealWork::Unseal, sealed)
    }
}

impl Drop for HostSeal {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// Without what is to be sealed.
impl fmt::Debug for SealAsked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealAsked").field("work", &self.work).finish_non_exhaustive()
    }
}

impl fmt::Debug for SealRequests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealRequests").field("wanted", &self.lock().wanted.len()).finish_non_exhaustive()
    }
}

/// What is said where there is nothing to seal.
pub fn without_store() -> Error {
    const WORDS: &str = "`seal` seals what a store keeps: name its file with the option `store`";
    Error::new(ErrorKind::Misuse, WORDS)
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Poll, Waker};
    use std::thread;

    use super::*;

    /// The next request, as the host's own thread finds it.
    fn next(requests: &SealRequests) -> SealAsked {
        loop {
            if let Some(asked) = requests.drain(1).pop() {
                return asked;
            }
            thread::yield_now();
        }
    }

    fn words(result: Result<Vec<u8>, SealError>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn each_row_is_answered_by_the_function_that_is_meant() {
        let (requests, seal) = SealRequests::new();
        let host = thread::spawn(move || {
            for (work, bytes) in [(SealWork::Seal, b"open"), (SealWork::Unseal, b"shut")] {
                let asked = next(&requests);
                assert_eq!((asked.work, asked.bytes.as_slice()), (work, &bytes[..]));
                assert!(!format!("{asked:?}").contains("111"), "bytes do not print");
                requests.answer(asked.ticket, [&asked.bytes[..], b"ed"].concat());
                requests.answer(asked.ticket, b"once more".to_vec());
            }
            let asked = next(&requests);
            requests.fail(asked.ticket, "KeyError: no key".into());
        });
        assert_eq!(seal.seal(b"open").unwrap(), b"opened");
        assert_eq!(seal.unseal(b"shut").unwrap(), b"shuted");
        assert_eq!(words(seal.seal(b"open")), "KeyError: no key");
        host.join().unwrap();
    }

    #[test]
    fn a_host_that_does_not_answer_in_time_is_an_error_and_its_late_answer_is_dropped() {
        let (requests, seal) = SealRequests::with_limit(Duration::ZERO);
        let error = seal.seal(b"a").unwrap_err();
        assert!(error.is::<SealUnavailable>(), "{error}");
        assert!(error.to_string().starts_with("it has not answered within 0ns"), "{error}");
        let waits = requests.queue().poll_ready(&Context::from_waker(Waker::noop()));
        assert_eq!(waits, Poll::Pending, "what is no longer wanted is not asked for");
        requests.answer(1, b"late".to_vec());
        assert!(requests.lock().wanted.is_empty());
    }

    #[test]
    fn whichever_end_ends_the_other_does_not_wait() {
        let (requests, seal) = SealRequests::new();
        let host = thread::spawn(move || {
            next(&requests);
            requests.end();
        });
        assert_eq!(words(seal.unseal(b"a")), ENDED);
        assert!(seal.seal(b"a").unwrap_err().is::<SealUnavailable>());
        assert_eq!(words(seal.seal(b"a")), ENDED);
        host.join().unwrap();
        let (requests, seal) = SealRequests::new();
        drop(seal);
        assert_eq!(requests.queue().poll_ready(&Context::from_waker(Waker::noop())), Poll::Ready(false));
    }
}
