//! The time that a survey waits by: the real one, or that of an emulator, which is moved on instead.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use reqwest::Client;
use serde_json::json;

use super::wire::Trouble;

/// How often sockets are looked at in real time.
const REAL_STEP: Duration = Duration::from_millis(50);
/// By how much the clock of an emulator is moved on between two looks.
const MOVED_STEP: Duration = Duration::from_millis(500);

#[derive(Clone, Debug)]
pub(super) struct Clock {
    started: Instant,
    /// What was added, in milliseconds.
    added: Arc<AtomicU64>,
    emulator: Option<(Client, String)>,
}

impl Clock {
    pub(super) fn real() -> Self {
        Self { started: Instant::now(), added: Arc::default(), emulator: None }
    }

    /// The clock of the emulator with this control API.
    pub(super) fn of_emulator(http: Client, control_url: &str) -> Self {
        Self { emulator: Some((http, format!("{control_url}/clock"))), ..Self::real() }
    }

    /// Whether waiting takes no real time.
    pub(super) fn is_moved(&self) -> bool {
        self.emulator.is_some()
    }

    /// The time since the survey began.
    pub(super) fn now(&self) -> Duration {
        self.started.elapsed() + Duration::from_millis(self.added.load(Ordering::Relaxed))
    }

    /// How long to let pass between two looks.
    pub(super) fn step(&self) -> Duration {
        if self.is_moved() { MOVED_STEP } else { REAL_STEP }
    }

    /// Lets this much time pass.
    pub(super) async fn pass(&self, time: Duration) -> Result<(), Trouble> {
        let Some((http, url)) = &self.emulator else {
            tokio::time::sleep(time).await;
            return Ok(());
        };
        let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let body = json!({"advance_ms": millis}).to_string();
        let answer = http.post(url).header("content-type", "application/json").body(body).send().await;
        let answer = answer.map_err(|error| Trouble::of_transport(&error))?;
        if !answer.status().is_success() {
            return Err(Trouble::new("the emulator does not let its clock be moved on"));
        }
        self.added.fetch_add(millis, Ordering::Relaxed);
        Ok(())
    }
}
