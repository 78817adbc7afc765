//! The second door, over real sockets.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use secondme_avatar::{
    AvatarClient, ClientBuilder, ErrorKind, EventKind, MemoryStore, Step, TokenRequest, Visitor,
    new_message_id,
};
use secondme_avatar_emulator::Emulator;
use secondme_avatar_emulator::service::{Effect, Fault, InjectionPoint, TokenStanding};

use crate::support::{next, soon, visitor};

fn builder(emulator: &Emulator) -> ClientBuilder {
    let builder = AvatarClient::visitor_chat("emulator-app", "emulator-secret", emulator.api_key()).unwrap();
    builder.base_url(emulator.lab_base_url().parse().unwrap())
}

async fn emulator() -> Emulator {
    Emulator::builder().opening("Hello!").start().await.unwrap()
}

/// The steps that a client has made.
fn steps(builder: ClientBuilder) -> (ClientBuilder, Arc<Mutex<Vec<Step>>>) {
    let steps = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&steps);
    (builder.on_call(move |call| noted.lock().unwrap().push(call.step)), steps)
}

#[tokio::test]
async fn a_question_is_answered_and_the_calls_are_reported() {
    let emulator = emulator().await;
    let (builder, steps) = steps(builder(&emulator));
    let client = builder.build().unwrap();
    let chat = soon(client.open(visitor("ada"))).await.unwrap();
    assert_eq!(chat.opening().as_str(), "Hello!");
    assert_eq!(soon(chat.ask("Who are you?")).await.unwrap().text, "You said: Who are you?");
    client.close().await;
    let made = [Step::FetchToken, Step::InitVisitorChat, Step::Connect, Step::SendMessage];
    assert_eq!(*steps.lock().unwrap(), made);
}

#[tokio::test]
async fn all_visitors_of_a_client_share_one_token() {
    let emulator = emulator().await;
    let (builder, steps) = steps(builder(&emulator));
    let client = builder.build().unwrap();
    let opens = (0..20).map(|number| {
        let client = client.clone();
        async move { client.open(visitor(&number.to_string())).await }
    });
    for open in futures_util::future::join_all(opens).await {
        open.unwrap();
    }
    let fetches = steps.lock().unwrap().iter().filter(|step| **step == Step::FetchToken).count();
    assert_eq!(fetches, 1);
}

#[tokio::test]
async fn the_first_caller_may_go_and_the_token_still_comes_for_the_others() {
    let emulator = emulator().await;
    let (builder, steps) = steps(builder(&emulator));
    let client = builder.build().unwrap();
    for _ in 0..3 {
        let open = client.open(visitor("ada")).into_future();
        // It is polled once, and dropped.
        assert!(futures_util::FutureExt::now_or_never(open).is_none());
    }
    soon(client.open(visitor("bob"))).await.unwrap();
    assert_eq!(steps.lock().unwrap().iter().filter(|step| **step == Step::FetchToken).count(), 1);
}

#[tokio::test]
async fn an_app_s_token_that_has_died_is_fetched_anew() {
    let emulator = emulator().await;
    let client = builder(&emulator).build().unwrap();
    let chat = soon(client.open(visitor("ada"))).await.unwrap();
    emulator.set_chat_tokens(None, TokenStanding::Revoked);
    assert_eq!(soon(chat.ask("Still there?")).await.unwrap().text, "You said: Still there?");
}

#[tokio::test]
async fn a_wrong_secret_names_the_setting() {
    let emulator = emulator().await;
    let builder = AvatarClient::visitor_chat("emulator-app", "another", emulator.api_key()).unwrap();
    let client = builder.base_url(emulator.lab_base_url().parse().unwrap()).build().unwrap();
    let error = soon(client.open(visitor("ada"))).await.unwrap_err();
    assert_eq!((error.kind(), error.step()), (ErrorKind::Authentication, Some(Step::FetchToken)));
    assert!(error.to_string().contains("`client_secret`"), "{error}");
}

#[tokio::test]
async fn a_user_s_token_is_asked_of_the_caller_and_refreshed_once_it_is_refused() {
    let emulator = emulator().await;
    let dead = emulator.issue_user_token("user-1");
    emulator.set_chat_tokens(Some(&dead), TokenStanding::Expired);
    let live = emulator.issue_user_token("user-1");
    let asked = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&asked);
    let provider = move |request: TokenRequest| {
        noted.lock().unwrap().push(request.refused);
        let token = if request.refused { live.clone() } else { dead.clone() };
        async move { Ok(token) }
    };
    let builder = AvatarClient::visitor_chat_with_tokens(emulator.api_key(), provider).unwrap();
    let client = builder.base_url(emulator.lab_base_url().parse().unwrap()).build().unwrap();
    let chat = soon(client.open(visitor("ada"))).await.unwrap();
    assert_eq!(soon(chat.ask("Hello")).await.unwrap().text, "You said: Hello");
    assert_eq!(*asked.lock().unwrap(), [false, true]);

    // The user has withdrawn: no other token helps.
    emulator.set_chat_tokens(None, TokenStanding::Withdrawn);
    let error = soon(chat.ask("Hello?")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Authentication);
    assert!(error.to_string().contains("withdrawn"), "{error}");
    assert_eq!(asked.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn a_function_that_fails_or_panics_or_gives_no_token_is_an_error_of_the_opening() {
    let emulator = emulator().await;
    let times = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&times);
    let provider = move |_: TokenRequest| {
        let time = counted.fetch_add(1, Ordering::Relaxed);
        async move {
            match time {
                0 => Err(secondme_avatar::Error::new(ErrorKind::Authentication, "no such user here")),
                1 => Ok("two words".to_owned()),
                _ => panic!("a fault of the caller's"),
            }
        }
    };
    let builder = AvatarClient::visitor_chat_with_tokens(emulator.api_key(), provider).unwrap();
    let client = builder.base_url(emulator.lab_base_url().parse().unwrap()).build().unwrap();
    for (kind, says) in [
        (ErrorKind::Authentication, "no such user here"),
        (ErrorKind::Misuse, "no token has"),
        (ErrorKind::Misuse, "has panicked"),
    ] {
        let error = soon(client.open(visitor("ada"))).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(says), "{error}");
        assert!(!error.to_string().contains("two words"), "{error}");
    }
}

#[tokio::test]
async fn a_function_that_never_answers_holds_no_visitor_for_longer_than_its_limit() {
    let emulator = emulator().await;
    let token = emulator.issue_user_token("user-1");
    let (asked, mut times) = tokio::sync::mpsc::unbounded_channel();
    let answers = Arc::new(AtomicBool::new(false));
    let may = Arc::clone(&answers);
    let provider = move |_: TokenRequest| {
        let _ = asked.send(());
        let (token, may) = (token.clone(), may.load(Ordering::Relaxed));
        async move { if may { Ok(token) } else { std::future::pending().await } }
    };
    let builder = AvatarClient::visitor_chat_with_tokens(emulator.api_key(), provider).unwrap();
    let client = builder.base_url(emulator.lab_base_url().parse().unwrap()).build().unwrap();

    // An opening says what has held it up.
    let open = tokio::spawn(client.open(visitor("ada")).into_future());
    soon(times.recv()).await;
    client.advance_clock(Duration::from_secs(21)).await;
    soon(times.recv()).await;
    client.advance_clock(Duration::from_secs(21)).await;
    let error = soon(open).await.unwrap().unwrap_err();
    assert!(error.is_retryable(), "{error}");
    assert!(error.to_string().contains("has not answered within 20 s"), "{error}");

    // And one that answers the next time is waited for.
    let open = tokio::spawn(client.open(visitor("bob")).into_future());
    soon(times.recv()).await;
    answers.store(true, Ordering::Relaxed);
    client.advance_clock(Duration::from_secs(21)).await;
    let chat = soon(open).await.unwrap().unwrap();
    assert_eq!(soon(chat.ask("Hello")).await.unwrap().text, "You said: Hello");
}

#[tokio::test]
async fn visitors_whose_tokens_are_all_refused_share_two_fetches_and_are_told_why_there_is_no_third() {
    let emulator = emulator().await;
    let (code, reason) = ("oauth2.token.revoked".to_owned(), "the access token was revoked".to_owned());
    let refuse = Effect::Fail { code, reason, actions: Vec::new() };
    emulator.fault(Fault::new(InjectionPoint::VisitorChatInit, refuse).times(u32::MAX)).unwrap();
    let (builder, steps) = steps(builder(&emulator).open_deadline(Duration::from_secs(2)));
    let client = builder.build().unwrap();
    // The service's own refusal, or that another token is not asked for now.
    let told = [ErrorKind::Authentication, ErrorKind::Unavailable];
    for (wave, kinds) in [&told[..], &told[1..]].into_iter().enumerate() {
        let opens = (0..50).map(|number| {
            let client = client.clone();
            async move { client.open(visitor(&format!("{wave}-{number}"))).await }
        });
        for open in soon(futures_util::future::join_all(opens)).await {
            let error = open.unwrap_err();
            assert!(kinds.contains(&error.kind()), "{error}");
        }
    }
    let fetches = steps.lock().unwrap().iter().filter(|step| **step == Step::FetchToken).count();
    assert_eq!(fetches, 2);
}

#[tokio::test]
async fn what_this_door_lacks_is_unsupported() {
    let emulator = emulator().await;
    let client = builder(&emulator).build().unwrap();
    let chat = soon(client.open(visitor("ada"))).await.unwrap();
    assert_eq!(soon(chat.history(10, None)).await.unwrap_err().kind(), ErrorKind::Unsupported);
    assert_eq!(soon(chat.new_session()).await.unwrap_err().kind(), ErrorKind::Unsupported);
    assert_eq!(soon(chat.ask("Hello")).await.unwrap().text, "You said: Hello", "and nothing is lost");
}

#[tokio::test]
async fn the_owner_s_words_say_whether_they_are_certain() {
    let emulator = emulator().await;
    let client = builder(&emulator).build().unwrap();
    let events = client.events();
    let chat = soon(client.open(visitor("ada"))).await.unwrap();
    let session = chat.session_id().unwrap().to_string();
    emulator.owner().reply(&session, "Hi, this is me").unwrap();
    let certain = |event: secondme_avatar::Event| match event.kind {
        EventKind::OwnerReply(reply) => Some(reply.confirmed),
        _ => None,
    };
    assert!(!next(&events, certain).await);
    soon(chat.send("Hello")).await.unwrap();
    next(&events, |event| matches!(event.kind, EventKind::Delivered { .. }).then_some(())).await;
    emulator.owner().reply(&session, "Still me").unwrap();
    assert!(next(&events, certain).await);
}

#[tokio::test]
async fn the_two_doors_of_one_key_keep_their_visitors_apart() {
    let emulator = emulator().await;
    let store = Arc::new(MemoryStore::new());
    let ada = || Visitor::for_user("test", "ada").unwrap();
    let first = AvatarClient::builder(emulator.api_key()).unwrap();
    let first =
        first.base_url(emulator.base_url().parse().unwrap()).store(Arc::clone(&store)).build().unwrap();
    let chat = soon(first.open(ada())).await.unwrap();
    let behind_first = chat.session_id().unwrap().to_string();
    soon(chat.ask("Hello")).await.unwrap();
    first.close().await;
    // Even with one base URL for both, as of a gateway of the caller's own.
    let second = builder(&emulator).store(Arc::clone(&store)).build().unwrap();
    assert!(second.known().await.unwrap().is_empty());
    let chat = soon(second.open(ada())).await.unwrap();
    assert_ne!(chat.session_id().unwrap().to_string(), behind_first);
    soon(chat.ask("Hello")).await.unwrap();
    second.close().await;
    let again = builder(&emulator).store(store).build().unwrap();
    assert_eq!(again.known().await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_id_that_was_chosen_names_the_message_here_and_the_service_is_not_told() {
    let emulator = emulator().await;
    let client = builder(&emulator).store(MemoryStore::new()).build().unwrap();
    let events = client.events();
    let chat = soon(client.open(visitor("ada"))).await.unwrap();
    let (asked, kept) = (new_message_id().unwrap(), new_message_id().unwrap());
    let reply = soon(chat.ask("one").message_id(asked.clone())).await.unwrap();
    assert_eq!(reply.in_reply_to, Some(asked.clone()));
    assert_eq!(soon(chat.send("two").message_id(kept.clone()).durable()).await.unwrap(), kept);
    let delivered = next(&events, |event| match event.kind {
        EventKind::Delivered { message_id, .. } if message_id.as_ref() == Some(&kept) => Some(()),
        _ => None,
    });
    delivered.await;
    let error = soon(chat.send("three").message_id(asked)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Misuse);
    client.close().await;
}
