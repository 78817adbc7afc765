//! An emulator, and a client that talks with it.

use std::time::Duration;

use secondme_avatar::{AvatarClient, Conversation, Event, EventKind, Events, Visitor};
use secondme_avatar_emulator::{Emulator, EmulatorBuilder};

pub(crate) struct Stage {
    pub(crate) emulator: Emulator,
    pub(crate) client: AvatarClient,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        Self::with(|emulator| emulator).await
    }

    pub(crate) async fn with(options: impl FnOnce(EmulatorBuilder) -> EmulatorBuilder) -> Self {
        let emulator = options(Emulator::builder().opening("Hello!")).start().await.unwrap();
        let client = client_of(&emulator);
        Self { emulator, client }
    }

    pub(crate) async fn open(&self, user: &str) -> Conversation {
        self.client.open(visitor(user)).await.unwrap()
    }

    /// Waits until the service is as wanted; ten seconds are long enough for anything here.
    pub(crate) async fn until(&self, wanted: impl Fn(&secondme_avatar_emulator::service::State) -> bool) {
        soon(self.emulator.wait_until(wanted)).await;
    }
}

pub(crate) fn client_of(emulator: &Emulator) -> AvatarClient {
    let builder = AvatarClient::builder(emulator.api_key()).unwrap();
    builder.base_url(emulator.base_url().parse().unwrap()).build().unwrap()
}

pub(crate) fn visitor(user: &str) -> Visitor {
    Visitor::for_user("test", user).unwrap()
}

pub(crate) async fn soon<T>(future: impl IntoFuture<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(10), future).await.expect("it should have happened by now")
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

pub(crate) fn owner_reply(event: Event) -> Option<String> {
    match event.kind {
        EventKind::OwnerReply(reply) => Some(reply.text.into_string()),
        _ => None,
    }
}
