//! Which process something belongs to: a fork copies the memory along, and none of the threads that work on it.

use pyo3::prelude::*;
use secondme_avatar::{Error, ErrorKind};

use crate::errors;

/// Something that lives on the threads of the process that made it. In a forked child it can neither be used, which
/// is an error there, nor dropped: a lock of it may be held for ever by a thread that is gone.
pub(crate) struct ForkGuarded<T> {
    value: Option<T>,
    process: u32,
}

impl<T> ForkGuarded<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { value: Some(value), process: std::process::id() }
    }

    /// The value, where this is the process that made it.
    pub(crate) fn get(&self, py: Python<'_>) -> PyResult<&T> {
        self.own().ok_or_else(|| errors::raise(py, &forked()))
    }

    /// The same for what is rather left undone in a forked child than refused.
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
