//! What becomes of questions, between the gateway's callers and an emulator.

use secondme_avatar_emulator::Emulator;
use secondme_avatar_emulator::brain::{Question, Reply, Step};

use super::super::later;
use super::super::turn::{Earlier, Said};
use super::*;

/// The avatar of most tests: it is silent to `silent`, and does not end its answer to `endless`.
async fn answer(question: Question) -> Vec<Step> {
    match question.text.as_str() {
        "silent" => Vec::new(),
        "endless" => {
            let delay = Some(Duration::from_secs(600).into());
            vec![Step::Reply(Reply { delay, ..Reply::pieces(["one", "two"]) })]
        }
        text => vec![Step::Reply(Reply::text(format!("You said: {text}")))],
    }
}

struct Asker {
    emulator: Emulator,
    model: Arc<Model>,
    tasks: TaskTracker,
}

impl Asker {
    async fn start() -> Self {
        let emulator = Emulator::builder().answer_with(answer).start().await.unwrap();
        let builder = AvatarClient::builder(emulator.api_key()).unwrap();
        let builder = builder.base_url(emulator.base_url().parse().unwrap());
        let soon = Duration::from_millis(500);
        let client = builder.first_piece_deadline(soon).ask_deadline(soon).build().unwrap();
        let model = Model::new("avatar".to_owned(), client, Duration::from_secs(60), later::said());
        Self { emulator, model: Arc::new(model), tasks: TaskTracker::new() }
    }

    fn visitor() -> Visitor {
        Visitor::for_user("app", "ada").unwrap()
    }

    fn ask(&self, text: &str, chat: Option<&str>) -> Asked {
        let (text, chat) = (text.to_owned(), chat.map(str::to_owned));
        self.model.ask(
            Asking { visitor: Self::visitor(), text, chat, digest: 0, again: false, key: None },
            &self.tasks,
        )
    }

    /// The owner says this while no question waits.
    async fn owner_says(&self, text: &str) {
        let session = self.emulator.state().sessions[0].session_id.clone();
        let mut said = self.model.later.listen();
        self.emulator.owner().reply(&session, text).unwrap();
        self.emulator.owner().hand_back(&session).unwrap();
        let heard = async {
            loop {
                self.model.later.events_ready().await;
                self.model.later.catch_up().await;
                if said.try_recv().is_ok() {
                    return;
                }
            }
        };
        heard.await;
    }
}

/// All that is said, and how it ends.
async fn all(reader: &mut Reader) -> (Vec<(Voice, String)>, End) {
    let mut all: Vec<(Voice, String)> = Vec::new();
    loop {
        match reader.next().await {
            Ok(Said { voice, text }) => match all.last_mut() {
                Some((last, known)) if *last == voice => known.push_str(&text),
                _ => all.push((voice, text)),
            },
            Err(end) => return (all, end),
        }
    }
}

#[tokio::test]
async fn what_was_put_before_an_answer_that_failed_is_kept() {
    let asker = Asker::start().await;
    all(&mut asker.ask("Hello", None).reader).await;
    asker.owner_says("Call me").await;
    let mut asked = asker.ask("endless", None);
    let (said, end) = all(&mut asked.reader).await;
    assert_eq!(said[0], (Voice::Earlier(Earlier::Owner), "Call me".to_owned()), "{said:?}");
    assert!(matches!(end, End::Failed(_)) && said[1].0 == Voice::Avatar);
    assert_eq!(asker.model.later.of(Asker::visitor().id()).len(), 1);
}

#[tokio::test]
async fn what_was_said_before_a_question_is_no_answer_to_it() {
    let asker = Asker::start().await;
    all(&mut asker.ask("Hello", None).reader).await;
    asker.owner_says("Call me").await;
    let (said, end) = all(&mut asker.ask("silent", None).reader).await;
    assert!(said.is_empty() && matches!(end, End::Failed(_)), "{said:?}");
    let mut again = asker.ask("silent", None);
    assert!(again.attached);
    asker.owner_says("Here I am").await;
    let (said, end) = all(&mut again.reader).await;
    assert!(matches!(end, End::Whole));
    let expected =
        [(Voice::Earlier(Earlier::Owner), "Call me".to_owned()), (Voice::Owner, "Here I am".to_owned())];
    assert_eq!(said, expected);
    assert!(asker.model.later.of(Asker::visitor().id()).is_empty());
}

#[tokio::test]
async fn a_chat_whose_conversation_was_closed_begins_anew() {
    let asker = Asker::start().await;
    for chat in ["one", "two"] {
        all(&mut asker.ask("Hello", Some(chat)).reader).await;
    }
    let first = asker.model.client.open(Asker::visitor()).await.unwrap();
    let place = asker.model.place(Asker::visitor().id());
    place.order.lock().await.conversation(first, "two").await.unwrap().close().await.unwrap();
    let (_, end) = all(&mut asker.ask("Hello?", Some("two")).reader).await;
    assert!(matches!(end, End::Failed(error) if error.kind() == ErrorKind::Closed));
    let (said, end) = all(&mut asker.ask("Hello again", Some("two")).reader).await;
    assert!(matches!(end, End::Whole), "{end:?}");
    assert_eq!(said, [(Voice::Avatar, "You said: Hello again".to_owned())]);
}
