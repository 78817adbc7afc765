//! Resuming what earlier processes left unfinished.

use std::collections::HashSet;
use std::future::IntoFuture;
use std::pin::Pin;
use std::sync::Arc;

use secondme_avatar_protocol::{Error, Visitor, VisitorId};

use super::AvatarClient;
use crate::client_inner::ClientInner;
use crate::runtime;

/// Opens the conversations that earlier processes left unfinished; await it. See [`AvatarClient::recover`].
#[derive(Debug)]
#[must_use = "nothing is taken up before it is awaited"]
pub struct Recover {
    client: Arc<ClientInner>,
    all: bool,
}

impl Recover {
    pub(super) fn new(client: Arc<ClientInner>) -> Self {
        Self { client, all: false }
    }

    /// Opens all visitors in the store who have a session, not only those with unsent messages. What the avatar's
    /// owner says to them comes at once, and so does what was said since the last process ended.
    ///
    /// With [`max_live`](crate::ClientBuilder::max_live), at most that many visitors are open afterwards: first
    /// those with unsent messages, then those whose records were saved last.
    ///
    /// ```
    /// # use secondme_avatar::{AvatarClient, MemoryStore, Visitor};
    /// # use secondme_avatar_emulator::Emulator;
    /// # use std::sync::Arc;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let emulator = Emulator::builder().start().await?;
    /// # let store = Arc::new(MemoryStore::new());
    /// # let builder = || Ok::<_, secondme_avatar::Error>(
    /// #     AvatarClient::builder(emulator.api_key())?.base_url(emulator.base_url().parse().unwrap()).store(Arc::clone(&store)),
    /// # );
    /// # let earlier = builder()?.build()?;
    /// # earlier.open(Visitor::for_user("web", "ada")?).await?;
    /// # earlier.close().await;
    /// # let client = builder()?.max_live(1000).build()?;
    /// let mut events = client.events();
    /// let visitors = client.recover().all().await?;
    /// # assert_eq!(visitors.len(), 1);
    /// // What their owners say comes as events now.
    /// let event = events.next().await;
    /// # assert!(event.is_some());
    /// # Ok(())
    /// # }
    /// ```
    pub fn all(mut self) -> Self {
        self.all = true;
        self
    }

    async fn run(self) -> Result<Vec<VisitorId>, Error> {
        let Self { client: inner, all } = self;
        let until = inner.env.clock.now() + inner.env.settings.deadlines.open;
        if !inner.identify_by_store(until).await? {
            return Ok(Vec::new());
        }
        inner.in_time(until, inner.adopt()).await?;
        let mut visitors: Vec<Visitor> = inner.lock().left().cloned().collect();
        if all {
            let known = inner.known(until).await?;
            let mut taken: HashSet<_> = visitors.iter().map(|visitor| visitor.id().clone()).collect();
            taken.extend(inner.lock().visitors().cloned());
            let slots = inner.env.slots.limit().map_or(usize::MAX, |max| max.saturating_sub(taken.len()));
            let others = known.into_iter().filter(|known| known.resumable).map(|known| known.visitor);
            visitors.extend(others.filter(|visitor| !taken.contains(visitor.id())).take(slots));
        }
        inner.recovering(visitors.len(), 0);
        let client = AvatarClient { inner: Arc::clone(&inner) };
        for visitor in &visitors {
            let open = client.open(visitor.clone()).known();
            let open = open.deadline(inner.env.settings.deadlines.durable).into_future();
            let inner = Arc::downgrade(&inner);
            runtime::spawn(&client.inner.env.runtime, async move {
                // The caller learns from the events how it went.
                drop(open.await);
                if let Some(inner) = inner.upgrade() {
                    inner.recovering(0, 1);
                }
            });
        }
        Ok(visitors.into_iter().map(|visitor| visitor.id().clone()).collect())
    }
}

impl IntoFuture for Recover {
    type Output = Result<Vec<VisitorId>, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        let runtime = self.client.env.runtime.clone();
        Box::pin(async move { runtime::with_timers(&runtime, self.run()).await })
    }
}
