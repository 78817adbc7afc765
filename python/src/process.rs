//! Guards against forks: a fork copies the memory, but not the threads that work on it.

use pyo3::prelude::*;
use secondme_avatar::{Error, ErrorKind};

use crate::errors;

/// A value that lives on the threads of the process that made it. In a forked child its use is an error, and it is not
/// dropped: one of its locks may be held for ever by a thread that does not exist there.
pub(crate) struct ForkGuarded<T> {
    value: Option<T>,
    process: u32,
}

impl<T> ForkGuarded<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { value: Some(value), process: std::process::id() }
    }

    /// Returns the value in the process that made it.
    pub(crate) fn get(&self, py: Python<'_>) -> PyResult<&T> {
        self.own().ok_or_else(|| errors::raise(py, &forked()))
    }

    /// The same for work that a forked child leaves out without an error.
    pub(crate) fn own(&self) -> Option<&T> {
        self.value.as_ref().filter(|_| self.process == std::process::id())
    }
}

impl<T> Drop for ForkGuarded<T> {
    fn drop(&mut self) {
        if self.process != std::process::id() {
            std::mem::forget(self.value.take());
        }
    }
}

fn forked() -> Error {
    let message = "this client was made before the process was forked, and its connections did not come along: \
                   make a client of the child's own after the fork, or start processes with multiprocessing's `spawn`";
    Error::new(ErrorKind::Misuse, message)
}
