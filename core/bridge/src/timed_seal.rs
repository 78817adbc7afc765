//! A seal of the host's, which has a time limit: a store that waits for it would stand still for good.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use secondme_avatar::{Seal, SealError, SealUnavailable};

use crate::seals::LIMIT;

/// Runs a seal on a thread of its own, and gives each call up after 20 s.
///
/// A call cannot be ended from outside. One that is given up runs on, and what it gives is dropped; until it has
/// returned, no other is begun, and each fails at once.
#[derive(Debug)]
pub struct TimedSeal<S> {
    shared: Arc<Shared<S>>,
    limit: Duration,
    /// Begun by the first call. One call runs at a time.
    thread: Mutex<Option<SealThread>>,
}

#[derive(Debug)]
struct Shared<S> {
    seal: S,
    is_running: AtomicBool,
}

#[derive(Debug)]
struct SealThread {
    work: Sender<Work>,
    handle: JoinHandle<()>,
}

struct Work {
    way: Way,
    bytes: Vec<u8>,
    answer: SyncSender<Result<Vec<u8>, SealError>>,
}

#[derive(Clone, Copy)]
enum Way {
    Seal,
    Unseal,
}

impl<S: Seal> TimedSeal<S> {
    /// The same seal, with the time limit.
    pub fn new(seal: S) -> Self {
        Self::within(seal, LIMIT)
    }

    fn within(seal: S, limit: Duration) -> Self {
        let shared = Arc::new(Shared { seal, is_running: AtomicBool::new(false) });
        Self { shared, limit, thread: Mutex::default() }
    }

    fn call(&self, way: Way, bytes: &[u8]) -> Result<Vec<u8>, SealError> {
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if self.shared.is_running.load(Ordering::Acquire) {
            return Err(unavailable("an earlier call of the seal has not returned, so no other is begun"));
        }
        let thread = match thread.take() {
            Some(running) => thread.insert(running),
            None => thread.insert(SealThread::start(Arc::clone(&self.shared))?),
        };
        let (answer, answered) = sync_channel(1);
        self.shared.is_running.store(true, Ordering::Release);
        let ended = || unavailable("the seal's thread has ended");
        thread.work.send(Work { way, bytes: bytes.to_vec(), answer }).map_err(|_| ended())?;
        match answered.recv_timeout(self.limit) {
            Ok(result) => result,
            Err(RecvTimeoutError::Timeout) => {
                Err(unavailable(format!("the seal has not answered within {} s", self.limit.as_secs())))
            }
            Err(RecvTimeoutError::Disconnected) => Err(ended()),
        }
    }
}

impl<S: Seal> Seal for TimedSeal<S> {
    fn seal(&self, bytes: &[u8]) -> Result<Vec<u8>, SealError> {
        self.call(Way::Seal, bytes)
    }

    fn unseal(&self, sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        self.call(Way::Unseal, sealed)
    }
}

/// Says that the next row would fare no better.
fn unavailable(why: impl Into<String>) -> SealError {
    SealUnavailable::new(why).into()
}

impl SealThread {
    fn start<S: Seal>(shared: Arc<Shared<S>>) -> Result<Self, SealError> {
        let (work, to_do) = channel::<Work>();
        let run = move || {
            for Work { way, bytes, answer } in to_do {
                let call = AssertUnwindSafe(|| match way {
                    Way::Seal => shared.seal.seal(&bytes),
                    Way::Unseal => shared.seal.unseal(&bytes),
                });
                let result = catch_unwind(call).unwrap_or_else(|_| Err("the seal has panicked".into()));
                shared.is_running.store(false, Ordering::Release);
                // It may have been given up.
                let _ = answer.send(result);
            }
        };
        let handle = thread::Builder::new().name("secondme-avatar-seal".to_owned()).spawn(run)?;
        Ok(Self { work, handle })
    }
}

impl<S> Drop for TimedSeal<S> {
    fn drop(&mut self) {
        let thread = self.thread.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        let Some(SealThread { work, handle }) = thread else { return };
        drop(work);
        // A call that was given up ends its thread when it returns.
        if !self.shared.is_running.load(Ordering::Acquire) {
            let _ = handle.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::Receiver;

    use super::*;

    struct Gate(Mutex<Receiver<()>>);

    impl Seal for Gate {
        fn seal(&self, bytes: &[u8]) -> Result<Vec<u8>, SealError> {
            match bytes {
                b"wait" => self.0.lock().unwrap().recv()?,
                b"panic" => panic!("as it was told"),
                _ => {}
            }
            Ok(bytes.iter().rev().copied().collect())
        }

        fn unseal(&self, sealed: &[u8]) -> Result<Vec<u8>, SealError> {
            self.seal(sealed)
        }
    }

    #[test]
    fn a_call_that_hangs_is_given_up_and_no_other_is_begun_before_it_has_returned() {
        let (open, gate) = channel();
        let seal = TimedSeal::within(Gate(Mutex::new(gate)), Duration::from_millis(20));
        let (late, next) = (seal.seal(b"wait").unwrap_err(), seal.unseal(b"other").unwrap_err());
        assert!(
            late.is::<SealUnavailable>() && late.to_string().contains("has not answered within"),
            "{late}"
        );
        assert!(next.is::<SealUnavailable>() && next.to_string().contains("an earlier call"), "{next}");
        open.send(()).unwrap();
        while seal.shared.is_running.load(Ordering::Acquire) {
            thread::yield_now();
        }
        assert_eq!(seal.seal(b"abc").unwrap(), b"cba", "what was given up is not the answer");
    }

    #[test]
    fn what_is_sealed_is_unsealed_and_a_panic_is_an_error_of_its_call_alone() {
        let (_open, gate) = channel();
        let seal = TimedSeal::new(Gate(Mutex::new(gate)));
        assert_eq!(seal.unseal(&seal.seal(b"abc").unwrap()).unwrap(), b"abc");
        assert!(seal.seal(b"panic").unwrap_err().to_string().contains("panicked"));
        assert_eq!(seal.seal(b"abc").unwrap(), b"cba");
    }

    #[test]
    fn its_thread_ends_with_it_and_one_that_hangs_holds_nothing_up() {
        let (open, gate) = channel();
        let seal = TimedSeal::within(Gate(Mutex::new(gate)), Duration::from_millis(1));
        let shared = Arc::downgrade(&seal.shared);
        assert!(seal.seal(b"wait").is_err());
        drop(seal);
        assert!(shared.upgrade().is_some(), "the call still runs");
        open.send(()).unwrap();
        while shared.upgrade().is_some() {
            thread::yield_now();
        }
        let (_open, gate) = channel();
        let seal = TimedSeal::new(Gate(Mutex::new(gate)));
        let shared = Arc::downgrade(&seal.shared);
        seal.seal(b"abc").unwrap();
        drop(seal);
        assert!(shared.upgrade().is_none(), "the thread was waited for");
    }
}
