//! The avatar's key, which may be replaced while conversations live.

use secondme_avatar_protocol::{ApiKey, Error, ErrorKind};

use super::ClientInner;
use crate::store::KeyRef;

impl ClientInner {
    /// The key.
    pub(crate) fn key(&self) -> Result<ApiKey, Error> {
        self.lock().key().cloned().ok_or_else(no_key)
    }

    /// Shows another key from now on.
    pub(crate) fn set_key(&self, key: &ApiKey) -> Result<(), Error> {
        self.is_there()?;
        let mut visitors = self.lock();
        match visitors.key() {
            None => return Err(no_key()),
            Some(present) if present == key => return Ok(()),
            Some(_) => {}
        }
        visitors.replace_key(key);
        self.key_replaced.notify_waiters();
        let key = KeyRef::new(self.env.settings.config.door, key, &self.env.connector.base);
        if let Some(store_writer) = &self.env.store_writer {
            store_writer.replace_key(key);
        }
        self.env.quota.renew(key);
        Ok(())
    }
}

fn no_key() -> Error {
    let message = "this client has no API key: a function of the program gives it the visitors' credentials. Authenticate \
                   visitors, and replace the key, with the client that has it";
    Error::new(ErrorKind::Misuse, message)
}
