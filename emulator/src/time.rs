//! Time as the service sees it: a number that is passed in.

use std::fmt;
use std::ops::{Add, Sub};
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A moment, or a length of time, in milliseconds.
///
/// As a moment it counts from whatever zero the caller chose; the shell counts from the Unix epoch,
/// because the service puts moments into frames as `timestamp`. Written as text it is a length with
/// its unit: `250ms`, `1.5s`, `10m`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Millis(pub u64);

impl Millis {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// Returns a length of time in seconds.
    pub const fn seconds(seconds: u64) -> Self {
        Self(seconds.saturating_mul(1_000))
    }

    /// Returns a length of time in minutes.
    pub const fn minutes(minutes: u64) -> Self {
        Self(minutes.saturating_mul(60_000))
    }
}

impl Add for Millis {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

/// The time from `other` to `self`; zero if `other` is later.
impl Sub for Millis {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl From<Duration> for Millis {
    fn from(duration: Duration) -> Self {
        Self(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
    }
}

impl From<Millis> for Duration {
    fn from(millis: Millis) -> Self {
        Self::from_millis(millis.0)
    }
}

impl fmt::Display for Millis {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}ms", self.0)
    }
}

/// Text that is not a length of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a length of time; write it as 250ms, 1.5s or 10m")]
pub struct NotATime(String);

impl FromStr for Millis {
    type Err = NotATime;

    fn from_str(text: &str) -> Result<Self, NotATime> {
        let wrong = || NotATime(text.to_owned());
        let text = text.trim();
        let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
        let unit = match &text[digits.len()..] {
            "" if digits == "0" => 1.0,
            "ms" => 1.0,
            "s" => 1_000.0,
            "m" => 60_000.0,
            _ => return Err(wrong()),
        };
        let number: f64 = digits.parse().map_err(|_| wrong())?;
        // A year is far beyond anything the service waits for, and far below what f64 holds exactly.
        let millis = number * unit;
        if !(0.0..=31_536_000_000.0).contains(&millis) {
            return Err(wrong());
        }
        Ok(Self(millis.round() as u64))
    }
}

impl Serialize for Millis {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Millis {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A moment where it is kept: as a number, because a length of time is what text says.
pub(crate) mod moment {
    use super::{Deserialize, Deserializer, Millis, Serializer};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
    pub(crate) fn serialize<S: Serializer>(moment: &Millis, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(moment.0)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Millis, D::Error> {
        u64::deserialize(deserializer).map(Millis)
    }

    /// A moment that may be absent.
    pub(crate) mod option {
        use super::{Deserialize, Deserializer, Millis, Serializer};

        #[expect(clippy::ref_option, reason = "serde asks for a reference")]
        pub(crate) fn serialize<S: Serializer>(moment: &Option<Millis>, to: S) -> Result<S::Ok, S::Error> {
            serde::Serialize::serialize(&moment.map(|moment| moment.0), to)
        }

        pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Millis>, D::Error> {
            Ok(Option::<u64>::deserialize(from)?.map(Millis))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_of_time_is_written_with_its_unit() {
        assert_eq!("250ms".parse(), Ok(Millis(250)));
        assert_eq!("1.5s".parse(), Ok(Millis(1_500)));
        assert_eq!("10m".parse(), Ok(Millis::minutes(10)));
        assert_eq!("0".parse(), Ok(Millis::ZERO));
        for wrong in ["", "10", "-1s", "1h", "ms", "NaNs", "1e300s"] {
            assert!(wrong.parse::<Millis>().is_err(), "{wrong}");
        }
    }
}
