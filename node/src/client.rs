//! A client.

use std::sync::Arc;
use std::time::Duration;

use napi::Result;
use napi_derive::napi;
use secondme_avatar::AvatarClient;
use secondme_avatar_bridge::clock;

use crate::arguments::{time, time_if};
use crate::calls::Calls;
use crate::chat::NativeChat;
use crate::contract::options::Options;
use crate::events::NativeEvents;
use crate::json;
use crate::port::{Done, Message, Port, Shared};
use crate::visitor::visitor;
use crate::words::Words;

#[napi]
pub struct NativeClient {
    client: AvatarClient,
    port: Arc<Shared>,
    calls: Calls,
    id: u32,
}

#[napi]
impl NativeClient {
    #[napi(constructor)]
    pub fn new(port: &Port, options: Options, reports: bool) -> Result<Self> {
        let port = Arc::clone(&port.shared);
        let id = port.ticket();
        let mut builder = options.builder().map_err(|error| json::thrown(&error))?;
        let told = Arc::downgrade(&port);
        builder = builder.on_occupied(move |is_occupied| {
            if let Some(port) = told.upgrade() {
                port.tell(Message::Occupied(id, is_occupied));
            }
        });
        if reports {
            let told = Arc::downgrade(&port);
            builder = builder.on_call(move |call| {
                if let Some(port) = told.upgrade() {
                    port.tell(Message::Report(id, json::report(call)));
                }
            });
        }
        let client = builder.build().map_err(|error| json::thrown(&error))?;
        Ok(Self { client, port, calls: Calls::new(), id })
    }

    /// The number that the port's messages name it by.
    #[napi(getter)]
    pub fn id(&self) -> u32 {
        self.id
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
    ) -> u32 {
        let (client, port) = (self.client.clone(), Arc::clone(&self.port));
        let calls = self.calls.of_conversation();
        self.port.call(&self.calls, async move {
            let mut opening = client.open(visitor(id, name, channel, tag)?);
            if let Some(deadline) = time_if("deadlineMs", deadline_ms)? {
                opening = opening.deadline(deadline);
            }
            Ok(Done::Chat(Box::new(NativeChat::new(opening.await?, port, calls))))
        })
    }

    #[napi]
    pub fn recover(&self, all: bool) -> u32 {
        let client = self.client.clone();
        self.port.call(&self.calls, async move {
            let recover = client.recover();
            let visitors = if all { recover.all() } else { recover }.await?;
            Ok(Done::Json(json::strings(visitors.iter().map(|visitor| visitor.as_str()))))
        })
    }

    #[napi]
    pub fn known(&self) -> u32 {
        let client = self.client.clone();
        self.port.call(&self.calls, async move { Ok(Done::Json(json::visitors(&client.known().await?))) })
    }

    #[napi]
    pub fn backup(&self, path: Words) -> u32 {
        let client = self.client.clone();
        self.port.call(&self.calls, async move {
            client.backup(path.named("path")?).await?;
            Ok(Done::Nothing)
        })
    }

    #[napi]
    pub fn events(&self) -> NativeEvents {
        NativeEvents::new(self.client.events(), &self.port)
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
    pub fn close(&self, deadline_ms: Option<f64>) -> u32 {
        let client = self.client.clone();
        self.port.call_closing(self.calls.clone(), async move {
            match time_if("deadlineMs", deadline_ms)? {
                Some(deadline) => client.close().deadline(deadline).await,
                None => client.close().await,
            }
            Ok(Done::Nothing)
        })
    }
}
