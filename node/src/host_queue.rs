//! What waits for one JavaScript thread: results, and signs that there is something to take.

use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use napi::bindgen_prelude::{Array, Env, Function};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Result, Status};
use napi_derive::napi;
use secondme_avatar::{Error, shared_runtime};
use tokio::task::AbortHandle;

use crate::calls::{Begun, Calls};
use crate::chat::NativeChat;
use crate::words::Words;
use crate::{json, logs};

/// Reports that wait before further ones are dropped: JavaScript that never returns to its loop must not make
/// them pile up.
const REPORTS: usize = 1024;

type Wake = ThreadsafeFunction<(), (), (), Status, false, true, 1>;

/// The mailbox of a JavaScript environment: the main thread's, or a worker's.
#[napi]
pub struct Port {
    pub(crate) shared: Arc<Shared>,
}

/// What threads of the core see of it.
pub(crate) struct Shared {
    state: Mutex<State>,
    wake: Wake,
    /// A wake is on its way.
    is_signalled: AtomicBool,
}

#[derive(Default)]
struct State {
    /// The environment has ended: nobody takes anything any more.
    is_closed: bool,
    messages: Vec<Message>,
    /// How many of them are reports.
    reports: usize,
    under_way: HashMap<u32, UnderWay>,
    last_ticket: u32,
}

type Call = Pin<Box<dyn Future<Output = std::result::Result<Done, Error>> + Send>>;

/// A call that has begun.
struct UnderWay {
    /// Taken out by whoever gives it up.
    call: Arc<Mutex<Option<Call>>>,
    task: AbortHandle,
}

impl UnderWay {
    /// It ends here and now, on the thread of whoever gives it up: a task that is only aborted goes on until its
    /// runtime comes round to it, and a question might go out meanwhile.
    fn give_up(self) {
        let call = self.call.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(call);
        self.task.abort();
    }
}

/// What JavaScript is told: `code, subject, content`, one after the other in a flat list.
pub(crate) enum Message {
    /// A call has succeeded.
    Done(u32, Done),
    /// A call has failed.
    Failed(u32, Error),
    /// A subscription or a stream has something to take.
    Ready(u32),
    /// A client has visitors now, or has none any more.
    Occupied(u32, bool),
    /// The log has lines.
    Logs,
    /// A client has made a call to the service.
    Report(u32, String),
}

/// What a call comes to.
pub(crate) enum Done {
    Nothing,
    Json(String),
    Chat(Box<NativeChat>),
}

#[napi]
impl Port {
    /// `wake` is called on this thread when there is something to take. It does not keep the process alive.
    #[napi(constructor)]
    pub fn new(env: Env, wake: Function<(), ()>) -> Result<Self> {
        let wake = wake
            .build_threadsafe_function::<()>()
            .callee_handled::<false>()
            .weak::<true>()
            .max_queue_size::<1>()
            .build()?;
        let shared = Arc::new(Shared { state: Mutex::default(), wake, is_signalled: AtomicBool::new(false) });
        env.add_env_cleanup_hook(Arc::clone(&shared), |shared| shared.close())?;
        Ok(Self { shared })
    }

    /// All that has come.
    #[napi]
    pub fn take<'env>(&self, env: &'env Env) -> Result<Array<'env>> {
        let messages = self.shared.take();
        let mut list = env.create_array(u32::try_from(messages.len() * 3).unwrap_or(u32::MAX))?;
        let mut at = 0;
        for message in messages {
            let (code, subject): (u32, u32) = match message {
                Message::Done(ticket, done) => {
                    match done {
                        Done::Nothing => {}
                        Done::Json(text) => list.set(at + 2, text)?,
                        Done::Chat(chat) => list.set(at + 2, *chat)?,
                    }
                    (0, ticket)
                }
                Message::Failed(ticket, error) => {
                    list.set(at + 2, json::error(&error))?;
                    (1, ticket)
                }
                Message::Ready(id) => (2, id),
                Message::Occupied(client, is_occupied) => {
                    list.set(at + 2, is_occupied)?;
                    (3, client)
                }
                Message::Logs => (4, 0),
                Message::Report(client, report) => {
                    list.set(at + 2, report)?;
                    (5, client)
                }
            };
            list.set(at, code)?;
            list.set(at + 1, subject)?;
            at += 3;
        }
        Ok(list)
    }

    /// The call is not wanted any more; nothing will come of it.
    #[napi]
    pub fn cancel(&self, ticket: u32) {
        let call = self.shared.lock().under_way.remove(&ticket);
        if let Some(call) = call {
            call.give_up();
        }
    }

    /// Collects the core's log, for this environment from now on. Without a filter the program has no logger: the
    /// environment gets what `SECONDME_LOG` lets through, where no other one has asked before.
    #[napi]
    pub fn collect_logs(&self, filter: Option<Words>) -> Result<()> {
        Words::named_if(filter, "filter")
            .and_then(|filter| logs::collect(filter, &self.shared))
            .map_err(|error| json::thrown(&error))
    }
}

impl Shared {
    /// Makes a call, and hands back its ticket.
    ///
    /// It begins at once, on the thread of whoever calls: two messages that are sent without waiting leave in
    /// that order.
    pub(crate) fn call<F>(self: &Arc<Self>, calls: &Calls, call: F) -> u32
    where
        F: Future<Output = std::result::Result<Done, Error>> + Send + 'static,
    {
        self.begin(Some(calls.begin()), call)
    }

    /// Makes a call that closes a client or a conversation: JavaScript is told of it after the calls that it ends.
    pub(crate) fn call_closing<F>(self: &Arc<Self>, calls: Calls, closing: F) -> u32
    where
        F: Future<Output = std::result::Result<Done, Error>> + Send + 'static,
    {
        // That of a conversation is one of the client's calls, and none of the conversation's own.
        let begun = calls.client().map(Calls::begin);
        self.begin(begun, async move {
            let done = closing.await;
            calls.have_ended().await;
            done
        })
    }

    fn begin<F>(self: &Arc<Self>, begun: Option<Begun>, call: F) -> u32
    where
        F: Future<Output = std::result::Result<Done, Error>> + Send + 'static,
    {
        let ticket = self.ticket();
        let runtime = match shared_runtime() {
            Ok(runtime) => runtime,
            Err(error) => {
                self.tell(Message::Failed(ticket, error));
                return ticket;
            }
        };
        let mut call: Call = Box::pin(call);
        let first = {
            let _inside = runtime.enter();
            call.as_mut().poll(&mut Context::from_waker(Waker::noop()))
        };
        if let Poll::Ready(result) = first {
            self.tell(came_to(ticket, result));
            return ticket;
        }
        let call = Arc::new(Mutex::new(Some(call)));
        let mut state = self.lock();
        if !state.is_closed {
            let (shared, polled) = (Arc::clone(self), Arc::clone(&call));
            // The lock is held until the call is noted down, so it cannot be over before.
            let task = runtime.spawn(async move {
                let result = poll_fn(|cx| {
                    let mut call = polled.lock().unwrap_or_else(PoisonError::into_inner);
                    // One that was given up is never over: its task is aborted.
                    call.as_mut().map_or(Poll::Pending, |call| call.as_mut().poll(cx))
                })
                .await;
                if shared.lock().under_way.remove(&ticket).is_some() {
                    shared.tell(came_to(ticket, result));
                }
                drop(begun);
            });
            state.under_way.insert(ticket, UnderWay { call, task: task.abort_handle() });
        }
        ticket
    }

    /// A number that nothing else in this environment goes by.
    pub(crate) fn ticket(&self) -> u32 {
        let mut state = self.lock();
        state.last_ticket = state.last_ticket.wrapping_add(1);
        state.last_ticket
    }

    /// Lays something down for JavaScript, and wakes it once for all that comes before it looks.
    pub(crate) fn tell(&self, message: Message) {
        let mut state = self.lock();
        if state.is_closed {
            return;
        }
        if matches!(message, Message::Report(..)) {
            if state.reports == REPORTS {
                return;
            }
            state.reports += 1;
        }
        state.messages.push(message);
        drop(state);
        if !self.is_signalled.swap(true, Ordering::AcqRel) {
            self.wake.call((), ThreadsafeFunctionCallMode::NonBlocking);
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.lock().is_closed
    }

    fn take(&self) -> Vec<Message> {
        // Armed again before looking: what comes in between wakes once more.
        self.is_signalled.store(false, Ordering::Release);
        let mut state = self.lock();
        state.reports = 0;
        std::mem::take(&mut state.messages)
    }

    /// The environment has ended: a worker was terminated, or the process ends.
    fn close(&self) {
        let (messages, under_way) = {
            let mut state = self.lock();
            state.is_closed = true;
            (std::mem::take(&mut state.messages), std::mem::take(&mut state.under_way))
        };
        under_way.into_values().for_each(UnderWay::give_up);
        // Conversations in there end outside the lock.
        drop(messages);
        logs::hand_over();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn came_to(ticket: u32, result: std::result::Result<Done, Error>) -> Message {
    match result {
        Ok(done) => Message::Done(ticket, done),
        Err(error) => Message::Failed(ticket, error),
    }
}
