//! A value of which each process has its own.

use std::fmt;

use once_cell::race::OnceBox;

/// A value of which each process has its own.
///
/// A forked child has a copy of its parent's memory, but none of the threads that work on it. So the child makes a
/// value of its own.
///
/// There is no lock in here: a lock that another thread holds at the moment of a fork is never released in the
/// child. Two threads that are first at the same time may therefore both make a value, and one of the two values is
/// dropped.
pub struct PerProcess<T>(OnceBox<Entry<T>>);

struct Entry<T> {
    process: u32,
    value: T,
    /// The value of a child that was forked off, in that child.
    next: PerProcess<T>,
}

impl<T> PerProcess<T> {
    /// Makes it without a value yet.
    pub const fn new() -> Self {
        Self(OnceBox::new())
    }

    /// Returns this process's value, if it has been made.
    pub fn get(&self) -> Option<&T> {
        let process = std::process::id();
        self.entries().find(|entry| entry.process == process).map(|entry| &entry.value)
    }

    /// Returns this process's value, made by `make` if there is none yet.
    ///
    /// # Errors
    /// Returns the error of `make`; the next call tries again.
    pub fn get_or_try_init<E>(&self, mut make: impl FnMut() -> Result<T, E>) -> Result<&T, E> {
        let process = std::process::id();
        let mut cell = self;
        loop {
            let new = || make().map(|value| Box::new(Entry { process, value, next: Self::new() }));
            let entry = cell.0.get_or_try_init(new)?;
            if entry.process == process {
                return Ok(&entry.value);
            }
            cell = &entry.next;
        }
    }

    /// Returns the values of the processes that this one was forked from. A lock in such a value may be held for
    /// ever: take it with `try_lock` only.
    #[cfg(feature = "sqlite")]
    pub(crate) fn inherited(&self) -> impl Iterator<Item = &T> {
        let process = std::process::id();
        self.entries().filter(move |entry| entry.process != process).map(|entry| &entry.value)
    }

    fn entries(&self) -> impl Iterator<Item = &Entry<T>> {
        std::iter::successors(self.0.get(), |entry| entry.next.0.get())
    }

    /// As a forked child sees it, whose parent had this value.
    #[cfg(test)]
    pub(crate) fn forked_from(value: T) -> Self {
        // No process has the id 0.
        Self(OnceBox::with_value(Box::new(Entry { process: 0, value, next: Self::new() })))
    }
}

impl<T> Default for PerProcess<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: fmt::Debug> fmt::Debug for PerProcess<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("PerProcess").field(&self.get()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_makes_its_value_once_and_tries_again_after_a_failure() {
        let each = PerProcess::new();
        assert_eq!(each.get(), None);
        assert_eq!(each.get_or_try_init(|| Err("no")), Err("no"));
        assert_eq!(each.get_or_try_init(|| Ok::<_, ()>(1)), Ok(&1));
        assert_eq!(each.get_or_try_init(|| Ok::<_, ()>(2)), Ok(&1));
        assert_eq!(each.get(), Some(&1));
    }

    #[test]
    fn a_process_does_not_see_the_value_of_the_one_it_was_forked_from() {
        let each = PerProcess::forked_from(1);
        assert_eq!(each.get(), None);
        assert_eq!(each.get_or_try_init(|| Ok::<_, ()>(2)), Ok(&2));
        assert_eq!(each.get(), Some(&2));
    }
}
