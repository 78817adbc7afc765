//! Whole lives of many visitors, under every answer to the open questions, over a network that does its
//! worst. `make simulate` runs more of the same.

use secondme_avatar_protocol::Door;
use secondme_avatar_simulation::runs::{run, run_all};

/// As many behind each door.
const SEEDS: u64 = 230;
const STEPS: u64 = 4_000;

#[test]
fn in_a_million_steps_every_property_holds() {
    let result = run_all(&Door::ALL, 0..SEEDS, STEPS, 2, |_, _| {});
    let report = match result {
        Ok(report) => report,
        Err(finding) => panic!(
            "seed {} at step {}: does not hold: {}: {}\nmake simulate DOOR={} SEED={} STEPS={STEPS}",
            finding.seed,
            finding.step,
            finding.violation.property,
            finding.violation.what,
            finding.door,
            finding.seed
        ),
    };
    assert!(report.steps >= 1_000_000, "{} steps are no million", report.steps);
    // It would prove little if nothing ever happened, or if some question were never answered so.
    assert!(report.said > 10_000 && report.faults.values().all(|times| *times > 20), "{:?}", report.faults);
    assert!(report.faults.len() >= 16, "{:?}", report.faults);
    assert!(report.answers.values().all(|runs| *runs >= 3), "{:?}", report.answers);
    // An answer that is new is drawn as well; then this number is another one.
    assert_eq!(report.answers.len(), 130);
}

#[test]
fn the_same_seed_is_the_same_run_to_the_step() {
    let lives = [(); 2].map(|()| {
        run(Door::VisitorChat, 7, STEPS, 60).map(|report| (report.steps, report.commands, report.faults))
    });
    let [Ok(first), Ok(second)] = lives else { panic!("seed 7 has a finding") };
    assert_eq!(first, second);
}
