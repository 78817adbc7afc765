//! Whose key the client has: under that name the store keeps what is the avatar's.

use std::sync::Arc;

use secondme_avatar_protocol::{Error, ErrorKind, Identity, Millis, Record, Visitor, VisitorId};

use super::{ClientInner, random_seed};
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
    pub(crate) async fn identify_by_store(&self, until: Millis) -> Result<bool, Error> {
        self.is_there()?;
        let Some(store_writer) = &self.env.store_writer else { return Ok(true) };
        if self.identified.initialized() || self.in_time(until, store_writer.recognises()).await? {
            return Ok(true);
        }
        match self.in_time(until, store_writer.anyone()).await? {
            Some(visitor) => self.identify(&visitor, until).await.map(|()| true),
            None => Ok(false),
        }
    }

    /// Adds to a record what was learned of its visitor before it could be loaded.
    pub(super) fn with_learned(&self, visitor: &VisitorId, record: Option<Record>) -> Option<Record> {
        let Some((_, credentials)) = self.learned().take_if(|(learned, _)| learned == visitor) else {
            return record;
        };
        let nothing = || Record {
            visitor_id: visitor.clone(),
            credentials: None,
            context: None,
            avatar_id: None,
            session: None,
            visitor: None,
            visitor_chat: None,
        };
        let record = record.unwrap_or_else(nothing);
        Some(Record { credentials: Some(credentials), ..record })
    }

    async fn learn(&self, visitor: &Visitor, until: Millis) -> Result<Identity, Error> {
        let deadline = until.since(self.env.clock.now());
        let env = Arc::clone(&self.env);
        let machine = self.lock().machine(&env, visitor.clone(), None, random_seed()?);
        let mut asked = 0;
        let identity = authenticate(&env, machine, deadline, &mut asked).await;
        (0..asked).for_each(|_| self.lock().authenticated());
        identity
    }
}
