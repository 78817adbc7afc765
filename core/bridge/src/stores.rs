//! The store that the option `store` names: a file, or a Redis where the package has one.

use std::path::Path;
use std::sync::Arc;

use secondme_avatar::{Seal, SqliteStore, Store, StoreError};

/// Opens the file, or the Redis whose URL this is.
///
/// # Errors
///
/// Fails as opening the store does.
#[cfg(feature = "redis")]
pub fn open(place: &Path, seal: Option<impl Seal>) -> Result<Arc<dyn Store>, StoreError> {
    use secondme_avatar::RedisStore;

    let Some(url) = place.to_str().filter(|text| RedisStore::is_url(text)) else {
        return open_file(place, seal);
    };
    let store = RedisStore::open(url)?;
    Ok(match seal {
        Some(seal) => Arc::new(store.seal(seal)),
        None => Arc::new(store),
    })
}

/// Opens the file.
///
/// # Errors
///
/// Fails as opening the file does, and for a URL. That is not quoted: it may hold a password.
pub fn open_file(path: &Path, seal: Option<impl Seal>) -> Result<Arc<dyn Store>, StoreError> {
    if path.to_str().is_some_and(|text| text.contains("://")) {
        let redis = if cfg!(feature = "redis") { ", or the URL of a Redis (redis://HOST:PORT)" } else { "" };
        return Err(StoreError::new(format!(
            "the store is named by a URL that this package does not know: name a file{redis}"
        )));
    }
    let store = SqliteStore::open(path)?;
    Ok(match seal {
        Some(seal) => Arc::new(store.seal(seal)),
        None => Arc::new(store),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seals::HostSeal;

    #[test]
    fn a_url_that_names_no_store_is_refused_without_quoting_it() {
        for url in ["postgres://bot:hunter2@host/db", "https://hunter2@host"] {
            let error = open_file(Path::new(url), None::<HostSeal>).unwrap_err().to_string();
            assert!(error.contains("name a file") && !error.contains("hunter2"), "{error}");
        }
    }
}
