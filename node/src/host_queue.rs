//! What waits for one JavaScript thread: results, and signals that there is something to drain.

use std::future::Future;
use std::sync::Arc;
use std::task::{Wake, Waker};

use napi::bindgen_prelude::{Array, Env, Function};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Result, Status};
use napi_derive::napi;
use secondme_avatar::Error;
use secondme_avatar_bridge::calls::{Calls, Message, Ticket};
use secondme_avatar_bridge::streams::SignalledStream;

use crate::chat::NativeChat;
use crate::open_calls::OpenCalls;
use crate::words::Words;
use crate::{json, logs};

/// The calls of one JavaScript environment, and their results.
pub(crate) type Queue = Calls<Done>;

/// A source that JavaScript drains.
pub(crate) type Stream<S> = SignalledStream<S, Done>;

/// The queue of a JavaScript environment: the main thread's, or a worker's.
#[napi]
pub struct HostQueue {
    pub(crate) queue: Arc<Queue>,
}

/// Wakes the environment's thread, and carries nothing. It does not keep the process alive.
struct HostWaker(ThreadsafeFunction<(), (), (), Status, false, true, 1>);

impl Wake for HostWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.call((), ThreadsafeFunctionCallMode::NonBlocking);
    }
}

/// What a call comes to.
pub(crate) enum Done {
    Nothing,
    Json(String),
    Chat(Box<NativeChat>),
}

#[napi]
impl HostQueue {
    /// `wake` is called on this thread when there is something to drain.
    #[napi(constructor)]
    pub fn new(env: Env, wake: Function<(), ()>) -> Result<Self> {
        let wake = wake
            .build_threadsafe_function::<()>()
            .callee_handled::<false>()
            .weak::<true>()
            .max_queue_size::<1>()
            .build()?;
        let queue = Calls::new(Waker::from(Arc::new(HostWaker(wake))));
        // A worker was terminated, or the process ends.
        env.add_env_cleanup_hook(Arc::clone(&queue), |queue| {
            queue.close();
            logs::hand_over();
        })?;
        Ok(Self { queue })
    }

    /// At most so much of what has come, as `code, ticket, content`, one after the other in a flat list. The codes: 0,
    /// a call has succeeded; 1, it has failed; 2, there is something to drain under this ticket.
    #[napi]
    pub fn drain<'env>(&self, env: &'env Env, max: u32) -> Result<Array<'env>> {
        let messages = self.queue.drain(max as usize);
        let mut list = env.create_array(u32::try_from(messages.len() * 3).unwrap_or(u32::MAX))?;
        let mut at = 0;
        for message in messages {
            let (code, ticket): (u32, Ticket) = match message {
                Message::Done(ticket, Ok(done)) => {
                    match done {
                        Done::Nothing => {}
                        Done::Json(text) => list.set(at + 2, text)?,
                        Done::Chat(chat) => list.set(at + 2, *chat)?,
                    }
                    (0, ticket)
                }
                Message::Done(ticket, Err(error)) => {
                    list.set(at + 2, json::error(&error))?;
                    (1, ticket)
                }
                Message::Ready(ticket) => (2, ticket),
            };
            list.set(at, code)?;
            list.set(at + 1, ticket)?;
            at += 3;
        }
        Ok(list)
    }

    /// The call is given up: its work is dropped when this returns, and nothing comes of it.
    #[napi]
    pub fn cancel(&self, ticket: Ticket) {
        self.queue.give_up(ticket);
    }

    /// Collects the core's log, for this environment from now on, and says under which ticket it is told of lines.
    /// Without a filter the program has no logger: the environment gets what `SECONDME_LOG` lets through, where no
    /// other one has asked before.
    #[napi]
    pub fn collect_logs(&self, filter: Option<Words>) -> Result<Ticket> {
        Words::named_if(filter, "filter")
            .and_then(|filter| logs::collect(filter, &self.queue))
            .map_err(|error| json::thrown(&error))
    }
}

/// Makes a call, and hands back its ticket.
pub(crate) fn call<F>(queue: &Arc<Queue>, calls: &OpenCalls, call: F) -> Ticket
where
    F: Future<Output = std::result::Result<Done, Error>> + Send + 'static,
{
    queue.begin(call, calls.begin())
}

/// Makes a call that closes a client or a conversation: JavaScript is told of it after the calls that it ends.
pub(crate) fn call_closing<F>(queue: &Arc<Queue>, calls: OpenCalls, closing: F) -> Ticket
where
    F: Future<Output = std::result::Result<Done, Error>> + Send + 'static,
{
    // That of a conversation is one of the client's calls, and none of the conversation's own.
    let begun = calls.client().map(OpenCalls::begin);
    let closed = async move {
        let done = closing.await;
        calls.have_ended().await;
        done
    };
    queue.begin(closed, begun)
}
