//! Whose key the client has: under that name the store keeps what is the avatar's.

use std::sync::Arc;

use secondme_avatar_protocol::{Error, ErrorKind, Identity, Millis, Record, Secret, Visitor, VisitorId};

use super::ClientInner;
use crate::authenticate::authenticate;
use crate::errors::client_closed;
use crate::store::AvatarRef;

impl ClientInner {
    /// Makes sure that it is known whose key the client has. Where the store does not know the key, this visitor is
    /// authenticated, once for all that wait.
    pub(super) async fn identify(&self, visitor: &Visitor, until: Millis) -> Result<(), Error> {
        let Some(store_writer) = &self.env.store_writer else { return Ok(()) };
        let learn = || async {
            if self.in_time(until, store_writer.recognises()).await? {
                return Ok(());
            }
            let credentials = self.learn(visitor, until).await?;
            let avatar = AvatarRef::of_identity(&credentials);
            self.in_time(until, store_writer.identify(avatar)).await?;
            *self.learned() = Some((visitor.id().clone(), credentials));
            Ok(())
        };
        tokio::select! {
            biased;
            identified = self.identified.get_or_try_init(learn) => identified.copied(),
            () = self.closing.cancelled() => Err(client_closed()),
            () = self.env.clock.at(until) => {
                let message = "it was not known to which avatar the API key belongs when the deadline passed";
                Err(Error::new(ErrorKind::Deadline, message))
            }
        }
    }

    /// The same where no visitor is being opened: a visitor of the store is authenticated. `false` if the key is
    /// unknown and the store is empty.
    pub(crate) async fn identify_by_store(self: &Arc<Self>, until: Millis) -> Result<bool, Error> {
        self.is_there()?;
        let Some(store_writer) = &self.env.store_writer else { return Ok(true) };
        if !self.identified.initialized() && !self.in_time(until, store_writer.recognises()).await? {
            let Some(visitor) = self.in_time(until, store_writer.anyone()).await? else { return Ok(false) };
            self.identify(&visitor, until).await?;
        }
        self.begin_retention();
        Ok(true)
    }

    /// Adds to a record what was learned of its visitor before it could be loaded.
    pub(super) fn with_learned(&self, visitor: &VisitorId, record: Option<Record>) -> Option<Record> {
        let Some((_, credentials)) = self.learned().take_if(|(learned, _)| learned == visitor) else {
            return record;
        };
        Some(with_identity(visitor, record, credentials))
    }

    /// Who the visitor is to the service: as this client knows it, its store does, or the service says. `refused`: the
    /// token that the service does not take.
    pub(crate) async fn identity(
        self: &Arc<Self>,
        visitor: &Visitor,
        refused: Option<&Secret>,
        until: Millis,
    ) -> Result<Identity, Error> {
        self.identify(visitor, until).await?;
        let id = visitor.id();
        let is_good = |identity: &Identity| refused != Some(&identity.token);
        let open = self.lock().get(id).cloned();
        let known = open.as_ref().and_then(|handle| handle.lock().machine.record().credentials);
        if let Some(identity) = known.filter(is_good) {
            return Ok(identity);
        }
        let stored = match &self.env.store_writer {
            Some(store_writer) if open.is_none() => self.in_time(until, store_writer.load(id)).await?,
            Some(_) => None,
            None => self.lock().remembered(id).cloned(),
        };
        if let Some(identity) = stored.as_ref().and_then(|stored| stored.credentials.clone()).filter(is_good)
        {
            return Ok(identity);
        }
        let learned = self.learned().take_if(|(learned, _)| learned == id);
        let identity = match learned.map(|(_, identity)| identity).filter(is_good) {
            Some(identity) => identity,
            None => self.learn(visitor, until).await?,
        };
        // The conversation of one who is open keeps its own.
        if self.lock().get(id).is_none() {
            let record = with_identity(id, stored, identity.clone());
            match &self.env.store_writer {
                Some(store_writer) => store_writer.save_record(record),
                None => self.lock().remember(record),
            }
        }
        Ok(identity)
    }

    async fn learn(&self, visitor: &Visitor, until: Millis) -> Result<Identity, Error> {
        let deadline = until.since(self.env.clock.now());
        let tell = |event| self.env.subscriptions.publish(&[], &mut vec![event]);
        authenticate(self, visitor.clone(), deadline, tell).await
    }
}

fn with_identity(visitor: &VisitorId, record: Option<Record>, credentials: Identity) -> Record {
    let nothing = || Record {
        visitor_id: visitor.clone(),
        credentials: None,
        context: None,
        avatar_id: None,
        session: None,
        visitor: None,
        visitor_chat: None,
    };
    Record { credentials: Some(credentials), ..record.unwrap_or_else(nothing) }
}
