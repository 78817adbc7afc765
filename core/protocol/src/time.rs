//! The one notion of time: milliseconds, handed in from outside.

use std::ops::{Add, Sub};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A moment: milliseconds since the Unix epoch.
///
/// The machine never reads a clock. Its driver passes the moment in, and must never pass an earlier one
/// than before: it takes the wall clock once, then adds the progress of a monotonic clock.
///
/// ```
/// use std::time::Duration;
/// use secondme_avatar_protocol::Millis;
///
/// let start = Millis(1_774_580_000_000);
/// let later = start + Duration::from_secs(15);
/// assert_eq!(later.since(start), Duration::from_secs(15));
/// assert_eq!(start.since(later), Duration::ZERO);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Millis(pub u64);

impl Millis {
    /// How long ago `earlier` was, zero where it lies ahead.
    pub fn since(self, earlier: Millis) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// The last whole multiple of `step` that is at most `wait` ahead, and the next one where that is not ahead.
    pub(crate) fn step_within(self, wait: Duration, step: Duration) -> Millis {
        let step = u64::try_from(step.as_millis()).unwrap_or(u64::MAX).max(1);
        let last = |at: Millis| Millis(at.0 - at.0 % step);
        last(self + wait).max(last(self) + Duration::from_millis(step))
    }
}

impl Add<Duration> for Millis {
    type Output = Millis;

    fn add(self, duration: Duration) -> Millis {
        let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Millis(self.0.saturating_add(millis))
    }
}

impl Sub<Duration> for Millis {
    type Output = Millis;

    fn sub(self, duration: Duration) -> Millis {
        let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Millis(self.0.saturating_sub(millis))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_always_ahead() {
        let step = Duration::from_millis(100);
        for (now, wait, then) in
            [(1_020, 0, 1_100), (1_020, 79, 1_100), (1_020, 380, 1_400), (1_100, 0, 1_200)]
        {
            assert_eq!(
                Millis(now).step_within(Duration::from_millis(wait), step),
                Millis(then),
                "{now} + {wait}"
            );
        }
    }
}
