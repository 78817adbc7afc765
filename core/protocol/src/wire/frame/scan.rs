//! Reads a frame in one pass and borrows from it, if it is written as the service usually writes them.
//!
//! A reply comes in many pieces, and most of what a piece costs is the reading of its JSON. This reader knows the
//! fields of a frame and plain JSON. It gives up (`None`) on everything else, and serde reads that: objects and lists
//! where they are not expected, cards, halves of characters, numbers that are not whole, names with escapes, the same
//! name twice, and what is not JSON at all. Where it does not give up, it reads what serde reads. In builds with debug
//! assertions `Frame::parse` checks that for each frame: in all tests, in the simulation and while fuzzing.

use std::borrow::Cow;

use super::{Entries, Frame, WireEntry, WireModal};
use crate::wire::lenient::{Lax, Number, Object};

/// The longest number that is read: it has fewer digits than the largest `i64`.
const NUMBER: usize = 18;

pub(super) fn scan(text: &str) -> Option<Frame<'_>> {
    let mut scanner = Scanner { text, at: 0 };
    let (mut frame, mut seen) = (Frame::default(), Seen::default());
    if scanner.next()? != b'{' {
        return None;
    }
    scanner.object(|scanner| scanner.frame_field(&mut frame, &mut seen))?;
    scanner.next().is_none().then_some(frame)
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

/// The fields of one object that were there, as a set of their numbers.
#[derive(Default)]
struct Seen(u32);

impl Seen {
    /// Gives up on the second of a name: serde refuses it.
    fn note(&mut self, field: u32) -> Option<()> {
        let bit = 1 << field;
        (self.0 & bit == 0).then(|| self.0 |= bit)
    }
}

/// Where a value belongs.
enum Slot<'f, 'a> {
    Text(&'f mut Lax<'a>),
    Number(&'f mut Number),
    /// What is read later, if at all.
    Raw(&'f mut Option<&'a str>),
    Entries(&'f mut Entries<'a>),
    Modal(&'f mut Object<WireModal<'a>>),
}

enum Value<'a> {
    Text(Cow<'a, str>),
    Number(&'a str),
    Null,
    /// A truth value, an empty list or an empty object.
    Other,
}

impl<'a> Scanner<'a> {
    fn frame_field(&mut self, frame: &mut Frame<'a>, seen: &mut Seen) -> Option<()> {
        let (field, slot) = match self.peek()? {
            b't' if self.is_named(b"type\"") => (0, Slot::Text(&mut frame.kind)),
            b't' if self.is_named(b"timestamp\"") => (8, Slot::Number(&mut frame.timestamp)),
            b's' if self.is_named(b"sender\"") => (1, Slot::Text(&mut frame.sender)),
            b's' if self.is_named(b"sendUserId\"") => (2, Slot::Text(&mut frame.send_user_id)),
            b's' if self.is_named(b"sessionId\"") => (3, Slot::Text(&mut frame.session_id)),
            b's' if self.is_named(b"seqId\"") => (5, Slot::Text(&mut frame.seq_id)),
            b's' if self.is_named(b"subCode\"") => (9, Slot::Text(&mut frame.sub_code)),
            b's' if self.is_named(b"subCodeReason\"") => (10, Slot::Text(&mut frame.sub_code_reason)),
            b's' if self.is_named(b"subCodeActions\"") => (11, Slot::Raw(&mut frame.sub_code_actions)),
            b's' if self.is_named(b"sources\"") => (14, Slot::Raw(&mut frame.sources)),
            b'm' if self.is_named(b"messageId\"") => (4, Slot::Text(&mut frame.message_id)),
            b'm' if self.is_named(b"multipleData\"") => (12, Slot::Entries(&mut frame.multiple_data)),
            b'w' if self.is_named(b"wsId\"") => (6, Slot::Text(&mut frame.ws_id)),
            b'i' if self.is_named(b"index\"") => (7, Slot::Number(&mut frame.index)),
            b'd' if self.is_named(b"data\"") => (13, Slot::Raw(&mut frame.data)),
            _ => return self.other_field(),
        };
        self.known_field(field, slot, seen)
    }

    fn entry_field(&mut self, entry: &mut WireEntry<'a>, seen: &mut Seen) -> Option<()> {
        match self.is_named(b"modal\"") {
            true => self.known_field(0, Slot::Modal(&mut entry.modal), seen),
            false => self.other_field(),
        }
    }

    fn modal_field(&mut self, modal: &mut WireModal<'a>, seen: &mut Seen) -> Option<()> {
        let (field, slot) = match self.peek()? {
            b'a' if self.is_named(b"answer\"") => (0, Slot::Text(&mut modal.answer)),
            b'h' if self.is_named(b"halfBefore\"") => (1, Slot::Number(&mut modal.half_before)),
            b'h' if self.is_named(b"halfAfter\"") => (2, Slot::Number(&mut modal.half_after)),
            b't' if self.is_named(b"template\"") => (3, Slot::Raw(&mut modal.template)),
            b's' if self.is_named(b"speech\"") => (4, Slot::Raw(&mut modal.speech)),
            _ => return self.other_field(),
        };
        self.known_field(field, slot, seen)
    }

    fn known_field(&mut self, field: u32, slot: Slot<'_, 'a>, seen: &mut Seen) -> Option<()> {
        seen.note(field)?;
        if self.next()? != b':' {
            return None;
        }
        match slot {
            Slot::Text(text) => *text = self.text()?,
            Slot::Number(number) => *number = self.number()?,
            Slot::Raw(raw) => *raw = self.raw()?,
            Slot::Entries(entries) => self.entries(entries)?,
            Slot::Modal(modal) => *modal = self.modal()?,
        }
        Some(())
    }

    /// A field that is not read. A name with an escape may be that of another field.
    fn other_field(&mut self) -> Option<()> {
        let Cow::Borrowed(_) = self.string()? else { return None };
        if self.next()? != b':' {
            return None;
        }
        self.value().map(drop)
    }

    fn text(&mut self) -> Option<Lax<'a>> {
        Some(Lax(match self.value()? {
            Value::Text(text) => Some(text),
            Value::Number(digits) => Some(Cow::Borrowed(digits)),
            Value::Null | Value::Other => None,
        }))
    }

    fn number(&mut self) -> Option<Number> {
        Some(Number(match self.value()? {
            Value::Text(text) => text.parse().ok(),
            Value::Number(digits) => digits.parse().ok(),
            Value::Null | Value::Other => None,
        }))
    }

    /// A value as it stands there; `None` for `null`.
    fn raw(&mut self) -> Option<Option<&'a str>> {
        self.next()?;
        self.at -= 1;
        let begins = self.at;
        match self.value()? {
            Value::Null => Some(None),
            Value::Text(Cow::Owned(_)) => None, // It may hide half a character.
            Value::Text(Cow::Borrowed(_)) | Value::Number(_) | Value::Other => {
                self.text.get(begins..self.at).map(Some)
            }
        }
    }

    fn entries(&mut self, entries: &mut Entries<'a>) -> Option<()> {
        match self.next()? {
            b'[' => {}
            b'n' => return self.literal("ull"),
            _ => return None,
        }
        let mut next = self.next()?;
        if next == b']' {
            return Some(());
        }
        loop {
            if next != b'{' {
                return None;
            }
            let (mut entry, mut seen) = (WireEntry { modal: Object(None) }, Seen::default());
            self.object(|scanner| scanner.entry_field(&mut entry, &mut seen))?;
            entries.push(entry);
            match self.next()? {
                b',' => next = self.next()?,
                b']' => return Some(()),
                _ => return None,
            }
        }
    }

    fn modal(&mut self) -> Option<Object<WireModal<'a>>> {
        match self.next()? {
            b'{' => {}
            b'n' => return self.literal("ull").map(|()| Object(None)),
            _ => return None,
        }
        let (mut modal, mut seen) = (WireModal::default(), Seen::default());
        self.object(|scanner| scanner.modal_field(&mut modal, &mut seen))?;
        Some(Object(Some(modal)))
    }

    /// An object, from behind its brace on. `field` reads a field, from behind the quote of its name on.
    fn object(&mut self, mut field: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        let mut next = self.next()?;
        if next == b'}' {
            return Some(());
        }
        loop {
            if next != b'"' {
                return None;
            }
            field(self)?;
            match self.next()? {
                b',' => next = self.next()?,
                b'}' => return Some(()),
                _ => return None,
            }
        }
    }

    #[inline]
    fn value(&mut self) -> Option<Value<'a>> {
        Some(match self.next()? {
            b'"' => Value::Text(self.string()?),
            b'-' | b'0'..=b'9' => Value::Number(self.digits()?),
            b'n' => self.literal("ull").map(|()| Value::Null)?,
            b't' => self.literal("rue").map(|()| Value::Other)?,
            b'f' => self.literal("alse").map(|()| Value::Other)?,
            b'[' if self.next()? == b']' => Value::Other,
            b'{' if self.next()? == b'}' => Value::Other,
            _ => return None,
        })
    }

    /// A string, from behind its quote on.
    #[inline]
    fn string(&mut self) -> Option<Cow<'a, str>> {
        let rest = self.rest();
        let end = plain_text(rest)?;
        if rest.get(end) != Some(&b'"') {
            return self.escaped_string().map(Cow::Owned);
        }
        let text = self.text.get(self.at..self.at + end)?;
        self.at += end + 1;
        Some(Cow::Borrowed(text))
    }

    #[cold]
    fn escaped_string(&mut self) -> Option<String> {
        let begins = self.at - 1;
        loop {
            self.at += plain_text(self.rest())?;
            match self.peek()? {
                b'"' => break,
                b'\\' => self.at += 2, // What is escaped may be a quote.
                _ => return None,
            }
        }
        self.at += 1;
        serde_json::from_str(self.text.get(begins..self.at)?).ok()
    }

    /// A whole number, from behind its first character on.
    fn digits(&mut self) -> Option<&'a str> {
        let begins = self.at - 1;
        self.at += self.rest().iter().position(|byte| !byte.is_ascii_digit())?;
        let number = self.text.get(begins..self.at)?;
        let is_plain = match number.as_bytes() {
            [b'0'] | [b'1'..=b'9', ..] | [b'-', b'1'..=b'9', ..] => number.len() <= NUMBER,
            _ => false,
        };
        is_plain.then_some(number)
    }

    fn literal(&mut self, rest: &str) -> Option<()> {
        self.rest().starts_with(rest.as_bytes()).then(|| self.at += rest.len())
    }

    /// Whether this name, with the quote behind it, comes next. Then it is passed.
    #[inline(always)]
    fn is_named(&mut self, name: &[u8]) -> bool {
        let is_it = self.rest().starts_with(name);
        self.at += if is_it { name.len() } else { 0 };
        is_it
    }

    /// The next character that is not white space.
    #[inline]
    fn next(&mut self) -> Option<u8> {
        loop {
            let byte = self.peek()?;
            self.at += 1;
            if !matches!(byte, b' ' | b'\n' | b'\t' | b'\r') {
                return Some(byte);
            }
        }
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    #[inline]
    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }
}

/// How many bytes of plain text come before a quote, a backslash or a control character; `None` if none of them comes.
#[inline]
fn plain_text(bytes: &[u8]) -> Option<usize> {
    let (mut at, mut rest) = (0, bytes);
    while let Some((eight, behind)) = rest.split_first_chunk() {
        let ends = ends_in(u64::from_le_bytes(*eight));
        if ends != 0 {
            return Some(at + ends.trailing_zeros() as usize / 8);
        }
        rest = behind;
        at += eight.len();
    }
    let end = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | ..0x20))?;
    Some(at + end)
}

/// Where, among eight bytes, plain text ends: the first byte whose highest bit is set here is a quote, a backslash or a
/// control character. Returns zero if all eight are plain text.
fn ends_in(eight: u64) -> u64 {
    const EACH: u64 = u64::MAX / 0xFF;
    let below = |bytes: u64, limit: u64| bytes.wrapping_sub(EACH * limit) & !bytes;
    let is = |byte: u8| below(eight ^ (EACH * u64::from(byte)), 1);
    (below(eight, 0x20) | is(b'"') | is(b'\\')) & (EACH << 7)
}

#[cfg(test)]
mod tests;
