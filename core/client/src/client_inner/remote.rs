//! Visitors that other processes have.

use std::sync::Arc;

use secondme_avatar_protocol::{
    CloseReason, ConversationKey, Error, Event, EventKind, KeptMessage, Record, State, Visitor, VisitorId,
};

use super::{ClientInner, random_seed};
use crate::errors::client_closed;
use crate::peers::{Held, Holder};
use crate::visitor_handle::VisitorHandle;

impl ClientInner {
    /// Takes a visitor without a handle for this process, unless another one has them. `None` where there is nothing to
    /// take.
    pub(super) async fn hold(&self, visitor: &VisitorId) -> Result<Option<Held>, Error> {
        let (Some(router), Some(store_writer)) = (self.env.router.as_ref(), &self.env.store_writer) else {
            return Ok(None);
        };
        if self.lock().get(visitor).is_some() {
            return Ok(None);
        }
        store_writer.hold(visitor.clone(), router.me().clone()).await.map(Some)
    }

    /// Returns the handle of a visitor that another process has, and makes it where it is missing.
    pub(super) fn remote_visitor(
        self: &Arc<Self>,
        visitor: &Visitor,
        holder: Holder,
    ) -> Result<Arc<VisitorHandle>, Error> {
        let mut visitors = self.lock();
        if visitors.is_closed() {
            return Err(client_closed());
        }
        if let Some(handle) = visitors.get(visitor.id()) {
            return Ok(Arc::clone(handle));
        }
        let Some(router) = self.env.router.as_ref() else { return Err(client_closed()) };
        let seed = random_seed()?;
        // The holder has what was left of the visitor.
        drop(visitors.take_past(visitor.id()));
        let machine = visitors.machine(&self.env, visitor.clone(), None, seed);
        let remote = router.remote(visitor, holder);
        let (clock, begin) = (self.env.clock.clone(), self.begin_driver.clone());
        let handle = VisitorHandle::new_remote(machine, clock, begin, remote);
        router.watch(visitor.id().clone(), &handle);
        visitors.begin(&self.env, visitor.id().clone(), Arc::clone(&handle));
        Ok(handle)
    }

    /// This process has the visitor from now on.
    pub(crate) fn bring_home(
        self: &Arc<Self>,
        handle: &Arc<VisitorHandle>,
        record: Option<Record>,
        messages: Vec<KeptMessage>,
    ) -> Result<(), Error> {
        let seed = random_seed()?;
        let visitor = handle.lock().machine.visitor().clone();
        let machine = self.lock().machine(&self.env, visitor, record, seed);
        handle.come_home(machine, messages, self.env.settings.deadlines.durable);
        Ok(())
    }

    /// The conversation with a visitor whom another process has is over here.
    pub(crate) fn end_remote(self: &Arc<Self>, handle: &Arc<VisitorHandle>) {
        {
            let mut state = handle.lock();
            if state.dropped {
                return;
            }
            state.dropped = true;
            let session_id =
                state.remote.as_ref().and_then(|remote| remote.view().session_id(ConversationKey::FIRST));
            let from = state.state(ConversationKey::FIRST);
            let told = |kind| Event {
                conversation: Some(ConversationKey::FIRST),
                visitor_id: state.visitor_id(),
                tag: state.machine.visitor().shared_tag().cloned(),
                session_id: session_id.clone(),
                kind,
                raw: None,
            };
            // Where it has closed there, the event has come from there.
            if from != State::Closed {
                let events = [
                    told(EventKind::StateChanged { from, to: State::Closed }),
                    told(EventKind::Closed { reason: CloseReason::Requested }),
                ];
                self.env.subscriptions.publish_here(&state.mailboxes, &events);
            }
        }
        handle.end();
        self.retire(handle);
    }
}
