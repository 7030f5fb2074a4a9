//! Many schedules, on several threads.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
};

use crate::{
    checker::Problem,
    counts::Tally,
    random::scramble,
    trace::Trace,
    variant::Variant,
    world::{Ending, World},
};

/// Whether schedules must come right at their end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Faults happen throughout.
    Safety,
    /// Faults stop, and all must come right.
    Liveness,
    /// The seed decides.
    Both,
}

/// What is run.
#[derive(Debug, Clone, Copy)]
pub struct Job {
    /// The first seed.
    pub first: u64,
    /// How many seeds.
    pub seeds: u64,
    /// What they are run with.
    pub variant: Variant,
    /// How they end.
    pub mode: Mode,
    /// How many threads run them.
    pub threads: usize,
    /// After how many problems to stop.
    pub problems_max: usize,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Summary {
    /// How many schedules were run.
    pub schedules: u64,
    /// How many steps they had.
    pub steps: u64,
    /// What happened how often.
    pub tally: Tally,
    /// Seeds with what is wrong, in order.
    pub problems: Vec<(u64, Problem)>,
    /// Sum of the digests: the same for the same job.
    pub digest: u64,
}

/// Runs one schedule.
pub fn schedule(seed: u64, variant: Variant, mode: Mode, trace: Trace) -> Ending {
    let converges = match mode {
        Mode::Safety => false,
        Mode::Liveness => true,
        Mode::Both => scramble(seed).is_multiple_of(2),
    };
    World::new(seed, variant, converges, trace).run()
}

/// Runs a job.
pub fn run(job: &Job) -> Summary {
    let next = AtomicU64::new(0);
    let stop = AtomicBool::new(false);
    let summary = Mutex::new(Summary::default());
    thread::scope(|scope| {
        for _ in 0..job.threads.max(1) {
            scope.spawn(|| run_some(job, &next, &stop, &summary));
        }
    });
    let mut summary = summary.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    summary.problems.sort_by_key(|(seed, _)| *seed);
    summary
}

fn run_some(job: &Job, next: &AtomicU64, stop: &AtomicBool, summary: &Mutex<Summary>) {
    /// How many a thread takes at once.
    const TAKEN: u64 = 64;
    while !stop.load(Ordering::Relaxed) {
        let first = next.fetch_add(TAKEN, Ordering::Relaxed);
        let last = (first + TAKEN).min(job.seeds);
        if first >= last {
            return;
        }
        let mut part = Summary::default();
        for seed in job.first + first..job.first + last {
            let ending = schedule(seed, job.variant, job.mode, Trace::default());
            part.schedules += 1;
            part.steps += ending.trace.steps();
            part.digest = part.digest.wrapping_add(scramble(ending.trace.digest() ^ seed));
            part.tally.add(&ending.tally);
            if let Some(problem) = ending.problem {
                part.problems.push((seed, problem));
                if job.problems_max == 1 {
                    break;
                }
            }
        }
        let mut whole = summary.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        whole.schedules += part.schedules;
        whole.steps += part.steps;
        whole.digest = whole.digest.wrapping_add(part.digest);
        whole.tally.add(&part.tally);
        whole.problems.extend(part.problems);
        if whole.problems.len() >= job.problems_max {
            stop.store(true, Ordering::Relaxed);
        }
    }
}
