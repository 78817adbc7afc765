//! A client without a key, and the server that has it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use secondme_avatar::{
    AvatarClient, Credentials, CredentialsRequest, Error, ErrorKind, MemoryStore, Step, Visitor,
};
use secondme_avatar_emulator::Emulator;
use secondme_avatar_emulator::service::{Effect, Fault, InjectionPoint};

use crate::support::{Stage, client_of, soon, visitor};

/// A server of the program's, which has the key; the app asks it.
#[derive(Clone)]
struct Server {
    client: AvatarClient,
    kept: Arc<Mutex<Option<Credentials>>>,
    asked: Arc<Mutex<Vec<bool>>>,
}

impl Server {
    fn new(emulator: &Emulator) -> Self {
        Self { client: client_of(emulator), kept: Arc::default(), asked: Arc::default() }
    }

    async fn credentials(self, user: &'static str, refused: bool) -> Result<Credentials, Error> {
        self.asked.lock().unwrap().push(refused);
        let kept = self.kept.lock().unwrap().clone().filter(|_| !refused);
        if let Some(kept) = kept {
            return Ok(kept);
        }
        let json = self.client.authenticate(visitor(user)).await?.to_json();
        let credentials = Credentials::from_json(&json)?;
        *self.kept.lock().unwrap() = Some(credentials.clone());
        Ok(credentials)
    }

    fn app(&self, emulator: &Emulator) -> secondme_avatar::ClientBuilder {
        let server = self.clone();
        let builder = AvatarClient::with_credentials(move |request: CredentialsRequest| {
            server.clone().credentials("ada", request.refused)
        });
        builder.base_url(emulator.base_url().parse().unwrap())
    }

    fn asked(&self) -> Vec<bool> {
        self.asked.lock().unwrap().clone()
    }
}

#[tokio::test]
async fn an_app_speaks_without_the_key_and_asks_again_once_its_token_is_refused() {
    let Stage { emulator, .. } = Stage::new().await;
    let server = Server::new(&emulator);
    let app = server.app(&emulator).build().unwrap();
    let me = soon(server.clone().credentials("ada", false)).await.unwrap().visitor();
    assert_eq!(&me, &Visitor::parse(visitor("ada").id().as_str()).unwrap());
    let chat = soon(app.open(me)).await.unwrap();
    assert_eq!(soon(chat.ask("Hello")).await.unwrap().text, "You said: Hello");
    assert_eq!(emulator.state().calls("auth"), 1, "the app has used what it had");
    emulator.fault(Fault::new(InjectionPoint::MessageSend, Effect::ExpiredToken)).unwrap();
    assert_eq!(soon(chat.ask("Still there?")).await.unwrap().text, "You said: Still there?");
    assert_eq!(server.asked(), [false, false, true]);
    assert_eq!(emulator.state().calls("auth"), 2);
    assert_eq!(server.client.stats().counters.authentications, 2);
}

#[tokio::test]
async fn the_credentials_in_a_store_are_used_before_any_are_asked_for() {
    let Stage { emulator, .. } = Stage::new().await;
    let (server, store) = (Server::new(&emulator), Arc::new(MemoryStore::new()));
    for _ in 0..2 {
        let app = server.app(&emulator).store(Arc::clone(&store)).build().unwrap();
        let chat = soon(app.open(visitor("ada"))).await.unwrap();
        assert_eq!(soon(chat.ask("Hello")).await.unwrap().text, "You said: Hello");
        soon(app.close()).await;
    }
    assert_eq!(server.asked(), [false]);
}

#[tokio::test]
async fn a_client_without_a_key_says_so_and_one_with_it_has_no_other_visitor_s() {
    let Stage { emulator, .. } = Stage::new().await;
    let server = Server::new(&emulator);
    let app = server.app(&emulator).build().unwrap();
    let errors =
        [app.set_api_key("sk-other").unwrap_err(), soon(app.authenticate(visitor("ada"))).await.unwrap_err()];
    for error in errors {
        assert_eq!(error.kind(), ErrorKind::Misuse);
        assert!(error.to_string().contains("no API key"), "{error}");
    }
    let error = soon(app.open(visitor("bob"))).await.unwrap_err();
    assert_eq!((error.kind(), error.step()), (ErrorKind::Misuse, Some(Step::Authenticate)));
    assert!(error.to_string().contains("open the visitor that the credentials name"), "{error}");
    let error = server.client.set_api_key("pk-other").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Misuse);
    let shown = format!("{app:?} {:?} {:?}", server.client, server.kept.lock().unwrap());
    assert!(!shown.contains("sk-"), "{shown}");
}

#[tokio::test]
async fn a_function_that_fails_or_panics_is_an_error_of_the_opening() {
    let Stage { emulator, .. } = Stage::new().await;
    let times = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&times);
    let builder = AvatarClient::with_credentials(move |_: CredentialsRequest| {
        let time = counted.fetch_add(1, Ordering::Relaxed);
        async move {
            match time {
                0 => Err(Error::new(ErrorKind::Authentication, "not signed in")),
                _ => panic!("a fault of the caller's"),
            }
        }
    });
    let app = builder.base_url(emulator.base_url().parse().unwrap()).build().unwrap();
    for (kind, says) in [(ErrorKind::Authentication, "not signed in"), (ErrorKind::Misuse, "has panicked")] {
        let error = soon(app.open(visitor("ada"))).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(says), "{error}");
    }
}

#[tokio::test]
async fn a_function_is_given_up_with_the_call_that_waits_for_it_and_after_a_while() {
    struct Gone(tokio::sync::mpsc::UnboundedSender<&'static str>);
    impl Drop for Gone {
        fn drop(&mut self) {
            let _ = self.0.send("dropped");
        }
    }
    let Stage { emulator, .. } = Stage::new().await;
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let builder = AvatarClient::with_credentials(move |_: CredentialsRequest| {
        let gone = Gone(tell.clone());
        async move {
            let _ = gone.0.send("asked");
            std::future::pending().await
        }
    });
    let app = builder.base_url(emulator.base_url().parse().unwrap()).build().unwrap();
    let mut open = app.open(visitor("ada")).into_future();
    assert!(open.as_mut().now_or_never().is_none());
    assert_eq!(soon(told.recv()).await, Some("asked"));
    drop(open);
    assert_eq!(soon(told.recv()).await, Some("dropped"));

    let open = app.open(visitor("bob")).into_future();
    let never_answered = async {
        assert_eq!(told.recv().await, Some("asked"));
        app.advance_clock(Duration::from_secs(20)).await;
        assert_eq!(told.recv().await, Some("dropped"));
        app.advance_clock(Duration::from_secs(10)).await;
    };
    let (opened, ()) = soon(async { tokio::join!(open, never_answered) }).await;
    let error = opened.unwrap_err();
    assert!(error.to_string().contains("visitors' credentials has not answered within 20 s"), "{error}");
}

#[tokio::test]
async fn a_clock_that_is_put_forward_in_steps_overtakes_no_answer() {
    let Stage { emulator, .. } = Stage::new().await;
    let server = Server::new(&emulator);
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let asking = server.clone();
    let builder = AvatarClient::with_credentials(move |_: CredentialsRequest| {
        let (server, tell) = (asking.clone(), tell.clone());
        async move {
            let _ = tell.send(());
            // Longer than sixty steps take that wait for nothing.
            for _ in 0..10_000 {
                tokio::task::yield_now().await;
            }
            server.credentials("ada", false).await
        }
    });
    let app = builder.base_url(emulator.base_url().parse().unwrap()).build().unwrap();
    let steps = async {
        told.recv().await;
        for _ in 0..60 {
            app.advance_clock(Duration::from_secs(1)).await;
        }
    };
    let (opened, ()) = soon(async { tokio::join!(app.open(visitor("ada")).into_future(), steps) }).await;
    assert!(opened.is_ok(), "the function has 20 s: {opened:?}");
}

#[tokio::test]
async fn an_authentication_waits_for_its_slot_and_knows_for_how_long() {
    let Stage { emulator, .. } = Stage::new().await;
    let builder = AvatarClient::builder(emulator.api_key()).unwrap().quota(2);
    let client = builder.base_url(emulator.base_url().parse().unwrap()).build().unwrap();
    for user in ["ada", "bob"] {
        soon(client.authenticate(visitor(user))).await.unwrap();
    }
    let error = soon(client.authenticate(visitor("eve"))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RateLimited);
    assert!(error.retry_after().unwrap() > Duration::from_secs(30), "{error:?}");
    let late = client.authenticate(visitor("eve")).deadline(Duration::from_secs(90)).into_future();
    let forward = async {
        client.advance_clock(Duration::from_secs(61)).await;
        emulator.advance(Duration::from_secs(61)).await;
    };
    let (late, ()) = soon(async { tokio::join!(late, forward) }).await;
    assert_eq!(late.unwrap().visitor_id(), visitor("eve").id());
}

#[tokio::test]
async fn an_authentication_is_tried_again_where_that_helps_and_ends_with_its_client() {
    let Stage { emulator, client } = Stage::new().await;
    emulator.fault(Fault::new(InjectionPoint::Auth, Effect::CutBefore).times(2)).unwrap();
    soon(client.authenticate(visitor("ada"))).await.unwrap();
    emulator.configure(|settings| settings.keys[0].disabled = true);
    let error = soon(client.authenticate(visitor("ada"))).await.unwrap_err();
    assert_eq!((error.kind(), error.step()), (ErrorKind::Authentication, Some(Step::Authenticate)));
    emulator.fault(Fault::new(InjectionPoint::Auth, Effect::HangBefore).times(9)).unwrap();
    let mut waiting = client.authenticate(visitor("ada")).into_future();
    assert!(waiting.as_mut().now_or_never().is_none());
    soon(client.close()).await;
    assert_eq!(soon(waiting).await.unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(soon(client.authenticate(visitor("ada"))).await.unwrap_err().kind(), ErrorKind::Closed);
}
