//! Findings that no failed call shows.

use std::time::{Duration, SystemTime};

use secondme_avatar::CallReport;

/// `Date` headers count whole seconds, and an answer takes time to arrive.
const CLOCK_MAY_BE_OFF: Duration = Duration::from_secs(30);

/// There is a proxy.
pub(super) fn of_proxy(place: &str) -> String {
    format!(
        "HTTP calls and the WebSocket go through the proxy at {place}, as the environment says (HTTPS_PROXY, \
         HTTP_PROXY or ALL_PROXY). For a host that is reached without it, name the host in NO_PROXY."
    )
}

/// This machine's clock differs from the service's.
pub(super) fn of_clock(calls: &[CallReport]) -> Option<String> {
    let (call, server) = calls.iter().find_map(|call| Some((call, call.server_time?)))?;
    let since = call.started.elapsed().saturating_sub(call.took);
    clock(SystemTime::now() - since, server)
}

fn clock(here: SystemTime, server: SystemTime) -> Option<String> {
    let (off, direction) = match here.duration_since(server) {
        Ok(ahead) => (ahead, "ahead of"),
        Err(behind) => (behind.duration(), "behind"),
    };
    (off > CLOCK_MAY_BE_OFF).then(|| {
        let amount = match off.as_secs() {
            seconds @ 0..120 => format!("{seconds} s"),
            seconds @ 120..7200 => format!("{} min", seconds / 60),
            seconds => format!("{} h", seconds / 3600),
        };
        format!(
            "This machine's clock is {amount} {direction} the service's: messages carry wrong times, and \
             certificates may be refused. Set it, best by NTP."
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_wrong_is_noticed_either_way() {
        let now = SystemTime::now();
        assert_eq!(clock(now, now + Duration::from_secs(20)), None);
        assert_eq!(clock(now, now - Duration::from_secs(20)), None);
        let behind = clock(now, now + Duration::from_secs(600)).unwrap_or_default();
        assert!(behind.contains("10 min behind the service's"), "{behind}");
        let ahead = clock(now, now - Duration::from_secs(7_300)).unwrap_or_default();
        assert!(ahead.contains("2 h ahead of"), "{ahead}");
    }
}
