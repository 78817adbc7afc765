//! A client's clock, put forward for a host's tests.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};
use std::time::{Duration, Instant, SystemTime};

use secondme_avatar::{AvatarClient, shared_runtime};
use tokio::runtime::Handle;

/// [`AvatarClient::advance_clock`] for a thread of the host's, which waits for what is due to be begun. On the
/// core's own thread (a callback that is made there) nothing can be waited for.
pub fn advance(client: &AvatarClient, by: Duration) {
    let advance = client.advance_clock(by);
    match shared_runtime() {
        Ok(runtime) if Handle::try_current().is_err() => runtime.block_on(advance),
        _ => drop(pin!(advance).poll(&mut Context::from_waker(Waker::noop()))),
    }
}

/// An instant as a point in time, for hosts: their own monotonic clocks have another origin.
pub fn wall_clock(instant: Instant) -> SystemTime {
    SystemTime::now() - instant.elapsed()
}
