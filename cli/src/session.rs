//! A conversation from opening to close, as all modes share it.

use std::future::{Future, IntoFuture as _};
use std::pin::pin;
use std::time::Duration;

use secondme_avatar::{
    Ask, AvatarClient, ClientBuilder, Conversation, Event, EventKind, Events, Reply, Visitor,
};
use secondme_avatar_emulator::Emulator;
use tokio::time::{Instant, interval, sleep};

use crate::exit::{self, Failure};
use crate::names::Names;
use crate::presenter::{Presenter, Shown};
use crate::service::Service;
use crate::terminal::Stop;
use crate::ui::Ui;

/// What takes longer than this shows a status.
const UNNOTICED: Duration = Duration::from_millis(300);
/// An answer and its event come together; otherwise something is wrong.
const EVENT_FOLLOWS_WITHIN: Duration = Duration::from_secs(1);
const TURN_OF_THE_WHEEL: Duration = Duration::from_millis(100);
const WHEEL: [&str; 8] = ["⠋", "⠙", "⠸", "⠴", "⠦", "⠧", "⠇", "⠏"];

pub(crate) struct Session {
    pub(crate) ui: Ui,
    stop: Stop,
    pub(crate) presenter: Presenter,
    pub(crate) chat: Conversation,
    pub(crate) emulator: Option<Emulator>,
    events: Events,
    client: AvatarClient,
}

impl Session {
    /// Opens the conversation and shows the opening line.
    pub(crate) async fn open(
        ui: &Ui,
        mut stop: Stop,
        service: Service,
        visitor: Visitor,
        timeout: Option<Duration>,
    ) -> Result<Self, Failure> {
        let Service { builder, place, emulator, .. } = service;
        let client = with_timeout(builder, timeout).build()?;
        let events = client.events();
        let mut presenter = Presenter::new(ui.clone());
        let opened = async {
            let mut opening = pin!(client.open(visitor).into_future());
            let mut wheel = Wheel::new(format!("connecting to {place}"));
            let mut early = Vec::new();
            loop {
                tokio::select! {
                    biased;
                    Some(event) = events.next() => match event.kind {
                        EventKind::WaitingForQuota { .. } => drop(presenter.show(event, false)),
                        EventKind::Closed { .. } => {}
                        // The names are known once the conversation is open.
                        _ => early.push(event),
                    },
                    opened = &mut opening => return opened.map(|chat| (chat, early)).map_err(Failure::from),
                    stopped = stop.wait() => return Err(stopped),
                    () = wheel.turn() => wheel.show(ui),
                }
            }
        };
        let opened = opened.await;
        ui.clear_status();
        let (chat, early) = opened?;
        ui.set_names(Names::of(&chat.avatar_name()));
        let mut session = Self { ui: ui.clone(), stop, presenter, chat, emulator, events, client };
        for event in early.into_iter().chain(session.events.drain(usize::MAX)) {
            session.show(event, false)?;
        }
        Ok(session)
    }

    /// Returns the next event. Ctrl-C is an error here. Cancelling this loses nothing.
    pub(crate) async fn event(&mut self) -> Result<Event, Failure> {
        tokio::select! {
            biased;
            stopped = self.stop.wait() => Err(stopped),
            event = self.events.next() => {
                event.ok_or_else(|| Failure::new(exit::FAILURE, "the conversation has ended"))
            }
        }
    }

    /// Shows the event. Fails if the conversation is over, or stdout is closed.
    pub(crate) fn show(&mut self, event: Event, prompt: bool) -> Result<Shown, Failure> {
        match self.presenter.show(event, prompt) {
            Shown::Closed(Some(error)) => Err(error.into()),
            Shown::Closed(None) => {
                Err(Failure::new(exit::FAILURE, "the conversation was closed by the service")
                    .advise("Start again for a new one."))
            }
            _ if self.ui.is_broken() => Err(Failure::output_closed()),
            shown => Ok(shown),
        }
    }

    /// Asks, and shows everything until the whole answer is there.
    pub(crate) async fn ask(&mut self, ask: Ask) -> Result<Reply, Failure> {
        let mut answer = pin!(ask.into_future());
        let mut wheel = Wheel::new(String::new());
        loop {
            tokio::select! {
                biased;
                event = self.event() => drop(self.show(event?, false)?),
                answer = &mut answer => {
                    self.ui.clear_status();
                    let reply = answer?;
                    // Its event comes at the same time, or before.
                    let mut late = pin!(sleep(EVENT_FOLLOWS_WITHIN));
                    while !self.presenter.has_shown(&reply) {
                        tokio::select! {
                            event = self.event() => drop(self.show(event?, false)?),
                            () = &mut late => break,
                        }
                    }
                    return Ok(reply);
                }
                () = wheel.turn() => wheel.show(&self.ui),
            }
        }
    }

    /// Shows events for a while.
    pub(crate) async fn watch(&mut self, time: Duration) -> Result<(), Failure> {
        let until = Instant::now() + time;
        loop {
            tokio::select! {
                event = self.event() => drop(self.show(event?, false)?),
                () = tokio::time::sleep_until(until) => return Ok(()),
            }
        }
    }

    /// Closes the conversation, whatever the outcome. A second Ctrl-C does not wait for that.
    pub(crate) async fn close(mut self, outcome: Result<(), Failure>) -> Result<(), Failure> {
        self.ui.leave().await;
        tokio::select! {
            () = self.client.close() => {}
            stopped = self.stop.wait() => return Err(stopped),
        }
        if let Some(emulator) = self.emulator {
            emulator.stop().await;
        }
        outcome
    }
}

/// Shows a status if something takes long.
pub(crate) struct Wheel {
    what: String,
    since: Instant,
    turns: tokio::time::Interval,
}

impl Wheel {
    pub(crate) fn new(what: String) -> Self {
        Self { what, since: Instant::now(), turns: interval(TURN_OF_THE_WHEEL) }
    }

    pub(crate) fn turn(&mut self) -> impl Future<Output = ()> {
        let shown_from = self.since + UNNOTICED;
        let turns = &mut self.turns;
        async move {
            if Instant::now() < shown_from {
                sleep(shown_from - Instant::now()).await;
            }
            turns.tick().await;
        }
    }

    pub(crate) fn show(&self, ui: &Ui) {
        self.show_as(ui, &self.what);
    }

    pub(crate) fn show_as(&self, ui: &Ui, what: &str) {
        let elapsed = self.since.elapsed();
        let turn = WHEEL[(elapsed.as_millis() / TURN_OF_THE_WHEEL.as_millis()) as usize % WHEEL.len()];
        match elapsed.as_secs() {
            0..2 => ui.status(&format!("{turn} {what}")),
            seconds => ui.status(&format!("{turn} {what}  {seconds} s")),
        }
    }
}

fn with_timeout(builder: ClientBuilder, timeout: Option<Duration>) -> ClientBuilder {
    let builder = builder.language("cli");
    match timeout {
        Some(time) => {
            builder.open_deadline(time).send_deadline(time).ask_deadline(time).first_piece_deadline(time)
        }
        None => builder,
    }
}
