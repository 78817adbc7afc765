//! Who hears what happens to a visitor, where several processes share a store.

use std::time::Duration;

use secondme_avatar::{AvatarClient, Event, EventKind, Events, Visitor};
use secondme_avatar_emulator::service::Injection;

use crate::calls::{Stage, ada, next, reply, soon};
use crate::redis_server::Server;

/// Several letters' worth.
const NOTICES: usize = 1000;

fn notice(event: &Event) -> Option<&str> {
    match &event.kind {
        EventKind::Notice { text, .. } => Some(text),
        _ => None,
    }
}

impl Stage {
    fn notify(&self, session: &str, text: &str) {
        self.emulator.inject(session, Injection::Notice(text.to_owned())).unwrap();
    }

    /// Waits until the holder knows that these are listened to.
    async fn until_heard(&self, session: &str, events: &Events) {
        soon(async {
            loop {
                self.notify(session, "Does it hear?");
                let heard = tokio::time::timeout(Duration::from_millis(100), events.ready()).await;
                if heard.is_ok() && events.drain(usize::MAX).iter().any(|event| notice(event).is_some()) {
                    return;
                }
            }
        })
        .await;
    }

    /// How many commands the server has run, those within scripts counted.
    fn commands(&self) -> usize {
        let info: String = redis::cmd("INFO").arg("commandstats").query(&mut self.server.connect()).unwrap();
        let calls = info.lines().filter_map(|line| line.split_once(":calls=")?.1.split(',').next());
        calls.map(|calls| calls.parse::<usize>().unwrap()).sum()
    }

    fn listeners(&self) -> Vec<String> {
        let key = format!("{{{}}}:listeners", self.prefix);
        redis::cmd("SMEMBERS").arg(key).query(&mut self.server.connect()).unwrap()
    }
}

/// How often the server has run a command, within scripts too.
fn ran(server: &Server, command: &str) -> usize {
    let info: String = redis::cmd("INFO").arg("commandstats").query(&mut server.connect()).unwrap();
    let name = format!("cmdstat_{command}:calls=");
    let calls = info.lines().find_map(|line| line.strip_prefix(&name)?.split(',').next());
    calls.map_or(0, |calls| calls.parse().unwrap())
}

fn said(events: &Events, text: &str) -> bool {
    events.drain(usize::MAX).into_iter().any(|event| reply(event).as_deref() == Some(text))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_comes_in_the_one_process_that_has_the_visitor_and_in_each_that_listens_to_all() {
    let Some(stage) = Stage::new().await else { return };
    let (one, other, third) = (stage.start(), stage.start(), stage.start());
    let everywhere = [one.events_of_all_processes(), third.events_of_all_processes()];
    let [of_one, of_other, of_third] = [&one, &other, &third].map(AvatarClient::events);
    let here = one.open(ada()).await.unwrap();
    let there = soon(other.open(ada())).await.unwrap();
    let conversation = there.events();
    stage.until_heard(here.session_id().unwrap().as_str(), &everywhere[1]).await;

    assert_eq!(soon(there.ask("Who hears it?")).await.unwrap().text, "Who hears it? is answered");
    for events in everywhere.iter().chain([&of_one, &conversation]) {
        assert_eq!(next(events, reply).await, "Who hears it? is answered");
    }
    for events in [&of_other, &of_third] {
        assert!(!said(events, "Who hears it? is answered"), "a bot that answers from there answers twice");
    }

    // Closed in one process and open in the other: the latter has it from now on, and tells of it.
    let session = here.session_id().unwrap();
    soon(here.close()).await.unwrap();
    for events in &everywhere {
        stage.until_heard(session.as_str(), events).await;
    }
    assert_eq!(soon(there.ask("And now?")).await.unwrap().text, "And now? is answered");
    // What the first holder had not recorded as heard may come again.
    let now = |event| reply(event).filter(|text| text == "And now? is answered");
    for events in everywhere.iter().chain([&of_other, &conversation]) {
        next(events, now).await;
    }
    assert!(!said(&of_one, "And now? is answered"));

    drop(everywhere);
    soon(async {
        while !stage.listeners().is_empty() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    for client in [one, other, third] {
        soon(client.close()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_events_of_another_process_come_in_order_in_few_letters_and_none_is_written_unheard() {
    let Some(server) = Server::start(&["--appendfsync", "no"]) else { return };
    let Some(stage) = Stage::on(Box::leak(Box::new(server))).await else { return };
    let (one, other) = (stage.start(), stage.start());
    let mut sessions = Vec::new();
    let own = one.events();
    for visitor in [ada(), Visitor::for_user("test", "bob").unwrap()] {
        sessions.push(one.open(visitor).await.unwrap().session_id().unwrap());
    }
    stage.notify(sessions[0].as_str(), "It is heard here alone");
    next(&own, |event| notice(&event).map(|_| ())).await;
    assert_eq!(ran(stage.server, "xadd"), 0, "what no process listens to is not written");

    let events = other.events_of_all_processes();
    stage.until_heard(sessions[0].as_str(), &events).await;
    let (letters, commands) = (ran(stage.server, "xadd"), stage.commands());
    for number in 0..NOTICES {
        sessions.iter().for_each(|session| stage.notify(session.as_str(), &number.to_string()));
    }
    let mut heard = [Vec::new(), Vec::new()];
    soon(async {
        while heard.iter().any(|heard| heard.len() < NOTICES) {
            assert!(events.ready().await);
            for event in events.drain(usize::MAX) {
                let at = usize::from(event.session_id.as_ref() == Some(&sessions[1]));
                heard[at].extend(notice(&event).and_then(|text| text.parse::<usize>().ok()));
            }
            own.drain(usize::MAX);
        }
    })
    .await;
    assert!(heard.into_iter().all(|heard| heard.into_iter().eq(0..NOTICES)), "in order, and each once");
    let (letters, commands) = (ran(stage.server, "xadd") - letters, stage.commands() - commands);
    println!("{} events: {letters} letters, {commands} commands of Redis", 2 * NOTICES);
    assert!(letters < NOTICES, "{letters} letters: events that come together go in one");
    soon(other.close()).await;
    soon(one.close()).await;
}
