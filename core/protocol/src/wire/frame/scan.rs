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
    scanner.object(|scanner, name| scanner.frame_field(&mut frame, name, &mut seen))?;
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
    fn frame_field(&mut self, frame: &mut Frame<'a>, name: &str, seen: &mut Seen) -> Option<()> {
        let (field, slot) = match name {
            "type" => (0, Slot::Text(&mut frame.kind)),
            "sender" => (1, Slot::Text(&mut frame.sender)),
            "sendUserId" => (2, Slot::Text(&mut frame.send_user_id)),
            "sessionId" => (3, Slot::Text(&mut frame.session_id)),
            "messageId" => (4, Slot::Text(&mut frame.message_id)),
            "seqId" => (5, Slot::Text(&mut frame.seq_id)),
            "wsId" => (6, Slot::Text(&mut frame.ws_id)),
            "index" => (7, Slot::Number(&mut frame.index)),
            "timestamp" => (8, Slot::Number(&mut frame.timestamp)),
            "subCode" => (9, Slot::Text(&mut frame.sub_code)),
            "subCodeReason" => (10, Slot::Text(&mut frame.sub_code_reason)),
            "subCodeActions" => (11, Slot::Raw(&mut frame.sub_code_actions)),
            "multipleData" => (12, Slot::Entries(&mut frame.multiple_data)),
            "data" => (13, Slot::Raw(&mut frame.data)),
            "sources" => (14, Slot::Raw(&mut frame.sources)),
            _ => return self.value().map(drop),
        };
        seen.note(field)?;
        self.fill(slot)
    }

    fn modal_field(&mut self, modal: &mut WireModal<'a>, name: &str, seen: &mut Seen) -> Option<()> {
        let (field, slot) = match name {
            "answer" => (0, Slot::Text(&mut modal.answer)),
            "halfBefore" => (1, Slot::Number(&mut modal.half_before)),
            "halfAfter" => (2, Slot::Number(&mut modal.half_after)),
            "template" => (3, Slot::Raw(&mut modal.template)),
            "speech" => (4, Slot::Raw(&mut modal.speech)),
            _ => return self.value().map(drop),
        };
        seen.note(field)?;
        self.fill(slot)
    }

    fn fill(&mut self, slot: Slot<'_, 'a>) -> Option<()> {
        match slot {
            Slot::Text(text) => {
                *text = Lax(match self.value()? {
                    Value::Text(text) => Some(text),
                    Value::Number(digits) => Some(Cow::Borrowed(digits)),
                    Value::Null | Value::Other => None,
                });
            }
            Slot::Number(number) => {
                *number = Number(match self.value()? {
                    Value::Text(text) => text.parse().ok(),
                    Value::Number(digits) => digits.parse().ok(),
                    Value::Null | Value::Other => None,
                });
            }
            Slot::Raw(raw) => *raw = self.raw()?,
            Slot::Entries(entries) => self.entries(entries)?,
            Slot::Modal(modal) => *modal = self.modal()?,
        }
        Some(())
    }

    /// A list of entries.
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
            self.object(|scanner, name| match name {
                "modal" => {
                    seen.note(0)?;
                    scanner.fill(Slot::Modal(&mut entry.modal))
                }
                _ => scanner.value().map(drop),
            })?;
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
        self.object(|scanner, name| scanner.modal_field(&mut modal, name, &mut seen))?;
        Some(Object(Some(modal)))
    }

    /// An object, from behind its brace on. `field` reads the value of each name.
    fn object(&mut self, mut field: impl FnMut(&mut Self, &'a str) -> Option<()>) -> Option<()> {
        let mut next = self.next()?;
        if next == b'}' {
            return Some(());
        }
        loop {
            if next != b'"' {
                return None;
            }
            let Cow::Borrowed(name) = self.string()? else { return None };
            if self.next()? != b':' {
                return None;
            }
            field(self, name)?;
            match self.next()? {
                b',' => next = self.next()?,
                b'}' => return Some(()),
                _ => return None,
            }
        }
    }

    fn value(&mut self) -> Option<Value<'a>> {
        Some(match self.next()? {
            b'"' => Value::Text(self.string()?),
            b'-' | b'0'..=b'9' => Value::Number(self.number()?),
            b'n' => self.literal("ull").map(|()| Value::Null)?,
            b't' => self.literal("rue").map(|()| Value::Other)?,
            b'f' => self.literal("alse").map(|()| Value::Other)?,
            b'[' if self.next()? == b']' => Value::Other,
            b'{' if self.next()? == b'}' => Value::Other,
            _ => return None,
        })
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

    /// A string, from behind its quote on.
    fn string(&mut self) -> Option<Cow<'a, str>> {
        let begins = self.at;
        if self.pass_text()? == b'"' {
            return self.text.get(begins..self.at - 1).map(Cow::Borrowed);
        }
        loop {
            self.at += 1; // What is escaped may be a quote.
            if self.pass_text()? == b'"' {
                return serde_json::from_str(self.text.get(begins - 1..self.at)?).ok().map(Cow::Owned);
            }
        }
    }

    /// Goes behind the next quote or backslash, and returns it.
    fn pass_text(&mut self) -> Option<u8> {
        let mut rest = self.text.as_bytes().get(self.at..)?;
        while let Some((eight, behind)) = rest.split_first_chunk() {
            let ends = ends_in(u64::from_le_bytes(*eight));
            if ends != 0 {
                return self.pass(rest, ends.trailing_zeros() as usize / 8);
            }
            rest = behind;
            self.at += eight.len();
        }
        let end = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | ..0x20))?;
        self.pass(rest, end)
    }

    fn pass(&mut self, rest: &[u8], end: usize) -> Option<u8> {
        self.at += end + 1;
        rest.get(end).copied().filter(|byte| *byte >= 0x20)
    }

    /// A whole number, from behind its first character on.
    fn number(&mut self) -> Option<&'a str> {
        let begins = self.at - 1;
        let rest = self.text.as_bytes().get(self.at..)?;
        self.at += rest.iter().position(|byte| !byte.is_ascii_digit())?;
        let number = self.text.get(begins..self.at)?;
        let is_plain = match number.as_bytes() {
            [b'0'] | [b'1'..=b'9', ..] | [b'-', b'1'..=b'9', ..] => number.len() <= NUMBER,
            _ => false,
        };
        is_plain.then_some(number)
    }

    fn literal(&mut self, rest: &str) -> Option<()> {
        self.text.get(self.at..)?.starts_with(rest).then(|| self.at += rest.len())
    }

    /// The next character that is not white space.
    fn next(&mut self) -> Option<u8> {
        loop {
            let byte = *self.text.as_bytes().get(self.at)?;
            self.at += 1;
            if !matches!(byte, b' ' | b'\n' | b'\t' | b'\r') {
                return Some(byte);
            }
        }
    }
}

/// Where, among eight bytes, plain text ends: the first byte whose highest bit is set here is a quote, a backslash or a
/// control character. All bits are clear where there is none.
fn ends_in(eight: u64) -> u64 {
    const EACH: u64 = u64::MAX / 0xFF;
    let below = |bytes: u64, limit: u64| bytes.wrapping_sub(EACH * limit) & !bytes;
    let is = |byte: u8| below(eight ^ (EACH * u64::from(byte)), 1);
    (below(eight, 0x20) | is(b'"') | is(b'\\')) & (EACH << 7)
}

#[cfg(test)]
mod tests;
