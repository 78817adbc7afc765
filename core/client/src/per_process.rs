//! What each process has one of.

use std::fmt;

use once_cell::race::OnceBox;

/// A value for each process. A forked child has a copy of its parent's memory, and none of the threads that work on
/// it: the child makes a value of its own, and never looks into the parent's.
///
/// It takes no lock, since a lock that another thread holds at the moment of a fork is never released in the child.
/// Two threads that come first at the same time may therefore both make a value, and one of the two is dropped.
pub struct PerProcess<T>(OnceBox<Entry<T>>);

struct Entry<T> {
    process: u32,
    value: T,
    /// The child's, in a child.
    next: PerProcess<T>,
}

impl<T> PerProcess<T> {
    /// Without a value yet.
    pub const fn new() -> Self {
        Self(OnceBox::new())
    }

    /// This process's value, if it has been made.
    pub fn get(&self) -> Option<&T> {
        let process = std::process::id();
        let mut entry = self.0.get();
        while let Some(found) = entry.filter(|found| found.process != process) {
            entry = found.next.0.get();
        }
        entry.map(|entry| &entry.value)
    }

    /// This process's value, made by `make` where there is none yet.
    ///
    /// # Errors
    /// What `make` fails with; the next call tries again.
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
        let parents = Entry { process: 0, value: 1, next: PerProcess::new() };
        let each = PerProcess(OnceBox::with_value(Box::new(parents)));
        assert_eq!(each.get(), None);
        assert_eq!(each.get_or_try_init(|| Ok::<_, ()>(2)), Ok(&2));
        assert_eq!(each.get(), Some(&2));
    }
}
