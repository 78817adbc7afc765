//! A visitor's place among those that hold a socket: when it is wanted, and when it is given up.

use std::future::pending;
use std::sync::Arc;

use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::Error;
use crate::env::Env;
use crate::line::Line;
use crate::places::Place;

#[derive(Default)]
pub(super) struct Seat {
    /// From when a socket is wanted until the line rests.
    place: Option<Place>,
    /// The place is waited for.
    queues: bool,
}

impl Seat {
    /// The place is waited for.
    pub(super) fn queues(&self) -> bool {
        self.queues
    }

    /// Takes the place. A line for which there is none waits for its turn from now on; the error says so.
    pub(super) fn take(&mut self, env: &Env, line: &Arc<Line>) -> Result<(), Error> {
        let place = self.place.get_or_insert_with(|| env.places.join(line));
        self.queues = !place.is_held();
        if self.queues { Err(env.places.refuse()) } else { Ok(()) }
    }

    /// Waits until the turn has come. It loses nothing when it is dropped.
    pub(super) async fn turn(&mut self) {
        match &self.place {
            Some(place) => place.taken().await,
            None => pending().await,
        }
        self.queues = false;
    }

    /// Gives the place up; it goes to somebody else once the socket is closed.
    pub(super) fn leave(&mut self, env: &Env, hanging_up: Option<JoinHandle<()>>) {
        self.queues = false;
        match (self.place.take(), hanging_up) {
            (Some(place), Some(socket)) => drop(env.runtime.spawn(async move {
                // Closed in any case, within a second.
                let _ = socket.await;
                drop(place);
            })),
            (place, _) => drop(place),
        }
    }

    /// Gives up the socket of a line that has been idle for so long as was said, and lets those know who
    /// wait for a place. Says when it is time for that.
    pub(super) fn look_for_rest(&self, env: &Env, line: &Line) -> Option<Instant> {
        let places = &env.places;
        if env.idle_after.is_none() && !places.are_limited() {
            return None;
        }
        if self.queues && places.are_wanted() {
            places.make_room();
            return None;
        }
        let since = line.idle_from().filter(|_| self.place.is_some())?;
        let now = env.clock.now();
        if since <= now && places.are_wanted() {
            places.make_room();
        }
        let rests_at = env.idle_after.map(|after| since + after);
        if rests_at.is_some_and(|at| at <= now) {
            line.rest_if_idle();
            return None;
        }
        let becomes_idle = (since > now).then_some(since);
        let next = rests_at.into_iter().chain(becomes_idle).min()?;
        Some(env.clock.instant_of(next))
    }
}
