//! One owner for a visitor: calls for a visitor whom another process has go there.

use std::future::IntoFuture;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use secondme_avatar::{
    AvatarClient, Conversation, ErrorKind, Event, EventKind, Events, RedisStore, State, Visitor,
};
use secondme_avatar_emulator::Emulator;
use secondme_avatar_emulator::brain::{Reply, Step};
use tokio::sync::watch;

use crate::place::Place;
use crate::proxy::Proxy;
use crate::redis_server::Server;
use crate::support::Player;

/// Where a child finds the service.
const SERVICE: &str = "SECONDME_AVATAR_TEST_SERVICE";

/// Within this time another process has the visitors of one that is gone.
const MOVES: Duration = Duration::from_secs(10);

/// The question that is answered when the test says so.
const LATER: &str = "Later";

/// Opening, and what the emulator and a loaded machine take.
const SOME: Duration = Duration::from_secs(20);

pub(crate) struct Stage {
    pub(crate) emulator: Emulator,
    pub(crate) server: &'static Server,
    pub(crate) prefix: String,
    answers: watch::Sender<bool>,
}

impl Stage {
    /// `None` where no Redis is installed.
    pub(crate) async fn new() -> Option<Self> {
        Self::on(Server::shared()?).await
    }

    pub(crate) async fn on(server: &'static Server) -> Option<Self> {
        let (answers, released) = watch::channel(false);
        let answer = move |question: secondme_avatar_emulator::brain::Question| {
            let mut released = released.clone();
            async move {
                if question.text == LATER {
                    let _ = released.wait_for(|released| *released).await;
                }
                vec![Step::Reply(Reply::pieces([format!("{} ", question.text), "is answered".to_owned()]))]
            }
        };
        let emulator = Emulator::builder().opening("Hello!").answer_with(answer).start().await.unwrap();
        Some(Self { emulator, server, prefix: Place::prefix(), answers })
    }

    fn url(&self) -> String {
        self.server.url(&self.prefix)
    }

    /// A process of its own, as far as the store is concerned.
    pub(crate) fn start(&self) -> AvatarClient {
        self.start_by(&self.url())
    }

    fn start_by(&self, url: &str) -> AvatarClient {
        client(url, self.emulator.base_url(), self.emulator.api_key())
    }

    /// A process that has ada open.
    fn child(&self) -> Player {
        let mut command = Player::command("has a visitor", Path::new(&self.url()), &[]);
        command.env(SERVICE, format!("{}\n{}", self.emulator.base_url(), self.emulator.api_key()));
        let mut child = Player::of(command);
        assert_eq!(child.says().as_deref(), Some("open"));
        child
    }

    fn taken(&self, text: &str) -> usize {
        let sessions = self.emulator.state().sessions;
        sessions.iter().flat_map(|session| &session.messages).filter(|message| message.text == text).count()
    }

    async fn until_taken(&self, text: &str) {
        let has = |state: &secondme_avatar_emulator::service::State| {
            state.sessions.iter().flat_map(|session| &session.messages).any(|message| message.text == text)
        };
        soon(self.emulator.wait_until(has)).await;
    }

    /// Waits until a process that does not have the visitor knows which one does.
    async fn until_it_has_a_guest(&self) {
        let guests = format!("{{{}}}:*:guests:*", self.prefix);
        let mut redis = self.server.connect();
        let mut found = || redis::cmd("KEYS").arg(&guests).query::<Vec<String>>(&mut redis).unwrap();
        soon(async {
            while found().is_empty() {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    fn sockets(&self) -> u64 {
        self.emulator.state().calls["ws/create"]
    }
}

fn client(url: &str, service: &str, key: &str) -> AvatarClient {
    let store = RedisStore::open(url).unwrap();
    let builder = AvatarClient::builder(key).unwrap().base_url(service.parse().unwrap());
    builder.store(store).build().unwrap()
}

pub(crate) fn ada() -> Visitor {
    Visitor::for_user("test", "ada").unwrap()
}

pub(crate) async fn soon<T>(future: impl IntoFuture<Output = T>) -> T {
    tokio::time::timeout(SOME, future).await.expect("it should have happened by now")
}

/// The next event that this picks; those before it are passed over.
pub(crate) async fn next<T>(events: &Events, pick: impl Fn(Event) -> Option<T>) -> T {
    soon(async {
        loop {
            let event = events.next().await.expect("the events ended too early");
            if let Some(picked) = pick(event) {
                return picked;
            }
        }
    })
    .await
}

pub(crate) fn reply(event: Event) -> Option<String> {
    match event.kind {
        EventKind::Reply(reply) => Some(reply.text.into_string()),
        _ => None,
    }
}

/// Asks in a task of its own.
fn ask(chat: &Conversation, text: &str) -> tokio::task::JoinHandle<Result<String, secondme_avatar::Error>> {
    let asked = chat.ask(text).into_future();
    tokio::spawn(async move { asked.await.map(|reply| reply.text.into_string()) })
}

/// What a child does.
pub(crate) fn play(url: &Path, wait: fn(), say: fn(&str)) {
    let service = std::env::var(SERVICE).unwrap();
    let (base, key) = service.split_once('\n').unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let client = client(url.to_str().unwrap(), base, key);
        let chat = client.open(ada()).await.unwrap();
        say("open");
        wait();
        let (events, asked) = (chat.events(), ask(&chat, LATER));
        wait();
        // It was stopped meanwhile, and another one has the visitor.
        // It goes where the question has gone, and behind it.
        let past = chat.history(20, None).await.unwrap();
        say(&past.last().unwrap().text);
        say(&asked.await.unwrap().unwrap());
        assert_eq!(next(&events, reply).await, "Later is answered");
        say(&chat.ask("From one who was stopped").await.unwrap().text);
        assert_eq!((chat.state(), &*chat.opening()), (State::Live, "Hello!"));
        wait();
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_for_a_visitor_whom_another_process_has_go_there_and_what_comes_of_them_comes_back() {
    let Some(stage) = Stage::new().await else { return };
    let (one, other) = (stage.start(), stage.start());
    let here = one.open(ada()).await.unwrap();
    let there = soon(other.open(ada())).await.unwrap();
    assert_eq!(there.session_id(), here.session_id());
    assert_eq!((&*there.opening(), there.state()), ("Hello!", State::Live));
    assert_eq!(there.avatar_name(), here.avatar_name());
    let events = there.events();
    let answer = soon(there.ask("One")).await.unwrap();
    assert_eq!((&*answer.text, answer.asked), ("One is answered", true));
    assert_eq!(next(&events, reply).await, "One is answered");

    let mut stream = there.stream("Two");
    let mut text = String::new();
    while let Some(piece) = soon(stream.next()).await {
        text.push_str(&piece.unwrap().text);
    }
    assert_eq!(text, "Two is answered");
    assert_eq!(stream.reply().unwrap().text, "Two is answered");

    let sent = soon(there.send("Three")).await.unwrap();
    let kept = soon(there.send("Four").durable()).await.unwrap();
    stage.until_taken("Four").await;
    let history = soon(there.history(20, None)).await.unwrap();
    let has = |id| history.iter().any(|message| message.id.as_ref() == Some(id));
    assert!(has(&sent.message_id) && has(&kept), "{history:?}");
    let error = soon(there.send("")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Misuse, "{error}");

    // In this process it is closed, and in the other it goes on.
    soon(there.close()).await.unwrap();
    assert_eq!(there.state(), State::Closed);
    assert_eq!(soon(here.ask("Five")).await.unwrap().text, "Five is answered");
    let again = soon(other.open(ada())).await.unwrap();
    assert_eq!(soon(again.ask("Six")).await.unwrap().text, "Six is answered");
    assert_eq!(stage.sockets(), 1, "only the holder has a socket");
    soon(other.close()).await;
    soon(one.close()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_is_given_up_is_given_up_where_the_visitor_is() {
    let Some(stage) = Stage::new().await else { return };
    let (one, other) = (stage.start(), stage.start());
    let _here = one.open(ada()).await.unwrap();
    let there = soon(other.open(ada())).await.unwrap();
    let left = there.stream(LATER);
    stage.until_taken(LATER).await;
    left.stop();
    // The holder asks the next question only because it knows that nothing waits for the first.
    let next = ask(&there, "Next");
    stage.until_taken("Next").await;
    stage.answers.send_replace(true);
    soon(next).await.unwrap().unwrap();
    soon(one.close()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_is_closed_hands_its_visitors_over_to_those_who_wait() {
    let Some(stage) = Stage::new().await else { return };
    let (one, other) = (stage.start(), stage.start());
    let here = one.open(ada()).await.unwrap();
    let there = soon(other.open(ada())).await.unwrap();
    let asked = ask(&there, LATER);
    stage.until_taken(LATER).await;
    soon(one.close().deadline(Duration::ZERO)).await;
    assert_eq!(here.state(), State::Closed);
    stage.answers.send_replace(true);
    assert_eq!(soon(asked).await.unwrap().unwrap(), "Later is answered");
    assert_eq!(stage.taken(LATER), 1, "it was given again, and not said again");
    assert_eq!(soon(there.ask("Next")).await.unwrap().text, "Next is answered");
    soon(other.close()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_outlives_the_process_that_was_asking_it() {
    let Some(stage) = Stage::new().await else { return };
    let mut holder = stage.child();
    let (one, other) = (stage.start(), stage.start());
    let there = soon(one.open(ada())).await.unwrap();
    let also = soon(other.open(ada())).await.unwrap();
    let asked = ask(&there, LATER);
    stage.until_taken(LATER).await;
    holder.kill();
    let gone = Instant::now();
    let queued = [ask(&there, "Second"), ask(&there, "Third")];
    stage.answers.send_replace(true);
    assert_eq!(soon(asked).await.unwrap().unwrap(), "Later is answered");
    assert!(gone.elapsed() < MOVES + Duration::from_secs(5), "it took {:?}", gone.elapsed());
    for (asked, text) in queued.into_iter().zip(["Second", "Third"]) {
        assert_eq!(soon(asked).await.unwrap().unwrap(), format!("{text} is answered"));
        assert_eq!(stage.taken(text), 1);
    }
    assert_eq!(stage.taken(LATER), 1);
    assert_eq!(soon(also.ask("Fourth")).await.unwrap().text, "Fourth is answered");
    assert_eq!(stage.sockets(), 2, "one of the two has the visitor now");
    soon(one.close()).await;
    soon(other.close()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_holder_that_was_stopped_was_asked_and_is_asked_goes_to_the_new_one() {
    let Some(stage) = Stage::new().await else { return };
    let mut holder = stage.child();
    holder.nudge();
    stage.until_taken(LATER).await;
    let one = stage.start();
    let there = soon(one.open(ada())).await.unwrap();
    holder.signal("STOP");
    while stage.sockets() == 1 {
        soon(there.history(20, None)).await.unwrap();
    }
    holder.signal("CONT");
    stage.until_it_has_a_guest().await;
    holder.nudge();
    assert_eq!(holder.says().as_deref(), Some(LATER));
    stage.answers.send_replace(true);
    assert_eq!(holder.says().as_deref(), Some("Later is answered"));
    assert_eq!(holder.says().as_deref(), Some("From one who was stopped is answered"));
    for text in [LATER, "From one who was stopped"] {
        assert_eq!(stage.taken(text), 1, "{text}");
    }
    assert_eq!(soon(there.ask("And now")).await.unwrap().text, "And now is answered");
    holder.end();
    soon(one.close()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_waits_for_a_holder_that_has_closed_the_conversation_and_still_has_another_one() {
    let Some(stage) = Stage::new().await else { return };
    let (one, other) = (stage.start(), stage.start());
    let here = one.open(ada()).await.unwrap();
    let beside = here.new_session().await.unwrap();
    let there = soon(other.open(ada())).await.unwrap();
    soon(here.close()).await.unwrap();
    let asked = ask(&there, "Who answers?");
    assert_eq!(soon(beside.ask("Beside it")).await.unwrap().text, "Beside it is answered");
    assert_eq!((stage.taken("Who answers?"), asked.is_finished()), (0, false));
    soon(beside.close()).await.unwrap();
    assert_eq!(soon(asked).await.unwrap().unwrap(), "Who answers? is answered");
    assert_eq!(stage.taken("Who answers?"), 1);
    soon(other.close()).await;
    soon(one.close()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_redis_is_cut_off_a_call_that_goes_elsewhere_ends_with_its_deadline() {
    let Some(stage) = Stage::new().await else { return };
    let proxy = Arc::new(Proxy::start(&stage.server.socket()));
    let (one, other) = (stage.start(), stage.start_by(&proxy.url(&stage.prefix)));
    let _here = one.open(ada()).await.unwrap();
    let there = soon(other.open(ada())).await.unwrap();
    proxy.cut();
    let error = soon(there.ask("Lost").deadline(Duration::from_millis(200))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Deadline, "{error}");
    assert_eq!(error.unsent().map(|unsent| &*unsent.text), Some("Lost"));
    proxy.mend();
    assert_eq!(soon(there.ask("Back")).await.unwrap().text, "Back is answered");
    soon(other.close()).await;
    soon(one.close()).await;
}

/// How long a call takes more that goes to another process: `cargo test --release --test store -- --ignored how_much`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement, for a machine that does nothing else"]
async fn how_much_longer_a_call_takes_that_goes_to_another_process() {
    const CALLS: usize = 500;
    let Some(stage) = Stage::new().await else { return };
    let (one, other) = (stage.start(), stage.start());
    let here = one.open(ada()).await.unwrap();
    let there = other.open(ada()).await.unwrap();
    let mut medians = Vec::new();
    for chat in [&here, &there] {
        let mut times = Vec::new();
        for _ in 0..CALLS {
            let begun = Instant::now();
            chat.send("Hello").await.unwrap();
            times.push(begun.elapsed());
        }
        times.sort_unstable();
        medians.push(times[CALLS / 2]);
        println!("p50 {:?}, p99 {:?}", times[CALLS / 2], times[CALLS * 99 / 100]);
    }
    assert!(medians[1] < medians[0] + Duration::from_millis(2), "{medians:?}");
    one.close().await;
    other.close().await;
}
