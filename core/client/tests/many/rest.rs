//! A visitor that rests costs no task, and is there at once.

use futures_util::future::join_all;
use secondme_avatar::{AvatarClient, State};
use secondme_avatar_emulator::Emulator;
use tokio::runtime::Handle;

use crate::stage::until;
use crate::support::{soon, visitor};

const VISITORS: usize = 40;

/// Beside the visitors' tasks: those of idle connections, which the HTTP client keeps, and of sockets being closed.
const OTHERS: usize = 20;

#[test]
fn a_paused_visitor_has_no_task_and_whatever_is_wanted_of_it_is_done() {
    // The emulator's tasks are no client's: it has a runtime of its own.
    let far = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let emulator = far.block_on(Emulator::builder().start()).unwrap();
    let near = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    near.block_on(async {
        let client = AvatarClient::builder(emulator.api_key()).unwrap();
        let client = client.base_url(emulator.base_url().parse().unwrap()).build().unwrap();
        let openings = (0..VISITORS).map(|user| client.open(visitor(&user.to_string())).into_future());
        let chats: Vec<_> = join_all(openings).await.into_iter().map(Result::unwrap).collect();
        let tasks = || Handle::current().metrics().num_alive_tasks();
        assert!(tasks() >= VISITORS, "a live visitor has one");
        join_all(chats.iter().map(|chat| chat.pause())).await.into_iter().for_each(Result::unwrap);
        until(&client, |_| tasks() < OTHERS).await;

        let (asks, other) = chats.split_at(VISITORS / 2);
        let asked = join_all(asks.iter().map(|chat| soon(chat.ask("Are you there?").into_future()))).await;
        asked.into_iter().for_each(|reply| assert!(!reply.unwrap().text.is_empty()));
        join_all(other.iter().map(|chat| chat.resume())).await.into_iter().for_each(Result::unwrap);
        until(&client, |stats| stats.connected == VISITORS).await;
        join_all(chats.iter().map(|chat| chat.pause())).await.into_iter().for_each(Result::unwrap);
        until(&client, |_| tasks() < OTHERS).await;

        // A client that is closed closes those that rest, and one that is dropped ends them.
        soon(client.close()).await;
        assert!(chats.iter().all(|chat| chat.state() == State::Closed));
    });
}
