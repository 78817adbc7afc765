//! The native module of the Python package `secondme-avatar`.
//!
//! No thread of the core enters Python. What Python waits for, results of calls and news of subscriptions alike, goes
//! into a `HostQueue`; a byte on a socket pair says that there is some, and Python drains it on a thread
//! of its own. So nothing aborts when the interpreter exits, and no heartbeat waits for the GIL.

mod classes;
mod client;
mod contract;
mod conversation;
mod credentials;
mod errors;
mod events;
mod host_queue;
mod logs;
mod options;
mod process;
mod seals;
mod streams;
mod text;
mod tokens;
mod values;
mod visitor;

use pyo3::prelude::*;

// Where the GIL is optional it is turned on again: without it nothing has been tried.
#[pymodule(gil_used = true)]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<client::Client>()?;
    module.add_class::<conversation::Conversation>()?;
    module.add_class::<credentials::Credentials>()?;
    module.add_class::<host_queue::Call>()?;
    module.add_class::<host_queue::HostQueue>()?;
    module.add_class::<streams::Reports>()?;
    module.add_class::<streams::ReplyStream>()?;
    module.add_class::<streams::Subscription>()?;
    module.add_class::<seals::SealRequests>()?;
    module.add_class::<tokens::TokenRequests>()?;
    module.add_class::<visitor::Visitor>()?;
    module.add_class::<logs::Logs>()?;
    module.add_function(wrap_pyfunction!(classes::register, module)?)?;
    module.add_function(wrap_pyfunction!(client::api_key_from_env, module)?)?;
    module.add_function(wrap_pyfunction!(client::new_message_id, module)?)?;
    module.add_function(wrap_pyfunction!(events::event_again, module)?)?;
    contract::events::add_to(module)
}
