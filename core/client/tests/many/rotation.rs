//! The avatar's key is replaced while people talk.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use secondme_avatar::AvatarClient;
use secondme_avatar_emulator::Emulator;
use secondme_avatar_emulator::service::{Author, Effect, Fault, InjectionPoint, Key, Millis};

use crate::support::{soon, visitor};

const CONVERSATIONS: usize = 100;
const QUESTIONS: usize = 6;
const SECOND_KEY: &str = "sk-second";

/// Two keys of one avatar, and a client with the first.
async fn two_keys() -> (Emulator, AvatarClient) {
    let second = Key { key: SECOND_KEY.to_owned(), ..Key::default() };
    let settings = |settings: &mut secondme_avatar_emulator::Settings| {
        settings.keys.push(second);
        settings.quota_per_minute = 100_000;
    };
    let emulator = Emulator::builder().configure(settings).start().await.unwrap();
    let builder = AvatarClient::builder(emulator.api_key()).unwrap().quota(100_000);
    let client = builder.base_url(emulator.base_url().parse().unwrap()).build().unwrap();
    (emulator, client)
}

/// A conversation that is opened, and asks one question after the other.
async fn talk(client: &AvatarClient, user: usize) -> usize {
    let chat = client.open(visitor(&user.to_string())).await.unwrap();
    for question in 0..QUESTIONS {
        let text = format!("{user}-{question}");
        assert_eq!(chat.ask(&text).await.unwrap().text.as_str(), format!("You said: {text}"));
    }
    QUESTIONS
}

#[tokio::test]
async fn a_key_replaced_under_load_loses_nothing_of_a_hundred_conversations_and_doubles_nothing() {
    let (emulator, client) = two_keys().await;
    // Tokens die all the while, so that authentications with either key are under way.
    let dead =
        Fault::new(InjectionPoint::MessageSend, Effect::ExpiredToken).chance(0.1).first_try().times(u32::MAX);
    emulator.fault(dead).unwrap();
    let rotate = async {
        let asked = |state: &secondme_avatar_emulator::service::State| state.calls("message/send") >= 200;
        emulator.wait_until(asked).await;
        client.set_api_key(SECOND_KEY).unwrap();
        emulator.configure(|settings| settings.keys[0].disabled = true);
    };
    let talks = join_all((0..CONVERSATIONS).map(|user| talk(&client, user)));
    let (answered, ()) =
        tokio::time::timeout(std::time::Duration::from_secs(120), async { tokio::join!(talks, rotate) })
            .await
            .expect("it should have ended by now");
    assert_eq!(answered.iter().sum::<usize>(), CONVERSATIONS * QUESTIONS);

    let state = emulator.state();
    let mut heard = BTreeMap::<String, usize>::new();
    let said = state.sessions.iter().flat_map(|session| &session.messages);
    for message in said.filter(|message| message.author == Author::Visitor) {
        *heard.entry(message.text.clone()).or_default() += 1;
    }
    assert_eq!(heard.len(), CONVERSATIONS * QUESTIONS, "lost");
    assert!(heard.values().all(|times| *times == 1), "doubled");
    assert_eq!(state.sessions.len(), CONVERSATIONS, "every conversation is the one that it was");
    assert!(state.calls("auth") > CONVERSATIONS as u64, "tokens have died, and were replaced");
}

#[tokio::test]
async fn a_call_under_way_with_the_earlier_key_is_made_again_with_the_new_one() {
    let (emulator, client) = two_keys().await;
    emulator.configure(|settings| settings.latency = Millis(50));
    let opens = join_all((0..20).map(|user| client.open(visitor(&user.to_string())).into_future()));
    let authenticate = client.authenticate(visitor("ada")).into_future();
    let rotate = async {
        emulator.configure(|settings| settings.keys[0].disabled = true);
        client.set_api_key(SECOND_KEY).unwrap();
    };
    let (opens, credentials, ()) = soon(async { tokio::join!(opens, authenticate, rotate) }).await;
    opens.into_iter().for_each(|open| drop(open.unwrap()));
    credentials.unwrap();
    assert!(emulator.state().failures.get("open.api.key.disabled").is_some_and(|refused| *refused > 0));
}

#[tokio::test]
async fn the_new_key_has_a_quota_of_its_own() {
    let (emulator, _) = two_keys().await;
    let builder = AvatarClient::builder(emulator.api_key()).unwrap().quota(3);
    let client = builder.base_url(emulator.base_url().parse().unwrap()).build().unwrap();
    for user in 0..3 {
        soon(client.open(visitor(&user.to_string()))).await.unwrap();
    }
    let waiting =
        client.authenticate(visitor("ada")).deadline(std::time::Duration::from_secs(90)).into_future();
    let rotate = async { client.set_api_key(SECOND_KEY).unwrap() };
    let (credentials, ()) = soon(async { tokio::join!(waiting, rotate) }).await;
    credentials.unwrap();
}
