//! A storm: many conversations over a bad network, and the comparison at the end.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use secondme_avatar::{AvatarClient, Conversation, Error, Event, EventKind, Gap, Visitor};
use secondme_avatar_emulator::Emulator;
use secondme_avatar_emulator::service::State;
use secondme_avatar_simulation::Chance;

use crate::accounts::{Account, Fate, Verdict};
use crate::proxy::FaultProxy;

/// The real time of a virtual second: long enough for running work to progress.
const SECOND: Duration = Duration::from_millis(40);

/// The longest calm after the storm, in virtual time.
const CALM: u64 = 30 * 60;

/// The size of a storm.
#[derive(Clone, Copy, Debug)]
pub struct Storm {
    /// Decides everything random.
    pub seed: u64,
    /// Visitors, each with one conversation.
    pub visitors: usize,
    /// The duration, in virtual seconds.
    pub seconds: u64,
}

/// The result of a storm.
#[derive(Debug)]
pub struct Report {
    /// The comparison of the two sides.
    pub verdict: Verdict,
    /// How often each fault has struck.
    pub faults: BTreeMap<&'static str, u64>,
    /// How often the client's machine was suspended.
    pub slept: u64,
    /// How often a socket was lost.
    pub lost: u64,
    /// Calls made.
    pub calls: u64,
    /// What was still unsettled after the calm.
    pub unsettled: usize,
}

type Book = Arc<Mutex<Account>>;

impl Storm {
    /// Runs the storm, waits for the calm, and compares.
    pub async fn rage(self) -> Result<Report, Box<dyn std::error::Error>> {
        let emulator = Emulator::builder()
            .seed(self.seed)
            .configure(|settings| {
                settings.quota_per_minute = 100_000;
                settings.journal = 0;
                settings.history_page = 20;
            })
            .start()
            .await?;
        let sleep = Sleep::default();
        let proxy = FaultProxy::start(emulator.address(), self.seed).await?;
        let client = AvatarClient::builder(emulator.api_key())?
            .base_url(proxy.base_url().parse()?)
            .quota(100_000)
            .open_deadline(Duration::from_secs(3_600))
            .send_deadline(Duration::from_secs(120))
            .wall_clock(sleep.wall_clock())
            .build()?;
        let book = Book::default();
        let events = client.events();
        let listening = tokio::spawn({
            let book = Arc::clone(&book);
            async move {
                while events.ready().await {
                    for event in events.drain(256) {
                        lock(&book).hear(&event, false);
                    }
                }
            }
        });
        let mut chance = Chance::new(self.seed);
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let talks: Vec<_> = (0..self.visitors)
            .map(|number| {
                let talk = Talk {
                    number,
                    client: client.clone(),
                    chance: Chance::new(chance.any()),
                    book: Arc::clone(&book),
                    stopped: stopped.clone(),
                };
                tokio::spawn(talk.go_on())
            })
            .collect();
        self.pass_storm(&mut chance, &emulator, &client, &proxy, &sleep).await;
        stop.send_replace(true);
        proxy.weather(0);
        proxy.down(false);
        proxy.cut_all(); // What was stalled or half open would be so for good.
        hand_all_back(&emulator);
        let mut calm = 0;
        while calm < CALM && !talks.iter().all(tokio::task::JoinHandle::is_finished) {
            second(&emulator, &client).await;
            calm += 1;
        }
        // What is found only by a query comes within this time.
        for _ in 0..240 {
            second(&emulator, &client).await;
        }
        let unsettled = talks.iter().filter(|talk| !talk.is_finished()).count();
        let counters = client.stats().counters;
        let state = emulator.state();
        client.close().await;
        listening.await?;
        let verdict = lock(&book).against(&state);
        let faults = proxy.met();
        emulator.stop().await;
        let slept = sleep.times.load(Ordering::Relaxed);
        Ok(Report { verdict, faults, slept, lost: counters.lost, calls: counters.calls, unsettled })
    }

    async fn pass_storm(
        &self,
        chance: &mut Chance,
        emulator: &Emulator,
        client: &AvatarClient,
        proxy: &FaultProxy,
        sleep: &Sleep,
    ) {
        let mut down_for = 0;
        for at in 0..self.seconds {
            if at % 60 == 10 {
                proxy.weather(chance.of(&[100, 300, 600]));
            }
            if at % 60 == 50 {
                proxy.weather(0); // A breath, in which something comes through whole.
            }
            match chance.below(100) {
                0 if down_for == 0 => down_for = 1 + chance.below(8),
                1 | 2 => proxy.cut_all(),
                3 => client.advance_clock(Duration::from_secs(45)).await, // The client's clock jumps.
                4 => emulator.advance(Duration::from_secs(45)).await,
                25 => sleep.through(45, emulator).await,
                5..25 => owner_speaks(chance, emulator, at),
                _ => {}
            }
            proxy.down(down_for > 0);
            down_for = down_for.saturating_sub(1);
            second(emulator, client).await;
        }
    }
}

/// A suspended client's machine: its wall clock continues, its monotonic clock does not.
#[derive(Debug, Default)]
struct Sleep {
    seconds: Arc<AtomicU64>,
    times: AtomicU64,
}

impl Sleep {
    fn wall_clock(&self) -> impl Fn() -> SystemTime + Send + Sync + 'static {
        let seconds = Arc::clone(&self.seconds);
        move || SystemTime::now() + Duration::from_secs(seconds.load(Ordering::Relaxed))
    }

    /// Suspends for some seconds, which pass for the service as well.
    async fn through(&self, seconds: u64, emulator: &Emulator) {
        emulator.advance(Duration::from_secs(seconds)).await;
        self.seconds.fetch_add(seconds, Ordering::Relaxed);
        self.times.fetch_add(1, Ordering::Relaxed);
    }
}

/// Advances both clocks: the client's first, so that its pings are on their way.
async fn second(emulator: &Emulator, client: &AvatarClient) {
    client.advance_clock(Duration::from_secs(1)).await;
    tokio::time::sleep(SECOND).await;
    emulator.advance(Duration::from_secs(1)).await;
}

fn owner_speaks(chance: &mut Chance, emulator: &Emulator, at: u64) {
    let state = emulator.state();
    let open: Vec<_> =
        state.sessions.iter().filter(|session| session.owner_is_member && !session.closed).collect();
    if open.is_empty() {
        return;
    }
    let session = open[chance.below(open.len() as u64) as usize];
    // In a session that has just ended, the owner cannot reply.
    let _ = emulator.owner().reply(&session.session_id, &format!("owner {at}.{}", chance.below(1_000_000)));
    let _ = emulator.owner().hand_back(&session.session_id);
}

fn hand_all_back(emulator: &Emulator) {
    let State { sessions, .. } = emulator.state();
    for session in sessions.iter().filter(|session| session.taken_over) {
        let _ = emulator.owner().hand_back(&session.session_id);
    }
}

/// A visitor, who sends one message after the other.
struct Talk {
    number: usize,
    client: AvatarClient,
    chance: Chance,
    book: Book,
    stopped: tokio::sync::watch::Receiver<bool>,
}

impl Talk {
    async fn go_on(mut self) {
        let Ok(visitor) = Visitor::for_user("chaos", &format!("visitor {}", self.number)) else {
            return;
        };
        let mut said = 0;
        while !*self.stopped.borrow() {
            let Ok(chat) = self.client.open(visitor.clone()).await else {
                continue;
            };
            while !*self.stopped.borrow() {
                said += 1;
                let text = format!("#{}.{said} of wind and rain", self.number);
                let fate = self.say(&chat, &text).await;
                let closed = fate.is_none();
                lock(&self.book).sent.extend(fate.map(|fate| (text, fate)));
                if closed {
                    break; // The conversation is closed: it is opened again.
                }
                // Up to half a virtual minute.
                tokio::time::sleep(SECOND * self.chance.below(30) as u32).await;
            }
        }
    }

    /// Sends a message, in one of several ways. `None`: it was refused before it was counted.
    async fn say(&mut self, chat: &Conversation, text: &str) -> Option<Fate> {
        let result = match self.chance.below(3) {
            0 => chat.ask(text).await.map(drop),
            1 => {
                let mut pieces = chat.stream(text);
                loop {
                    match pieces.next().await {
                        Some(Ok(_)) => {}
                        Some(Err(error)) => break Err(error),
                        None => break Ok(()),
                    }
                }
            }
            _ => chat.send(text).await.map(drop),
        };
        fate(result)
    }
}

/// What the result of a send means. `None`: it was refused before it was counted.
pub fn fate<T>(result: Result<T, Error>) -> Option<Fate> {
    match result {
        Ok(_) => Some(Fate::Taken),
        Err(error) => match error.unsent() {
            Some(unsent) => {
                let reason = format!(
                    "{} {}",
                    if unsent.certain { "certain:" } else { "unconfirmed:" },
                    error.kind().name()
                );
                Some(Fate::HandedBack { certain: unsent.certain, reason })
            }
            None if error.kind() == secondme_avatar::ErrorKind::Closed => None,
            None => Some(Fate::Unanswered),
        },
    }
}

impl Account {
    /// Counts an event. `again`: an earlier process has counted it as well.
    pub fn hear(&mut self, event: &Event, again: bool) {
        match &event.kind {
            EventKind::Reply(reply) | EventKind::OwnerReply(reply) => {
                let id = reply.id.as_ref().map(|id| id.as_str().to_owned()).unwrap_or_default();
                let heard = self.heard.entry(id).or_default();
                heard.texts.push(reply.text.as_str().to_owned());
                heard.again += usize::from(again);
            }
            EventKind::Reconnected { gap: Gap::Unknown } => {
                self.may_lack.extend(event.session_id.as_ref().map(|id| id.as_str().to_owned()));
            }
            EventKind::Unsent { message, .. } => {
                let (certain, text) = (message.certain, message.text.as_str().to_owned());
                let reason = format!("{} event", if certain { "certain:" } else { "unconfirmed:" });
                self.sent.insert(text, Fate::HandedBack { certain, reason });
            }
            _ => {}
        }
    }
}

fn lock(book: &Book) -> MutexGuard<'_, Account> {
    book.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Report {
    /// Whether nothing was lost, nothing came twice, and nothing is unsettled.
    pub fn is_good(&self) -> bool {
        self.verdict.is_good() && self.unsettled == 0
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.verdict)?;
        writeln!(f, "times suspended         {:>6}", self.slept)?;
        writeln!(f, "sockets lost            {:>6}", self.lost)?;
        writeln!(f, "calls made              {:>6}", self.calls)?;
        writeln!(f, "visitors still waiting  {:>6}", self.unsettled)?;
        writeln!(f, "connections broken, by what was done to them")?;
        for fault in crate::plan::FAULTS {
            writeln!(f, "  {fault:<40} {:>6}", self.faults.get(fault).copied().unwrap_or_default())?;
        }
        Ok(())
    }
}
