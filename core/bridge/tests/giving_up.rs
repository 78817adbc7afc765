//! A question that is given up in the moment of asking does not go out.

#![allow(clippy::unwrap_used)] // In a test a panic is how a failure is reported.

use std::sync::{Arc, mpsc};
use std::task::{Wake, Waker};

use secondme_avatar::{AvatarClient, Conversation, Error, Reply, Visitor, shared_runtime};
use secondme_avatar_bridge::calls::{Calls, Message, Ticket};
use secondme_avatar_emulator::Emulator;

enum Done {
    Opened(Conversation),
    Replied(Reply),
}

struct Host {
    calls: Arc<Calls<Done>>,
    woken: mpsc::Receiver<()>,
}

struct Woken(mpsc::Sender<()>);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        let _ = self.0.send(());
    }
}

impl Host {
    fn new() -> Self {
        let (sender, woken) = mpsc::channel();
        Self { calls: Calls::new(Waker::from(Arc::new(Woken(sender)))), woken }
    }

    fn wait(&self, wanted: Ticket) -> Done {
        loop {
            self.woken.recv().unwrap();
            match self.calls.drain(1).pop() {
                Some(Message::Done(ticket, result)) if ticket == wanted => return result.unwrap(),
                Some(_) => panic!("nothing else has been begun"),
                None => {}
            }
        }
    }

    fn open(&self, client: &AvatarClient, visitor: Visitor) -> Conversation {
        let open = client.open(visitor).into_future();
        match self.wait(self.calls.begin(async move { open.await.map(Done::Opened) }, ())) {
            Done::Opened(chat) => chat,
            Done::Replied(_) => panic!("an opening gives a conversation"),
        }
    }

    fn ask(&self, chat: &Conversation, text: &str) -> Ticket {
        let ask = chat.ask(text).into_future();
        self.calls.begin(async move { Ok::<_, Error>(Done::Replied(ask.await?)) }, ())
    }
}

#[test]
fn a_question_that_is_given_up_in_the_moment_of_asking_does_not_go_out() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let emulator = runtime.block_on(Emulator::builder().start()).unwrap();
    let base = emulator.base_url().parse().unwrap();
    let client = AvatarClient::builder(emulator.api_key()).unwrap().base_url(base).build().unwrap();
    let host = Host::new();
    let chat = host.open(&client, Visitor::for_user("test", "ada").unwrap());

    // The clients' only thread is busy: an abort, which it would have to carry out, comes too late for a question that
    // has begun. The thread of the driver comes first.
    let (go_on, wait) = mpsc::channel::<()>();
    let (stands, stood) = mpsc::channel();
    shared_runtime().unwrap().spawn(async move {
        stands.send(()).unwrap();
        let _ = wait.recv();
    });
    stood.recv().unwrap();
    for _ in 0..3 {
        host.calls.give_up(host.ask(&chat, "never to be sent"));
    }
    drop(go_on);

    let Done::Replied(reply) = host.wait(host.ask(&chat, "the only one")) else {
        panic!("a question gives a reply");
    };
    assert!(reply.text.contains("the only one"), "{}", reply.text);
    let said = emulator.state().sessions[0].messages.iter().map(|said| said.text.clone()).collect::<Vec<_>>();
    assert!(said.iter().any(|text| text == "the only one"), "{said:?}");
    assert!(said.iter().all(|text| !text.contains("never to be sent")), "{said:?}");
}

#[test]
fn calls_that_do_not_wait_for_each_other_go_out_in_the_order_they_were_made() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let emulator = runtime.block_on(Emulator::builder().start()).unwrap();
    let base = emulator.base_url().parse().unwrap();
    let client = AvatarClient::builder(emulator.api_key()).unwrap().base_url(base).build().unwrap();
    let host = Host::new();
    let chat = host.open(&client, Visitor::for_user("test", "bob").unwrap());
    let texts: Vec<_> = (0..8).map(|number| format!("number {number}")).collect();
    let tickets: Vec<_> = texts.iter().map(|text| host.ask(&chat, text)).collect();
    for ticket in tickets {
        host.wait(ticket);
    }
    let state = emulator.state();
    let said = state.sessions[0].messages.iter().map(|said| said.text.as_str());
    let asked: Vec<_> = said.filter(|text| text.starts_with("number")).collect();
    assert_eq!(asked, texts);
}
