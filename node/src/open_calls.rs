//! Which calls are under way, so that `close` can settle after all of them.

use std::sync::Arc;

use tokio::sync::watch;

/// The calls of a client, or of one of its conversations: these are the client's as well.
#[derive(Clone)]
pub(crate) struct OpenCalls {
    count: Arc<watch::Sender<usize>>,
    /// Those of the client, where these are a conversation's.
    client: Option<Box<OpenCalls>>,
}

/// A call that is under way, until JavaScript has been told what came of it.
pub(crate) struct Begun(OpenCalls);

impl OpenCalls {
    /// Those of a client.
    pub(crate) fn new() -> Self {
        Self { count: Arc::new(watch::Sender::new(0)), client: None }
    }

    /// Those of a conversation of this client, or of one beside this one.
    pub(crate) fn of_conversation(&self) -> Self {
        Self { client: Some(Box::new(self.client().unwrap_or(self).clone())), ..Self::new() }
    }

    /// Those of the client, where these are a conversation's.
    pub(crate) fn client(&self) -> Option<&Self> {
        self.client.as_deref()
    }

    pub(crate) fn begin(&self) -> Begun {
        self.each(|count| *count += 1);
        Begun(self.clone())
    }

    /// Waits until none is under way.
    pub(crate) async fn have_ended(&self) {
        // It fails only where there is no sender any more, and this holds one.
        let _ = self.count.subscribe().wait_for(|count| *count == 0).await;
    }

    fn each(&self, change: impl Fn(&mut usize)) {
        self.count.send_modify(&change);
        if let Some(client) = &self.client {
            client.count.send_modify(&change);
        }
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        self.0.each(|count| *count -= 1);
    }
}
