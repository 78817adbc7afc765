//! Puts the pieces of streamed replies together.

use std::hash::BuildHasher;
use std::time::Duration;

use foldhash::quality::FixedState;

use crate::event::{Attribution, Author, Ended, Part, Reply};
use crate::ids::MessageId;
use crate::limits::{OPEN_REPLIES, REPLY_BYTES, REPLY_TREES};
use crate::rare::GiveBack;
use crate::redact::{Json, Text};
use crate::time::Millis;
use crate::wire::{Content, Frame, Halved, LONE, join};

/// The replies that are coming in, and the last ones that came.
#[derive(Debug, Default)]
pub(crate) struct Assembly {
    open: Vec<OpenReply>,
    /// Replies that ended, with what they answered. The list is short, because only the latest can come again. It
    /// holds fingerprints of the ids, which lie close together in memory, because each reply searches it.
    ended: Vec<(u64, Option<Question>, Attribution)>,
}

/// A reply that a frame goes on with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Continued {
    pub(crate) attribution: Attribution,
    pub(crate) last_piece: Millis,
}

/// The message that a reply is taken to answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) message: MessageId,
    /// No other message can be meant. Where that is not certain, the reply still answers the question, and the
    /// caller is not told which message it answers.
    pub(crate) certain: bool,
}

/// A reply that is complete.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) reply: Box<Reply>,
    pub(crate) question: Option<Question>,
    /// The end of its text, which came with no piece.
    pub(crate) rest: Text,
}

#[derive(Debug)]
struct OpenReply {
    id: Option<MessageId>,
    parts: Vec<Part>,
    sources: Vec<Json>,
    speech: Vec<Json>,
    bytes: usize,
    /// The memory that its cards, sources and speech take.
    trees: usize,
    /// The first half of a character whose second half begins the next piece.
    half: Option<u16>,
    question: Option<Question>,
    attribution: Attribution,
    last_piece: Millis,
}

/// What a frame of the avatar did to the replies.
#[derive(Debug, Default)]
pub(crate) struct Step {
    /// Replies that ended before this piece.
    pub(crate) before: Vec<Answer>,
    /// The piece.
    pub(crate) piece: Option<Piece>,
    /// The reply that this piece ended.
    pub(crate) reply: Option<Answer>,
}

/// A piece of a reply.
#[derive(Debug)]
pub(crate) struct Piece {
    pub(crate) reply_id: Option<MessageId>,
    pub(crate) text: Text,
    pub(crate) question: Option<Question>,
    pub(crate) attribution: Attribution,
}

impl GiveBack for Assembly {
    const EMPTY: &'static Self = &Self { open: Vec::new(), ended: Vec::new() };

    fn give_back(&mut self) -> bool {
        let Self { open, ended } = self;
        let (open, ended) = (open.give_back(), ended.give_back());
        open && ended
    }
}

impl Assembly {
    pub(crate) fn is_idle(&self) -> bool {
        self.open.is_empty()
    }

    /// The questions that open replies answer.
    pub(crate) fn open_questions(&self) -> impl Iterator<Item = Option<&MessageId>> {
        self.open.iter().map(|reply| reply.question.as_ref().map(|question| &question.message))
    }

    /// The ids of open replies, as far as they have ids.
    pub(crate) fn open_ids(&self) -> impl Iterator<Item = &MessageId> {
        self.open.iter().filter_map(|reply| reply.id.as_ref())
    }

    /// Open replies, and the questions that they answer, as far as both have ids.
    pub(crate) fn open_answers(&self) -> impl Iterator<Item = (MessageId, MessageId)> {
        let answer = |reply: &OpenReply| Some((reply.id.clone()?, reply.question.as_ref()?.message.clone()));
        self.open.iter().filter_map(answer)
    }

    /// The reply that this frame goes on with, if it goes on with one. Without an id it does so by its index alone.
    pub(crate) fn continued_by(&self, frame: &Frame<'_>) -> Option<Continued> {
        let goes_on = frame.message_id.as_deref().is_some() || frame.index().is_some_and(|index| index != 0);
        let open = self.position(frame).filter(|_| goes_on).map(|at| &self.open[at]);
        let open =
            open.map(|reply| Continued { attribution: reply.attribution, last_piece: reply.last_piece });
        let ended = || {
            let (.., attribution) = self.ended[self.ended_before(frame)?];
            Some(Continued { attribution, last_piece: Millis::default() })
        };
        open.or_else(ended)
    }

    /// Takes a frame of the avatar, which belongs here as `attribution` says. `question` gives what it answers if it
    /// begins a reply.
    pub(crate) fn take(
        &mut self,
        now: Millis,
        frame: &Frame<'_>,
        attribution: Attribution,
        question: impl FnOnce() -> Option<Question>,
    ) -> Step {
        let mut step = Step::default();
        let Some(at) = self.reply_of(now, frame, attribution, question, &mut step.before) else {
            return step;
        };
        let reply = &mut self.open[at];
        let text = reply.add_frame(now, frame);
        let ended = reply.ended_by(frame.index());
        step.piece = Some(Piece {
            reply_id: reply.id.clone(),
            text,
            question: reply.question.clone(),
            attribution: reply.attribution,
        });
        step.reply = ended.map(|ended| self.end(at, ended));
        step
    }

    /// The reply that the frame belongs to, begun if need be. `before` takes the replies that this ends. Returns
    /// `None` where the frame says nothing new.
    fn reply_of(
        &mut self,
        now: Millis,
        frame: &Frame<'_>,
        attribution: Attribution,
        question: impl FnOnce() -> Option<Question>,
        before: &mut Vec<Answer>,
    ) -> Option<usize> {
        let index = frame.index();
        let open = self.position(frame);
        match open {
            // Replies without a name: the first piece of the next one ends the one before.
            Some(unnamed) if frame.message_id.as_deref().is_none() && index == Some(0) => {
                before.push(self.end(unnamed, Ended::Silence));
            }
            Some(at) => return Some(at),
            None => {}
        }
        if open.is_none() && index == Some(-1) && frame.is_empty() {
            return None; // An end before any content ends nothing.
        }
        let again = self.ended_before(frame);
        if index.is_none() && again.is_some() {
            return None; // The same reply again, in one.
        }
        let (question, attribution) = match again {
            // The rest of a reply that was taken for ended answers what the reply answered.
            Some(ended) => {
                let (_, question, attribution) = self.ended.remove(ended);
                (question, attribution)
            }
            None => match question() {
                // Another message may be meant, and so another answer.
                Some(question) if !question.certain => (Some(question), Attribution::Guessed),
                question => (question, attribution),
            },
        };
        if self.open.len() == OPEN_REPLIES {
            before.push(self.end(0, Ended::Silence));
        }
        Some(self.begin(now, frame, attribution, question))
    }

    /// Ends the replies of which nothing has come for so long.
    pub(crate) fn silent(&mut self, now: Millis, idle: Duration) -> Vec<Answer> {
        let mut replies = Vec::new();
        while let Some(at) = self.open.iter().position(|reply| reply.last_piece + idle <= now) {
            replies.push(self.end(at, Ended::Silence));
        }
        replies
    }

    /// Ends all replies: the conversation closes.
    pub(crate) fn end_all(&mut self) -> Vec<Answer> {
        std::mem::take(&mut self.open).into_iter().map(|reply| reply.finish(Ended::Silence)).collect()
    }

    /// The silence begins again: while the link was down, nothing could come.
    pub(crate) fn wait_again(&mut self, now: Millis) {
        for reply in &mut self.open {
            reply.last_piece = now;
        }
    }

    pub(crate) fn next_deadline(&self, idle: Duration) -> Option<Millis> {
        self.open.iter().map(|reply| reply.last_piece + idle).min()
    }

    fn position(&self, frame: &Frame<'_>) -> Option<usize> {
        let id = frame.message_id.as_deref();
        self.open.iter().position(|reply| reply.id.as_ref().map(MessageId::as_str) == id)
    }

    /// Where the frame's reply is among those that ended.
    fn ended_before(&self, frame: &Frame<'_>) -> Option<usize> {
        let id = fingerprint(frame.message_id.as_deref()?);
        self.ended.iter().rposition(|(ended, ..)| *ended == id)
    }

    fn begin(
        &mut self,
        now: Millis,
        frame: &Frame<'_>,
        attribution: Attribution,
        question: Option<Question>,
    ) -> usize {
        self.open.push(OpenReply {
            id: frame.message_id.as_deref().map(MessageId::from),
            parts: Vec::new(),
            sources: Vec::new(),
            speech: Vec::new(),
            bytes: 0,
            trees: 0,
            half: None,
            question,
            attribution,
            last_piece: now,
        });
        self.open.len() - 1
    }

    fn end(&mut self, at: usize, ended: Ended) -> Answer {
        let reply = self.open.remove(at);
        if let Some(id) = &reply.id {
            if self.ended.len() >= OPEN_REPLIES {
                self.ended.remove(0);
            }
            self.ended.push((fingerprint(id.as_str()), reply.question.clone(), reply.attribution));
        }
        reply.finish(ended)
    }
}

impl OpenReply {
    /// Takes what a frame says. Returns the text that is new.
    fn add_frame(&mut self, now: Millis, frame: &Frame<'_>) -> Text {
        let index = frame.index();
        if let Some(text) = frame.plain_text()
            && self.half.is_none()
            && (index.is_some() || self.bytes == 0)
        {
            self.add(text);
            self.last_piece = now;
            self.bytes += text.len();
            return text.into();
        }
        // The reply whole, after its first pieces: only the rest of it is new.
        let so_far = (index.is_none() && self.bytes > 0).then(|| text_of(&self.parts));
        if so_far.is_some() {
            self.half = None; // It comes again, whole.
        }
        let known = so_far.as_deref().unwrap_or_default();
        let mut text = Text::default();
        for entry in frame.entries() {
            self.trees += entry.speech.as_ref().map_or(0, Json::memory_size);
            self.speech.extend(entry.speech);
            match entry.content {
                Some(Content::Text(more)) => self.say(more, known, &mut text),
                Some(Content::Card(card)) => {
                    self.trees += card.params.memory_size();
                    self.parts.push(Part::Card(card));
                }
                None => {}
            }
        }
        if matches!(index, None | Some(-1)) {
            text.push_str(&self.end_half());
        }
        self.last_piece = now;
        self.bytes += text.len();
        let sources = frame.sources();
        self.trees += sources.iter().map(Json::memory_size).sum::<usize>();
        self.sources.extend(sources);
        text
    }

    /// How a frame with this index ends it, if it does.
    fn ended_by(&self, index: Option<i64>) -> Option<Ended> {
        match index {
            None => Some(Ended::Whole),
            Some(-1) => Some(Ended::Mark),
            Some(_) => (self.bytes >= REPLY_BYTES || self.trees >= REPLY_TREES).then_some(Ended::Limit),
        }
    }

    /// Takes the next of its text, without what of it is known, and adds it to the piece. A character that was cut
    /// in two is put together; half of one that is alone is U+FFFD.
    fn say(&mut self, more: Halved<'_>, known: &str, piece: &mut Text) {
        let joined = match (self.half.take(), more.begins) {
            (Some(high), Some(low)) => Some(join(high, low).unwrap_or(LONE)),
            (Some(_), None) | (None, Some(_)) => Some(LONE),
            (None, None) => None,
        };
        self.half = more.ends;
        if let Some(joined) = joined {
            let joined = joined.encode_utf8(&mut [0; 4]).to_owned();
            self.add(&joined);
            piece.push_str(&joined);
        }
        let more = more.text.strip_prefix(known).unwrap_or(&more.text);
        self.add(more);
        match piece.is_empty() {
            true => *piece = more.into(), // Without room to spare: pieces are many, and most have one entry.
            false => piece.push_str(more),
        }
    }

    fn add(&mut self, more: &str) {
        match self.parts.last_mut() {
            Some(Part::Text(last)) => last.push_str(more),
            Some(Part::Card(_)) | None if more.is_empty() => {}
            Some(Part::Card(_)) | None => self.parts.push(Part::Text(more.into())),
        }
    }

    /// The other half of its last character will not come. Returns what stands for it.
    fn end_half(&mut self) -> String {
        let lone: String = self.half.take().map(|_| LONE).into_iter().collect();
        self.add(&lone);
        lone
    }

    fn finish(mut self, ended: Ended) -> Answer {
        let rest = self.end_half();
        let question = self.question;
        let in_reply_to = question.as_ref().and_then(Question::told).cloned();
        let reply = Reply {
            id: self.id,
            author: Author::Avatar,
            text: text_of(&self.parts),
            parts: self.parts,
            sources: self.sources,
            speech: self.speech,
            in_reply_to,
            ended,
            asked: false,
            confirmed: true,
            attribution: self.attribution,
        };
        Answer { reply: Box::new(reply), question, rest: rest.into() }
    }
}

impl Question {
    /// The message, where no other can be meant.
    pub(crate) fn told(&self) -> Option<&MessageId> {
        self.certain.then_some(&self.message)
    }
}

/// A short stand-in for a text that is only compared.
pub(crate) fn fingerprint(text: &str) -> u64 {
    FixedState::default().hash_one(text)
}

/// A message that came in one frame.
pub(crate) fn whole(
    frame: &Frame<'_>,
    author: Author,
    in_reply_to: Option<MessageId>,
    attribution: Attribution,
) -> Reply {
    let (mut parts, mut speech) = (Vec::new(), Vec::new());
    for entry in frame.entries() {
        parts.extend(entry.content.map(Content::into_part));
        speech.extend(entry.speech);
    }
    Reply {
        id: frame.message_id.as_deref().map(MessageId::from),
        author,
        text: text_of(&parts),
        parts,
        sources: frame.sources(),
        speech,
        in_reply_to,
        ended: Ended::Whole,
        asked: false,
        confirmed: true,
        attribution,
    }
}

fn text_of(parts: &[Part]) -> Text {
    if let [Part::Text(text)] = parts {
        return text.clone();
    }
    let mut all = Text::default();
    for part in parts {
        match part {
            Part::Text(text) => all.push_str(text),
            Part::Card(_) => {}
        }
    }
    all
}
