//! Values in the form in which they cross the border.

use std::time::{Duration, Instant, SystemTime};

use secondme_avatar::Json;

/// JSON is text.
pub(crate) fn json(value: Json) -> String {
    value.0.to_string()
}

/// A duration is milliseconds.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A point in time is milliseconds since the Unix epoch.
pub(crate) fn epoch_millis(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, millis)
}

/// An instant as a point in time.
pub(crate) fn wall_clock(instant: Instant) -> u64 {
    epoch_millis(secondme_avatar_bridge::clock::wall_clock(instant))
}

/// A number of things that has been counted.
pub(crate) fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// A number of things, on every width of pointers.
pub(crate) fn size(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
