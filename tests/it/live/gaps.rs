//! Segments that are missing are told of, once.

use std::fs;

use ringtap::source::{Gap, LiveLog, Start};

use super::node::{Node, Told, mutation, segment};

fn create(node: &Node, id: i64) -> String {
    let name = format!("CommitLog-7-{id}.log");
    drop(node.create_with(&name, &segment(id, &[&[&mutation(1)]])));
    name
}

#[test]
fn ids_missing_within_a_run_are_told_once_also_after_going_back() {
    let node = Node::new();
    for id in [1_700_000_000_001, 1_700_000_000_004, 1_700_000_000_005] {
        create(&node, id);
    }
    let mut log = LiveLog::open(node.options()).unwrap();
    let begin = log.start(Start::Oldest).unwrap();
    let mut told = Told::default();
    told.read(&mut log);
    let gap = Gap::Possible { first: 1_700_000_000_002, last: 1_700_000_000_003 };
    assert_eq!(told.gaps, [gap]);
    log.seek(&begin).unwrap();
    told.read(&mut log);
    assert_eq!(told.gaps, [gap]);
    // After a restart of the agent the progress names the segment behind the gap.
    let mut log = LiveLog::open(node.options()).unwrap();
    log.seek(&told.progress).unwrap();
    told.read(&mut log);
    assert_eq!(told.gaps, [gap]);
}

#[test]
fn a_new_run_of_the_node_is_no_gap() {
    let node = Node::new();
    create(&node, 1_700_000_000_001);
    create(&node, 1_700_000_060_001);
    // Written to before the second run began.
    let then = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_050);
    let first =
        fs::File::options().write(true).open(node.in_cdc_raw("CommitLog-7-1700000000001.log")).unwrap();
    first.set_modified(then).unwrap();
    let mut log = LiveLog::open(node.options()).unwrap();
    log.start(Start::Oldest).unwrap();
    let mut told = Told::default();
    told.read(&mut log);
    assert_eq!((told.entries.len(), told.gaps.len()), (2, 0));

    // Written to after the later one was made: one run, sixty thousand segments apart.
    first.set_modified(then + std::time::Duration::from_mins(1)).unwrap();
    let mut log = LiveLog::open(node.options()).unwrap();
    log.start(Start::Oldest).unwrap();
    told.read(&mut log);
    let gap = Gap::Possible { first: 1_700_000_000_002, last: 1_700_000_060_000 };
    assert_eq!(told.gaps, [gap]);
}

#[test]
fn a_begun_segment_that_is_gone_is_told_and_one_that_is_held_is_read() {
    let node = Node::new();
    let name = create(&node, 11);
    let mut log = LiveLog::open(node.options()).unwrap();
    log.start(Start::Oldest).unwrap();
    let mut told = Told::default();
    told.read(&mut log);
    assert_eq!(told.finished.len(), 0);
    let begun = told.progress.clone();
    node.discard(&name);
    fs::remove_file(node.in_cdc_raw(&name)).unwrap();
    create(&node, 12);
    told.read(&mut log);
    assert_eq!((told.finished.as_slice(), told.gaps.len()), (&[11][..], 0));

    // The same while no agent ran.
    let mut log = LiveLog::open(node.options()).unwrap();
    log.seek(&begun).unwrap();
    let mut told = Told { progress: begun, ..Told::default() };
    told.read(&mut log);
    assert_eq!(told.gaps, [Gap::Definite { segment: 11, read_to: 80 }]);
    assert_eq!(told.entries.len(), 1);
    told.read(&mut log);
    log.seek(&told.progress.clone()).unwrap();
    told.read(&mut log);
    assert_eq!(told.gaps.len(), 1);
}
