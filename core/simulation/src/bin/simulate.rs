//! `make simulate`: many seeds, or one again with its last happenings.

#![allow(clippy::print_stdout)] // It is what it is for.

use std::collections::BTreeMap;
use std::env;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use secondme_avatar_protocol::Door;
use secondme_avatar_simulation::Report;
use secondme_avatar_simulation::runs::{Finding, run, run_all};

fn main() -> ExitCode {
    // A panic is a finding like another, and is told as one.
    std::panic::set_hook(Box::new(|_| {}));
    let number = |name: &str| env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let steps = number("STEPS").unwrap_or(4_000);
    let trail = number("TRAIL").unwrap_or(60) as usize;
    let chosen = env::var("DOOR").unwrap_or_default();
    let doors = match chosen.parse() {
        Ok(door) => vec![door],
        Err(_) if chosen.is_empty() => Door::ALL.to_vec(),
        Err(error) => {
            println!("DOOR={chosen}: {error}");
            return ExitCode::FAILURE;
        }
    };
    if let Some(seed) = number("SEED") {
        for door in doors {
            match run(door, seed, steps, trail) {
                Ok(report) => println!("seed {seed} holds behind {door}: {} steps", report.steps),
                Err(finding) => {
                    tell(&finding, steps);
                    return ExitCode::FAILURE;
                }
            }
        }
        return ExitCode::SUCCESS;
    }
    let seeds = env::var("SEEDS").unwrap_or_default();
    let (from, to) = match seeds.split_once("..") {
        Some((from, to)) => (from.parse().unwrap_or(0), to.parse().unwrap_or(0)),
        None => (0, seeds.parse().unwrap_or(250)),
    };
    let threads = number("THREADS").unwrap_or(2) as usize;
    let (begun, so_far, told) = (Instant::now(), AtomicU64::new(0), Mutex::new(0));
    let result = run_all(&doors, from..to, steps, threads, |seed, report| {
        let all = so_far.fetch_add(report.steps, Ordering::Relaxed) + report.steps;
        if let Ok(mut told) = told.lock()
            && all / 1_000_000 > *told
        {
            *told = all / 1_000_000;
            println!("{all} steps, about seed {seed}, {:.0?}", begun.elapsed());
        }
    });
    match result {
        Ok(report) => {
            summary(&report, from..to);
            println!("no finding in {:.1?}", begun.elapsed());
            ExitCode::SUCCESS
        }
        Err(finding) => {
            // The same again, with its last happenings.
            let again = run(finding.door, finding.seed, steps, trail).err();
            tell(again.as_ref().unwrap_or(&finding), steps);
            ExitCode::FAILURE
        }
    }
}

fn tell(finding: &Finding, steps: u64) {
    println!("{}", finding.terms);
    for line in &finding.trail {
        println!("{line}");
    }
    println!(
        "\nseed {} at step {}: does not hold: {}",
        finding.seed, finding.step, finding.violation.property
    );
    println!("{}", finding.violation.what);
    println!("make simulate DOOR={} SEED={} STEPS={steps}", finding.door, finding.seed);
}

fn summary(report: &Report, seeds: std::ops::Range<u64>) {
    let [given, well, badly] = report.commands;
    println!("seeds {}..{}: {} steps", seeds.start, seeds.end, report.steps);
    println!("{} visitors, {} clients, {} messages", report.visitors, report.clients, report.said);
    println!("{given} commands: {well} answered well, {badly} with an error\nfaults met:");
    for (fault, times) in &report.faults {
        println!("  {times:>9}  {fault}");
    }
    let mut questions: BTreeMap<_, Vec<String>> = BTreeMap::new();
    for ((question, answer), runs) in &report.answers {
        questions.entry(question).or_default().push(format!("{answer} {runs}"));
    }
    println!("answers to the open questions, in runs:");
    for (question, answers) in questions {
        println!("  {question}: {}", answers.join(", "));
    }
}
