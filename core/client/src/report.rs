//! Reports of a client's calls, for metrics.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use secondme_avatar_protocol::{Error, ErrorKind, Step, VisitorId};

/// One call to the service, or one handshake of a socket, when it is over. See
/// [`ClientBuilder::on_call`](crate::ClientBuilder::on_call).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CallReport {
    /// The visitor whose call it was.
    pub visitor_id: VisitorId,
    /// The step of the protocol.
    pub step: Step,
    /// When it went out.
    pub started: Instant,
    /// How long it took.
    pub took: Duration,
    /// What went wrong, if anything did. A call that is given up, because it took too long or is no longer wanted, has an
    /// error of kind [`Deadline`](ErrorKind::Deadline).
    pub error: Option<Error>,
    /// The service's own time, to the second, where its answer gave it.
    pub server_time: Option<SystemTime>,
}

type Told = dyn Fn(&CallReport) + Send + Sync;

/// The caller's function for reports, if there is one.
#[derive(Clone, Default)]
pub(crate) struct Observer(pub(crate) Option<Arc<Told>>);

impl Observer {
    /// Begins a call.
    pub(crate) fn begin(&self, visitor_id: &VisitorId, step: Step) -> RunningCall {
        let report = self.0.is_some().then(|| CallReport {
            visitor_id: visitor_id.clone(),
            step,
            started: Instant::now(),
            took: Duration::ZERO,
            error: Some(Error::new(ErrorKind::Deadline, "the call was given up before its answer came")),
            server_time: None,
        });
        RunningCall { report, observer: self.clone() }
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(if self.0.is_some() { "Observer" } else { "none" })
    }
}

/// The caller's function for occupancy, if there is one.
#[derive(Clone, Default)]
pub(crate) struct Occupancy(pub(crate) Option<Arc<dyn Fn(bool) + Send + Sync>>);

impl Occupancy {
    pub(crate) fn tell(&self, is_occupied: bool) {
        if let Some(tell) = &self.0 {
            let _ = catch_unwind(AssertUnwindSafe(|| tell(is_occupied)));
        }
    }
}

impl fmt::Debug for Occupancy {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(if self.0.is_some() { "Occupancy" } else { "none" })
    }
}

/// A running call. Dropping it ends and reports it.
#[derive(Debug)]
pub(crate) struct RunningCall {
    report: Option<CallReport>,
    observer: Observer,
}

impl RunningCall {
    /// Ends the call. `verdict` returns what to report, and is called only if there is an observer.
    pub(crate) fn end(mut self, verdict: impl FnOnce() -> (Option<Error>, Option<SystemTime>)) {
        if let Some(report) = &mut self.report {
            let (error, server_time) = verdict();
            report.error = error.map(|error| error.at(report.step));
            report.server_time = server_time;
        }
    }
}

impl Drop for RunningCall {
    fn drop(&mut self) {
        if let (Some(mut report), Some(tell)) = (self.report.take(), &self.observer.0) {
            report.took = report.started.elapsed();
            // A panic in the caller's function must not end the conversation. The panic hook has printed its
            // message.
            let _ = catch_unwind(AssertUnwindSafe(|| tell(&report)));
        }
    }
}
