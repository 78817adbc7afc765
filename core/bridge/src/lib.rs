//! What the language bindings share. It is no API: bindings and core are always of one version.
//!
//! The pattern is the same in every language. What the core has for the host waits in a bounded [`queue`]; one wake,
//! which carries nothing, says that there is something; the host drains it in batches on a thread of its own. Each
//! crate brings its own wake, a [`Waker`](std::task::Waker): a byte on a socket pair (Python), a weak
//! ThreadsafeFunction (Node), the continuation of `ready()` (Kotlin and Swift, through UniFFI).
//!
//! - [`calls`]: a call begins on the thread of its caller, and is given up on the thread that gives it up.
//! - [`cancel`]: the same for hosts that await a call themselves.
//! - [`causes`]: what lies beneath an error.
//! - [`streams`]: events, the pieces of a reply and reports of calls are drained in batches.
//! - [`logs`]: the core's log, drained like them.
//! - [`tokens`]: the tokens of users, for which a function of the host is asked.
//! - [`seals`]: a seal around what a store keeps, for which functions of the host are asked.
//! - [`stores`]: the store that a path or a URL names.
//! - [`timed_seal`]: a seal of Kotlin's or Swift's, which runs on a thread of its own with a time limit.
//!
//! No value of the host is touched by a thread of the core, and no code of the program runs on one, but for a seal of
//! Kotlin's or Swift's. The wakes of Python and Node do not enter the host at all. The continuation that UniFFI calls
//! does: it runs on a thread of the core, and does no more than schedule the task that waits.

pub mod call;
pub mod calls;
pub mod cancel;
pub mod causes;
pub mod clock;
pub mod logs;
pub mod queue;
pub mod seals;
pub mod stores;
pub mod streams;
pub mod timed_seal;
pub mod tokens;
