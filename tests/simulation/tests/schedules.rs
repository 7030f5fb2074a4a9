//! The protocol holds in some thousands of schedules, and each rule that it lacks is noticed.

use ringtap_simulation::{
    checker::Problem,
    run::{Job, Mode, run, schedule},
    trace::Trace,
    variant::{SOUND, Variant, named, weakened},
};

fn job(variant: Variant, seeds: u64, problems_max: usize) -> Job {
    Job { first: 0, seeds, variant, mode: Mode::Both, threads: 2, problems_max }
}

#[test]
fn nothing_is_published_twice_or_lost_and_all_comes_right() {
    let summary = run(&job(SOUND, 5000, 3));
    let told: Vec<String> =
        summary.problems.iter().map(|(seed, problem)| format!("seed {seed}: {problem}")).collect();
    assert!(told.is_empty(), "{}", told.join("\n"));
    assert_eq!(summary.schedules, 5000);
}

/// A part of what an agent gave back became its own again, before the rest of it was given back: the head passed over its changes.
#[test]
fn tokens_that_come_back_in_part_are_published() {
    let summary = run(&Job { first: 187_436, ..job(SOUND, 1, 1) });
    let told: Vec<String> = summary.problems.iter().map(|(_, problem)| problem.to_string()).collect();
    assert!(told.is_empty(), "{}", told.join("\n"));
}

/// A branch that no schedule takes is not tested.
#[test]
fn each_kind_of_fault_and_each_branch_happens() {
    let summary = run(&job(SOUND, 5000, 1));
    let never: Vec<&str> =
        summary.tally.lines().filter(|(_, count)| *count == 0).map(|(name, _)| name).collect();
    assert_eq!(never, [""; 0]);
}

#[test]
fn each_rule_that_is_left_out_is_noticed() {
    /// Some rules matter in one schedule of ten thousand; from this seed on all are met soon.
    const FIRST: u64 = 7_000_000;
    let missed: Vec<&str> = weakened()
        .into_iter()
        .filter(|variant| run(&Job { first: FIRST, ..job(*variant, 50_000, 1) }).problems.is_empty())
        .map(|variant| variant.name)
        .collect();
    assert_eq!(missed, [""; 0]);
}

/// That nobody takes over from the dead would be noticed first.
#[test]
fn without_a_fence_changes_are_published_twice() {
    let variant = named("fence").unwrap();
    let summary = run(&Job { mode: Mode::Safety, ..job(variant, 5000, 1) });
    assert!(matches!(summary.problems[..], [(_, Problem::Twice { .. })]), "{:?}", summary.problems);
}

#[test]
fn a_seed_replays_byte_for_byte() {
    for seed in 0..50 {
        let run = || schedule(seed, SOUND, Mode::Both, Trace::readable()).trace;
        let (first, second) = (run(), run());
        assert_eq!((first.digest(), first.steps()), (second.digest(), second.steps()));
        let silent = schedule(seed, SOUND, Mode::Both, Trace::default()).trace;
        assert_eq!(silent.digest(), first.digest(), "whether it is told makes no difference");
        let first = first.into_text();
        assert!(first.lines().count() > 50, "{first}");
        assert_eq!(first, second.into_text());
    }
}

#[test]
fn seeds_differ() {
    let digest = |seed| schedule(seed, SOUND, Mode::Both, Trace::default()).trace.digest();
    assert_ne!(digest(1), digest(2));
}
