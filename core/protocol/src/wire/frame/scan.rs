//! Reads a frame in one pass and borrows from it, if it is written as the service usually writes them.
//!
//! A reply comes in many pieces, and most of what a piece costs is the reading of its JSON. This reader knows the
//! fields of a frame and plain JSON. It gives up (`None`) on everything else, and serde reads that: objects and lists
//! where they are not expected, cards, halves of characters, numbers that are not whole, names with escapes or with
//! space before their colons, the same name twice, and what is not JSON at all. Where it does not give up, it reads what serde reads. In builds with debug
//! assertions `Frame::parse` checks that for each frame: in all tests, in the simulation and while fuzzing.

use std::borrow::Cow;

use super::{Entries, Frame, WireEntry, WireModal};
use crate::wire::lenient::{Lax, Number, Object};

/// The longest number that is read: it has fewer digits than the largest `i64`.
const NUMBER: usize = 18;

pub(super) fn scan(text: &str) -> Option<Frame<'_>> {
    let mut scanner = Scanner { text, at: 0 };
    let mut frame = Frame::default();
    if scanner.next()? != b'{' {
        return None;
    }
    scanner.object(|scanner, seen| scanner.frame_field(&mut frame, seen))?;
    scanner.next().is_none().then_some(frame)
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

/// The fields of one object that were there, as a set of their numbers.
#[derive(Default)]
struct Seen {
    once: u32,
    twice: u32,
}

impl Seen {
    #[inline(always)]
    fn note(&mut self, field: u32) {
        self.twice |= self.once & (1 << field);
        self.once |= 1 << field;
    }
}

impl<'a> Scanner<'a> {
    fn frame_field(&mut self, frame: &mut Frame<'a>, seen: &mut Seen) -> Option<()> {
        match self.peek()? {
            b't' if self.comes(b"type\":", 0, seen) => self.text(&mut frame.kind),
            b't' if self.comes(b"timestamp\":", 8, seen) => self.number(&mut frame.timestamp),
            b's' if self.comes(b"sender\":", 1, seen) => self.text(&mut frame.sender),
            b's' if self.comes(b"seqId\":", 5, seen) => self.text(&mut frame.seq_id),
            b's' if self.comes(b"sessionId\":", 3, seen) => self.text(&mut frame.session_id),
            b's' if self.comes(b"sendUserId\":", 2, seen) => self.text(&mut frame.send_user_id),
            b's' if self.comes(b"subCode\":", 9, seen) => self.text(&mut frame.sub_code),
            b's' if self.comes(b"subCodeReason\":", 10, seen) => self.text(&mut frame.sub_code_reason),
            b's' if self.comes(b"subCodeActions\":", 11, seen) => self.raw(&mut frame.sub_code_actions),
            b's' if self.comes(b"sources\":", 14, seen) => self.raw(&mut frame.sources),
            b'm' if self.comes(b"messageId\":", 4, seen) => self.text(&mut frame.message_id),
            b'm' if self.comes(b"multipleData\":", 12, seen) => self.entries(&mut frame.multiple_data),
            b'w' if self.comes(b"wsId\":", 6, seen) => self.text(&mut frame.ws_id),
            b'i' if self.comes(b"index\":", 7, seen) => self.number(&mut frame.index),
            b'd' if self.comes(b"data\":", 13, seen) => self.raw(&mut frame.data),
            b'd' if self.passes(b"dataType\":") => self.skip(),
            _ => self.other_field(),
        }
    }

    fn entry_field(&mut self, entry: &mut WireEntry<'a>, seen: &mut Seen) -> Option<()> {
        match self.peek()? {
            b'm' if self.comes(b"modal\":", 0, seen) => self.modal(&mut entry.modal),
            b's' if self.passes(b"singleDataType\":") => self.skip(),
            _ => self.other_field(),
        }
    }

    fn modal_field(&mut self, modal: &mut WireModal<'a>, seen: &mut Seen) -> Option<()> {
        match self.peek()? {
            b'a' if self.comes(b"answer\":", 0, seen) => self.text(&mut modal.answer),
            b'h' if self.comes(b"halfBefore\":", 1, seen) => self.number(&mut modal.half_before),
            b'h' if self.comes(b"halfAfter\":", 2, seen) => self.number(&mut modal.half_after),
            b't' if self.comes(b"template\":", 3, seen) => self.raw(&mut modal.template),
            b's' if self.comes(b"speech\":", 4, seen) => self.raw(&mut modal.speech),
            _ => self.other_field(),
        }
    }

    /// Whether this name of a field comes next. Then it is passed and noted.
    #[inline(always)]
    fn comes(&mut self, name: &[u8], field: u32, seen: &mut Seen) -> bool {
        let comes = self.passes(name);
        if comes {
            seen.note(field);
        }
        comes
    }

    /// Whether this name, with the quote and the colon behind it, comes next. Then it is passed.
    #[inline(always)]
    fn passes(&mut self, name: &[u8]) -> bool {
        let comes = self.rest().starts_with(name);
        self.at += if comes { name.len() } else { 0 };
        comes
    }

    /// A field that is not read. A name with an escape, or with space behind it, may be that of another field.
    fn other_field(&mut self) -> Option<()> {
        let Cow::Borrowed(_) = self.string()? else { return None };
        if self.peek()? != b':' {
            return None;
        }
        self.at += 1;
        self.skip()
    }

    /// Passes a value that is not read.
    fn skip(&mut self) -> Option<()> {
        match self.next()? {
            b'"' => self.string().map(drop),
            b'-' | b'0'..=b'9' => self.digits().map(drop),
            first => self.other(first),
        }
    }

    fn text(&mut self, text: &mut Lax<'a>) -> Option<()> {
        *text = Lax(match self.next()? {
            b'"' => Some(self.string()?),
            b'-' | b'0'..=b'9' => Some(Cow::Borrowed(self.digits()?)),
            first => self.other(first).map(|()| None)?,
        });
        Some(())
    }

    fn number(&mut self, number: &mut Number) -> Option<()> {
        *number = Number(match self.next()? {
            b'"' => self.string()?.parse().ok(),
            first @ (b'-' | b'0'..=b'9') => Some(self.whole(first)?),
            first => self.other(first).map(|()| None)?,
        });
        Some(())
    }

    /// A value as it stands there; `None` for `null`.
    fn raw(&mut self, raw: &mut Option<&'a str>) -> Option<()> {
        let first = self.next()?;
        let begins = self.at - 1;
        match first {
            b'n' => return self.literal("ull"),
            // What is written with escapes may hide half a character.
            b'"' => self.string().filter(|text| matches!(text, Cow::Borrowed(_))).map(drop)?,
            b'-' | b'0'..=b'9' => self.digits().map(drop)?,
            first => self.other(first)?,
        }
        *raw = Some(self.text.get(begins..self.at)?);
        Some(())
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
            let mut entry = WireEntry { modal: Object(None) };
            self.object(|scanner, seen| scanner.entry_field(&mut entry, seen))?;
            entries.push(entry);
            match self.next()? {
                b',' => next = self.next()?,
                b']' => return Some(()),
                _ => return None,
            }
        }
    }

    fn modal(&mut self, modal: &mut Object<WireModal<'a>>) -> Option<()> {
        match self.next()? {
            b'{' => {}
            b'n' => return self.literal("ull"),
            _ => return None,
        }
        let modal = modal.0.insert(WireModal::default());
        self.object(|scanner, seen| scanner.modal_field(modal, seen))
    }

    /// An object, from behind its brace on. `field` reads a field, from behind the quote of its name on. Gives up on a
    /// field that is there twice: serde refuses it.
    #[inline]
    fn object(&mut self, mut field: impl FnMut(&mut Self, &mut Seen) -> Option<()>) -> Option<()> {
        let mut seen = Seen::default();
        let mut next = self.next()?;
        if next == b'}' {
            return Some(());
        }
        loop {
            if next != b'"' {
                return None;
            }
            field(self, &mut seen)?;
            match self.next()? {
                b',' => next = self.next()?,
                b'}' => return (seen.twice == 0).then_some(()),
                _ => return None,
            }
        }
    }

    /// Passes a value that is no text and no number, from behind its first character on: `null`, a truth value, an empty
    /// list or an empty object.
    fn other(&mut self, first: u8) -> Option<()> {
        match first {
            b'n' => self.literal("ull"),
            b't' => self.literal("rue"),
            b'f' => self.literal("alse"),
            b'[' if self.next()? == b']' => Some(()),
            b'{' if self.next()? == b'}' => Some(()),
            _ => None,
        }
    }

    /// A string, from behind its quote on.
    #[inline(always)]
    fn string(&mut self) -> Option<Cow<'a, str>> {
        let rest = self.text.get(self.at..)?;
        let (end, byte) = plain_text(rest.as_bytes())?;
        if byte != b'"' {
            return self.escaped_string().map(Cow::Owned);
        }
        self.at += end + 1;
        rest.get(..end).map(Cow::Borrowed)
    }

    #[cold]
    fn escaped_string(&mut self) -> Option<String> {
        let begins = self.at - 1;
        loop {
            let (end, byte) = plain_text(self.rest())?;
            self.at += end;
            match byte {
                b'"' => break,
                b'\\' => self.at += 2, // What is escaped may be a quote.
                _ => return None,
            }
        }
        self.at += 1;
        serde_json::from_str(self.text.get(begins..self.at)?).ok()
    }

    /// A whole number, from behind its first character on.
    fn whole(&mut self, first: u8) -> Option<i64> {
        let (mut number, mut count) = (i64::from(first.wrapping_sub(b'0')), 0);
        let rest = self.rest();
        while let digit @ b'0'..=b'9' = *rest.get(count)? {
            number = number.wrapping_mul(10).wrapping_add(i64::from(digit - b'0'));
            count += 1;
        }
        let begins = self.at;
        self.at += count;
        match first {
            b'0' => (count == 0).then_some(0),
            b'-' => self.digits_of(begins - 1).and_then(|digits| digits.parse().ok()),
            _ => (count < NUMBER).then_some(number),
        }
    }

    /// The same, as it stands there.
    fn digits(&mut self) -> Option<&'a str> {
        let begins = self.at - 1;
        self.at += self.rest().iter().position(|byte| !byte.is_ascii_digit())?;
        self.digits_of(begins)
    }

    /// What was passed, if it is a number that is read.
    fn digits_of(&self, begins: usize) -> Option<&'a str> {
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

/// How many bytes of plain text come before a quote, a backslash or a control character, and which of these it is;
/// `None` if none of them comes.
#[inline]
fn plain_text(bytes: &[u8]) -> Option<(usize, u8)> {
    let (mut at, mut rest) = (0, bytes);
    while let Some((eight, behind)) = rest.split_first_chunk() {
        let eight = u64::from_le_bytes(*eight);
        let ends = ends_in(eight);
        if ends != 0 {
            let place = ends.trailing_zeros() / 8;
            return Some((at + place as usize, (eight >> (8 * place)) as u8));
        }
        rest = behind;
        at += 8;
    }
    let end = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | ..0x20))?;
    Some((at + end, rest[end]))
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
