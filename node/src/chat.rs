//! A conversation.

use std::future::Future;
use std::sync::Arc;

use napi_derive::napi;
use secondme_avatar::{Conversation, Error, SeqId};
use secondme_avatar_bridge::calls::Ticket;

use crate::arguments::{time_if, whole};
use crate::contract::names::Named;
use crate::events::NativeEvents;
use crate::host_queue::{Done, Queue, call, call_closing};
use crate::json;
use crate::open_calls::OpenCalls;
use crate::stream::NativeStream;
use crate::words::Words;

#[napi]
pub struct NativeChat {
    chat: Conversation,
    queue: Arc<Queue>,
    calls: OpenCalls,
}

#[napi]
impl NativeChat {
    pub(crate) fn new(chat: Conversation, queue: Arc<Queue>, calls: OpenCalls) -> Self {
        Self { chat, queue, calls }
    }

    #[napi(getter)]
    pub fn opening(&self) -> String {
        self.chat.opening().into_string()
    }

    #[napi(getter)]
    pub fn avatar_name(&self) -> String {
        self.chat.avatar_name()
    }

    #[napi(getter)]
    pub fn visitor_id(&self) -> String {
        self.chat.visitor_id().as_str().to_owned()
    }

    #[napi(getter)]
    pub fn tag(&self) -> Option<String> {
        self.chat.tag().as_deref().map(str::to_owned)
    }

    #[napi(getter)]
    pub fn key(&self) -> u32 {
        self.chat.key().0
    }

    #[napi(getter)]
    pub fn session_id(&self) -> Option<String> {
        self.chat.session_id().map(|id| id.as_str().to_owned())
    }

    #[napi(getter)]
    pub fn state(&self) -> &'static str {
        self.chat.state().js_name()
    }

    #[napi(getter)]
    pub fn taken_over(&self) -> bool {
        self.chat.taken_over()
    }

    #[napi]
    pub fn ask(
        &self,
        text: Words,
        deadline_ms: Option<f64>,
        first_piece_ms: Option<f64>,
        collect_ms: Option<f64>,
        message_id: Option<Words>,
    ) -> Ticket {
        let chat = self.chat.clone();
        call(&self.queue, &self.calls, async move {
            let mut ask = chat.ask(text.named("text")?);
            if let Some(deadline) = time_if("deadlineMs", deadline_ms)? {
                ask = ask.deadline(deadline);
            }
            if let Some(deadline) = time_if("firstPieceDeadlineMs", first_piece_ms)? {
                ask = ask.first_piece_deadline(deadline);
            }
            if let Some(silence) = time_if("collectMs", collect_ms)? {
                ask = ask.collect(silence);
            }
            if let Some(id) = Words::named_if(message_id, "messageId")? {
                ask = ask.message_id(id);
            }
            Ok(Done::Json(json::reply(&ask.await?)))
        })
    }

    #[napi]
    pub fn stream(
        &self,
        text: Words,
        deadline_ms: Option<f64>,
        first_piece_ms: Option<f64>,
        collect_ms: Option<f64>,
        message_id: Option<Words>,
    ) -> napi::Result<NativeStream> {
        let started = move || -> Result<_, Error> {
            let mut ask = self.chat.ask(text.named("text")?);
            if let Some(deadline) = time_if("deadlineMs", deadline_ms)? {
                ask = ask.deadline(deadline);
            }
            if let Some(deadline) = time_if("firstPieceDeadlineMs", first_piece_ms)? {
                ask = ask.first_piece_deadline(deadline);
            }
            if let Some(silence) = time_if("collectMs", collect_ms)? {
                ask = ask.collect(silence);
            }
            if let Some(id) = Words::named_if(message_id, "messageId")? {
                ask = ask.message_id(id);
            }
            Ok(ask.stream())
        };
        match started() {
            Ok(stream) => Ok(NativeStream::new(stream, &self.queue)),
            Err(error) => Err(json::thrown(&error)),
        }
    }

    #[napi]
    pub fn send(&self, text: Words, deadline_ms: Option<f64>, message_id: Option<Words>) -> Ticket {
        let chat = self.chat.clone();
        call(&self.queue, &self.calls, async move {
            let mut send = chat.send(text.named("text")?);
            if let Some(deadline) = time_if("deadlineMs", deadline_ms)? {
                send = send.deadline(deadline);
            }
            if let Some(id) = Words::named_if(message_id, "messageId")? {
                send = send.message_id(id);
            }
            Ok(Done::Json(json::sent(&send.await?)))
        })
    }

    #[napi]
    pub fn send_durable(&self, text: Words, deadline_ms: Option<f64>, message_id: Option<Words>) -> Ticket {
        let chat = self.chat.clone();
        call(&self.queue, &self.calls, async move {
            let mut send = chat.send(text.named("text")?).durable();
            if let Some(deadline) = time_if("deadlineMs", deadline_ms)? {
                send = send.deadline(deadline);
            }
            if let Some(id) = Words::named_if(message_id, "messageId")? {
                send = send.message_id(id);
            }
            Ok(Done::Json(json::id(&send.await?)))
        })
    }

    #[napi]
    pub fn history(&self, count: f64, before: Option<Words>) -> Ticket {
        let chat = self.chat.clone();
        call(&self.queue, &self.calls, async move {
            let count = whole("count", count)?;
            let before = Words::named_if(before, "before")?.map(SeqId::from);
            let messages = chat.history(count, before.as_ref()).await?;
            Ok(Done::Json(json::history(&messages)))
        })
    }

    #[napi]
    pub fn new_session(&self) -> Ticket {
        let (chat, queue, calls) = (self.chat.clone(), Arc::clone(&self.queue), self.calls.of_conversation());
        // It goes on where this conversation is closed: it is the client's call.
        call(&self.queue, self.calls.client().unwrap_or(&self.calls), async move {
            let beside = chat.new_session().await?;
            Ok(Done::Chat(Box::new(NativeChat::new(beside, queue, calls))))
        })
    }

    #[napi]
    pub fn events(&self, raw: bool) -> NativeEvents {
        NativeEvents::new(self.chat.events(), raw, &self.queue)
    }

    #[napi]
    pub fn pause(&self) -> Ticket {
        let chat = self.chat.clone();
        self.done(async move { chat.pause().await })
    }

    #[napi]
    pub fn resume(&self) -> Ticket {
        let chat = self.chat.clone();
        self.done(async move { chat.resume().await })
    }

    #[napi]
    pub fn network_changed(&self) -> Ticket {
        let chat = self.chat.clone();
        self.done(async move { chat.network_changed().await })
    }

    #[napi]
    pub fn close(&self) -> Ticket {
        let chat = self.chat.clone();
        self.closed(async move { chat.close().await })
    }

    #[napi]
    pub fn end(&self) -> Ticket {
        let chat = self.chat.clone();
        self.closed(async move { chat.end().await })
    }

    fn closed(&self, close: impl Future<Output = Result<(), Error>> + Send + 'static) -> Ticket {
        call_closing(&self.queue, self.calls.clone(), async move { close.await.map(|()| Done::Nothing) })
    }

    fn done(&self, work: impl Future<Output = Result<(), Error>> + Send + 'static) -> Ticket {
        call(&self.queue, &self.calls, async move { work.await.map(|()| Done::Nothing) })
    }
}
