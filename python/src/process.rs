//! A fork takes the memory along, and none of the threads that work on it.

use std::sync::OnceLock;

use pyo3::prelude::*;
use secondme_avatar::{Error, ErrorKind};

use crate::errors;

/// The process that started the core's threads.
static OWNER: OnceLock<u32> = OnceLock::new();

/// Something that lives on the core's threads. In a forked child it can neither be used, which is an error there,
/// nor dropped: a lock of it may be held for ever by a thread that is gone.
pub(crate) struct Kept<T>(Option<T>);

impl<T> Kept<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Some(value))
    }

    pub(crate) fn get(&self, py: Python<'_>) -> PyResult<&T> {
        check(py)?;
        self.0.as_ref().ok_or_else(|| errors::raise(py, &forked()))
    }
}

impl<T> Drop for Kept<T> {
    fn drop(&mut self) {
        if !is_owner() {
            std::mem::forget(self.0.take());
        }
    }
}

/// Refuses to go on in a child that was forked after the core's threads were started.
pub(crate) fn check(py: Python<'_>) -> PyResult<()> {
    if is_owner() { Ok(()) } else { Err(errors::raise(py, &forked())) }
}

fn is_owner() -> bool {
    let process = std::process::id();
    *OWNER.get_or_init(|| process) == process
}

fn forked() -> Error {
    let message = "this process was forked from one that was using secondme_avatar already, and its connections \
                   did not come along: make clients after the fork only, or start processes with \
                   multiprocessing's `spawn`";
    Error::new(ErrorKind::Misuse, message)
}
