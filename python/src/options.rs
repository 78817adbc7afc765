//! A client's options out of Python's keywords.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use secondme_avatar::{AvatarClient, BaseUrl, ClientBuilder, Delivery, SqliteStore};

use crate::errors::{duration, misuse, raise};
use crate::text::{self, Text};

pub(crate) fn builder(py: Python<'_>, api_key: &str, options: &Bound<'_, PyDict>) -> PyResult<ClientBuilder> {
    let mut builder = AvatarClient::builder(api_key).map_err(|error| raise(py, &error))?;
    for (name, value) in options {
        if !value.is_none() {
            builder = option(py, builder, name.cast::<PyString>()?.to_str()?, &value)?;
        }
    }
    Ok(builder)
}

fn option(
    py: Python<'_>,
    builder: ClientBuilder,
    name: &str,
    value: &Bound<'_, PyAny>,
) -> PyResult<ClientBuilder> {
    let seconds = || duration(py, name, value.extract()?);
    let whole = || {
        value.extract::<usize>().map_err(|_| misuse(py, format!("`{name}` takes a whole number, 0 or more")))
    };
    Ok(match name {
        "base_url" => builder
            .base_url(Text::of_option(name, value)?.parse::<BaseUrl>().map_err(|error| raise(py, &error))?),
        "allow_insecure" => builder.allow_insecure(value.is_truthy()?),
        "proxy" => builder.proxy(Text::of_option(name, value)?),
        "no_proxy" if value.is_truthy()? => builder.no_proxy(),
        "no_proxy" => builder,
        "ca_file" => builder.ca_file(text::path(name, value)?),
        "builtin_roots" => builder.builtin_roots(value.is_truthy()?),
        "acknowledge" => builder.acknowledge(value.is_truthy()?),
        "delivery" => builder.delivery(match Text::of_option(name, value)?.as_str() {
            "at_most_once" => Delivery::AtMostOnce,
            "at_least_once" => Delivery::AtLeastOnce,
            other => {
                return Err(misuse(
                    py,
                    format!("`delivery` is `{other}`: write `at_most_once` or `at_least_once`"),
                ));
            }
        }),
        "store" => {
            let path = text::path(name, value)?;
            let store = py.detach(|| SqliteStore::open(path)).map_err(|error| raise(py, &error.into()))?;
            builder.store(store)
        }
        "event_queue" => builder.event_queue(whole()?),
        "quota" => builder.quota(whole()?),
        "max_live" => builder.max_live(whole()?),
        "language" => builder.language(Text::of_option(name, value)?),
        "heartbeat" => builder.heartbeat(seconds()?),
        "reply_idle" => builder.reply_idle(seconds()?),
        "idle_after" => builder.idle_after(seconds()?),
        "open_deadline" => builder.open_deadline(seconds()?),
        "send_deadline" => builder.send_deadline(seconds()?),
        "durable_deadline" => builder.durable_deadline(seconds()?),
        "history_deadline" => builder.history_deadline(seconds()?),
        "close_deadline" => builder.close_deadline(seconds()?),
        "ask_deadline" => builder.ask_deadline(seconds()?),
        "first_piece_deadline" => builder.first_piece_deadline(seconds()?),
        _ => return Err(misuse(py, format!("there is no option `{name}`"))),
    })
}
