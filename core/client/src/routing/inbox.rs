//! The letters from other processes: one thread reads them, in order.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use secondme_avatar_protocol::{ConversationKey, Error, ErrorKind, Event, EventKind, Outcome, VisitorId};
use tracing::warn;

use super::parcel::{Call, Envelope, FORM, Parcel, View};
use super::{Given, PeerCall, Router, Settled};
use crate::client_inner::ClientInner;
use crate::peers::{Incoming, ProcessId, Received};
use crate::visitor_handle::{Refused, Waiting, Wanted};

/// How long is waited for letters, before leases and deadlines are looked at.
const WAIT: Duration = Duration::from_millis(250);

/// When letters are looked for again after that failed.
const AGAIN: Duration = Duration::from_millis(200);

/// A process that has not looked for letters for so long was stopped, or had no Redis. Its lease may have run out.
const STOPPED: Duration = Duration::from_secs(4);

/// After Redis was away, leases that have run out get this time to be renewed.
const RENEWALS: Duration = Duration::from_secs(2);

/// Begins to read, until the router is dropped.
pub(super) fn start(router: &Arc<Router>) -> Result<(), Error> {
    let (line, lease) = (router.routes.incoming(&router.me), router.routes.lease());
    let inbox = Inbox {
        router: Arc::downgrade(router),
        line,
        lease,
        numbers: HashMap::new(),
        looked: Instant::now(),
        back_since: None,
        told: false,
    };
    thread::Builder::new().name("secondme-inbox".to_owned()).spawn(move || inbox.run()).map(drop).map_err(
        |error| {
            Error::new(ErrorKind::Store, "no thread could be started to read from other processes")
                .caused_by(error)
        },
    )
}

struct Inbox {
    router: Weak<Router>,
    line: Box<dyn Incoming>,
    lease: String,
    /// The number of the last letter of each process.
    numbers: HashMap<ProcessId, u64>,
    /// When letters were last looked for.
    looked: Instant,
    /// When Redis came back.
    back_since: Option<Instant>,
    told: bool,
}

impl Inbox {
    fn run(mut self) {
        loop {
            let Some(router) = self.router.upgrade() else { break };
            if router.client().is_none() || router.outbox.is_closed() {
                break;
            }
            let (watched, listens) = (router.leases(), router.listens());
            drop(router);
            let received = self.line.receive(WAIT, listens, &watched);
            let Some(router) = self.router.upgrade() else { break };
            match received {
                Ok(received) => self.received(&router, received),
                Err(error) => {
                    if !std::mem::replace(&mut self.told, true) {
                        warn!(target: "secondme_avatar::store", %error, "letters of other processes cannot be read");
                    }
                    self.back_since = Some(Instant::now());
                    router.end_late();
                    drop(router);
                    thread::sleep(AGAIN);
                }
            }
        }
        self.line.leave();
    }

    fn received(&mut self, router: &Arc<Router>, received: Received) {
        self.told = false;
        let lease = router.routes.lease();
        let was_stopped = self.looked.elapsed() > STOPPED;
        if was_stopped || lease != self.lease {
            self.lease = lease;
            router.let_go_of_lost();
        }
        self.looked = Instant::now();
        router.set_listeners(received.listeners);
        for letter in received.letters {
            self.read(router, &letter);
        }
        let may_be_renewed = self.back_since.is_some_and(|since| since.elapsed() < RENEWALS) || was_stopped;
        for lease in received.ended.iter().filter(|_| !may_be_renewed) {
            router.lease_ended(lease);
        }
        router.end_late();
    }

    fn read(&mut self, router: &Arc<Router>, letter: &str) {
        let text = match router.routes.unseal(letter) {
            Ok(text) => text,
            Err(error) => {
                return warn!(target: "secondme_avatar::store", %error, "a letter of another process is left out");
            }
        };
        // The text of a parser's error may quote what people say.
        let Some(envelope) =
            serde_json::from_str::<Envelope>(&text).ok().filter(|envelope| envelope.form == FORM)
        else {
            return warn!(
                target: "secondme_avatar::store",
                "a letter of another process is left out: it was written by another version of this library"
            );
        };
        let Envelope { from, number, lease, parcel, .. } = envelope;
        let last = self.numbers.entry(from.clone()).or_default();
        if number <= *last {
            return; // It came twice.
        }
        *last = number;
        let is_ours = lease.is_none_or(|lease| lease == router.routes.lease());
        router.take(&from, parcel, is_ours);
    }
}

impl Router {
    /// The leases of the processes that have visitors who are open here.
    fn leases(&self) -> Vec<String> {
        let all = self.remote_handles().into_iter();
        let leases = all.filter_map(|handle| handle.lock().remote.as_ref()?.lease().map(str::to_owned));
        let mut leases: Vec<String> = leases.collect();
        leases.sort_unstable();
        leases.dedup();
        leases
    }

    /// Another process may have taken visitors while this one was stopped.
    fn let_go_of_lost(self: &Arc<Self>) {
        let Some(client) = self.client() else { return };
        let local: Vec<_> = {
            let visitors = client.lock();
            visitors.live().filter(|handle| handle.lock().remote.is_none()).cloned().collect()
        };
        let ids: Vec<_> = local.iter().map(|handle| handle.lock().visitor_id()).collect();
        let Some(avatar) = client.env.store_writer.as_ref().and_then(|writer| writer.avatar()) else {
            return;
        };
        let Ok(lost) = self.routes.lost(&avatar, &ids) else { return };
        for (handle, _) in local.iter().zip(&ids).filter(|(_, id)| lost.contains(id)) {
            self.lost_to_another(&client, handle);
        }
    }

    /// Ends what has not ended in time.
    fn end_late(&self) {
        let Some(client) = self.client() else { return };
        let now = client.env.clock.now();
        for handle in self.remote_handles() {
            let (late, is_done) = {
                let mut state = handle.lock();
                let Some(remote) = state.remote.as_mut() else { continue };
                (remote.late(now), remote.is_done(now))
            };
            late.into_iter().for_each(|(waiting, result)| waiting.resolve(result));
            if is_done {
                client.end_remote(&handle);
            }
        }
    }

    fn take(self: &Arc<Self>, from: &ProcessId, parcel: Parcel, is_ours: bool) {
        let Some(client) = self.client() else { return };
        match parcel {
            Parcel::Attach { visitor, round } => {
                let is_refused = self.refused().is_refused(from, visitor.id(), round);
                let handle = client.lock().get(visitor.id()).cloned().filter(|_| is_ours && !is_refused);
                let attached = handle.is_some_and(|handle| {
                    let mut state = handle.lock();
                    if !state.takes_peers() {
                        return false;
                    }
                    state.attach(from);
                    let view = Box::new(View::of(&state.machine));
                    let visitor = visitor.id().clone();
                    self.outbox.put(from.clone(), None, Parcel::View { visitor, view }, None);
                    true
                });
                if !attached {
                    self.refuse(from, visitor.id(), round);
                }
            }
            Parcel::Detach { visitor } => {
                let handle = client.lock().get(&visitor).cloned();
                handle.into_iter().for_each(|handle| handle.lock().detach(from));
            }
            Parcel::Call(call) => self.take_call(&client, from, *call, is_ours),
            Parcel::Cancel { call } => {
                let given = self.given().remove(&(from.clone(), call));
                if let Some(Given { handle, ticket: Some(ticket) }) = given {
                    handle.cancel(ticket);
                }
            }
            Parcel::View { visitor, view } => {
                if let Some(handle) = self.handle(&visitor)
                    && let Some(remote) = handle.lock().remote.as_mut().filter(|remote| remote.is_with(from))
                {
                    remote.set_view(*view);
                }
            }
            Parcel::Piece { call, visitor, author, text } => {
                if let Some(handle) = self.handle(&visitor)
                    && let Some(remote) = handle.lock().remote.as_mut().filter(|remote| remote.is_with(from))
                {
                    remote.piece(call, author, &text);
                }
            }
            Parcel::Answer { call, visitor, result } => self.answered(&client, &visitor, call, result),
            Parcel::Events { events } => {
                let of_one = events.chunk_by(|one, next| one.visitor_id == next.visitor_id);
                of_one.for_each(|events| told(&client, from, events));
            }
            Parcel::NotHere { visitor } => self.look_for(&visitor, from),
        }
    }

    fn answered(
        &self,
        client: &Arc<ClientInner>,
        visitor: &VisitorId,
        call: u64,
        result: Result<Outcome, Error>,
    ) {
        let Some(handle) = self.handle(visitor) else { return };
        handle.answered(call, result);
        let is_done = {
            let state = handle.lock();
            state.remote.as_ref().is_some_and(|remote| remote.is_done(client.env.clock.now()))
        };
        if is_done {
            client.end_remote(&handle);
        }
    }

    /// This process has not got the visitor. The other one looks for it, and gives its calls anew.
    fn refuse(&self, from: &ProcessId, visitor: &VisitorId, round: u64) {
        if self.refused().refuse(from, visitor, round) {
            self.let_go(visitor, std::slice::from_ref(from));
        }
    }

    /// A call of another process for a visitor whom this one has, if it has.
    fn take_call(self: &Arc<Self>, client: &Arc<ClientInner>, from: &ProcessId, call: Call, is_ours: bool) {
        let Call { number, round, visitor, command, message, again } = call;
        if self.refused().is_refused(from, &visitor, round) {
            return;
        }
        let key = (from.clone(), number);
        let handle = client.lock().get(&visitor).cloned().filter(|_| is_ours);
        let Some(handle) = handle else {
            return self.refuse(from, &visitor, round);
        };
        if self.given().contains_key(&key) {
            return; // It is under way.
        }
        self.given().insert(key.clone(), Given { handle: Arc::clone(&handle), ticket: None });
        let peer_call = PeerCall {
            router: Arc::clone(self),
            from: from.clone(),
            number,
            visitor: visitor.clone(),
            settled: Settled::default(),
            answered: false,
        };
        let wanted = Wanted { command, message_id: message };
        match handle.give_for_peer(wanted, again, Waiting::Peer(Box::new(peer_call))) {
            Ok(ticket) => {
                if let Some(given) = self.given().get_mut(&key) {
                    given.ticket = Some(ticket);
                }
            }
            Err((Refused::NotHere, waiting)) => {
                drop(waiting);
                self.refuse(from, &visitor, round);
            }
            Err((Refused::Answer(answer), waiting)) => waiting.resolve(*answer),
        }
    }
}

/// What happened to a visitor whom another process has.
fn told(client: &ClientInner, from: &ProcessId, events: &[Event]) {
    let Some(visitor) = events.first().map(|event| &event.visitor_id) else { return };
    let handle = client.lock().get(visitor).cloned();
    let Some(handle) = handle else { return client.env.subscriptions.publish_told(&[], events) };
    let mut state = handle.lock();
    match state.remote.as_mut() {
        Some(remote) if remote.is_with(from) => {
            events.iter().for_each(|event| remote.note(event));
            let closed = events.iter().filter(|event| matches!(event.kind, EventKind::Closed { .. }));
            let closed: Vec<ConversationKey> = closed.filter_map(|event| event.conversation).collect();
            remote.is_over |= closed.contains(&ConversationKey::FIRST);
            client.env.subscriptions.publish_told(&state.mailboxes, events);
            state.end_subscriptions(&closed);
        }
        _ => client.env.subscriptions.publish_told(&[], events),
    }
}
