//! Arguments and options, as JavaScript has them.

use std::time::Duration;

use secondme_avatar::{ClientBuilder, Error};

use crate::misuse;

/// The builder with the option, where it is given.
pub(crate) fn given<T>(
    builder: ClientBuilder,
    value: Option<T>,
    set: impl FnOnce(ClientBuilder, T) -> ClientBuilder,
) -> ClientBuilder {
    match value {
        Some(value) => set(builder, value),
        None => builder,
    }
}

/// Milliseconds, as JavaScript has them.
pub(crate) fn time(name: &str, milliseconds: f64) -> Result<Duration, Error> {
    match Duration::try_from_secs_f64(milliseconds / 1000.0) {
        Ok(time) => Ok(time),
        Err(_) => {
            misuse(format!("`{name}` takes milliseconds that are not negative, and not {milliseconds}"))
        }
    }
}

/// The same where it may be left out.
pub(crate) fn time_if(name: &str, milliseconds: Option<f64>) -> Result<Option<Duration>, Error> {
    milliseconds.map(|value| time(name, value)).transpose()
}

/// A number of things.
pub(crate) fn whole(name: &str, value: f64) -> Result<usize, Error> {
    if value.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&value) {
        return Ok(value as usize);
    }
    misuse(format!("`{name}` takes a whole number that is not negative, and not {value}"))
}

/// The same where it may be left out.
pub(crate) fn whole_if(name: &str, value: Option<f64>) -> Result<Option<usize>, Error> {
    value.map(|value| whole(name, value)).transpose()
}
