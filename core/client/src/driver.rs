//! One task for each visitor: carries out the machine's outputs, and gives it inputs.

mod calls;
mod catch_up;
mod journal;
mod permit;
mod reading;
mod waits;

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use secondme_avatar_protocol::{
    Command, ConversationKey, Event, EventKind, Generation, HttpRequest, Input, KeptMessage, Output, Secret,
    State, Step,
};
use tokio::task::JoinHandle;
use tokio::time::{Instant, Sleep, sleep_until};
use tracing::{debug, info, trace};

pub(crate) use self::calls::{Back, Calls};
use self::catch_up::{CatchUp, Due};
use self::journal::Journal;
use self::permit::ConnectPermit;
use self::reading::Reading;
use crate::env::Env;
use crate::errors::no_store;
use crate::runtime::spawn;
use crate::saving::Saving;
use crate::socket::{NotConnected, Socket, Traffic};
use crate::visitor_handle::{VisitorHandle, VisitorState, Waiting};

/// Long enough to mean "never".
const NEVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

type Connecting = Pin<Box<dyn Future<Output = Result<Socket, NotConnected>> + Send>>;

pub(crate) struct Driver {
    handle: Arc<VisitorHandle>,
    env: Arc<Env>,
    calls: Calls,
    connecting: Option<Connecting>,
    socket: Option<Socket>,
    /// A socket that is being closed.
    hanging_up: Option<JoinHandle<()>>,
    permit: ConnectPermit,
    catch_up: CatchUp,
    generation: Generation,
    /// The machine's count of lost sockets at the last check.
    lost: u64,
    reading: Reading,
    saving: Saving,
    journal: Journal,
    /// The visitor rests: this driver leaves it.
    leaves: bool,
}

impl Driver {
    pub(crate) fn new(handle: Arc<VisitorHandle>, env: Arc<Env>) -> Self {
        let lost = handle.lock().machine.counters().lost;
        Self {
            calls: Calls::default(),
            connecting: None,
            socket: None,
            hanging_up: None,
            permit: ConnectPermit::default(),
            catch_up: CatchUp::new(&env.clock),
            generation: Generation::default(),
            lost,
            reading: Reading::default(),
            saving: Saving::default(),
            journal: Journal::default(),
            leaves: false,
            handle,
            env,
        }
    }

    /// Runs until the machine is closed, or until the client is dropped. Then calls `ended`, which returns whether the
    /// visitor goes on without a driver, because another process has them. Returns before that if the
    /// visitor rests; whatever is wanted of it then begins another driver.
    ///
    /// Boxed, since an async fn keeps its arguments twice, and there are thousands of these.
    pub(crate) async fn run(mut self: Box<Self>, ended: impl FnOnce(&Arc<VisitorHandle>) -> bool) {
        let handle = Arc::clone(&self.handle);
        let mut timer = pin!(sleep_until(Instant::now() + NEVER));
        loop {
            let mut woken = pin!(handle.woken());
            let (forward, advanced) = (self.env.clock.forward(), self.env.clock.advanced());
            let Some(deadline) = self.carry_out() else {
                break;
            };
            if self.rests() {
                return;
            }
            let idle_from = handle.lock().machine.idle_from();
            let deadline =
                self.permit.note_idle(&self.env, idle_from).map_or(deadline, |at| at.min(deadline));
            let deadline = self.catch_up.deadline(&self.env.clock, deadline);
            set(timer.as_mut(), self.catch_up.wakes_at(deadline));
            if deadline > Instant::now() {
                self.catch_up.nothing_due(advanced);
                handle.notice(forward, self.connecting.is_none() && !self.calls.are_under_way());
            }
            if self.catch_up.reads_on()
                && let Some(happened) = poll_fn(|cx| self.poll_traffic(cx)).now_or_never()
            {
                self.tell(happened);
                continue;
            }
            if self.reading.has_changed(&self.env, &handle) {
                let reading = Input::Reading(self.reading.is_on());
                self.tell(Happened::Input(reading));
                continue;
            }
            let happened = poll_fn(|cx| self.poll(cx, timer.as_mut(), woken.as_mut(), deadline)).await;
            self.tell(happened);
        }
        self.saving.finish(&self.env, &handle);
        self.hang_up_socket();
        self.permit.release(&self.env, self.hanging_up.take());
        self.leaves = ended(&handle);
    }

    /// Gives the machine an input.
    fn tell(&mut self, happened: Happened) {
        if let (Happened::Elsewhere, Some(router)) = (&happened, self.env.router.as_ref()) {
            return router.is_elsewhere(&self.handle);
        }
        let now = self.env.clock.now();
        let mut state = self.handle.lock();
        match happened {
            Happened::Nothing => {}
            Happened::Input(input) => state.machine.handle(now, input),
            Happened::Woke => {
                // First the tick: what became due meanwhile must not be sent on the way.
                state.machine.handle(now, Input::Tick);
                // The old connections are probably dead. A closed machine refuses the command.
                let _ = state.machine.command(now, Command::NetworkChanged);
            }
            Happened::Elsewhere => {
                info!(
                    target: "secondme_avatar::conversation", visitor = %state.machine.visitor().id(),
                    "another process has opened this visitor: let go"
                );
                state.elsewhere = true;
                state.machine.handle(now, Input::OpenedElsewhere);
            }
            Happened::Frames(frames) => {
                for frame in frames {
                    let generation = self.generation;
                    state.machine.handle(now, Input::SocketFrame { generation, frame });
                }
            }
        }
    }

    /// Carries out all outputs. Returns when to come back; `None` if the machine is closed.
    fn carry_out(&mut self) -> Option<Instant> {
        let handle = Arc::clone(&self.handle);
        let mut state = handle.lock();
        let lost = state.machine.counters().lost;
        if std::mem::replace(&mut self.lost, lost) != lost {
            // The cause may have broken the other connections too.
            self.env.http.renew();
        }
        let mut events = Vec::with_capacity(state.machine.outputs());
        while let Some(output) = state.machine.poll() {
            match output {
                Output::Event(event) => {
                    if let EventKind::StateChanged { from, to } = event.kind {
                        self.note_state(&state, from, to);
                    }
                    events.push(event);
                }
                Output::Piece(ticket, author, text) => match state.waiting.get(&ticket) {
                    Some(Waiting::Pieces(pieces)) => pieces.push(author, &text),
                    Some(Waiting::Peer(call)) => call.piece(author, text),
                    Some(Waiting::Once(_)) | None => {}
                },
                Output::Resolved(ticket, result) => {
                    // Events before the answer are delivered before it.
                    self.publish(&mut state, &mut events);
                    match state.take_waiting(ticket) {
                        Some(Waiting::Peer(call)) => {
                            let closes = state.closes();
                            state.hands_over |= call.answer(result, Some(&state.machine), closes);
                        }
                        Some(waiting) => waiting.resolve(result),
                        None => {}
                    }
                }
                Output::Held(conversation, hold) => {
                    let (visitor, conversation) = (state.machine.visitor().id(), conversation.0);
                    info!(target: "secondme_avatar::conversation", %visitor, conversation, "a question waits for {}", hold.text());
                }
                Output::SaveRecord => self.saving.save_record(),
                Output::ForgetMessage(message) => self.saving.forget_message(message),
                Output::SaveMessage(message) => self.save_message(&mut state, message),
                Output::Quota(call) => {
                    if let Some(input) = self.calls.ask_quota(&self.env, state.reserved.take(), call) {
                        state.machine.handle(self.env.clock.now(), input);
                    }
                }
                Output::QuotaUsedUp(until) => self.env.quota.hold_until(until),
                Output::ConnectPermit => {
                    let awaited = !state.waiting.is_empty();
                    if let Some(denied) = self.permit.ask(&self.env, &handle, awaited) {
                        state.machine.handle(self.env.clock.now(), denied);
                    }
                }
                Output::SlotReleased => self.permit.release(&self.env, self.hanging_up.take()),
                Output::Token { call, refused } => {
                    let visitor = state.machine.visitor().id().clone();
                    self.calls.get_token(&self.env, visitor, call, refused);
                }
                Output::Credentials { call, refused } => {
                    let visitor = state.machine.visitor().id().clone();
                    self.calls.get_credentials(&self.env, visitor, call, refused);
                }
                Output::Http(request) => self.call(&state, request),
                Output::Abandon(call) => self.calls.abandon(call),
                Output::SocketOpen { generation, address } => self.open_socket(&state, generation, address),
                Output::SocketSend { generation, text } => self.send_frame(generation, text),
                Output::SocketClose(generation) => self.close_socket(&state, generation),
            }
        }
        self.publish(&mut state, &mut events);
        if state.dropped || state.machine.is_closed() { None } else { Some(self.comes_back(&state)) }
    }

    /// Ends what the outputs have ended. Returns when to come back.
    fn comes_back(&mut self, state: &VisitorState) -> Instant {
        if !state.machine.is_connecting() {
            self.permit.end_attempt();
        }
        if !state.waiting.is_empty() {
            self.permit.hurry(&self.env);
        }
        let looks_again = self.saving.save(&self.env, state);
        let deadline = state.machine.next_deadline().into_iter().chain(self.reading.tells_at()).min();
        let deadline = deadline.map_or_else(|| Instant::now() + NEVER, |at| self.env.clock.instant_of(at));
        looks_again.map_or(deadline, |at| at.min(deadline))
    }

    /// Gives a message to the store, which answers the machine. Without a store the machine knows at once.
    fn save_message(&self, state: &mut VisitorState, message: KeptMessage) {
        let (id, visitor) = (message.message_id.clone(), state.machine.visitor().clone());
        let queued = self.env.store_writer.as_ref().ok_or_else(no_store);
        let queued =
            queued.and_then(|writer| writer.save_message(Arc::clone(&self.handle), visitor, message));
        if let Err(error) = queued {
            state.machine.handle(self.env.clock.now(), Input::NotKept { message: id, error });
        }
    }

    /// Begins a handshake.
    fn open_socket(&mut self, state: &VisitorState, generation: Generation, address: Secret) {
        let visitor = state.machine.visitor().id();
        debug!(target: "secondme_avatar::socket", %visitor, "connect");
        self.generation = generation;
        self.hang_up_socket();
        let watched = self.env.on_call.begin(visitor, Step::Connect);
        let connector = self.env.connector.clone();
        self.connecting = Some(Box::pin(async move {
            let result = connector.connect(address).await;
            watched.end(|| (result.as_ref().err().map(|(_, error)| error.clone()), None));
            result
        }));
    }

    fn send_frame(&mut self, generation: Generation, text: String) {
        if let Some(socket) = self.socket.as_mut().filter(|_| generation == self.generation) {
            trace!(target: "secondme_avatar::socket", "frame out");
            socket.send(text);
        }
    }

    fn close_socket(&mut self, state: &VisitorState, generation: Generation) {
        if generation == self.generation {
            debug!(target: "secondme_avatar::socket", visitor = %state.machine.visitor().id(), "close");
            self.connecting = None;
            self.hang_up_socket();
        }
    }

    /// Makes a call.
    fn call(&mut self, state: &VisitorState, request: HttpRequest) {
        let visitor = state.machine.visitor().id();
        let connects = matches!(request.step, Step::CreateSocket | Step::InitVisitorChat);
        debug!(target: "secondme_avatar::http", %visitor, step = %request.step, "call");
        let lets_go = self.env.router.is_some() || state.may_let_go();
        let unless_elsewhere = connects && state.was_connected && lets_go;
        self.calls.start(&self.env, visitor.clone(), request, unless_elsewhere);
    }

    /// A deadline has come.
    fn due(&mut self, deadline: Instant) -> Happened {
        match self.catch_up.due(&self.env.clock, deadline) {
            Due::Now => Happened::Input(Input::Tick),
            Due::Later => Happened::Nothing,
            Due::Woke => {
                self.env.quota.look_again();
                Happened::Woke
            }
        }
    }

    /// Delivers events to the subscriptions of their conversation, and to those of the client.
    fn publish(&mut self, state: &mut VisitorState, events: &mut Vec<Event>) {
        if events.is_empty() {
            return;
        }
        self.journal.tell(self.env.clock.now(), &self.env.warnings, &state.machine, events);
        if state.moves() {
            events.retain(|event| !stays_open(event));
        }
        let closed: Vec<ConversationKey> = events.iter().filter_map(closes).collect();
        self.tell_peers(state, events);
        self.env.subscriptions.publish(&state.mailboxes, events);
        state.end_subscriptions(&closed);
        if !closed.is_empty() {
            self.handle.closed.notify_waiters();
        }
    }

    /// Tells the processes that have the visitor open, and those that listen to all.
    fn tell_peers(&self, state: &mut VisitorState, events: &[Event]) {
        if let Some(router) = self.env.router.as_ref() {
            let settled = router.tell(state.attached(), events, state.goes_on());
            if let Some(sharing) = state.sharing.as_mut() {
                sharing.told = settled.or(sharing.told.take());
            }
        }
    }

    /// A caller resumes a paused conversation, so this process claims the visitor.
    fn note_state(&self, state: &VisitorState, from: State, to: State) {
        if from == State::Paused
            && self.env.router.is_none()
            && let Some(store_writer) = self.env.store_writer.as_ref().filter(|_| to != State::Closed)
        {
            store_writer.claim(state.machine.visitor().id().clone());
        }
    }

    fn connected(&mut self, result: Result<Socket, NotConnected>) -> Happened {
        self.connecting = None;
        let generation = self.generation;
        Happened::Input(match result {
            Ok(socket) => {
                self.socket = Some(socket);
                self.handle.lock().was_connected = true;
                Input::SocketOpened(generation)
            }
            Err((status, error)) => Input::SocketFailed { generation, status, error },
        })
    }

    fn traffic(&mut self, traffic: Traffic) -> Happened {
        match traffic {
            Traffic::Frames(frames) => Happened::Frames(frames),
            Traffic::Closed(cause) => {
                // Answers a Close frame, if one came.
                self.hang_up_socket();
                Happened::Input(Input::SocketClosed { generation: self.generation, cause })
            }
        }
    }

    fn hang_up_socket(&mut self) {
        if let Some(socket) = self.socket.take() {
            // The slot is free once all of them are closed.
            let earlier = self.hanging_up.take();
            self.hanging_up = Some(spawn(&self.env.runtime, async move {
                socket.close().await;
                if let Some(earlier) = earlier {
                    let _ = earlier.await;
                }
            }));
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        if !self.leaves {
            self.handle.end();
        }
    }
}

enum Happened {
    Nothing,
    Input(Input),
    /// The machine was suspended.
    Woke,
    Elsewhere,
    Frames(Vec<secondme_avatar_protocol::Raw>),
}

fn set(timer: Pin<&mut Sleep>, deadline: Instant) {
    if timer.deadline() != deadline {
        timer.reset(deadline);
    }
}

/// Whether it says that the first conversation closes, which goes on with another process.
fn stays_open(event: &Event) -> bool {
    let closes = matches!(event.kind, EventKind::StateChanged { .. } | EventKind::Closed { .. });
    closes && event.conversation == Some(ConversationKey::FIRST)
}

/// Returns the conversation that this event closes.
fn closes(event: &Event) -> Option<ConversationKey> {
    match event.kind {
        EventKind::Closed { .. } => event.conversation,
        _ => None,
    }
}
