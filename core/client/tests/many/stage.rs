//! An emulator, a client with options, and ways to wait for what shows itself nowhere else.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use secondme_avatar::{AvatarClient, ClientBuilder, Stats, Step};
use secondme_avatar_emulator::Emulator;
use secondme_avatar_emulator::service::{Effect, Fault, InjectionPoint};

use crate::support::{Stage, soon, visitor};

pub(crate) async fn stage(options: impl FnOnce(ClientBuilder) -> ClientBuilder) -> Stage {
    watched(options).await.0
}

/// With the calls that have come back.
pub(crate) async fn watched(options: impl FnOnce(ClientBuilder) -> ClientBuilder) -> (Stage, Calls) {
    let emulator = Emulator::builder().opening("Hello!").start().await.unwrap();
    let builder = AvatarClient::builder(emulator.api_key()).unwrap();
    let calls = Calls::default();
    let list = Arc::clone(&calls.0);
    let builder = builder.on_call(move |call| list.lock().unwrap().push((call.step, call.error.is_some())));
    let client = options(builder.base_url(emulator.base_url().parse().unwrap())).build().unwrap();
    (Stage { emulator, client }, calls)
}

/// The calls that have come back: which, and whether they failed.
#[derive(Clone, Default)]
pub(crate) struct Calls(pub(crate) Arc<Mutex<Vec<(Step, bool)>>>);

impl Calls {
    /// Waits until so many calls of a step have come back, and the machine knows it.
    pub(crate) async fn until(&self, stage: &Stage, step: Step, count: usize) {
        let is_one = |call: &&(Step, bool)| call.0 == step;
        until(&stage.client, |_| self.0.lock().unwrap().iter().filter(is_one).count() >= count).await;
        // It is reported before the machine hears of it.
        settle(stage).await;
    }
}

/// Lets every driver act upon what is known, timers that are due included. Opens a stranger without time, who is
/// never let in: that opening is given up after them.
pub(crate) async fn settle(stage: &Stage) {
    let stranger = visitor("stranger");
    let refused = Fault::new(InjectionPoint::Auth, Effect::HangBefore).visitor(stranger.id().as_str());
    stage.emulator.fault(refused).unwrap();
    soon(stage.client.open(stranger).deadline(Duration::ZERO).into_future()).await.unwrap_err();
}

/// Waits until the client's figures are as wanted.
pub(crate) async fn until(client: &AvatarClient, wanted: impl Fn(&Stats) -> bool) -> Stats {
    soon(async {
        loop {
            let stats = client.stats();
            if wanted(&stats) {
                return stats;
            }
            tokio::task::yield_now().await;
        }
    })
    .await
}
