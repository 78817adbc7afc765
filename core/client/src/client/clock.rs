//! A client's clock, put forward for tests.

use std::sync::Arc;
use std::time::Duration;

use super::AvatarClient;
use crate::runtime;
use crate::visitor_handle::VisitorHandle;

/// How long a clock that was put forward waits for the answers of calls that are under way.
const ANSWER_PATIENCE: Duration = Duration::from_millis(100);

impl AvatarClient {
    /// Puts the client's clock forward, for tests. Heartbeats, expiries, retries and deadlines up to then become
    /// due, and what they start has begun when this returns. Calls that are under way get their answers first, except
    /// those that take more than 0.1 s of real time.
    ///
    /// So a test of an hour of silence takes a moment. The emulator has its own clock (`Emulator::advance`, or
    /// `POST /_emulator/clock`), and closes a socket that is silent: put both clocks forward in turn, and wait for
    /// what travels over the socket in between.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use secondme_avatar::{AvatarClient, State, Visitor};
    /// # use secondme_avatar_emulator::Emulator;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let emulator = Emulator::builder().start().await?;
    /// # let builder = AvatarClient::builder(emulator.api_key())?.base_url(emulator.base_url().parse()?);
    /// # let client = builder.build()?;
    /// let chat = client.open(Visitor::for_user("web", "ada")?).await?;
    /// for pings in 1..=4 {
    ///     client.advance_clock(Duration::from_secs(15)).await;
    ///     emulator.wait_until(|state| state.sockets[0].pings >= pings).await;
    ///     emulator.advance(Duration::from_secs(15)).await;
    /// }
    /// assert_eq!(chat.state(), State::Live);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn advance_clock(&self, by: Duration) {
        let is_quiet = self.is_quiet_soon().await;
        let forward = self.inner.env.clock.advance(by);
        self.inner.env.quota.look_again();
        let visitors = self.live();
        visitors.iter().for_each(|handle| handle.look_again());
        for handle in visitors {
            handle.noticed(forward).await;
        }
        if is_quiet {
            self.is_quiet_soon().await;
        }
    }

    /// Waits for the answers to all calls. Gives those up that take longer: one that the emulator holds back comes when
    /// its clock goes on, and not before.
    async fn is_quiet_soon(&self) -> bool {
        let visitors = self.live();
        let quiet = async {
            for handle in visitors {
                handle.quiet().await;
            }
        };
        let soon = async { tokio::time::timeout(ANSWER_PATIENCE, quiet).await.is_ok() };
        runtime::with_timers(&self.inner.env.runtime, soon).await
    }

    fn live(&self) -> Vec<Arc<VisitorHandle>> {
        self.inner.lock().live().cloned().collect()
    }
}
