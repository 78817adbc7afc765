//! Frames that a conversation may have missed: the service is asked for them, and what comes behind them waits.

use std::collections::BTreeSet;

use serde_json::value::RawValue;

use super::Ground;
use super::past::{PageReach, Past, Query, QueryKind};
use crate::ids::{MessageId, SeqId};
use crate::limits::{GAP_BYTES, GAP_DEADLINE, GAP_FRAMES, GAP_PAGES};
use crate::rare::Rare;
use crate::redact::Raw;
use crate::time::Millis;
use crate::wire::Frame;

/// Whether frames are missing, and how far the asking for them has come.
#[derive(Debug, Default)]
pub(crate) struct GapFill {
    state: GapState,
    /// Frames that came over the socket while the gap before them was being filled.
    buffered: Rare<Vec<BufferedFrame>>,
}

#[derive(Debug, Default)]
enum GapState {
    /// Nothing is missing.
    #[default]
    Closed,
    /// The link was lost. Once it is back, the service is asked for what is missing.
    Open,
    /// Boxed, since there is seldom one.
    Filling(Box<Filling>),
}

#[derive(Debug)]
struct Filling {
    reason: FillReason,
    search: Search,
    pages: u32,
    /// New frames that were found.
    found: u32,
    /// When the last page was asked for.
    asked_at: Millis,
    give_up_at: Millis,
}

/// Why the service is asked for frames.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FillReason {
    /// The link was lost: frames were missed, and those behind them wait.
    LinkLost,
    /// No loss is known. The link seems well, and a frame that should have come did not.
    Probe {
        /// The unconfirmed message that is searched for.
        message: Option<MessageId>,
    },
    /// Frames came without a name, so nothing tells which of those found are new. Whether the service has this
    /// unconfirmed message can be told all the same.
    LookUp {
        /// The message.
        message: MessageId,
    },
}

/// Where the missing frames are searched for.
#[derive(Debug)]
enum Search {
    /// After this frame, page by page.
    After(String),
    /// No frame has been seen: from the latest one back to the first. They are dispatched together, because
    /// the last page to come is the first one of the conversation.
    Back(Past),
}

/// What a page means for the search.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum PageStep {
    /// Its frames follow this one, and are dispatched at once.
    Dispatch { after: String },
    /// Its frames were put before those gathered so far.
    Gathered(PageReach),
}

/// A frame that waits until those before it have come.
#[derive(Debug)]
pub(crate) struct BufferedFrame {
    seq: Option<SeqId>,
    pub(crate) raw: Raw,
    pub(crate) ground: Ground,
}

impl GapFill {
    /// A conversation that an earlier run has had begins with an open gap.
    pub(crate) fn open() -> Self {
        Self { state: GapState::Open, buffered: Rare::default() }
    }

    /// Gives back the room of frames that wait no more.
    pub(crate) fn give_back(&mut self) {
        self.buffered.give_back();
    }

    pub(crate) fn is_closed(&self) -> bool {
        matches!(self.state, GapState::Closed)
    }

    pub(crate) fn is_open(&self) -> bool {
        matches!(self.state, GapState::Open)
    }

    /// Why the service is being asked, if it is.
    pub(crate) fn fill_reason(&self) -> Option<&FillReason> {
        Some(&self.filling()?.reason)
    }

    /// When the last page was asked for.
    pub(crate) fn asked_at(&self) -> Option<Millis> {
        Some(self.filling()?.asked_at)
    }

    /// What the service is asked for next.
    pub(crate) fn query(&self) -> Option<Query<'_>> {
        Some(match &self.filling()?.search {
            Search::After(seq) => Query::After(seq),
            Search::Back(past) => past.query(),
        })
    }

    /// The link is lost: what comes now is missed. Frames that wait go on waiting.
    pub(crate) fn link_lost(&mut self) {
        self.state = GapState::Open;
    }

    /// The service is asked for what came after this frame; without a frame, for everything.
    pub(crate) fn start(&mut self, now: Millis, after: String, reason: FillReason) {
        let search = match QueryKind::after(&after) {
            QueryKind::Latest => Search::Back(Past::default()),
            QueryKind::Named => Search::After(after),
        };
        let give_up_at = now + GAP_DEADLINE;
        let filling = Filling { reason, search, pages: 0, found: 0, asked_at: now, give_up_at };
        self.state = GapState::Filling(Box::new(filling));
    }

    /// A query goes out.
    pub(crate) fn asked(&mut self, now: Millis) {
        if let Some(filling) = self.filling_mut() {
            filling.asked_at = now;
        }
    }

    /// A page has come.
    pub(crate) fn page_came(&mut self, now: Millis, page: &[&RawValue]) -> Option<PageStep> {
        let filling = self.filling_mut()?;
        filling.pages += 1;
        if filling.reason != FillReason::LinkLost {
            filling.give_up_at = now + GAP_DEADLINE; // No frame waits for a probe, and it goes on.
        }
        Some(match &mut filling.search {
            Search::After(seq) => PageStep::Dispatch { after: seq.clone() },
            Search::Back(past) => PageStep::Gathered(past.add(page)),
        })
    }

    /// Frames of a page were looked at, and this was the last one. Those that were gathered are let go.
    pub(crate) fn looked_at(&mut self, last: Option<&str>) {
        if let Some(filling) = self.filling_mut() {
            match (&mut filling.search, last) {
                (Search::Back(past), _) => drop(past.take_frames()),
                (Search::After(after), Some(last)) => last.clone_into(after),
                (Search::After(_), None) => {}
            }
        }
    }

    /// Frames of a page were dispatched: so many were new, and this was the last one.
    pub(crate) fn dispatched(&mut self, new: u32, last: Option<&str>) {
        if let Some(filling) = self.filling_mut() {
            filling.found += new;
            if let Some(last) = last {
                filling.search = Search::After(last.to_owned());
            }
        }
    }

    /// The frames that were gathered of the past.
    pub(crate) fn take_past(&mut self) -> Vec<Raw> {
        match self.filling_mut().map(|filling| &mut filling.search) {
            Some(Search::Back(past)) => past.take_frames(),
            Some(Search::After(_)) | None => Vec::new(),
        }
    }

    /// Those frames were dispatched, and so many were new. Returns how many the gap has had altogether.
    pub(crate) fn past_dispatched(&mut self, new: u32) -> u32 {
        self.filling_mut().map_or(0, |filling| {
            filling.found += new;
            filling.found
        })
    }

    /// Whether no further page is asked for after the next one to come.
    pub(crate) fn is_last_page(&self) -> bool {
        self.filling().is_some_and(|filling| {
            let is_full = matches!(&filling.search, Search::Back(past) if past.is_full());
            filling.pages + 1 >= GAP_PAGES || is_full
        })
    }

    /// The service makes the query wait. A probe goes on where it stands, because no frame waits for it.
    pub(crate) fn delay_probe(&mut self, until: Millis) {
        if let Some(filling) = self.filling_mut()
            && filling.reason != FillReason::LinkLost
        {
            filling.give_up_at = until + GAP_DEADLINE;
        }
    }

    /// The search is over. Returns why it was made.
    pub(crate) fn close(&mut self) -> FillReason {
        match std::mem::take(&mut self.state) {
            GapState::Filling(filling) => filling.reason,
            GapState::Open | GapState::Closed => FillReason::LinkLost,
        }
    }

    /// When the search is given up.
    pub(crate) fn next_deadline(&self) -> Option<Millis> {
        Some(self.filling()?.give_up_at)
    }

    /// Whether what comes now waits for what came before it.
    pub(crate) fn buffers_frames(&self) -> bool {
        match &self.state {
            GapState::Open => true,
            GapState::Filling(filling) => filling.reason == FillReason::LinkLost,
            GapState::Closed => false,
        }
    }

    pub(crate) fn has_buffered(&self) -> bool {
        !self.buffered.is_empty()
    }

    /// The frame waits. Returns whether as many wait as may.
    pub(crate) fn buffer(&mut self, frame: &Frame<'_>, raw: &Raw, ground: Ground) -> Room {
        let seq = frame.seq_id.as_deref().map(SeqId::from);
        self.buffered.push(BufferedFrame { seq, raw: raw.clone(), ground });
        room(self.buffered.iter().map(|frame| &frame.raw))
    }

    /// Takes a frame out of those that wait. Returns whether it was among them.
    pub(crate) fn take_buffered(&mut self, frame: &Frame<'_>) -> bool {
        let seq = frame.seq_id.as_deref();
        let is_it = |waiting: &BufferedFrame| seq.is_some() && waiting.seq.as_ref().map(SeqId::as_str) == seq;
        let at = self.buffered.iter().position(is_it);
        at.map(|at| self.buffered.remove(at)).is_some()
    }

    /// Takes the frames that wait and came before those that were gathered of the past, where the search has ended
    /// short of them.
    pub(crate) fn drain_before_past(&mut self) -> Vec<BufferedFrame> {
        let Some(Filling { search: Search::Back(past), .. }) = self.filling() else {
            return Vec::new();
        };
        let name_of = |raw: &Raw| {
            let mut mended = String::new();
            Some(SeqId::from(Frame::parse(raw.as_str(), &mut mended)?.seq_id.as_deref()?))
        };
        let mut gathered = BTreeSet::new();
        gathered.extend(past.frames().iter().filter_map(name_of));
        let is_gathered =
            |waiting: &BufferedFrame| waiting.seq.as_ref().is_some_and(|seq| gathered.contains(seq));
        let first = self.buffered.iter().position(is_gathered).unwrap_or(0);
        self.buffered.drain(..first).collect()
    }

    /// Takes all the frames that wait.
    pub(crate) fn drain_buffered(&mut self) -> Vec<BufferedFrame> {
        self.buffered.take_out()
    }

    fn filling(&self) -> Option<&Filling> {
        match &self.state {
            GapState::Filling(filling) => Some(filling),
            GapState::Open | GapState::Closed => None,
        }
    }

    fn filling_mut(&mut self) -> Option<&mut Filling> {
        match &mut self.state {
            GapState::Filling(filling) => Some(filling),
            GapState::Open | GapState::Closed => None,
        }
    }
}

/// Whether more frames may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    Left,
    Full,
}

/// Whether more frames may wait beside these.
pub(crate) fn room<'a>(waiting: impl ExactSizeIterator<Item = &'a Raw>) -> Room {
    if waiting.len() >= GAP_FRAMES || waiting.map(|raw| raw.as_str().len()).sum::<usize>() >= GAP_BYTES {
        Room::Full
    } else {
        Room::Left
    }
}
