//! What a program does with a conversation, over real sockets.

use std::time::Duration;

use crate::support::{Stage, next, owner_reply, soon, visitor};
use secondme_avatar::{Author, Confirmation, Ended, ErrorKind, EventKind, State, Visitor};
use secondme_avatar_emulator::Brain;

#[tokio::test]
async fn an_open_conversation_knows_its_avatar_and_answers() {
    let stage = Stage::new().await;
    let chat = stage.open("ada").await;
    assert_eq!(chat.opening(), "Hello!");
    assert_eq!(chat.state(), State::Live);
    assert_eq!(chat.visitor_id(), *visitor("ada").id());

    let reply = chat.ask("How are you?").await.unwrap();
    assert_eq!(reply.author, Author::Avatar);
    assert_eq!(reply.ended, Ended::Mark);
    assert!(reply.text.contains("How are you?"), "{}", reply.text);

    let state = stage.emulator.state();
    assert!(state.sessions[0].bound && state.sessions[0].owner_is_member);
    assert_eq!(state.failures.values().sum::<u64>(), 0, "{:?}", state.failures);
}

#[tokio::test]
async fn a_streamed_reply_comes_in_pieces_that_make_the_whole() {
    let stage = Stage::new().await;
    let chat = stage.open("ada").await;
    let mut pieces = chat.stream("Tell me a long story about many things, one after the other");
    let mut text = String::new();
    while let Some(piece) = soon(pieces.next()).await {
        text.push_str(&piece.unwrap().text);
    }
    let reply = pieces.reply().unwrap();
    assert_eq!(reply.text, text.as_str());
    assert!(reply.in_reply_to.is_some());
    assert!(soon(pieces.next()).await.is_none(), "the end stays the end");
}

#[tokio::test]
async fn a_streamed_reply_is_drained_in_batches_that_say_who_speaks() {
    let stage = Stage::new().await;
    let chat = stage.open("ada").await;
    let pieces = chat.stream("Tell me a long story about many things, one after the other");
    let mut text = String::new();
    while soon(pieces.ready()).await {
        let batch = pieces.drain(2).unwrap();
        assert!((1..=2).contains(&batch.len()), "{batch:?}");
        assert!(batch.iter().all(|piece| piece.author == Author::Avatar));
        text.extend(batch.iter().map(|piece| piece.text.as_str()));
    }
    assert_eq!(pieces.reply().unwrap().text, text.as_str());
    assert!(pieces.drain(2).unwrap().is_empty() && !soon(pieces.ready()).await, "the end stays the end");

    chat.close().await.unwrap();
    let failed = chat.stream("Is this too late?");
    assert!(soon(failed.ready()).await, "there is a failure to drain");
    assert_eq!(failed.drain(2).unwrap_err().kind(), ErrorKind::Closed);
    assert!(!soon(failed.ready()).await && failed.drain(2).unwrap().is_empty(), "it is told once");
    assert!(failed.reply().is_none());
}

#[tokio::test]
async fn all_who_wait_for_a_piece_are_told_that_the_stream_is_stopped() {
    let stage = Stage::new().await;
    stage.emulator.configure(|settings| settings.reply_delay = Duration::from_secs(3600).into());
    let chat = stage.open("ada").await;
    let pieces = chat.stream("Hello");
    let stop = async { pieces.stop() };
    let (one, other, ()) = soon(async { tokio::join!(pieces.ready(), pieces.ready(), stop) }).await;
    assert!(!one && !other);
}

#[tokio::test]
async fn two_questions_at_once_are_answered_in_order_and_never_crossed() {
    let stage = Stage::new().await;
    let chat = stage.open("ada").await;
    let (first, second) =
        soon(async { tokio::join!(chat.ask("one").into_future(), chat.ask("two").into_future()) }).await;
    assert!(first.unwrap().text.contains("one"));
    assert!(second.unwrap().text.contains("two"));
}

#[tokio::test]
async fn a_sent_message_is_confirmed_and_comes_back_as_delivered() {
    let stage = Stage::new().await;
    let chat = stage.open("ada").await;
    let events = chat.events();
    let sent = chat.send("hello").await.unwrap();
    assert!(matches!(sent.confirmed_by, Confirmation::Answer | Confirmation::Echo));
    let delivered = next(&events, |event| match event.kind {
        EventKind::Delivered { message_id, text } => Some((message_id, text)),
        _ => None,
    })
    .await;
    assert_eq!(delivered, (Some(sent.message_id.clone()), "hello".into()));
    let reply = next(&events, |event| match event.kind {
        EventKind::Reply(reply) => Some(reply),
        _ => None,
    })
    .await;
    assert_eq!(reply.in_reply_to, Some(sent.message_id));
}

#[tokio::test]
async fn the_owner_takes_over_answers_in_person_and_hands_back() {
    let stage = Stage::new().await;
    let chat = stage.open("ada").await;
    let session = chat.session_id().unwrap();
    let events = stage.client.events();
    stage.emulator.owner().reply(session.as_str(), "This is the real me").unwrap();
    assert_eq!(next(&events, owner_reply).await, "This is the real me");

    let asked = tokio::spawn(chat.ask("Are you there?").into_future());
    stage.until(|state| state.calls.get("message/send") == Some(&1)).await;
    stage.emulator.owner().reply(session.as_str(), "I am").unwrap();
    let reply = soon(asked).await.unwrap().unwrap();
    assert_eq!((reply.author, &*reply.text), (Author::Owner, "I am"));

    stage.emulator.owner().hand_back(session.as_str()).unwrap();
    assert_eq!(soon(chat.ask("And now?").into_future()).await.unwrap().author, Author::Avatar);
}

#[tokio::test]
async fn those_who_open_a_visitor_at_once_join_one_opening() {
    let stage = Stage::new().await;
    let (a, b, c) = tokio::join!(stage.open("ada"), stage.open("ada"), stage.open("ada"));
    assert_eq!(a.session_id(), b.session_id());
    assert_eq!(b.session_id(), c.session_id());
    stage.open("ada").await;
    let calls = stage.emulator.state().calls;
    for call in ["auth", "chat/init", "ws/create", "session/create", "avatar/public", "chat/start", "connect"]
    {
        assert_eq!(calls.get(call), Some(&1), "{call}");
    }
}

#[tokio::test]
async fn sessions_of_one_visitor_share_a_socket_and_keep_apart() {
    let stage = Stage::new().await;
    let first = stage.open("ada").await;
    let second = first.new_session().await.unwrap();
    assert_ne!(first.session_id(), second.session_id());
    let (a, b) =
        soon(async { tokio::join!(first.ask("left").into_future(), second.ask("right").into_future()) })
            .await;
    assert!(a.unwrap().text.contains("left"));
    assert!(b.unwrap().text.contains("right"));
    assert_eq!(stage.emulator.state().sockets.len(), 1);

    first.close().await.unwrap();
    assert!(soon(second.ask("still there?").into_future()).await.is_ok());
}

#[tokio::test]
async fn a_visitor_who_comes_back_goes_on_with_the_same_session() {
    let stage = Stage::new().await;
    let chat = stage.open("ada").await;
    let session = chat.session_id();
    chat.close().await.unwrap();
    assert_eq!(chat.state(), State::Closed);
    let error = chat.send("too late").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed);

    let again = stage.open("ada").await;
    assert_eq!(again.session_id(), session);
    assert!(soon(again.ask("do you remember?").into_future()).await.is_ok());
    assert_eq!(stage.emulator.state().calls.get("auth"), Some(&1), "the token is still good");
}

#[tokio::test]
async fn a_session_that_was_ended_is_followed_by_a_new_one() {
    let stage = Stage::new().await;
    let chat = stage.open("ada").await;
    let session = chat.session_id();
    chat.end().await.unwrap();
    assert!(stage.emulator.state().sessions[0].closed);
    assert_ne!(stage.open("ada").await.session_id(), session);
}

#[tokio::test]
async fn the_past_is_there_oldest_first_and_page_by_page() {
    let stage = Stage::new().await;
    let chat = stage.open("ada").await;
    for question in ["one", "two", "three"] {
        soon(chat.ask(question).into_future()).await.unwrap();
    }
    let messages = chat.history(4, None).await.unwrap();
    let authors: Vec<Author> = messages.iter().map(|message| message.author).collect();
    assert_eq!(authors, [Author::Visitor, Author::Avatar, Author::Visitor, Author::Avatar]);
    assert_eq!(messages[0].text, "two");

    let before = chat.history(10, messages[0].seq_id.as_ref()).await.unwrap();
    assert_eq!(before.len(), 2);
    assert_eq!(before[0].text, "one");
    assert_eq!(chat.history(0, None).await.unwrap_err().kind(), ErrorKind::Misuse);
}

#[tokio::test]
async fn a_paused_conversation_gives_up_its_socket_and_misses_nothing() {
    let stage = Stage::new().await;
    let chat = stage.open("ada").await;
    let events = chat.events();
    chat.pause().await.unwrap();
    stage.until(|state| state.sockets.is_empty()).await;
    assert_eq!(chat.state(), State::Paused);
    stage.emulator.owner().reply(chat.session_id().unwrap().as_str(), "while you were away").unwrap();
    chat.resume().await.unwrap();
    assert_eq!(next(&events, owner_reply).await, "while you were away");
}

#[tokio::test]
async fn all_conversations_are_heard_by_one_loop() {
    let stage = Stage::new().await;
    let events = stage.client.events();
    let (ada, bob) = tokio::join!(stage.open("ada"), stage.open("bob"));
    ada.send("from ada").await.unwrap();
    bob.send("from bob").await.unwrap();
    let mut heard = Vec::new();
    while heard.len() < 2 {
        let reply = next(&events, |event| match event.kind {
            EventKind::Reply(reply) => Some((event.visitor_id, reply.text)),
            _ => None,
        });
        heard.push(reply.await);
    }
    heard.sort();
    let mut expected = [(ada.visitor_id(), "from ada"), (bob.visitor_id(), "from bob")];
    expected.sort();
    for ((visitor, text), (expected, word)) in heard.iter().zip(&expected) {
        assert_eq!(visitor, expected);
        assert!(text.contains(word));
    }
    let stats = stage.client.stats();
    assert_eq!((stats.visitors, stats.connected, stats.counters.sent), (2, 2, 2));
}

#[tokio::test]
async fn the_demonstration_s_conversation_goes_as_its_script_says() {
    let stage = Stage::with(|emulator| emulator.brain(Brain::demo())).await;
    let chat = stage.client.open(Visitor::for_user("test", "ada").unwrap()).await.unwrap();
    assert!(!chat.opening().is_empty());
    assert!(!chat.avatar_name().is_empty());
    let reply = soon(chat.ask("Hello, tell me about yourself").into_future()).await.unwrap();
    assert_eq!(reply.author, Author::Avatar);
}
