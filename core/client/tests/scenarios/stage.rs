//! What a scenario is played on: an emulator, a client, and all that was heard.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use secondme_avatar::{Ask, AvatarClient, Conversation, Error, EventKind, Events, Send, Visitor};
use secondme_avatar_emulator::Emulator;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::client;
use crate::json;
use crate::keeping;
use crate::matching::{in_order, matches};

/// How long anything may take in real time.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often something is looked at that gives no sign of its own.
const LOOK: Duration = Duration::from_millis(2);

/// What may stand in a step, so that a slip of the pen does not pass for a check that was met.
const WORDS: [&str; 20] = [
    "in",
    "as",
    "text",
    "collect",
    "count",
    "name",
    "visitor_id",
    "later",
    "gives",
    "fails",
    "events",
    "replies",
    "is",
    "key",
    "prefix",
    "lifetime",
    "message_id",
    "method",
    "path",
    "body",
];

/// The parts of a scenario.
const PARTS: [&str; 6] = ["about", "door", "emulator", "faults", "client", "steps"];

/// Whose words are the emulator's.
const FREE: [&str; 2] = ["call", "service"];

pub(crate) type Outcome = Result<Value, Value>;
/// What a step of the client's came to, and the conversation it opened.
type Task = JoinHandle<(Outcome, Option<Conversation>)>;
pub(crate) type Failure = Box<dyn std::error::Error + std::marker::Send + Sync>;

pub(crate) struct Stage {
    emulator: Emulator,
    client: AvatarClient,
    http: reqwest::Client,
    events: Events,
    /// All events, each with the visitor and the session it belongs to.
    heard: Vec<(String, Option<String>, Value)>,
    chats: BTreeMap<String, Conversation>,
    /// How far the events of a conversation have been looked at.
    read: HashMap<String, usize>,
    later: HashMap<String, Task>,
}

impl Stage {
    pub(crate) async fn set(scenario: &Value) -> Result<Self, Failure> {
        let words = scenario.as_object().into_iter().flatten().map(|(word, _)| word.as_str());
        if let Some(word) = words.into_iter().find(|word| !PARTS.contains(word)) {
            return Err(format!("a scenario has no part `{word}`; there are {PARTS:?}").into());
        }
        let emulator = Emulator::builder().start().await?;
        let client = client::made(&emulator, scenario["door"].as_str(), &scenario["client"])?;
        let events = client.events();
        let http = reqwest::Client::builder().no_proxy().build()?;
        let (heard, chats) = (Vec::new(), BTreeMap::new());
        let (read, later) = (HashMap::new(), HashMap::new());
        let stage = Self { emulator, client, http, events, heard, chats, read, later };
        for (call, part) in [("settings", "emulator"), ("faults", "faults")] {
            if !scenario[part].is_null() {
                stage.control("POST", call, Some(&scenario[part])).await?;
            }
        }
        Ok(stage)
    }

    /// Plays one step: one verb, and what it is about.
    pub(crate) async fn play(&mut self, step: &Value) -> Result<(), Failure> {
        let (verb, about) = step.as_object().and_then(|step| step.iter().next()).ok_or("it is no step")?;
        let about = self.substitute(about)?;
        let words = about.as_object().into_iter().flatten().map(|(word, _)| word.as_str());
        if let Some(word) =
            words.filter(|_| !FREE.contains(&verb.as_str())).find(|word| !WORDS.contains(word))
        {
            return Err(format!("`{verb}` knows no `{word}`; there are {WORDS:?}").into());
        }
        match verb.as_str() {
            "seconds" => self.pass(about.as_u64().ok_or("`seconds` takes a whole number")?).await,
            "call" => {
                for (call, body) in about.as_object().ok_or("`call` takes a call and its body")? {
                    self.control("POST", call, Some(body)).await?;
                }
                Ok(())
            }
            "service" => {
                self.until(async |stage| {
                    let state = stage.control("GET", "state", None).await?;
                    Ok(matches(&about, &state).then_some(()).ok_or_else(|| state.to_string()))
                })
                .await
            }
            "journal" => {
                let wanted = about.as_array().ok_or("`journal` takes a list")?.clone();
                self.until(async |stage| {
                    let journal = stage.control("GET", "journal", None).await?;
                    let entries = journal["entries"].as_array().cloned().unwrap_or_default();
                    Ok(in_order(&wanted, &entries).map(drop).map_err(|missed| format!("no {missed}")))
                })
                .await
            }
            "expect" => self.expect(&about).await,
            "heard" => self.heard(&about).await,
            "never" => {
                self.listen();
                let events = self.events_of(&name(&about)?)?;
                let unwanted = about["events"].as_array().ok_or("`never` takes `events`")?;
                let met = events.iter().find(|event| unwanted.iter().any(|pattern| matches(pattern, event)));
                met.map_or(Ok(()), |event| Err(format!("there was {event}").into()))
            }
            "state" => {
                let chat = self.chat(&name(&about)?)?.clone();
                self.until(async |_| {
                    let state = chat.state().name();
                    Ok((about["is"] == state).then_some(()).ok_or_else(|| format!("it is {state}")))
                })
                .await
            }
            "await" => {
                let name = name(&about)?;
                let task = self.later.remove(&name).ok_or("nothing goes by that name")?;
                self.settle(&name, task, &about).await
            }
            _ => {
                let (name, task) = self.begin(verb, &about)?;
                match about["later"].as_str() {
                    Some(later) => {
                        self.later.insert(later.to_owned(), task);
                        Ok(())
                    }
                    None => self.settle(&name, task, &about).await,
                }
            }
        }
    }

    /// Ends the scenario: whatever still waits must come to an end by closing.
    pub(crate) async fn clear(self) -> Result<(), Failure> {
        tokio::time::timeout(PATIENCE, async {
            self.client.close().await;
            for (name, task) in self.later {
                // What it came to does not matter; that it came to an end does.
                let _ = task.await.map_err(|_| format!("`{name}` has panicked"))?;
            }
            self.emulator.stop().await;
            Ok(())
        })
        .await?
    }

    /// What was heard, to show why a scenario failed.
    pub(crate) fn log(&mut self) -> String {
        self.listen();
        let lines = self.heard.iter().map(|(visitor, _, event)| format!("  {} {event}\n", &visitor[..12]));
        format!("what was heard:\n{}", lines.collect::<String>())
    }

    /// Does what a program would do with the library. The result comes by itself.
    fn begin(&mut self, verb: &str, about: &Value) -> Result<(String, Task), Failure> {
        let text = about["text"].as_str().unwrap_or_default().to_owned();
        if verb == "open" {
            let name = about.as_str().map_or_else(|| name(about), |name| Ok(name.to_owned()))?;
            let (client, about) = (self.client.clone(), about.clone());
            let visitor = name.clone();
            return Ok((name, tokio::spawn(async move { open(&client, &visitor, &about).await })));
        }
        if keeping::VERBS.contains(&verb) {
            let name = about["in"].as_str().unwrap_or_default().to_owned();
            let visitor = (!name.is_empty()).then(|| visitor(&name, about)).transpose()?;
            let work = keeping::begin(&self.client, verb, visitor, about);
            return Ok((name, tokio::spawn(async move { (work.await, None) })));
        }
        let name = name(about)?;
        let chat = self.chat(&name)?.clone();
        let nothing = |done: Result<(), Error>| done.map(|()| json!({})).map_err(|why| json::error(&why));
        let count = about["count"].as_u64().unwrap_or(50) as usize;
        let terms = Terms::of(about);
        let task = match verb {
            "ask" => tokio::spawn(async move {
                let reply = terms.ask(&chat, text).await;
                (reply.map(|reply| json::reply(&reply)).map_err(|why| json::error(&why)), None)
            }),
            "stream" => tokio::spawn(async move { (stream(terms.ask(&chat, text)).await, None) }),
            "send" => tokio::spawn(async move {
                let sent = terms.send(&chat, text).await;
                (sent.map(|sent| json::sent(&sent)).map_err(|why| json::error(&why)), None)
            }),
            "history" => tokio::spawn(async move {
                let messages = chat.history(count, None).await;
                let found = messages.map(|found| json!({"messages": json::messages(&found)}));
                (found.map_err(|why| json::error(&why)), None)
            }),
            "new_session" => tokio::spawn(async move { opened(chat.new_session().await) }),
            "close" => tokio::spawn(async move { (nothing(chat.close().await), None) }),
            "end" => tokio::spawn(async move { (nothing(chat.end().await), None) }),
            "pause" => tokio::spawn(async move { (nothing(chat.pause().await), None) }),
            "resume" => tokio::spawn(async move { (nothing(chat.resume().await), None) }),
            "network_changed" => tokio::spawn(async move { (nothing(chat.network_changed().await), None) }),
            _ => return Err(format!("there is no step `{verb}`").into()),
        };
        let name = about["as"].as_str().map_or(name, str::to_owned);
        Ok((name, task))
    }

    /// Waits for a result, and holds it against what the scenario says.
    async fn settle(&mut self, name: &str, task: Task, about: &Value) -> Result<(), Failure> {
        let (outcome, chat) = tokio::time::timeout(PATIENCE, task).await.map_err(|_| "nothing came")??;
        if let Some(chat) = chat {
            self.chats.insert(name.to_owned(), chat);
        }
        let (pattern, found) = match &outcome {
            Ok(found) => (&about["gives"], found),
            Err(found) => (&about["fails"], found),
        };
        let wanted = outcome.is_ok() != about.get("fails").is_some_and(|fails| !fails.is_null());
        match wanted && (pattern.is_null() || matches(pattern, found)) {
            true => Ok(()),
            false => Err(format!("it came to {found}").into()),
        }
    }

    /// These events, in this order; others may stand between. Those before were expected already.
    async fn expect(&mut self, about: &Value) -> Result<(), Failure> {
        let name = name(about)?;
        let wanted = about["events"].as_array().ok_or("`expect` takes `events`")?.clone();
        let from = self.read.get(&name).copied().unwrap_or_default();
        let read = self
            .until(async |stage| {
                stage.listen();
                let events = stage.events_of(&name)?;
                Ok(in_order(&wanted, &events[from..]).map_err(|missed| format!("no {missed}")))
            })
            .await?;
        self.read.insert(name, from + read);
        Ok(())
    }

    /// These whole replies, all there were from the beginning on, and no other.
    async fn heard(&mut self, about: &Value) -> Result<(), Failure> {
        let name = name(about)?;
        self.until(async |stage| {
            stage.listen();
            let events = stage.events_of(&name)?;
            let whole = |event: &&Value| event["type"] == "reply" || event["type"] == "owner_reply";
            let said = events.iter().filter(whole);
            let said: Value =
                said.map(|event| json!({"author": event["author"], "text": event["text"]})).collect();
            Ok(matches(&about["replies"], &said).then_some(()).ok_or_else(|| format!("it was {said}")))
        })
        .await
    }

    /// Both clocks go on together, a second at a time: the client's first, so that its pings are on
    /// their way when the emulator looks for them.
    async fn pass(&mut self, seconds: u64) -> Result<(), Failure> {
        for _ in 0..seconds {
            self.client.advance_clock(Duration::from_secs(1)).await;
            self.control("POST", "clock", Some(&json!({"advance_ms": 1000}))).await?;
        }
        Ok(())
    }

    /// Looks again until it is as wanted.
    async fn until<T>(
        &mut self,
        mut look: impl AsyncFnMut(&mut Self) -> Result<Result<T, String>, Failure>,
    ) -> Result<T, Failure> {
        let end = tokio::time::Instant::now() + PATIENCE;
        loop {
            match look(self).await? {
                Ok(found) => return Ok(found),
                Err(why) if tokio::time::Instant::now() > end => return Err(why.into()),
                Err(_) => tokio::time::sleep(LOOK).await,
            }
        }
    }

    fn listen(&mut self) {
        for event in self.events.drain(usize::MAX) {
            let session = event.session_id.as_ref().map(|id| id.as_str().to_owned());
            if let EventKind::SessionReplaced { from, to } = &event.kind {
                // The conversation goes on in another session, and what was heard in the old one is its own.
                let (from, to) = (Some(from.as_str().to_owned()), Some(to.as_str().to_owned()));
                let heard = self.heard.iter_mut().filter(|(_, session, _)| *session == from);
                heard.for_each(|(_, session, _)| session.clone_from(&to));
            }
            self.heard.push((event.visitor_id.as_str().to_owned(), session, json::event(&event)));
        }
    }

    /// The events of a conversation: those of its session, and those of its visitor that name none.
    fn events_of(&self, name: &str) -> Result<Vec<Value>, Failure> {
        let visitor = visitor(name.split('/').next().unwrap_or(name), &Value::Null)?;
        let chat = self.chats.get(name);
        let session = chat.and_then(Conversation::session_id).map(|id| id.as_str().to_owned());
        let visitor = chat.map_or_else(|| visitor.id().clone(), Conversation::visitor_id);
        let own = |(whose, of, _): &&(String, Option<String>, Value)| {
            whose == visitor.as_str() && (of.is_none() || session.is_none() || *of == session)
        };
        Ok(self.heard.iter().filter(own).map(|(_, _, event)| event.clone()).collect())
    }

    fn chat(&self, name: &str) -> Result<&Conversation, Failure> {
        self.chats.get(name).ok_or_else(|| format!("no conversation goes by the name `{name}`").into())
    }

    /// `$ada.session` and `$ada.visitor` stand for the ids of the conversation `ada`.
    fn substitute(&self, value: &Value) -> Result<Value, Failure> {
        Ok(match value {
            Value::String(text) => match text.strip_prefix('$').and_then(|text| text.rsplit_once('.')) {
                Some((name, "session")) => {
                    let session = self.chat(name)?.session_id().ok_or("there is no session yet")?;
                    session.as_str().into()
                }
                Some((name, "visitor")) => visitor(name, &Value::Null)?.id().as_str().into(),
                _ => value.clone(),
            },
            Value::Array(items) => {
                items.iter().map(|item| self.substitute(item)).collect::<Result<_, _>>()?
            }
            Value::Object(fields) => {
                let fields = fields.iter().map(|(key, field)| Ok((key.clone(), self.substitute(field)?)));
                Value::Object(fields.collect::<Result<_, Failure>>()?)
            }
            _ => value.clone(),
        })
    }

    async fn control(&self, method: &str, call: &str, body: Option<&Value>) -> Result<Value, Failure> {
        let url = format!("{}/{call}", self.emulator.control_url());
        let request = self.http.request(method.parse()?, url);
        let request = match body {
            Some(body) => request.header("content-type", "application/json").body(body.to_string()),
            None => request,
        };
        let answer = request.send().await?;
        let (good, text) = (answer.status().is_success(), answer.text().await?);
        if good { Ok(serde_json::from_str(&text)?) } else { Err(format!("the emulator says {text}").into()) }
    }
}

async fn open(client: &AvatarClient, name: &str, about: &Value) -> (Outcome, Option<Conversation>) {
    match visitor(name, about) {
        Ok(visitor) => opened(client.open(visitor).await),
        Err(why) => (Err(json::error(&why)), None),
    }
}

fn opened(result: Result<Conversation, Error>) -> (Outcome, Option<Conversation>) {
    match result {
        Ok(chat) => {
            let about = json!({
                "opening": chat.opening().as_str(),
                "avatar_name": chat.avatar_name(),
                "visitor_id": chat.visitor_id().as_str(),
                "session_id": chat.session_id().map(|id| id.as_str().to_owned()),
            });
            (Ok(about), Some(chat))
        }
        Err(why) => (Err(json::error(&why)), None),
    }
}

/// How a message is sent.
struct Terms {
    collect: Option<Duration>,
    message_id: Option<String>,
}

impl Terms {
    fn of(about: &Value) -> Self {
        let collect = about["collect"].as_u64().map(Duration::from_secs);
        Self { collect, message_id: about["message_id"].as_str().map(str::to_owned) }
    }

    fn ask(self, chat: &Conversation, text: String) -> Ask {
        let ask = self.collect.into_iter().fold(chat.ask(text), Ask::collect);
        self.message_id.into_iter().fold(ask, Ask::message_id)
    }

    fn send(self, chat: &Conversation, text: String) -> Send {
        self.message_id.into_iter().fold(chat.send(text), Send::message_id)
    }
}

async fn stream(ask: Ask) -> Outcome {
    let mut pieces = ask.stream();
    let mut all = String::new();
    while let Some(piece) = pieces.next().await {
        all.push_str(piece.map_err(|why| json::error(&why))?.text.as_str());
    }
    Ok(json!({"text": all}))
}

/// The visitor of a conversation's name; or the one whose id the scenario gives.
fn visitor(name: &str, about: &Value) -> Result<Visitor, Error> {
    let visitor = match about["visitor_id"].as_str() {
        Some(id) => Visitor::parse(id)?,
        None => Visitor::for_user("scenario", name)?,
    };
    Ok(match about["name"].as_str() {
        Some(name) => visitor.name(name).channel("scenario"),
        None => visitor,
    })
}

fn name(about: &Value) -> Result<String, Failure> {
    let name = about.as_str().or(about["in"].as_str());
    Ok(name.ok_or("it does not say in which conversation: `in`")?.to_owned())
}
