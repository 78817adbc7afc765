//! A client's clock, put forward for a host's tests.

use std::time::{Duration, Instant, SystemTime};

use secondme_avatar::{AvatarClient, shared_runtime};
use tokio::runtime::Handle;

/// [`AvatarClient::advance_clock`] for a thread of the host's, which waits for what is due to be begun. On the
/// core's own thread (a callback that is made there) nothing can be waited for: the clock goes on after the callback.
pub fn advance(client: &AvatarClient, by: Duration) {
    let client = client.clone();
    let advance = async move { client.advance_clock(by).await };
    match shared_runtime() {
        Ok(runtime) if Handle::try_current().is_err() => runtime.block_on(advance),
        Ok(runtime) => drop(runtime.spawn(advance)),
        Err(_) => {}
    }
}

/// An instant as a point in time, for hosts: their own monotonic clocks have another origin.
pub fn wall_clock(instant: Instant) -> SystemTime {
    SystemTime::now() - instant.elapsed()
}
