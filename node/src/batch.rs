//! Events that were taken together, as they cross the border in one call: a text, and numbers that say what of it is
//! what. `node/ts/batch.ts` reads it, and says what it looks like.

use std::collections::HashMap;
use std::hash::Hash;

use napi::bindgen_prelude::{Either, Latin1String};
use napi_derive::napi;
use secondme_avatar::{Event, Part, Raw, Text};
use serde::Serialize;

use crate::js::Js;
use crate::json;

/// The numbers before those of the first event: how many events there are, and whether one of them has a frame.
pub(crate) const HEAD: usize = 2;

/// A text that is longer is copied when it is read. Shorter ones are parts of the batch's text, which lives as long as
/// one of them.
const LONG: usize = 1024;

const ABSENT: i32 = -1;
const AGAIN: i32 = -2;
const COPIED: i32 = -3;

/// An array of JavaScript's, filled in place.
pub(crate) type Numbers<'a> = &'a mut [i32];

/// A text as JavaScript takes it at the least cost.
pub(crate) type Written = Either<Latin1String, String>;

/// Writes events. `W` is what the events of one conversation share; `N` fields often have the text that they had last.
pub(crate) struct Writer<'e, W, const N: usize> {
    text: String,
    is_ascii: bool,
    numbers: &'e mut [i32],
    at: usize,
    last: [Option<&'e str>; N],
    named: HashMap<W, i32>,
    whose: Option<(W, i32)>,
}

impl<'e, W: Copy + Eq + Hash, const N: usize> Writer<'e, W, N> {
    pub(crate) fn new(numbers: &'e mut [i32], events: usize) -> Self {
        Self {
            text: String::with_capacity(events * 64),
            is_ascii: true,
            numbers,
            at: HEAD,
            last: [None; N],
            named: HashMap::new(),
            whose: None,
        }
    }

    /// Begins an event: the number of its kind with its fields that are true or false, and whose it is.
    pub(crate) fn begin(&mut self, kind: i32, flags: &[bool], whose: W, written: impl Serialize) {
        let flags = flags.iter().rev().fold(0, |flags, flag| flags << 1 | i32::from(*flag));
        self.number(kind | flags << 6);
        if let Some((_, number)) = self.whose.filter(|(last, _)| *last == whose) {
            return self.number(number);
        }
        let next = i32::try_from(self.named.len()).unwrap_or(i32::MAX);
        let number = *self.named.entry(whose).or_insert(next);
        self.whose = Some((whose, number));
        if number == next {
            let length = self.push(&json::of(&written));
            self.number(-length);
        } else {
            self.number(number);
        }
    }

    pub(crate) fn text(&mut self, text: Option<&str>) {
        match text {
            Some(text) if text.len() > LONG => {
                let length = self.push(&json::of(&text));
                self.number(COPIED - length);
            }
            Some(text) => {
                let length = self.push(text);
                self.number(length);
            }
            None => self.number(ABSENT),
        }
    }

    /// A text that often is the one before in this column.
    pub(crate) fn again(&mut self, column: usize, text: Option<&'e str>) {
        match self.last.get_mut(column) {
            Some(last) if text.is_some() && *last == text => return self.number(AGAIN),
            Some(last) if text.is_some() => *last = text,
            _ => {}
        }
        self.text(text);
    }

    /// What often is empty.
    pub(crate) fn list(&mut self, is_empty: bool, items: &impl Serialize) {
        if is_empty { self.number(ABSENT) } else { self.json(items) }
    }

    /// The parts of a reply, which often are its text alone.
    pub(crate) fn parts(&mut self, parts: &[Part], text: &Text) {
        match parts {
            [Part::Text(part)] if part == text => self.number(AGAIN),
            _ => self.list(parts.is_empty(), &parts.iter().map(Js).collect::<Vec<_>>()),
        }
    }

    /// Anything else.
    pub(crate) fn json(&mut self, value: &impl Serialize) {
        let length = self.push(&json::of(value));
        self.number(length);
    }

    pub(crate) fn end(self, events: usize, has_frames: bool) -> Written {
        if let [count, frames, ..] = self.numbers {
            (*count, *frames) = (i32::try_from(events).unwrap_or(i32::MAX), i32::from(has_frames));
        }
        if self.is_ascii { Either::A(self.text.into()) } else { Either::B(self.text) }
    }

    /// Appends to the text. Returns the length as JavaScript counts it.
    fn push(&mut self, text: &str) -> i32 {
        self.text.push_str(text);
        let length = if text.is_ascii() {
            text.len()
        } else {
            self.is_ascii = false;
            text.chars().map(char::len_utf16).sum()
        };
        i32::try_from(length).unwrap_or(i32::MAX)
    }

    fn number(&mut self, number: i32) {
        if let Some(place) = self.numbers.get_mut(self.at) {
            *place = number;
        }
        self.at += 1;
    }
}

/// The frames that the events of a batch came of.
#[napi]
pub struct NativeFrames(Vec<Option<Raw>>);

impl NativeFrames {
    /// None where no event has one.
    pub(crate) fn of(events: Vec<Event>) -> Option<Self> {
        let has_frames = events.iter().any(|event| event.raw.is_some());
        has_frames.then(|| Self(events.into_iter().map(|event| event.raw).collect()))
    }
}

#[napi]
impl NativeFrames {
    /// The frame of this event.
    #[napi]
    pub fn at(&self, at: u32) -> Option<&str> {
        self.0.get(at as usize)?.as_ref().map(Raw::as_str)
    }
}
