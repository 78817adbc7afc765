//! What is empty most of the time, and takes one word then: there are thousands of visitors to whom nothing is said.

use std::collections::VecDeque;
use std::ops::{Deref, DerefMut};

/// A value that is allocated once it is changed. Until then it reads as the empty one.
#[derive(Debug)]
pub(crate) struct Rare<T>(Option<Box<T>>);

/// What a [`Rare`] may hold.
pub(crate) trait GiveBack: Default + 'static {
    /// The empty one.
    const EMPTY: &'static Self;

    /// Gives back the room that is not needed. Returns whether the value is the empty one, so that nothing of it has to
    /// be kept.
    fn give_back(&mut self) -> bool;
}

impl<T: GiveBack> Rare<T> {
    /// Gives back the room that is not needed: all of it where the value is the empty one.
    pub(crate) fn give_back(&mut self) {
        if self.0.as_mut().is_some_and(|value| value.give_back()) {
            self.0 = None;
        }
    }

    /// The value, if there may be something in it: for changes that the empty one does not need.
    pub(crate) fn filled(&mut self) -> Option<&mut T> {
        self.0.as_deref_mut()
    }

    /// Takes the value out, and leaves the empty one.
    pub(crate) fn take_out(&mut self) -> T {
        self.0.take().map(|value| *value).unwrap_or_default()
    }
}

impl<T> Default for Rare<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> From<T> for Rare<T> {
    fn from(value: T) -> Self {
        Self(Some(Box::new(value)))
    }
}

impl<T: GiveBack> Deref for Rare<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        self.0.as_deref().unwrap_or(T::EMPTY)
    }
}

impl<T: GiveBack> DerefMut for Rare<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        self.0.get_or_insert_default()
    }
}

impl<T: 'static> GiveBack for Vec<T> {
    const EMPTY: &'static Self = &Self::new();

    fn give_back(&mut self) -> bool {
        self.shrink_to_fit();
        self.is_empty()
    }
}

impl<T: 'static> GiveBack for VecDeque<T> {
    const EMPTY: &'static Self = &Self::new();

    fn give_back(&mut self) -> bool {
        self.shrink_to_fit();
        self.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_empty_takes_one_word_and_what_is_in_it_stays() {
        let mut names: Rare<Vec<&str>> = Rare::default();
        assert_eq!((size_of_val(&names), names.len()), (size_of::<usize>(), 0));
        assert!(names.0.is_none(), "reading allocates nothing");
        names.push("Ada");
        names.give_back();
        assert_eq!(*names, ["Ada"]);
        names.clear();
        names.give_back();
        assert!(names.0.is_none());
        names.push("Bo");
        assert_eq!((names.take_out(), names.len()), (vec!["Bo"], 0));
    }
}
