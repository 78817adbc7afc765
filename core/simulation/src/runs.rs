//! Many lives, side by side: how the test and `make simulate` run them.

use std::any::Any;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use secondme_avatar_protocol::Door;

use crate::life::{Life, Report};
use crate::properties::Violation;

/// A run in which a property did not hold.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The door behind which it was found.
    pub door: Door,
    /// The seed that replays it.
    pub seed: u64,
    /// The step at which it showed.
    pub step: u64,
    /// The property, and what was seen.
    pub violation: Violation,
    /// The last happenings, where they were kept.
    pub trail: Vec<String>,
    /// What the run was like.
    pub terms: String,
}

/// Lives through one seed. The same seed and steps are the same run, to the step.
pub fn run(door: Door, seed: u64, steps: u64, trail: usize) -> Result<Report, Box<Finding>> {
    let mut life = Life::new(door, seed, trail);
    let lived = catch_unwind(AssertUnwindSafe(|| life.live(steps)));
    let violation = match lived {
        Ok(Ok(())) => return Ok(life.report()),
        Ok(Err(violation)) => violation,
        Err(panic) => Violation { property: "nothing panics", what: said(panic.as_ref()) },
    };
    Err(Box::new(Finding {
        door,
        seed,
        step: life.report().steps,
        violation,
        trail: life.trail().map(str::to_owned).collect(),
        terms: format!("{:#?}", life.terms()),
    }))
}

/// Lives through all seeds behind these doors on so many threads, and stops at the first finding. `done` hears of each
/// run that went well.
pub fn run_all(
    doors: &[Door],
    seeds: Range<u64>,
    steps: u64,
    threads: usize,
    done: impl Fn(u64, &Report) + Sync,
) -> Result<Report, Box<Finding>> {
    let next = AtomicU64::new(seeds.start);
    let total = Mutex::new(Ok(Report::default()));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    let result = doors.iter().try_fold(Report::default(), |mut sum, door| {
                        sum += run(*door, seed, steps, 0)?;
                        Ok(sum)
                    });
                    let mut total = total.lock().unwrap_or_else(PoisonError::into_inner);
                    match (&mut *total, result) {
                        (Ok(sum), Ok(report)) => {
                            done(seed, &report);
                            *sum += report;
                        }
                        (Ok(_), Err(finding)) => *total = Err(finding),
                        (Err(_), _) => {}
                    }
                    if total.is_err() {
                        return;
                    }
                }
            });
        }
    });
    total.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it says nothing").to_owned()
}
