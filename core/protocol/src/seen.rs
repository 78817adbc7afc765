//! Recognises a frame that comes twice.

use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher};

use foldhash::quality::FixedState;

use crate::limits::SEEN_FRAMES;
use crate::rare::{GiveBack, Rare};
use crate::wire::Frame;

/// The last frames, as fingerprints. They have 64 bits and are a few hundred, so a collision is less likely than a
/// broken wire.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    last: Rare<Last>,
    /// How many there have been.
    noted: u64,
}

#[derive(Debug, Default)]
struct Last {
    known: HashSet<u64, BuildHasherDefault<Fingerprint>>,
    order: VecDeque<u64>,
}

impl GiveBack for Last {
    const EMPTY: &'static Self =
        &Self { known: HashSet::with_hasher(BuildHasherDefault::new()), order: VecDeque::new() };

    /// Gives back most of the memory, for as long as no frame comes: the list is enough to find them by again.
    fn give_back(&mut self) -> bool {
        let Self { known, order } = self;
        *known = HashSet::default();
        order.give_back()
    }
}

impl Seen {
    /// Notes the frame. Returns `false` if it was here before, or if it has no identity and `strict` asks for one.
    pub(crate) fn is_new(&mut self, frame: &Frame<'_>, strict: bool) -> bool {
        let Some(fingerprint) = fingerprint(frame) else {
            return !strict;
        };
        let Last { known, order } = &mut *self.last;
        if known.len() != order.len() {
            known.extend(&*order); // They were given back.
        }
        if !known.insert(fingerprint) {
            return false;
        }
        if order.len() == SEEN_FRAMES
            && let Some(oldest) = order.pop_front()
        {
            known.remove(&oldest);
        }
        order.push_back(fingerprint);
        self.noted += 1;
        true
    }

    /// Gives back most of the memory, for as long as no frame comes.
    pub(crate) fn give_back(&mut self) {
        self.last.give_back();
    }

    /// How many frames have been noted since the beginning.
    pub(crate) fn noted(&self) -> u64 {
        self.noted
    }
}

/// What makes two deliveries the same frame: `seqId`, `type` and `messageId`, or without a `seqId` the index within
/// the message. A frame that has neither cannot be told from its copy.
fn fingerprint(frame: &Frame<'_>) -> Option<u64> {
    let mut hasher = FixedState::default().build_hasher();
    frame.type_name().hash(&mut hasher);
    frame.message_id.as_deref().hash(&mut hasher);
    match frame.seq_id.as_deref() {
        Some(seq_id) => seq_id.hash(&mut hasher),
        None => {
            frame.message_id.as_deref()?;
            frame.index().hash(&mut hasher);
            frame.send_user_id.as_deref().hash(&mut hasher);
        }
    }
    Some(hasher.finish())
}

/// A fingerprint is a hash already.
#[derive(Default)]
struct Fingerprint(u64);

impl Hasher for Fingerprint {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}
