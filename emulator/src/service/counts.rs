//! How often each call was made, and each failure answered.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::failure::Failure;

/// Codes that faults make up are counted up to this number of kinds. No test needs more, and no run grows
/// without end.
const MADE_UP_CODES: usize = 1_000;

#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Counts {
    /// By the name of the call.
    calls: BTreeMap<Cow<'static, str>, u64>,
    /// By the code.
    failures: BTreeMap<Cow<'static, str>, u64>,
}

impl Counts {
    pub(super) fn call(&mut self, name: &'static str) {
        *self.calls.entry(Cow::Borrowed(name)).or_default() += 1;
    }

    pub(super) fn failure(&mut self, failure: &Failure) {
        *self.failures.entry(Cow::Borrowed(failure.code().as_str())).or_default() += 1;
    }

    /// Counts a failure whose code a fault has made up.
    pub(super) fn code(&mut self, code: &str) {
        if self.failures.len() < MADE_UP_CODES || self.failures.contains_key(code) {
            *self.failures.entry(Cow::Owned(code.to_owned())).or_default() += 1;
        }
    }

    pub(super) fn calls(&self) -> BTreeMap<String, u64> {
        self.calls.iter().map(|(name, count)| (name.to_string(), *count)).collect()
    }

    pub(super) fn failures(&self) -> BTreeMap<String, u64> {
        self.failures.iter().map(|(code, count)| (code.to_string(), *count)).collect()
    }
}
