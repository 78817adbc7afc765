//! What the machines put out and the service pushes, sent on its way.

use std::time::Duration;

use secondme_avatar_emulator::service::{self, Answer, CloseHow, Delivery, Headers, Push, Request, SocketId};
use secondme_avatar_protocol::{
    CallId, Error, ErrorKind, Generation, HttpRequest, Input, Millis, Output, Step,
};

use super::{Happening, World};
use crate::client::ClientId;
use crate::disk::Write;
use crate::exchange::Asked;
use crate::network::Fate;
use crate::quota::Desk;
use crate::sight::{Call, Sight, code_of};
use crate::sockets::Link;

impl World {
    pub(super) fn carry_out(&mut self, client: ClientId, was_closed: bool) {
        let (mut remembers, mut asks_for_permit, mut wants_token) = (false, false, None);
        while let Some(output) = self.clients[client.0].output(self.now, was_closed) {
            if self.sights.is_some()
                && let Some(sight) = Sight::of_output(client, &output)
            {
                self.see(|| sight);
            }
            let desk = &mut self.desks[self.clients[client.0].key];
            match output {
                Output::Quota(call) => desk.join(client, call),
                Output::Http(request) => self.call(client, &request),
                Output::Credentials { .. } => unreachable!("every machine of this world has a key"),
                Output::Token { call, refused } => wants_token = Some((call, refused)),
                Output::Abandon(call) => {
                    desk.abandon(client, call, self.now);
                    self.tokens.abandon(client, call);
                    wants_token.take_if(|(wanted, _)| *wanted == call);
                }
                Output::SocketOpen { generation, address } => {
                    self.connect(client, generation, address.expose_secret());
                }
                Output::SocketSend { generation, text } => self.send_frame(client, generation, text),
                Output::SocketClose(generation) => self.close_socket(client, generation),
                Output::QuotaUsedUp(until) => desk.hold_until(until),
                Output::SaveMessage(message) => self.write(client, Write::Keep(message)),
                Output::ForgetMessage(message) => self.write(client, Write::Settle(message)),
                Output::ConnectPermit => asks_for_permit = true,
                Output::SlotReleased => self.release_slot(client),
                Output::SaveRecord => remembers = true,
                Output::Event(_) | Output::Held(..) | Output::Piece(..) | Output::Resolved(..) => {}
            }
        }
        if remembers {
            let record = self.of(client).machine.record();
            self.write(client, Write::Record(Box::new(record)));
        }
        if asks_for_permit {
            self.ask_for_permit(client);
        }
        if let Some((call, refused)) = wants_token {
            self.ask_for_token(client, call, refused);
        }
        self.grant();
        self.note_idle(client);
        self.plan_wake(client);
    }

    fn write(&mut self, client: ClientId, write: Write) {
        let writes = &mut self.clients[client.0].disk.writes;
        writes.push_back(write);
        if writes.len() == 1 {
            let at = self.now + self.network.write_takes();
            self.queue.plan(at, Happening::DiskWrites(client));
        }
    }

    /// All that waits is written at once, or the disk is full.
    pub(super) fn disk_writes(&mut self, client: ClientId) {
        if self.of(client).gone {
            return;
        }
        if self.network.strikes(self.network.disk_full) {
            self.network.meet("disk full");
            for message in self.clients[client.0].disk.refuse() {
                let error = Error::new(ErrorKind::Store, "the disk is full");
                self.input(client, Input::NotKept { message, error });
            }
            if !self.of(client).disk.is_written() {
                self.queue.plan(self.now + Duration::from_secs(1), Happening::DiskWrites(client));
            }
            return;
        }
        let mut kept = Vec::new();
        while !self.of(client).disk.is_written() {
            kept.extend(self.clients[client.0].disk.write());
        }
        for message in kept {
            self.input(client, Input::Kept(message));
        }
    }

    fn plan_wake(&mut self, client: ClientId) {
        let machine = &self.of(client).machine;
        // Where slots are few, others may want the one of a client that becomes idle.
        let becomes_idle = self.slots.limit().and(machine.idle_from()).filter(|from| *from > self.now);
        let next = machine.next_deadline().into_iter().chain(becomes_idle).min();
        let planned = &mut self.clients[client.0].wakes_at;
        if let Some(at) = next
            && *planned != next
        {
            self.queue.plan(at.max(self.now), Happening::ClientWakes(client));
        }
        *planned = next;
    }

    /// Grants the quota's slots, and tells the calls that wait how long.
    pub(super) fn grant(&mut self) {
        for desk in 0..self.desks.len() {
            while let Some((client, call)) = self.desks[desk].grant(self.now) {
                self.input(client, Input::QuotaGranted(call));
            }
            for (whose, until) in self.desks[desk].expectations() {
                if self.desks[desk].tell(whose, until) {
                    let (client, call) = whose;
                    self.input(client, Input::QuotaDelayed { call, until });
                }
            }
        }
        if let Some(at) = self.desks.iter().filter_map(Desk::next_deadline).min()
            && self.desk_wakes_at.is_none_or(|planned| planned > at)
        {
            let at = at.max(self.now);
            self.desk_wakes_at = Some(at);
            self.queue.plan(at, Happening::DeskWakes);
        }
    }

    fn call(&mut self, client: ClientId, request: &HttpRequest) {
        let mut asked = Asked::new(self.now, client, request);
        let message = self.of(client).machine.message_of(request.call);
        asked.message = message.map(|message| message.as_str().to_owned());
        let key = self.of(client).key;
        let call = self.sights.is_some().then(|| Call::new(&asked, key));
        if let Some(call) = &call {
            self.see(|| Sight::Called(client, call.clone()));
        }
        let fate = self.network.fate(request.step);
        let at = self.network.arrival(self.now);
        let happening = match fate {
            Fate::Refused => Happening::CallFails { client, call: request.call, sent: false },
            fate => {
                Happening::CallArrives(client, request.call, asked.to_service(), fate, call.map(Box::new))
            }
        };
        // A test that only watches needs no list of all that was asked.
        if self.sights.is_none() {
            self.asked.push(asked);
        }
        self.queue.plan(at, happening);
    }

    pub(super) fn call_arrives(
        &mut self,
        client: ClientId,
        call: CallId,
        request: &Request,
        fate: Fate,
        seen: Option<Box<Call>>,
    ) {
        let is_unheard =
            matches!(fate, Fate::LostBefore | Fate::LostAfter | Fate::SilentBefore | Fate::SilentAfter);
        if is_unheard && let Some(seen) = &seen {
            self.see(|| Sight::Unheard(client, Call::clone(seen)));
        }
        let lost = matches!(fate, Fate::LostBefore | Fate::SilentBefore | Fate::Answered(..));
        let answer = (!lost).then(|| {
            let answer = self.service.handle(service::Millis(self.now.0), request);
            if let Some(seen) = seen {
                self.see(|| Sight::Answered(client, *seen, code_of(&answer.body)));
            }
            self.carry_out_pushes();
            answer
        });
        let at = self.network.arrival(self.now);
        match (fate, answer) {
            (Fate::LostBefore | Fate::LostAfter | Fate::Refused, _) => {
                self.queue.plan(at, Happening::CallFails { client, call, sent: true });
            }
            (Fate::Arrives, Some(answer)) => self.bring(at, client, call, answer),
            (Fate::Late(delay), Some(answer)) => self.bring(at + delay, client, call, answer),
            (Fate::Answered(status, body) | Fate::AnsweredAfter(status, body), _) => {
                let answer = Answer { status, headers: Vec::new(), body, delivery: Delivery::Now };
                self.queue.plan(at, Happening::AnswerArrives(client, call, answer));
            }
            (Fate::SilentBefore | Fate::SilentAfter | Fate::Arrives | Fate::Late(_), _) => {}
        }
    }

    /// Brings an answer to its client as the service's faults want it, or not at all.
    fn bring(&mut self, at: Millis, client: ClientId, call: CallId, answer: Answer) {
        match answer.delivery {
            Delivery::Now => self.queue.plan(at, Happening::AnswerArrives(client, call, answer)),
            Delivery::After(time) => {
                let at = at + Duration::from_millis(time.0);
                self.queue.plan(at, Happening::AnswerArrives(client, call, answer));
            }
            Delivery::Cut | Delivery::Reset => {
                self.queue.plan(at, Happening::CallFails { client, call, sent: true });
            }
            Delivery::Never => {}
        }
    }

    fn connect(&mut self, client: ClientId, generation: Generation, address: &str) {
        let target = address.strip_prefix("ws://avatar.test").expect("an address of this service").to_owned();
        let at = self.network.arrival(self.now);
        match self.network.fate(Step::Connect) {
            Fate::Refused | Fate::LostBefore | Fate::LostAfter => {
                self.queue.plan(at, Happening::HandshakeFails(client, generation, None));
            }
            Fate::Answered(status, _) | Fate::AnsweredAfter(status, _) if status >= 300 => {
                let at = self.network.arrival(at);
                self.queue.plan(at, Happening::HandshakeFails(client, generation, Some(status)));
            }
            Fate::SilentBefore | Fate::SilentAfter => {}
            Fate::Arrives | Fate::Late(_) | Fate::Answered(..) | Fate::AnsweredAfter(..) => {
                self.queue.plan(at, Happening::HandshakeArrives(client, generation, target));
            }
        }
    }

    pub(super) fn handshake_arrives(&mut self, client: ClientId, generation: Generation, target: &str) {
        if self.links.was_given_up(client, generation) || self.of(client).gone {
            return;
        }
        let mut headers = Headers::new();
        if self.sends_origin {
            headers.push("Origin", super::ORIGIN);
        }
        let at = self.network.arrival(self.now);
        let now = service::Millis(self.now.0);
        match self.service.connect(now, target, &headers) {
            Ok(socket) => {
                self.links.add(Link {
                    client,
                    generation,
                    socket,
                    up_free: at,
                    down_free: at,
                    half_open: false,
                    has_answered: false,
                });
                let at = at + Duration::from_millis(self.service.handshake_delay(socket).0);
                self.queue.plan(at, Happening::HandshakeAnswered(client, generation));
            }
            Err(answer) => {
                let (at, status) = match answer.delivery {
                    Delivery::Now => (at, Some(answer.status)),
                    Delivery::After(time) => (at + Duration::from_millis(time.0), Some(answer.status)),
                    Delivery::Cut | Delivery::Reset => (at, None),
                    Delivery::Never => return self.carry_out_pushes(),
                };
                self.queue.plan(at, Happening::HandshakeFails(client, generation, status));
            }
        }
        self.carry_out_pushes();
    }

    fn send_frame(&mut self, client: ClientId, generation: Generation, text: String) {
        let breaks = self.network.strikes(self.network.half_opened);
        let arrival = self.network.arrival(self.now);
        let Some(link) = self.links.of(client, generation) else {
            return;
        };
        if breaks {
            let socket = link.socket;
            self.falls_silent(socket);
        }
        let Some(link) = self.links.of(client, generation) else {
            return;
        };
        if !link.half_open {
            link.up_free = link.up_free.max(arrival);
            self.queue.plan(link.up_free, Happening::FrameToService(link.socket, text));
        }
    }

    fn close_socket(&mut self, client: ClientId, generation: Generation) {
        let Some(link) = self.links.of(client, generation) else {
            return self.links.give_up(client, generation);
        };
        let socket = link.socket;
        let Some(link) = self.links.remove(socket) else {
            return;
        };
        if !link.half_open {
            self.see(|| Sight::GivesUp(client, generation));
            let at = self.network.arrival(self.now).max(link.up_free);
            self.queue.plan(at, Happening::CloseToService(socket));
            self.leaving.insert(socket, client);
            // The one before it may be longer on its way.
            let closes_at = &mut self.clients[client.0].closes_at;
            *closes_at = at.max(*closes_at);
        }
        // A driver says so whenever a socket is closed, by either side.
        self.queue.plan(self.now, Happening::CloseToClient(client, generation, CloseHow::Abrupt));
    }

    pub(super) fn carry_out_pushes(&mut self) {
        while let Some(push) = self.service.poll() {
            match push {
                Push::Frame { socket, text } => self.push_frame(socket, text),
                Push::Close { socket, how } => self.push_close(socket, how),
                Push::HalfOpen { socket } => {
                    if let Some(link) = self.links.get(socket) {
                        link.half_open = true;
                    }
                }
                Push::Ask { .. } => {} // No brain is outside.
            }
        }
        if let Some(at) = self.service.next_deadline().map(|at| Millis(at.0))
            && self.service_wakes_at.is_none_or(|planned| planned > at)
        {
            let at = at.max(self.now);
            self.service_wakes_at = Some(at);
            self.queue.plan(at, Happening::ServiceWakes);
        }
    }

    fn push_frame(&mut self, socket: SocketId, text: String) {
        let breaks = self.network.strikes(self.network.half_opened);
        let overtakes = self.network.strikes(self.network.reordered);
        let copies = 1 + u32::from(self.network.strikes(self.network.doubled));
        let arrivals: Vec<_> = (0..copies).map(|_| self.network.arrival(self.now)).collect();
        if breaks {
            self.falls_silent(socket);
        }
        if overtakes {
            self.network.meet("frame overtakes");
        }
        if copies > 1 {
            self.network.meet("frame doubled");
        }
        let Some(link) = self.links.get(socket) else {
            return;
        };
        if link.half_open {
            return;
        }
        link.has_answered |= text.contains("\"pong\"");
        for mut at in arrivals {
            if !overtakes {
                link.down_free = link.down_free.max(at);
                at = link.down_free;
            }
            let frame = Happening::FrameToClient(link.client, link.generation, text.clone());
            self.queue.plan(at, frame);
        }
    }

    /// A link goes half open: nothing comes through any more, and neither side is told.
    fn falls_silent(&mut self, socket: SocketId) {
        let found = self.network.found_dead_after;
        if let Some(link) = self.links.get(socket)
            && !link.half_open
            && (link.has_answered || found.is_some())
        {
            link.half_open = true;
            self.network.meet("link half open");
            if let Some(after) = found {
                // Each side finds out, though the other may have given the link up before.
                let (client, generation) = (link.client, link.generation);
                self.queue.plan(self.now + after, Happening::FoundDead(socket));
                self.queue
                    .plan(self.now + after, Happening::CloseToClient(client, generation, CloseHow::Abrupt));
            }
        }
    }

    fn push_close(&mut self, socket: SocketId, how: CloseHow) {
        let arrival = self.network.arrival(self.now);
        if let Some(link) = self.links.remove(socket)
            && !link.half_open
        {
            let at = arrival.max(link.down_free);
            self.queue.plan(at, Happening::CloseToClient(link.client, link.generation, how));
        }
    }
}
