//! Events, in batches.

use secondme_avatar::Event;

use crate::CoreEventKind;

/// Events that were taken at once, oldest first.
#[derive(Default, uniffi::Record)]
pub struct CoreBatch {
    /// Where they happened. Neighbouring events of one conversation share an entry.
    pub origins: Vec<CoreOrigin>,
    /// What happened.
    pub events: Vec<CoreEvent>,
}

/// Where an event comes from.
#[derive(uniffi::Record)]
pub struct CoreOrigin {
    /// Which conversation of the visitor, where the event is about one. The first is 0.
    pub conversation: Option<u32>,
    /// The visitor.
    pub visitor_id: String,
    /// The visitor's tag.
    pub tag: Option<String>,
    /// The session, once the service has named it.
    pub session_id: Option<String>,
}

/// Something that happened.
#[derive(uniffi::Record)]
pub struct CoreEvent {
    /// Where: an index into [`CoreBatch::origins`].
    pub origin: u32,
    /// What.
    pub kind: CoreEventKind,
    /// The frame it came from, where it came from one and that was asked for.
    pub raw: Option<String>,
}

impl CoreBatch {
    pub(crate) fn new(events: Vec<Event>) -> Self {
        let mut batch = Self { origins: Vec::new(), events: Vec::with_capacity(events.len()) };
        let mut last = None;
        for event in events {
            let Event { conversation, visitor_id, tag, session_id, kind, raw } = event;
            let origin = (conversation, visitor_id, tag, session_id);
            if last.as_ref() != Some(&origin) {
                batch.origins.push(CoreOrigin {
                    conversation: origin.0.map(|key| key.0),
                    visitor_id: origin.1.to_string(),
                    tag: origin.2.as_deref().map(str::to_owned),
                    session_id: origin.3.as_ref().map(ToString::to_string),
                });
                last = Some(origin);
            }
            batch.events.push(CoreEvent {
                origin: u32::try_from(batch.origins.len() - 1).unwrap_or(u32::MAX),
                kind: kind.into(),
                raw: raw.map(|raw| raw.as_str().to_owned()),
            });
        }
        batch
    }
}
