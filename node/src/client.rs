//! A client.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use napi::Result;
use napi_derive::napi;
use secondme_avatar::AvatarClient;
use secondme_avatar_bridge::calls::{Signal, Ticket};
use secondme_avatar_bridge::clock;
use secondme_avatar_bridge::seals::SealRequests;
use secondme_avatar_bridge::streams::Reports;
use secondme_avatar_bridge::tokens::{Gives, TokenRequests};

use crate::arguments::{time, time_if};
use crate::chat::NativeChat;
use crate::contract::options::Options;
use crate::events::NativeEvents;
use crate::host_queue::{Done, HostQueue, Queue, Stream, call, call_closing};
use crate::json;
use crate::open_calls::OpenCalls;
use crate::seals::NativeSeal;
use crate::tokens::{TokenAsked, TokenFailed};
use crate::visitor::{VisitorWords, visitor};
use crate::words::Words;

#[napi]
pub struct NativeClient {
    client: AvatarClient,
    queue: Arc<Queue>,
    calls: OpenCalls,
    is_occupied: Arc<AtomicBool>,
    occupancy: Signal<Done>,
    reports: Option<Stream<Reports>>,
    tokens: Option<Stream<TokenRequests>>,
    /// Until it is taken.
    seal: Option<NativeSeal>,
}

/// An app that is registered with the service.
#[napi(object, object_to_js = false)]
pub struct App {
    pub client_id: Words,
    pub client_secret: Words,
}

#[napi]
impl NativeClient {
    /// Without `app` and `tokens` through the Avatar Open API; with an app, or with users' tokens, through Visitor Chat.
    /// With `credentials` without a key.
    #[napi(constructor)]
    pub fn new(
        queue: &HostQueue,
        options: Options,
        reports: bool,
        app: Option<App>,
        tokens: bool,
        credentials: bool,
        seal: bool,
    ) -> Result<Self> {
        let (seals, seal) = seal.then(SealRequests::new).unzip();
        let mut asked = None;
        let mut ask = |gives| {
            let (requests, feed) = TokenRequests::new(gives);
            asked = Some(Stream::new(requests));
            feed
        };
        let begun = if credentials {
            options.builder_from(AvatarClient::with_credentials(ask(Gives::Credentials)), seal)
        } else {
            options.builder(seal, |key| match app {
                Some(App { client_id, client_secret }) => {
                    let (id, secret) = (client_id.named("clientId")?, client_secret.named("clientSecret")?);
                    AvatarClient::visitor_chat(&id, &secret, key)
                }
                None if tokens => AvatarClient::visitor_chat_with_tokens(key, ask(Gives::Tokens)),
                None => AvatarClient::builder(key),
            })
        };
        let mut builder = begun.map_err(|error| json::thrown(&error))?;
        let (is_occupied, occupancy) = (Arc::new(AtomicBool::new(false)), Signal::new());
        let (occupied, waker) = (Arc::clone(&is_occupied), occupancy.waker().clone());
        builder = builder.on_occupied(move |is_occupied| {
            occupied.store(is_occupied, Ordering::Release);
            waker.wake_by_ref();
        });
        let mut told = None;
        if reports {
            let (reports, reporting) = Reports::of(builder);
            (told, builder) = (Some(Stream::new(reports)), reporting);
        }
        let client = builder.build().map_err(|error| json::thrown(&error))?;
        let queue = Arc::clone(&queue.queue);
        occupancy.for_queue(&queue);
        let seal = seals.map(|seals| NativeSeal::new(seals, &queue));
        Ok(Self {
            client,
            queue,
            calls: OpenCalls::new(),
            is_occupied,
            occupancy,
            reports: told,
            tokens: asked,
            seal,
        })
    }

    /// By which the queue says that the client has visitors now, or has none any more.
    #[napi(getter)]
    pub fn occupancy_ticket(&self) -> Ticket {
        self.occupancy.ticket()
    }

    /// Whether the client has visitors. The queue says when that changes.
    #[napi]
    pub fn is_occupied(&self) -> bool {
        self.occupancy.for_queue(&self.queue);
        self.is_occupied.load(Ordering::Acquire)
    }

    /// By which the queue says that there are reports of calls; none where they were not asked for.
    #[napi(getter)]
    pub fn reports_ticket(&self) -> Option<Ticket> {
        self.reports.as_ref().map(Stream::ticket)
    }

    /// At most so many reports of calls. Nothing where none have come: the queue will say when some have. An empty list:
    /// there will be no more.
    #[napi]
    pub fn drain_reports(&self, max: u32) -> Option<Vec<String>> {
        let reports = self.reports.as_ref()?.drain(&self.queue, max as usize).unwrap_or_default()?;
        Some(reports.iter().map(json::report).collect())
    }

    /// By which the queue says that tokens are wanted; none where no function gives them.
    #[napi(getter)]
    pub fn tokens_ticket(&self) -> Option<Ticket> {
        self.tokens.as_ref().map(Stream::ticket)
    }

    /// At most so many requests for tokens. Nothing where none have come: the queue will say when some have. An empty
    /// list: there will be no more.
    #[napi]
    pub fn drain_tokens(&self, max: u32) -> Option<Vec<TokenAsked>> {
        let messages = self.tokens.as_ref()?.drain(&self.queue, max as usize).unwrap_or_default()?;
        Some(messages.into_iter().map(TokenAsked::from).collect())
    }

    /// The token that is wanted under this ticket.
    #[napi]
    pub fn answer_token(&self, ticket: Ticket, token: Words) -> Result<()> {
        let token = token.named("token").map_err(|error| json::thrown(&error))?;
        self.with_tokens(|tokens| tokens.answer(ticket, token));
        Ok(())
    }

    /// There is no token for this ticket.
    #[napi]
    pub fn fail_token(&self, ticket: Ticket, failed: TokenFailed) -> Result<()> {
        let (thrown, failure) = failed.into_failure().map_err(|error| json::thrown(&error))?;
        self.with_tokens(|tokens| tokens.fail_because(ticket, failure, thrown));
        Ok(())
    }

    /// What the store has sealed and unsealed, once; none where there is no seal.
    #[napi]
    pub fn take_seal(&mut self) -> Option<NativeSeal> {
        self.seal.take()
    }

    #[napi(getter)]
    pub fn proxy(&self) -> Option<&str> {
        self.client.proxy()
    }

    #[napi]
    pub fn open(
        &self,
        id: Words,
        name: Option<Words>,
        channel: Option<Words>,
        tag: Option<Words>,
        deadline_ms: Option<f64>,
    ) -> Ticket {
        let (client, queue) = (self.client.clone(), Arc::clone(&self.queue));
        let calls = self.calls.of_conversation();
        call(&self.queue, &self.calls, async move {
            let mut opening = client.open(visitor(id, name, channel, tag)?);
            if let Some(deadline) = time_if("deadlineMs", deadline_ms)? {
                opening = opening.deadline(deadline);
            }
            Ok(Done::Chat(Box::new(NativeChat::new(opening.await?, queue, calls))))
        })
    }

    /// The credentials as JSON.
    #[napi]
    pub fn authenticate(
        &self,
        id: Words,
        name: Option<Words>,
        channel: Option<Words>,
        tag: Option<Words>,
        deadline_ms: Option<f64>,
    ) -> Ticket {
        let client = self.client.clone();
        call(&self.queue, &self.calls, async move {
            let mut authenticate = client.authenticate(visitor(id, name, channel, tag)?);
            if let Some(deadline) = time_if("deadlineMs", deadline_ms)? {
                authenticate = authenticate.deadline(deadline);
            }
            Ok(Done::Json(authenticate.await?.to_json()))
        })
    }

    #[napi]
    pub fn set_api_key(&self, api_key: Words) -> Result<()> {
        let key = api_key.named("apiKey").map_err(|error| json::thrown(&error))?;
        self.client.set_api_key(&key).map_err(|error| json::thrown(&error))
    }

    #[napi]
    pub fn recover(&self, all: bool) -> Ticket {
        let client = self.client.clone();
        call(&self.queue, &self.calls, async move {
            let recover = client.recover();
            let visitors = if all { recover.all() } else { recover }.await?;
            Ok(Done::Json(json::strings(visitors.iter().map(|visitor| visitor.as_str()))))
        })
    }

    #[napi]
    pub fn known(&self) -> Ticket {
        let client = self.client.clone();
        call(&self.queue, &self.calls, async move { Ok(Done::Json(json::visitors(&client.known().await?))) })
    }

    #[napi]
    pub fn forget(&self, id: Words) -> Ticket {
        let client = self.client.clone();
        call(&self.queue, &self.calls, async move {
            client.forget(visitor(id, None, None, None)?.id()).await?;
            Ok(Done::Nothing)
        })
    }

    /// The export as JSON.
    #[napi]
    pub fn export(&self, id: Words) -> Ticket {
        let client = self.client.clone();
        call(&self.queue, &self.calls, async move {
            Ok(Done::Json(client.export(visitor(id, None, None, None)?.id()).await?))
        })
    }

    #[napi]
    pub fn set_note(
        &self,
        visitor: VisitorWords,
        key: Words,
        text: Words,
        lifetime_ms: Option<f64>,
    ) -> Ticket {
        let client = self.client.clone();
        call(&self.queue, &self.calls, async move {
            let set = client.set_note(&visitor.named()?, key.named("key")?, text.named("text")?);
            match time_if("lifetimeMs", lifetime_ms)? {
                Some(lifetime) => set.lifetime(lifetime).await?,
                None => set.await?,
            }
            Ok(Done::Nothing)
        })
    }

    /// Whether it was added, as JSON.
    #[napi]
    pub fn add_note(
        &self,
        visitor: VisitorWords,
        key: Words,
        text: Words,
        lifetime_ms: Option<f64>,
    ) -> Ticket {
        let client = self.client.clone();
        call(&self.queue, &self.calls, async move {
            let add = client.add_note(&visitor.named()?, key.named("key")?, text.named("text")?);
            let added = match time_if("lifetimeMs", lifetime_ms)? {
                Some(lifetime) => add.lifetime(lifetime).await?,
                None => add.await?,
            };
            Ok(Done::Json(added.to_string()))
        })
    }

    /// The text, or null, as JSON.
    #[napi]
    pub fn note(&self, id: Words, key: Words) -> Ticket {
        let client = self.client.clone();
        call(&self.queue, &self.calls, async move {
            let text = client.note(visitor(id, None, None, None)?.id(), &key.named("key")?).await?;
            Ok(Done::Json(json::string_if(text.as_deref())))
        })
    }

    /// Whether there was one, as JSON.
    #[napi]
    pub fn delete_note(&self, id: Words, key: Words) -> Ticket {
        let client = self.client.clone();
        call(&self.queue, &self.calls, async move {
            let deleted = client.delete_note(visitor(id, None, None, None)?.id(), &key.named("key")?).await?;
            Ok(Done::Json(deleted.to_string()))
        })
    }

    /// The notes as JSON.
    #[napi]
    pub fn notes(&self, prefix: Words) -> Ticket {
        let client = self.client.clone();
        call(&self.queue, &self.calls, async move {
            Ok(Done::Json(json::notes(&client.notes(&prefix.named("prefix")?).await?)))
        })
    }

    /// The answer's `data`, as JSON.
    #[napi]
    pub fn request(
        &self,
        method: Words,
        path: Words,
        body: Option<Words>,
        visitor: Option<VisitorWords>,
        deadline_ms: Option<f64>,
    ) -> Ticket {
        let client = self.client.clone();
        call(&self.queue, &self.calls, async move {
            let mut request = client.request(method.named("method")?, path.named("path")?);
            if let Some(body) = Words::named_if(body, "body")? {
                request = request.body(body);
            }
            if let Some(visitor) = visitor {
                request = request.visitor(visitor.named()?);
            }
            if let Some(deadline) = time_if("deadlineMs", deadline_ms)? {
                request = request.deadline(deadline);
            }
            Ok(Done::Json(request.await?))
        })
    }

    /// How many, as JSON.
    #[napi]
    pub fn forget_idle(&self, longer_than_ms: f64) -> Ticket {
        let client = self.client.clone();
        call(&self.queue, &self.calls, async move {
            let longer_than = time("longerThanMs", longer_than_ms)?;
            Ok(Done::Json(client.forget_idle(longer_than).await?.to_string()))
        })
    }

    #[napi]
    pub fn backup(&self, path: Words) -> Ticket {
        let client = self.client.clone();
        call(&self.queue, &self.calls, async move {
            client.backup(path.named("path")?).await?;
            Ok(Done::Nothing)
        })
    }

    #[napi]
    pub fn events(&self, raw: bool, all_processes: bool) -> NativeEvents {
        let events = if all_processes { self.client.events_of_all_processes() } else { self.client.events() };
        NativeEvents::new(events, raw, &self.queue)
    }

    #[napi]
    pub fn stats(&self) -> String {
        json::stats(&self.client.stats())
    }

    #[napi]
    pub fn advance_clock(&self, milliseconds: f64) -> Result<()> {
        let by: Duration = time("ms", milliseconds).map_err(|error| json::thrown(&error))?;
        clock::advance(&self.client, by);
        Ok(())
    }

    #[napi]
    pub fn close(&self, deadline_ms: Option<f64>) -> Ticket {
        let client = self.client.clone();
        call_closing(&self.queue, self.calls.clone(), async move {
            match time_if("deadlineMs", deadline_ms)? {
                Some(deadline) => client.close().deadline(deadline).await,
                None => client.close().await,
            }
            Ok(Done::Nothing)
        })
    }

    fn with_tokens(&self, done: impl FnOnce(&TokenRequests)) {
        if let Some(tokens) = &self.tokens {
            tokens.with(done);
        }
    }
}
