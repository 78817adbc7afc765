//! A store in Redis, which several gateways share.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};

use secondme_avatar_emulator::Emulator;
use secondme_avatar_emulator::brain::{Question, Reply, Step};
use secondme_avatar_emulator::service::State;
use tokio::sync::watch;

use crate::folder::folder;
use crate::gateway::{Gateway, ask, content};
use crate::support::{avatar, err, out, run};

/// A Redis on a socket of its own.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Its URL, with a password. In CI it has to be there.
#[allow(clippy::print_stderr)] // What is skipped is said.
async fn redis(name: &str) -> Option<(Server, String)> {
    let folder = folder(name);
    // A path of a socket has at most 107 bytes.
    let socket = std::env::temp_dir().join(format!("{name}-{}.sock", std::process::id()));
    let settings =
        ["--save", "", "--appendonly", "yes", "--port", "0", "--requirepass", "hunter2", "--unixsocket"];
    let mut command = Command::new("redis-server");
    command.args(settings).arg(&socket).current_dir(&folder).stdout(Stdio::piped());
    let mut server = match command.spawn() {
        Ok(child) => Server(child),
        Err(error) => {
            assert!(std::env::var("CI").is_err(), "redis-server: {error}: apt-get install redis-server");
            eprintln!("skipped: redis-server is not installed (apt-get install redis-server)");
            return None;
        }
    };
    let mut log = BufReader::new(server.0.stdout.take().unwrap());
    let mut said = String::new();
    while !said.contains("eady to accept connections") {
        assert!(log.read_line(&mut said).unwrap() > 0, "the server did not start: {said}");
    }
    // Its log is read to the end, so that it does not wait for a reader.
    std::thread::spawn(move || log.read_to_end(&mut Vec::new()));
    Some((server, format!("redis+unix://:hunter2@{}?prefix=gateway", socket.display())))
}

#[tokio::test]
async fn one_gateway_goes_on_with_what_another_one_has_left_in_redis() {
    let Some((_server, url)) = redis("serve-redis").await else { return };
    let emulator = Emulator::builder().start().await.unwrap();
    let env = [("SECONDME_SERVE_STORE", url.as_str())];
    for question in ["one", "two"] {
        let gateway = Gateway::with(&emulator, &[], &env).await;
        let answer = gateway.post("/v1/chat/completions", ask("ada", question)).await;
        assert_eq!(content(&answer), format!("You said: {question}"));
        assert!(!gateway.log().await.contains("hunter2"));
    }
    assert_eq!(emulator.state().sessions.len(), 1, "the same session goes on");
}

#[tokio::test]
async fn a_question_that_is_asked_again_with_its_key_through_another_gateway_is_heard_once() {
    let Some((_server, url)) = redis("serve-redis-key").await else { return };
    let (answers, released) = watch::channel(false);
    let answer = move |question: Question| {
        let mut released = released.clone();
        async move {
            let _ = released.wait_for(|released| *released).await;
            vec![Step::Reply(Reply::text(format!("{} is answered", question.text)))]
        }
    };
    let emulator = Emulator::builder().answer_with(answer).start().await.unwrap();
    let taken = |state: &State| {
        let said = state.sessions.iter().flat_map(|session| &session.messages);
        said.filter(|message| message.text == "Hello").count()
    };
    let env = [("SECONDME_SERVE_STORE", url.as_str())];
    let key = [("idempotency-key", "an order of 3 May".to_owned())];
    let [first, second] =
        [Gateway::with(&emulator, &[], &env).await, Gateway::with(&emulator, &[], &env).await];
    let path = "/v1/chat/completions";
    tokio::select! {
        answer = first.post_with(path, ask("ada", "Hello"), &key) => panic!("{}", answer.body),
        _ = emulator.wait_until(|state| taken(state) == 1) => {}
    }
    first.kill().await;
    answers.send_replace(true);
    let answer = second.post_with(path, ask("ada", "Hello"), &key).await;
    assert_eq!(content(&answer), "Hello is answered");

    // One that has heard neither of them.
    let third = Gateway::with(&emulator, &[], &env).await;
    let answer = third.post_with(path, ask("ada", "Hello"), &key).await;
    assert_eq!(content(&answer), "Hello is answered");
    assert_eq!(taken(&emulator.state()), 1);

    let refused = third.post_with(path, ask("ada", "Goodbye"), &key).await;
    assert_eq!(refused.status, 400);
    assert!(refused.body.contains("take a new one for each question"), "{}", refused.body);
    // Without a key, or with another one, the same words are another question.
    for headers in [&[][..], &[("idempotency-key", "an order of 4 May".to_owned())]] {
        assert_eq!(third.post_with(path, ask("ada", "Hello"), headers).await.status, 200);
    }
    assert_eq!(taken(&emulator.state()), 3);
    let of_bob = third.post_with(path, ask("bob", "Hello"), &key).await;
    assert_eq!((content(&of_bob).as_str(), taken(&emulator.state())), ("Hello is answered", 4));
    third.log().await;
    second.log().await;
}

#[tokio::test]
async fn a_store_in_redis_is_named_without_its_password() {
    let Some((_server, url)) = redis("serve-redis-check").await else { return };
    let mut command = avatar(&["serve", "--check"]);
    command.env("SECONDME_API_KEY", "sk-0123456789abcdef").env("SECONDME_SERVE_STORE", &url);
    let checked = run(command, "").await;
    let said = out(&checked);
    assert!(said.contains("redis+unix:///") && !said.contains("hunter2"), "{said}{}", err(&checked));

    let mut command = avatar(&["serve", "--check"]);
    command.env("SECONDME_API_KEY", "sk-0123456789abcdef");
    command.env("SECONDME_SERVE_STORE", url.replace("hunter2", "wrong"));
    let refused = run(command, "").await;
    assert_eq!(refused.status.code(), Some(2));
    assert!(err(&refused).contains("does not accept the user or the password"), "{}", err(&refused));
    assert!(!err(&refused).contains("wrong"));

    let refused = run(avatar(&["serve", "--check", "--store", &url]), "").await;
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        err(&refused).contains("SECONDME_SERVE_STORE") && !err(&refused).contains("hunter2"),
        "{}",
        err(&refused)
    );
}
