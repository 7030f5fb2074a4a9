//! Going on from a stored progress, and from an earlier one after what followed was given up.

use std::{fs, ops::ControlFlow, os::unix::fs::FileExt as _};

use cassandra_commitlog::Position;
use ringtap::{
    checkpoint::Progress,
    source::{LiveLog, LiveOptions, ReadAhead, ReadOutcome, SourceError, Start},
};

use super::node::{Node, Sample, Told, mutation, segment};

#[test]
fn a_restart_at_every_entry_tells_the_rest_once() {
    for (set, number) in [("4.1/ops", 1), ("4.1/var-lz4", 0), ("4.1/var-kill9+encrypted", 0)] {
        let sample = Sample::of(set, number);
        let node = Node::new();
        drop(node.create_with(&sample.name, &sample.content));
        for is_final in [false, true] {
            if is_final {
                node.discard(&sample.name);
            }
            let mut log = LiveLog::open(sample.options(&node)).unwrap();
            let step = sample.entries.len() / 60 + 1;
            for done in (0..=sample.entries.len()).step_by(step) {
                let mut progress = Progress::default();
                if let Some((position, _)) = done.checked_sub(1).and_then(|last| sample.entries.get(last)) {
                    progress.read_to(*position);
                }
                log.seek(&progress).unwrap();
                let mut told = Told::default();
                told.read(&mut log);
                assert!(told.entries == sample.entries[done..], "{set} from {done}");
                assert_eq!(told.finished.len(), usize::from(is_final), "{set} from {done}");
                assert!(told.gaps.is_empty() && told.damages == 0);
            }
        }
    }
}

#[test]
fn reading_breaks_off_where_it_is_told_to_and_goes_on_behind() {
    let sample = Sample::of("4.1/ops", 1);
    let node = Node::new();
    drop(node.create_with(&sample.name, &sample.content));
    node.discard(&sample.name);
    let mut log = LiveLog::open(sample.options(&node)).unwrap();
    log.start(Start::Oldest).unwrap();
    let mut told = Told::default();
    loop {
        let outcome = log
            .read::<SourceError>(u64::MAX, |event| {
                told.note(&event);
                Ok(ControlFlow::Break(()))
            })
            .unwrap();
        if outcome == ReadOutcome::Idle {
            break;
        }
        assert_eq!(outcome, ReadOutcome::Stopped);
    }
    assert!(told.entries == sample.entries);
    assert_eq!((told.started.len(), told.finished.len()), (1, 1));

    log.seek(&Progress::default()).unwrap();
    let (mut again, mut rounds) = (Told::default(), 0);
    loop {
        rounds += 1;
        let outcome = log
            .read::<SourceError>(10_000, |event| {
                again.note(&event);
                Ok(ControlFlow::Continue(()))
            })
            .unwrap();
        if outcome == ReadOutcome::Idle {
            break;
        }
        assert_eq!(outcome, ReadOutcome::BudgetSpent);
    }
    assert!(again.entries == sample.entries && rounds > 10);
}

#[test]
fn what_vanished_after_it_was_read_can_be_read_again_until_it_is_released() {
    let node = Node::new();
    let names = ["CommitLog-7-11.log", "CommitLog-7-12.log"];
    for (name, id) in names.into_iter().zip([11, 12]) {
        drop(node.create_with(name, &segment(id, &[&[&mutation(1), &mutation(2)]])));
    }
    let mut log = LiveLog::open(node.options()).unwrap();
    let begin = log.start(Start::Oldest).unwrap();
    // Deleted under us, before the first byte was read.
    for name in names {
        node.discard(name);
        fs::remove_file(node.in_cdc_raw(name)).unwrap();
    }
    for _ in 0..2 {
        let mut told = Told::default();
        log.seek(&begin).unwrap();
        told.read(&mut log);
        assert_eq!((told.entries.len(), told.finished.as_slice()), (4, &[11, 12][..]));
        assert!(told.gaps.is_empty());
    }
    let durable: Progress = "11-12".parse().unwrap();
    let released = log.release(&durable).unwrap();
    assert_eq!(released.forget, [11]);
    assert_eq!(log.space().open_files, 0);
}

#[test]
fn a_position_behind_the_end_is_an_error_when_all_was_synced_and_a_warning_else() {
    let node = Node::new();
    drop(node.create_with("CommitLog-7-11.log", &segment(11, &[&[&mutation(1)]])));
    node.discard("CommitLog-7-11.log");
    let progress: Progress = "11=5000".parse().unwrap();
    for read_ahead in [ReadAhead::Synced, ReadAhead::Marked, ReadAhead::Written] {
        let mut log = LiveLog::open(LiveOptions { read_ahead, ..node.options() }).unwrap();
        let outcome = log.seek(&progress);
        if read_ahead == ReadAhead::Synced {
            let error = outcome.unwrap_err();
            assert!(error.is_state() && error.to_string().contains("11:5000"), "{error}");
            continue;
        }
        outcome.unwrap();
        let mut told = Told::default();
        told.read(&mut log);
        assert!(told.entries.is_empty() && told.finished == [11]);
    }
    // One that turns out only when the file is final.
    drop(node.create_with("CommitLog-7-12.log", &segment(12, &[&[&mutation(1)]])));
    let progress: Progress = "11,12=5000".parse().unwrap();
    let options = LiveOptions { read_ahead: ReadAhead::Synced, ..node.options() };
    let mut log = LiveLog::open(options).unwrap();
    log.seek(&progress).unwrap();
    let mut told = Told::default();
    told.read(&mut log);
    node.discard("CommitLog-7-12.log");
    let error = told.try_read(&mut log).unwrap_err();
    assert!(matches!(error, SourceError::BeyondEnd { segment: 12, .. }), "{error}");
    assert!(told.finished.is_empty());
}

#[test]
fn another_id_in_the_header_is_an_error_of_the_progress_or_of_the_segment() {
    let node = Node::new();
    drop(node.create_with("CommitLog-7-11.log", &segment(99, &[&[&mutation(1)]])));
    drop(node.create_with("CommitLog-7-12.log", &segment(12, &[&[&mutation(1)]])));
    let mut log = LiveLog::open(node.options()).unwrap();
    let error = log.seek(&"11=50".parse().unwrap()).unwrap_err();
    assert!(matches!(error, SourceError::HeaderId { segment: 11, header: 99, .. }) && error.is_state());
    let mut told = Told::default();
    log.seek(&Progress::default()).unwrap();
    told.read(&mut log);
    assert_eq!((told.unreadable.len(), told.entries.len()), (1, 1));
    assert!(told.unreadable[0].contains("renamed"), "{:?}", told.unreadable);
}

#[test]
fn a_start_now_counts_what_is_there_as_read() {
    for read_ahead in [ReadAhead::Synced, ReadAhead::Marked] {
        let node = Node::new();
        drop(node.create_with("CommitLog-7-11.log", &segment(11, &[&[&mutation(1)]])));
        let old = segment(12, &[&[&mutation(1), &mutation(2)]]);
        let file = node.create_with("CommitLog-7-12.log", &old);
        let mut log = LiveLog::open(LiveOptions { read_ahead, ..node.options() }).unwrap();
        let progress = log.start(Start::Now).unwrap();
        let mut told = Told::default();
        told.read(&mut log);
        let new = segment(12, &[&[&mutation(1), &mutation(2)], &[&mutation(3)]]);
        file.write_all_at(&new, 0).unwrap();
        node.write_index("CommitLog-7-12.log", &(new.len() - 64).to_string());
        told.read(&mut log);
        let ends: Vec<Position> = told.entries.iter().map(|(position, _)| *position).collect();
        let third = Position { segment: 12, offset: new.len() as u64 - 64 };
        if read_ahead == ReadAhead::Marked {
            assert_eq!(progress.to_string(), format!("11,12={}", old.len() - 64));
            assert_eq!(ends, [third]);
        } else {
            // Nothing of it was synced when it began.
            assert_eq!((progress.to_string().as_str(), ends.len()), ("11", 3));
        }
    }
}
