//! One task for each visitor: carries out what the machine says, and tells it what happens.

use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::FutureExt;
use secondme_avatar_protocol::{
    CallId, Command, ConversationKey, Event, EventKind, Generation, Input, Millis, Output, State, Step,
};
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::futures::Notified;
use tokio::task::JoinHandle;
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_util::task::JoinMap;
use tracing::{debug, info, trace, warn};

use crate::client::Inner;
use crate::env::Env;
use crate::line::{Line, LineState, Waiting};
use crate::pacer;
use crate::places::Place;
use crate::quota::{Permit, Turn};
use crate::saving::{Saving, no_store};
use crate::socket::{NotConnected, Socket, Traffic};
use crate::trouble::Trouble;

/// Far enough away to mean "never".
const NEVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// A deadline that is noticed so late was slept through: the process was frozen, or the machine was.
const LATE: Duration = Duration::from_secs(1);

/// So long is then taken in what came in the meantime, before the deadline is judged by it.
const CATCHES_UP: Duration = Duration::from_millis(250);

/// How long a subscription may hold up the socket before that is a line in the log: a burst is taken sooner.
const UNREAD_WARNING: std::time::Duration = std::time::Duration::from_secs(5);

type Connecting = Pin<Box<dyn Future<Output = Result<Socket, NotConnected>> + Send>>;

pub(crate) struct Driver {
    line: Arc<Line>,
    env: Arc<Env>,
    calls: JoinMap<CallId, Done>,
    /// Places in the quota, from when they are asked for until their call is back.
    permits: HashMap<CallId, Permit>,
    connecting: Option<Connecting>,
    socket: Option<Socket>,
    /// A socket that is being closed.
    hanging_up: Option<JoinHandle<()>>,
    /// Among those that hold a socket, from when one is wanted until the line rests.
    place: Option<Place>,
    /// The place is waited for.
    queues: bool,
    /// The turn to connect that is waited for, and whether a call waits for it.
    turn: Option<(pacer::Turn, bool)>,
    /// The turn, while it is being connected.
    permit: Option<OwnedSemaphorePermit>,
    trouble: Trouble,
    /// Until when what came while nothing ran is taken in.
    catching_up: Option<Instant>,
    /// How often a test had put the clock forward, and the machine had slept, when nothing was due.
    advanced: u64,
    gaps: u64,
    generation: Generation,
    /// How many sockets had been lost when that was last looked at.
    lost: u64,
    reading: bool,
    /// Since when nothing is read, because a subscription is full.
    unread_since: Option<Instant>,
    saving: Saving,
    /// It has been connected: another process may have the visitor by now.
    was_connected: bool,
}

impl Driver {
    pub(crate) fn new(line: Arc<Line>, env: Arc<Env>) -> Self {
        let env_clock = env.clock.clone();
        Self {
            line,
            env,
            calls: JoinMap::new(),
            permits: HashMap::new(),
            connecting: None,
            socket: None,
            hanging_up: None,
            place: None,
            queues: false,
            turn: None,
            permit: None,
            trouble: Trouble::default(),
            catching_up: None,
            advanced: env_clock.advanced(),
            gaps: env_clock.gaps(),
            generation: Generation::default(),
            lost: 0,
            reading: true,
            unread_since: None,
            saving: Saving::default(),
            was_connected: false,
        }
    }

    /// Runs until the machine is closed, or the client is gone, which it holds weakly: a client that
    /// nobody holds ends its drivers.
    ///
    /// Boxed, since an async fn keeps its arguments twice, and there are thousands of these.
    pub(crate) async fn run(mut self: Box<Self>, client: Weak<Inner>) {
        let line = Arc::clone(&self.line);
        let env = Arc::clone(&self.env);
        let mut timer = pin!(sleep_until(Instant::now() + NEVER));
        loop {
            let woken = line.wake.notified();
            let (forward, advanced) = (env.clock.forward(), env.clock.advanced());
            let moved = env.clock.moved();
            let Some(deadline) = self.carry_out() else {
                break;
            };
            let deadline = self.look_for_rest().map_or(deadline, |at| at.min(deadline));
            let deadline = self.slept().map_or(deadline, |at| at.min(deadline));
            set(timer.as_mut(), self.catching_up.unwrap_or(deadline));
            if deadline > Instant::now() {
                self.advanced = advanced;
            }
            if !line.has_noticed(forward) && deadline > Instant::now() {
                line.notice(forward);
            }
            if self.reads_on()
                && let Some(traffic) = traffic(&mut self.socket, self.reading).now_or_never()
            {
                let happened = self.traffic(traffic);
                self.tell(happened);
                continue;
            }
            let mut room = pin!(env.room.notified());
            self.look_for_room(room.as_mut());
            let input = tokio::select! {
                // Pings go out though frames come in without end.
                biased;
                () = timer.as_mut() => self.due(deadline),
                () = woken => Happened::Nothing,
                () = moved => Happened::Nothing,
                Some((call, result)) = self.calls.join_next(), if !self.calls.is_empty() => {
                    if let Some(permit) = self.permits.remove(&call).filter(|_| result.is_ok()) {
                        permit.finish();
                    }
                    match result {
                        Ok(Done::Call(input)) => Happened::Input(input),
                        Ok(Done::Elsewhere) => Happened::Elsewhere,
                        Ok(Done::Waited(permit, Turn::Come)) => {
                            self.permits.insert(call, permit);
                            Happened::Input(Input::QuotaGranted(call))
                        }
                        Ok(Done::Waited(permit, Turn::Expected(until))) => {
                            self.wait_for_quota(call, permit, Some(until));
                            Happened::Input(Input::QuotaDelayed { call, until })
                        }
                        // Abandoned, or the runtime is going down.
                        Err(_) => Happened::Nothing,
                    }
                }
                () = place(self.place.as_ref()), if self.queues => Happened::Place,
                permit = turn(&mut self.turn), if self.turn.is_some() => {
                    (self.turn, self.permit) = (None, permit);
                    Happened::Input(Input::Turn)
                }
                result = connected(&mut self.connecting), if self.connecting.is_some() => self.connected(result),
                traffic = traffic(&mut self.socket, self.reading), if self.socket.is_some() => self.traffic(traffic),
                () = room, if !self.reading => Happened::Nothing,
            };
            self.tell(input);
        }
        self.saving.finish(&env, &line);
        self.hang_up_socket();
        self.leave_place();
        if let Some(client) = client.upgrade() {
            client.retire(&line);
        }
    }

    /// Tells the machine what has happened.
    fn tell(&mut self, happened: Happened) {
        let now = self.env.clock.now();
        let mut state = self.line.lock();
        match happened {
            Happened::Nothing => {}
            Happened::Input(input) => state.machine.handle(now, input),
            Happened::Woke => {
                // Nothing that was due meanwhile goes out on the way.
                state.machine.handle(now, Input::Tick);
                // Whatever was connected is as good as lost. A machine that is closed wants nothing.
                let _ = state.machine.command(now, Command::NetworkChanged);
            }
            Happened::Place => {
                self.queues = false;
                // What was refused need not wait any longer. A machine that is closed wants nothing.
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

    /// Does what the machine says, until it says nothing more; then when to come back. `None`: it is
    /// over.
    fn carry_out(&mut self) -> Option<Instant> {
        let line = Arc::clone(&self.line);
        let mut state = line.lock();
        let lost = state.machine.counters().lost;
        if std::mem::replace(&mut self.lost, lost) != lost {
            // What has ended the socket has perhaps ended the other connections too.
            self.env.http.renew();
        }
        let mut events = Vec::with_capacity(state.machine.outputs());
        while let Some(output) = state.machine.poll() {
            match output {
                // Who waits for a place is told that, and not how often the machine tries.
                Output::Event(Event { kind: EventKind::Disconnected { .. }, .. }) if self.queues => {}
                Output::Event(event) => {
                    if let EventKind::StateChanged { from, to } = event.kind {
                        self.note_state(&mut state, from, to);
                    }
                    events.push(event);
                }
                Output::Piece(ticket, author, text) => {
                    if let Some(Waiting::Pieces(pieces)) = state.waiting.get(&ticket) {
                        pieces.push(author, &text);
                    }
                }
                Output::Resolved(ticket, result) => {
                    // Events that came before the answer are there before it.
                    self.publish(&mut state, &mut events);
                    if let Some(waiting) = state.waiting.remove(&ticket) {
                        waiting.resolve(result);
                    }
                }
                Output::Held(conversation, hold) => {
                    let (visitor, conversation) = (state.machine.visitor().id(), conversation.0);
                    info!(target: "secondme_avatar::conversation", %visitor, conversation, "a question waits for {}", hold.text());
                }
                Output::Remember => self.saving.remember(),
                Output::Settle(message) => self.saving.settle(message),
                Output::Keep(message) => match &self.env.keeper {
                    Some(keeper) => {
                        keeper.keep(Arc::clone(&line), state.machine.visitor().clone(), message);
                    }
                    None => {
                        let (message, error) = (message.message_id, no_store());
                        state.machine.handle(self.env.clock.now(), Input::NotKept { message, error });
                    }
                },
                Output::Quota(call) => {
                    if let Some(input) = self.ask_quota(&mut state, call) {
                        state.machine.handle(self.env.clock.now(), input);
                    }
                }
                Output::QuotaUsedUp(until) => self.env.quota.hold_until(until),
                Output::Turn => {
                    let awaited = !state.waiting.is_empty();
                    self.turn = Some((self.env.pacer.turn(awaited), awaited));
                }
                Output::Http(request) if request.step == Step::CreateSocket && !self.has_place() => {
                    let (call, error) = (request.call, self.env.places.refuse());
                    state
                        .machine
                        .handle(self.env.clock.now(), Input::HttpFailed { call, sent: false, error });
                }
                Output::Http(request) => {
                    debug!(target: "secondme_avatar::http", visitor = %state.machine.visitor().id(), step = %request.step, "call");
                    let http = self.env.http.clone();
                    if let Some(permit) = self.permits.get_mut(&request.call) {
                        permit.used();
                    }
                    let visitor = state.machine.visitor().id().clone();
                    let asks = request.step == Step::CreateSocket && self.was_connected && state.may_let_go();
                    let env = Arc::clone(&self.env);
                    let call = request.call;
                    let call_or_let_go = async move {
                        // The one who opened the visitor last has it: to connect again would be to take the
                        // socket away from it.
                        if asks
                            && let Some(keeper) = &env.keeper
                            && keeper.is_elsewhere(visitor.clone()).await
                        {
                            return Done::Elsewhere;
                        }
                        let watched = env.on_call.begin(&visitor, request.step);
                        Done::Call(http.call(request, watched).await)
                    };
                    self.calls.spawn_on(call, call_or_let_go, &self.env.runtime);
                }
                Output::Abandon(call) => {
                    self.calls.abort(&call);
                    self.permits.remove(&call);
                }
                Output::SocketOpen { generation, address } => {
                    debug!(target: "secondme_avatar::socket", visitor = %state.machine.visitor().id(), "connect");
                    self.generation = generation;
                    self.hang_up_socket();
                    let watched = self.env.on_call.begin(state.machine.visitor().id(), Step::Connect);
                    let connector = self.env.connector.clone();
                    self.connecting = Some(Box::pin(async move {
                        let result = connector.connect(address).await;
                        watched.end(|| (result.as_ref().err().map(|(_, error)| error.clone()), None));
                        result
                    }));
                }
                Output::SocketSend { generation, text } => {
                    if let Some(socket) = self.socket.as_mut().filter(|_| generation == self.generation) {
                        trace!(target: "secondme_avatar::socket", "frame out");
                        socket.send(text);
                    }
                }
                Output::SocketClose(generation) => {
                    if generation == self.generation {
                        debug!(target: "secondme_avatar::socket", visitor = %state.machine.visitor().id(), "close");
                        self.connecting = None;
                        self.hang_up_socket();
                    }
                }
            }
        }
        self.publish(&mut state, &mut events);
        if state.dropped || state.machine.is_closed() {
            return None;
        }
        if !state.machine.is_connecting() {
            self.permit = None;
        }
        if !state.waiting.is_empty()
            && let Some((turn, awaited @ false)) = &mut self.turn
        {
            // A call has come for which it is waited now.
            (*turn, *awaited) = (self.env.pacer.turn(true), true);
        }
        state.under_way = self.calls.len() + usize::from(self.connecting.is_some());
        let looks_again = self.saving.save(&self.env, &state);
        let deadline = state.machine.next_deadline();
        let deadline = deadline.map_or_else(|| Instant::now() + NEVER, |at| self.env.clock.instant_of(at));
        Some(looks_again.map_or(deadline, |at| at.min(deadline)))
    }

    /// Hands events to those who subscribed: to their conversation, and to all.
    fn publish(&mut self, state: &mut LineState, events: &mut Vec<Event>) {
        if events.is_empty() {
            return;
        }
        events.iter().for_each(note);
        self.note_trouble(state, events);
        let counters = state.machine.counters();
        state.activity.note(self.env.clock.now(), counters, events);
        let closed: Vec<ConversationKey> = events.iter().filter_map(closes).collect();
        self.env.counts.events.fetch_add(events.len() as u64, Ordering::Relaxed);
        {
            let mut all = self.env.subscriptions();
            all.retain(|mailbox| !mailbox.has_ended());
            let own = state.mailboxes.iter().map(|(key, mailbox)| (Some(*key), mailbox));
            let mut subscribers = own.chain(all.iter().map(|mailbox| (None, mailbox))).peekable();
            while let Some((key, mailbox)) = subscribers.next() {
                let wanted = |event: &Event| key.is_none() || event.conversation == key;
                if subscribers.peek().is_some() {
                    mailbox.push(events.iter().filter(|event| wanted(event)).cloned());
                } else {
                    // The last one gets the events themselves, and there is seldom more than one.
                    mailbox.push(events.drain(..).filter(wanted));
                }
            }
        }
        events.clear();
        state.end_subscriptions(&closed);
        if !closed.is_empty() {
            self.line.closed.notify_waiters();
        }
    }

    /// Tells the log of links that are lost again and again. All conversations of the visitor say the same.
    fn note_trouble(&mut self, state: &LineState, events: &[Event]) {
        let (now, warnings) = (self.env.clock.now(), &self.env.warnings);
        let visitor = state.machine.visitor().id();
        let lost = events.iter().rev().find_map(|event| match &event.kind {
            EventKind::Disconnected { cause, .. } => Some(cause),
            _ => None,
        });
        if let Some(cause) = lost {
            self.trouble.failed(now, warnings, visitor, cause);
            match state.machine.is_contested() {
                true => self.trouble.contested(now, warnings, visitor, cause),
                false => self.trouble.lasts(),
            }
        }
        if events.iter().any(|event| matches!(event.kind, EventKind::Reconnected { .. })) {
            self.trouble.is_over(now, visitor);
        }
    }

    /// Something is due. One that was slept through is judged a little later, by what is there then.
    fn due(&mut self, deadline: Instant) -> Happened {
        let clock = &self.env.clock;
        let slept = clock.gaps() != self.gaps;
        // A test that puts the clock forward has not frozen the process.
        let late = clock.advanced() == self.advanced && deadline + LATE < Instant::now();
        if (slept || late) && self.catching_up.is_none() {
            self.catching_up = Some(Instant::now() + CATCHES_UP);
            return Happened::Nothing;
        }
        self.catching_up = None;
        if slept {
            self.gaps = clock.gaps();
            self.env.quota.look_again();
            return Happened::Woke;
        }
        Happened::Input(Input::Tick)
    }

    /// The time for taking in what came is over: not before the socket is read to its end, if it has one.
    fn reads_on(&self) -> bool {
        let now = Instant::now();
        self.socket.is_some() && self.catching_up.is_some_and(|until| until <= now && now < until + LATE)
    }

    /// The machine has slept, and that is still to be acted upon: at once.
    fn slept(&self) -> Option<Instant> {
        (self.env.clock.gaps() != self.gaps).then(Instant::now)
    }

    /// Joins the key's quota for this call.
    fn ask_quota(&mut self, state: &mut LineState, call: CallId) -> Option<Input> {
        let mut permit = state.reserved.take().unwrap_or_else(|| self.env.quota.join());
        if permit.try_acquire() {
            self.permits.insert(call, permit);
            return Some(Input::QuotaGranted(call));
        }
        let expected = permit.expected_at();
        self.wait_for_quota(call, permit, expected);
        expected.map(|until| Input::QuotaDelayed { call, until })
    }

    fn wait_for_quota(&mut self, call: CallId, mut permit: Permit, told: Option<Millis>) {
        let wait = async move {
            let turn = permit.acquire(told).await;
            Done::Waited(permit, turn)
        };
        self.calls.spawn_on(call, wait, &self.env.runtime);
    }

    /// Whether the line may have a socket. One that may not waits for its turn from now on.
    fn has_place(&mut self) -> bool {
        let place = self.place.get_or_insert_with(|| self.env.places.join(&self.line));
        self.queues = !place.is_held();
        !self.queues
    }

    /// The place goes to somebody else once the socket is closed.
    fn leave_place(&mut self) {
        self.queues = false;
        match (self.place.take(), self.hanging_up.take()) {
            (Some(place), Some(socket)) => drop(self.env.runtime.spawn(async move {
                // Closed in any case, within a second.
                let _ = socket.await;
                drop(place);
            })),
            (place, _) => drop(place),
        }
    }

    fn note_state(&mut self, state: &mut LineState, from: State, to: State) {
        if to == State::Resting {
            state.rests = true;
            self.leave_place();
        } else if from == State::Resting {
            state.rests = false;
            // Woken by its caller, who wants the visitor here.
            if let Some(keeper) = self.env.keeper.as_ref().filter(|_| to != State::Closed) {
                keeper.claim(state.machine.visitor().id().clone());
            }
        }
    }

    /// Gives up the socket of a line that has been idle for so long as was said, and lets those know who
    /// wait for a place. Says when it is time for that.
    fn look_for_rest(&mut self) -> Option<Instant> {
        let places = &self.env.places;
        if self.env.idle_after.is_none() && !places.are_limited() {
            return None;
        }
        if self.queues && places.are_wanted() {
            places.make_room();
            return None;
        }
        let since = self.line.idle_from().filter(|_| self.place.is_some())?;
        let now = self.env.clock.now();
        if since <= now && places.are_wanted() {
            places.make_room();
        }
        let rests_at = self.env.idle_after.map(|after| since + after);
        if rests_at.is_some_and(|at| at <= now) {
            self.line.rest_if_idle();
            return None;
        }
        let becomes_idle = (since > now).then_some(since);
        let next = rests_at.into_iter().chain(becomes_idle).min()?;
        Some(self.env.clock.instant_of(next))
    }

    fn connected(&mut self, result: Result<Socket, NotConnected>) -> Happened {
        self.connecting = None;
        let generation = self.generation;
        Happened::Input(match result {
            Ok(socket) => {
                self.socket = Some(socket);
                self.was_connected = true;
                Input::SocketOpened(generation)
            }
            Err((status, error)) => Input::SocketFailed { generation, status, error },
        })
    }

    fn traffic(&mut self, traffic: Traffic) -> Happened {
        match traffic {
            Traffic::Frames(frames) => Happened::Frames(frames),
            Traffic::Closed(cause) => {
                // Where it was said in a Close frame, that is answered.
                self.hang_up_socket();
                Happened::Input(Input::SocketClosed { generation: self.generation, cause })
            }
        }
    }

    /// Reads no further while a subscriber's queue is full, and says so to the machine: silence means
    /// nothing then.
    fn look_for_room(&mut self, room: Pin<&mut Notified<'_>>) {
        // From here on room is noticed, though it comes before the await.
        room.enable();
        let reading =
            self.env.has_room() && self.line.lock().mailboxes.iter().all(|(_, mailbox)| mailbox.has_room());
        if reading {
            self.unread_since = None;
        } else if *self.unread_since.get_or_insert_with(Instant::now) + UNREAD_WARNING <= Instant::now() {
            self.warn_of_unread();
        }
        if reading != self.reading {
            self.reading = reading;
            self.line.lock().machine.handle(self.env.clock.now(), Input::Reading(reading));
        }
    }

    /// Names the subscriptions that hold up the socket. One is told once, however many sockets it holds up.
    fn warn_of_unread(&self) {
        let state = self.line.lock();
        let all = self.env.subscriptions();
        for mailbox in state.mailboxes.iter().map(|(_, mailbox)| mailbox).chain(all.iter()) {
            if let Some((subscription, waiting)) = mailbox.newly_unread() {
                warn!(
                    target: "secondme_avatar::conversation", subscription, waiting,
                    "a subscription to events is full and is not drained: nothing is read from the socket until its events are taken, or it is ended"
                );
            }
        }
    }

    fn hang_up_socket(&mut self) {
        if let Some(socket) = self.socket.take() {
            self.hanging_up = Some(self.env.runtime.spawn(socket.close()));
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.line.end();
    }
}

/// What a spawned task has done.
enum Done {
    Call(Input),
    /// The call was not made: another process has the visitor.
    Elsewhere,
    Waited(Permit, Turn),
}

enum Happened {
    Nothing,
    Input(Input),
    /// The machine had been suspended.
    Woke,
    Place,
    Elsewhere,
    Frames(Vec<secondme_avatar_protocol::Raw>),
}

async fn connected(connecting: &mut Option<Connecting>) -> Result<Socket, NotConnected> {
    match connecting {
        Some(connecting) => connecting.await,
        None => std::future::pending().await,
    }
}

async fn place(place: Option<&Place>) {
    match place {
        Some(place) => place.taken().await,
        None => std::future::pending().await,
    }
}

async fn turn(turn: &mut Option<(pacer::Turn, bool)>) -> Option<OwnedSemaphorePermit> {
    match turn {
        Some((turn, _)) => turn.await,
        None => std::future::pending().await,
    }
}

async fn traffic(socket: &mut Option<Socket>, read: bool) -> Traffic {
    match socket {
        Some(socket) => poll_fn(|cx| socket.poll(cx, read)).await,
        None => std::future::pending().await,
    }
}

fn set(timer: Pin<&mut Sleep>, deadline: Instant) {
    if timer.deadline() != deadline {
        timer.reset(deadline);
    }
}

/// The conversation that this event is the last one of.
fn closes(event: &Event) -> Option<ConversationKey> {
    match event.kind {
        EventKind::Closed { .. } => event.conversation,
        _ => None,
    }
}

/// What is worth a line in a log. Neither here nor elsewhere is a key, a token, a socket address or
/// what anybody says ever logged.
fn note(event: &Event) {
    let visitor = &event.visitor_id;
    match &event.kind {
        EventKind::StateChanged { from, to } => {
            debug!(target: "secondme_avatar::conversation", %visitor, from = from.name(), to = to.name(), "state");
        }
        EventKind::Disconnected { retry_in, cause } => {
            debug!(target: "secondme_avatar::conversation", %visitor, ?retry_in, %cause, "disconnected");
        }
        EventKind::Reconnected { gap } => {
            debug!(target: "secondme_avatar::conversation", %visitor, ?gap, "reconnected");
        }
        EventKind::ServiceError(failure) => {
            warn!(target: "secondme_avatar::conversation", %visitor, code = failure.code, "service error");
        }
        EventKind::Unsent { message, error } => {
            let (message, certain) = (message.message_id.as_str(), message.certain);
            warn!(target: "secondme_avatar::conversation", %visitor, message, certain, %error, "a message is given up");
        }
        EventKind::TakenOver => {
            debug!(target: "secondme_avatar::conversation", %visitor, "the owner has the conversation");
        }
        EventKind::HandedBack => {
            debug!(target: "secondme_avatar::conversation", %visitor, "the avatar has the conversation again");
        }
        EventKind::Closed { reason } => {
            debug!(target: "secondme_avatar::conversation", %visitor, ?reason, "closed");
        }
        EventKind::WaitingForQuota { wait } => {
            debug!(target: "secondme_avatar::conversation", %visitor, ?wait, "waiting for the quota");
        }
        _ => trace!(target: "secondme_avatar::conversation", %visitor, "event"),
    }
}
