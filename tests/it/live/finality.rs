//! When a segment counts as read to its end.

use std::{
    fs,
    os::unix::fs::FileExt as _,
    thread,
    time::{Duration, UNIX_EPOCH},
};

use ringtap::source::{LiveLog, LiveOptions, ReadAhead, Start};

use super::node::{Node, Sample, Told, mutation, segment};

const FIRST: &str = "CommitLog-7-11.log";
const SECOND: &str = "CommitLog-7-12.log";
const THIRD: &str = "CommitLog-7-13.log";

fn one() -> Vec<u8> {
    segment(11, &[&[&mutation(1)]])
}

/// A segment that was made ahead of need: its first marker is zero.
fn spare(id: i64) -> Vec<u8> {
    segment(id, &[])
}

fn start(options: LiveOptions) -> (LiveLog, Told) {
    let mut log = LiveLog::open(options).unwrap();
    log.start(Start::Oldest).unwrap();
    (log, Told::default())
}

#[test]
fn a_later_segment_with_entries_ends_the_one_before_it_and_a_spare_one_does_not() {
    for sees_commitlog in [true, false] {
        let node = Node::new();
        let file = node.create_with(FIRST, &one());
        let later = node.create_with(SECOND, &spare(12));
        let commitlog = sees_commitlog.then(|| node.path("commitlog"));
        let (mut log, mut told) = start(LiveOptions { commitlog, ..node.options() });
        told.read(&mut log);
        assert_eq!((told.entries.len(), told.finished.len()), (1, 0));
        // The last section of the first comes before the first of the second: none of it is passed over.
        file.write_all_at(&segment(11, &[&[&mutation(1)], &[&mutation(2)]]), 0).unwrap();
        later.write_all_at(&segment(12, &[&[&mutation(3)]]), 0).unwrap();
        told.read(&mut log);
        assert_eq!((told.entries.len(), told.finished.as_slice()), (3, &[11][..]));
    }
}

#[test]
fn an_empty_section_of_a_later_segment_says_nothing() {
    let node = Node::new();
    drop(node.create_with(FIRST, &one()));
    drop(node.create_with(SECOND, &segment(12, &[&[]])));
    let (mut log, mut told) = start(node.options());
    told.read(&mut log);
    assert!(told.finished.is_empty());
}

#[test]
fn a_segment_of_an_earlier_run_with_a_higher_id_is_read_first_and_ends_nothing() {
    let node = Node::new();
    // The clock was set back: the run that writes 11 began after 900 and 901 had been let go.
    for (name, id) in [("CommitLog-7-900.log", 900), ("CommitLog-7-901.log", 901)] {
        drop(node.create_with(name, &segment(id, &[&[&mutation(9)]])));
        node.discard(name);
    }
    let file = node.create_with(FIRST, &one());
    drop(node.create_with(SECOND, &spare(12)));
    let (mut log, mut told) = start(node.options());
    told.read(&mut log);
    assert_eq!(told.finished, [900, 901]);
    assert_eq!(told.entries.len(), 3);
    assert_eq!(told.out_of_order, [11]);
    file.write_all_at(&segment(11, &[&[&mutation(1)], &[&mutation(2)]]), 0).unwrap();
    told.read(&mut log);
    assert_eq!((told.entries.len(), told.finished.len()), (4, 2));
}

#[test]
fn a_run_that_begins_with_lower_ids_while_a_segment_is_read_does_not_lose_either() {
    let node = Node::new();
    drop(node.create_with("CommitLog-7-900.log", &segment(900, &[&[&mutation(9)]])));
    let (mut log, mut told) = start(node.options());
    told.read(&mut log);
    node.discard("CommitLog-7-900.log");
    let file = node.create_with(FIRST, &one());
    told.read(&mut log);
    assert_eq!((told.finished.as_slice(), told.out_of_order.as_slice()), (&[900][..], &[11][..]));
    file.write_all_at(&segment(11, &[&[&mutation(1)], &[&mutation(2)]]), 0).unwrap();
    told.read(&mut log);
    assert_eq!(told.entries.len(), 3);
}

#[test]
fn a_segment_that_the_node_let_go_of_is_final_without_an_index() {
    for sees_commitlog in [true, false] {
        let node = Node::new();
        drop(node.create_with(FIRST, &one()));
        // An index that never got its second line.
        node.write_index(FIRST, "30");
        let commitlog = sees_commitlog.then(|| node.path("commitlog"));
        let (mut log, mut told) = start(LiveOptions { commitlog, ..node.options() });
        told.read(&mut log);
        assert!(told.finished.is_empty());
        node.discard(FIRST);
        told.read(&mut log);
        assert_eq!((told.entries.len(), told.finished.as_slice()), (1, &[11][..]));
    }
}

#[test]
fn a_commitlog_directory_that_is_not_the_nodes_makes_nothing_final() {
    let node = Node::new();
    drop(node.create_with(FIRST, &one()));
    let elsewhere = tempfile::tempdir().unwrap();
    let (mut log, mut told) =
        start(LiveOptions { commitlog: Some(elsewhere.path().into()), ..node.options() });
    told.read(&mut log);
    assert_eq!((told.entries.len(), told.finished.len()), (1, 0));
}

#[test]
fn the_number_of_a_completed_index_means_nothing() {
    // After a replay it is the file's length; in logical units it can be far beyond it.
    for text in ["0\nCOMPLETED", "1048576\nCOMPLETED", "2147483647\nCOMPLETED"] {
        for read_ahead in [ReadAhead::Synced, ReadAhead::Marked, ReadAhead::Written] {
            let sample = Sample::of("4.1/var-kill9+lz4", 0);
            let node = Node::new();
            drop(node.create_with(&sample.name, &sample.content));
            node.write_index(&sample.name, text);
            let (mut log, mut told) = start(LiveOptions { read_ahead, ..sample.options(&node) });
            told.read(&mut log);
            assert!(told.entries == sample.entries && told.finished == [sample.id]);
            assert!(told.early.iter().all(|early| !early));
        }
    }
}

#[test]
fn an_index_that_shrinks_or_is_garbage_takes_nothing_back() {
    let node = Node::new();
    let content = one();
    let marked = content.len() - 64;
    let file = node.create_with(FIRST, &content);
    node.write_index(FIRST, &marked.to_string());
    let (mut log, mut told) = start(LiveOptions { read_ahead: ReadAhead::Synced, ..node.options() });
    told.read(&mut log);
    assert_eq!(told.entries.len(), 1);
    let longer = segment(11, &[&[&mutation(1)], &[&mutation(2)]]);
    file.write_all_at(&longer, 0).unwrap();
    for text in ["", "2", "20", "\u{fffd}", "20\nNOT", "99999999999999999999999999"] {
        node.write_index(FIRST, text);
        told.read(&mut log);
        assert_eq!(told.entries.len(), 1, "{text:?}");
    }
    node.write_index(FIRST, &(longer.len() - 64).to_string());
    told.read(&mut log);
    assert_eq!(told.entries.len(), 2);
}

#[test]
fn what_a_killed_node_left_is_waited_for_and_is_final_with_the_next_run() {
    // The first marker is torn: its second word was never written.
    let mut content = segment(11, &[&[&mutation(1)], &[&mutation(2)]]);
    let second = 20 + 8 + 52;
    content[second + 4..second + 8].fill(0);
    let node = Node::new();
    drop(node.create_with(FIRST, &content));
    let (mut log, mut told) = start(node.options());
    told.read(&mut log);
    assert_eq!((told.entries.len(), told.damages), (1, 0));
    // The node starts again a minute and a half later: the old segment still lies there, the new one gets entries.
    let then = UNIX_EPOCH + Duration::from_secs(5);
    fs::File::options().write(true).open(node.in_cdc_raw(FIRST)).unwrap().set_modified(then).unwrap();
    drop(node.create_with("CommitLog-7-99911.log", &segment(99911, &[&[&mutation(3)]])));
    told.read(&mut log);
    assert_eq!((told.entries.len(), told.damages, told.finished.as_slice()), (3, 1, &[11][..]));
    assert!(told.gaps.is_empty(), "another run's ids begin elsewhere: {:?}", told.gaps);
}

#[test]
fn what_looks_damaged_while_it_grows_is_read_again_before_it_is_told() {
    let whole = segment(11, &[&[&mutation(1), &mutation(2)]]);
    // The marker is there before all that it covers, as writes past the page cache can show.
    let mut torn = whole.clone();
    torn[20 + 8 + 52 + 20..20 + 8 + 104].fill(0);
    for heals in [true, false] {
        let node = Node::new();
        let file = node.create_with(FIRST, &torn);
        let (mut log, mut told) = start(node.options());
        told.read(&mut log);
        assert_eq!((told.entries.len(), told.damages), (1, 0));
        if heals {
            file.write_all_at(&whole, 0).unwrap();
        }
        told.read(&mut log);
        assert_eq!((told.entries.len(), told.damages), (1, 0), "too early to tell");
        thread::sleep(Duration::from_millis(1100));
        told.read(&mut log);
        assert_eq!((told.entries.len(), told.damages), if heals { (2, 0) } else { (1, 1) });
        node.discard(FIRST);
        told.read(&mut log);
        assert_eq!(told.finished, [11]);
        assert_eq!((told.entries.len(), told.damages), if heals { (2, 0) } else { (1, 1) });
    }
}

#[test]
fn a_header_that_is_not_all_there_is_waited_for_and_one_of_another_version_is_told() {
    let node = Node::new();
    let content = one();
    let file = node.create(FIRST, 0);
    let mut newer = segment(12, &[&[&mutation(1)]]);
    newer[..4].copy_from_slice(&99_i32.to_be_bytes());
    let mut crc = crc32fast::Hasher::new();
    for word in [99_i32, 12, 0, 2] {
        crc.update(&word.to_be_bytes());
    }
    crc.update(b"{}");
    newer[16..20].copy_from_slice(&crc.finalize().to_be_bytes());
    let (mut log, mut told) = start(node.options());
    for length in 0..20 {
        file.write_all_at(&content[..length], 0).unwrap();
        told.read(&mut log);
        assert!(told.started.is_empty() && told.unreadable.is_empty());
    }
    file.write_all_at(&content, 0).unwrap();
    drop(node.create_with(SECOND, &newer));
    drop(node.create_with(THIRD, &segment(13, &[&[&mutation(3)]])));
    told.read(&mut log);
    assert_eq!((told.entries.len(), told.unreadable.len()), (2, 1));
    assert!(told.unreadable[0].contains("version 99"), "{:?}", told.unreadable);
    // It is told once, and never removed.
    node.discard(SECOND);
    told.read(&mut log);
    assert_eq!(told.unreadable.len(), 1);
    let released = log.release(&told.progress).unwrap();
    assert_eq!(released.failed, 0);
    assert!(fs::exists(node.in_cdc_raw(SECOND)).unwrap());
}

#[test]
fn a_header_damaged_beyond_mending_is_told_once_the_file_is_final() {
    let node = Node::new();
    let mut content = one();
    content[4..12].fill(0xff);
    drop(node.create_with(FIRST, &content));
    drop(node.create_with(SECOND, &spare(12)));
    let (mut log, mut told) = start(node.options());
    told.read(&mut log);
    assert!(told.unreadable.is_empty());
    node.discard(FIRST);
    told.read(&mut log);
    assert_eq!((told.unreadable.len(), told.finished.len()), (1, 0));
}
