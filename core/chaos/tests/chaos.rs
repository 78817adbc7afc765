//! Small versions of what `make chaos` does at length.

#![allow(clippy::unwrap_used)] // In a test a panic is how a failure is reported.

use secondme_avatar::Delivery;
use secondme_avatar_chaos::{Crash, Storm};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_storm_nothing_is_lost_and_nothing_comes_twice() {
    let report = Storm { seed: 7, visitors: 30, seconds: 90 }.rage().await.unwrap();
    assert!(report.is_good(), "{report}");
    assert!(report.verdict.sent > 100 && report.lost > 30, "that was no storm: {report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_killed_at_any_moment_loses_nothing_that_it_kept_and_sends_nothing_twice() {
    let folder = std::env::temp_dir().join(format!("secondme-crash-test-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let crash = Crash { seed: 7, kills: 12, visitors: 8, delivery: Delivery::Checked };
    let report = crash.run(env!("CARGO_BIN_EXE_crash").as_ref(), &folder).await.unwrap();
    assert!(report.verdict.is_good(), "{report}");
    assert!(report.kept > 50 && report.at_work > 6, "that was too gentle: {report}");
    std::fs::remove_dir_all(&folder).unwrap();
}
