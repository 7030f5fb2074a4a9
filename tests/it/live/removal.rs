//! Releasing and spooling: only what is done with, and never what is the node's.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
};

use ringtap::{
    checkpoint::Progress,
    source::{LiveLog, LiveOptions, Release, SourceError, Start},
};

use super::node::{Node, Told, mutation, segment};

const FIRST: &str = "CommitLog-7-11.log";
const SECOND: &str = "CommitLog-7-12.log";
const THIRD: &str = "CommitLog-7-13.log";

/// A node with two segments that are closed and one that is written to.
fn node() -> Node {
    let node = Node::new();
    for (name, id) in [(FIRST, 11), (SECOND, 12), (THIRD, 13)] {
        drop(node.create_with(name, &segment(id, &[&[&mutation(1)]])));
        node.write_index(name, if id < 13 { "80\nCOMPLETED" } else { "80" });
    }
    node
}

fn read_all(options: LiveOptions) -> (LiveLog, Told) {
    let mut log = LiveLog::open(options).unwrap();
    log.start(Start::Oldest).unwrap();
    let mut told = Told::default();
    told.read(&mut log);
    assert_eq!(told.finished, [11, 12]);
    (log, told)
}

fn names(node: &Node, directory: &str) -> Vec<String> {
    let entries = fs::read_dir(node.path(directory)).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_release_deletes_what_is_durably_done_and_nothing_else() {
    let node = node();
    let (mut log, told) = read_all(node.options());
    assert_eq!(log.release(&Progress::default()).unwrap().segments, 0);
    assert_eq!(names(&node, "cdc_raw").len(), 6);
    let released = log.release(&"11".parse().unwrap()).unwrap();
    assert_eq!((released.segments, released.failed), (1, 0));
    assert!(released.forget.is_empty(), "the node still has it and can bring it back");
    assert_eq!(
        names(&node, "cdc_raw"),
        ["CommitLog-7-12.log", "CommitLog-7-12_cdc.idx", THIRD, "CommitLog-7-13_cdc.idx"]
    );
    assert_eq!(names(&node, "commitlog").len(), 3);

    // A restart of the node links it again.
    fs::hard_link(node.in_commitlog(FIRST), node.in_cdc_raw(FIRST)).unwrap();
    node.write_index(FIRST, "1048576\nCOMPLETED");
    let mut again = Told::default();
    log.seek(&told.progress).unwrap();
    again.read(&mut log);
    assert_eq!((again.entries.len(), again.finished.len()), (0, 0));
    node.discard(FIRST);
    node.discard(SECOND);
    let released = log.release(&told.progress).unwrap();
    assert_eq!((released.segments, released.forget.as_slice()), (2, &[11, 12][..]));
    assert_eq!(names(&node, "cdc_raw"), [THIRD, "CommitLog-7-13_cdc.idx"]);
}

#[test]
fn an_index_left_by_a_crash_between_the_two_is_deleted() {
    let node = node();
    let (_, told) = read_all(node.options());
    fs::remove_file(node.in_cdc_raw(FIRST)).unwrap();
    node.discard(FIRST);
    let mut log = LiveLog::open(node.options()).unwrap();
    log.seek(&told.progress).unwrap();
    let released = log.release(&told.progress).unwrap();
    assert_eq!((released.segments, released.forget.as_slice()), (1, &[11][..]));
    assert_eq!(names(&node, "cdc_raw"), [THIRD, "CommitLog-7-13_cdc.idx"]);
}

#[test]
fn an_empty_link_that_a_clean_stop_left_is_read_as_empty_and_deleted() {
    let node = node();
    drop(node.create_with("CommitLog-7-14.log", &segment(14, &[])));
    for name in [FIRST, SECOND, THIRD, "CommitLog-7-14.log"] {
        node.discard(name);
    }
    let mut log = LiveLog::open(node.options()).unwrap();
    log.start(Start::Oldest).unwrap();
    let mut told = Told::default();
    told.read(&mut log);
    assert_eq!((told.finished.as_slice(), told.entries.len()), (&[11, 12, 13, 14][..], 3));
    assert_eq!(log.release(&told.progress).unwrap().segments, 4);
    assert!(names(&node, "cdc_raw").is_empty());
}

#[test]
fn a_segment_that_the_node_has_not_let_go_of_is_left_to_it() {
    // Finished, as the later one has entries; but it has no index, so the node removes it itself.
    let node = node();
    fs::remove_file(node.in_cdc_raw("CommitLog-7-11_cdc.idx")).unwrap();
    let (mut log, told) = read_all(node.options());
    assert_eq!(log.release(&told.progress).unwrap().segments, 1);
    assert!(fs::exists(node.in_cdc_raw(FIRST)).unwrap());
    node.discard(FIRST);
    assert_eq!(log.release(&told.progress).unwrap().segments, 1);
    assert!(!fs::exists(node.in_cdc_raw(FIRST)).unwrap());
}

#[test]
fn another_file_under_the_name_of_a_read_one_is_neither_read_nor_deleted() {
    let node = node();
    let (mut log, mut told) = read_all(node.options());
    fs::remove_file(node.in_cdc_raw(FIRST)).unwrap();
    fs::write(node.in_cdc_raw(FIRST), segment(11, &[&[&mutation(7)]])).unwrap();
    told.read(&mut log);
    let released = log.release(&told.progress).unwrap();
    assert_eq!((released.segments, released.failed), (1, 1));
    assert!(matches!(released.failure, Some(SourceError::Replaced { segment: 11, .. })));
    assert!(fs::exists(node.in_cdc_raw(FIRST)).unwrap());
    assert_eq!(told.entries.len(), 3);
}

#[test]
fn an_archive_gets_each_segment_once_also_when_it_comes_back() {
    let node = node();
    let release = Release::Archive(node.path("archive"));
    let (mut log, told) = read_all(LiveOptions { release, ..node.options() });
    let content = fs::read(node.in_cdc_raw(FIRST)).unwrap();
    assert_eq!(log.release(&told.progress).unwrap().segments, 2);
    assert_eq!(names(&node, "archive"), [FIRST, SECOND]);
    assert_eq!(names(&node, "cdc_raw"), [THIRD, "CommitLog-7-13_cdc.idx"]);
    fs::hard_link(node.in_commitlog(FIRST), node.in_cdc_raw(FIRST)).unwrap();
    node.write_index(FIRST, "1048576\nCOMPLETED");
    let mut log =
        LiveLog::open(LiveOptions { release: Release::Archive(node.path("archive")), ..node.options() })
            .unwrap();
    log.seek(&told.progress).unwrap();
    assert_eq!(log.release(&told.progress).unwrap().segments, 1);
    assert_eq!(names(&node, "cdc_raw"), [THIRD, "CommitLog-7-13_cdc.idx"]);
    assert!(fs::read(node.path("archive").join(FIRST)).unwrap() == content);
}

#[test]
fn keeping_leaves_all_files_and_closes_them() {
    let node = node();
    let (mut log, told) = read_all(LiveOptions { release: Release::Keep, ..node.options() });
    assert_eq!(log.space().open_files, 3);
    let released = log.release(&told.progress).unwrap();
    assert_eq!((released.segments, released.forget.len()), (0, 0));
    assert_eq!((names(&node, "cdc_raw").len(), log.space().open_files), (6, 1));
}

#[test]
fn spooled_segments_are_read_from_the_spool_and_released_there() {
    let node = node();
    let options = LiveOptions { spool: Some(node.path("spool")), ..node.options() };
    let mut log = LiveLog::open(options.clone()).unwrap();
    log.start(Start::Oldest).unwrap();
    let before = log.space();
    assert_eq!((before.segments, before.spooled_segments, before.unread_segments), (3, 0, 3));
    let spooled = log.spool(1).unwrap();
    assert_eq!((spooled.segments, spooled.failure.is_none()), (1, true));
    let spooled = log.spool(u64::MAX).unwrap();
    assert_eq!(spooled.segments, 1, "the third is written to");
    assert_eq!(names(&node, "cdc_raw"), [THIRD, "CommitLog-7-13_cdc.idx"]);
    assert_eq!(log.space().spooled_segments, 2);
    // The node links one of them again.
    fs::hard_link(node.in_commitlog(FIRST), node.in_cdc_raw(FIRST)).unwrap();
    assert_eq!(log.spool(u64::MAX).unwrap().segments, 1);
    assert!(!fs::exists(node.in_cdc_raw(FIRST)).unwrap());

    let mut log = LiveLog::open(options).unwrap();
    log.start(Start::Oldest).unwrap();
    let mut told = Told::default();
    told.read(&mut log);
    assert_eq!((told.entries.len(), told.finished.as_slice()), (3, &[11, 12][..]));
    assert_eq!(log.release(&told.progress).unwrap().segments, 2);
    assert!(names(&node, "spool").is_empty());
}

#[test]
fn space_counts_what_lies_in_cdc_raw_and_what_is_unread() {
    let node = node();
    let bytes: u64 =
        [FIRST, SECOND, THIRD].map(|name| fs::metadata(node.in_cdc_raw(name)).unwrap().size()).iter().sum();
    let mut log = LiveLog::open(node.options()).unwrap();
    log.start(Start::Oldest).unwrap();
    let space = log.space();
    assert_eq!((space.segments, space.unread_segments), (3, 3));
    assert!(space.bytes >= bytes && space.bytes < bytes + 100, "{space:?}");
    assert!(space.oldest_age.is_some() && space.unread_bytes > 0);
    let mut told = Told::default();
    told.read(&mut log);
    assert_eq!(log.space().unread_segments, 1);
}

#[test]
fn a_release_that_fails_names_the_fix_and_is_tried_again() {
    let node = node();
    let release = Release::Archive(node.path("archive"));
    let (mut log, told) = read_all(LiveOptions { release, ..node.options() });
    fs::rename(node.path("archive"), node.path("away")).unwrap();
    fs::write(node.path("archive"), "not a directory").unwrap();
    let released = log.release(&told.progress).unwrap();
    assert_eq!((released.segments, released.failed), (0, 2));
    assert!(matches!(released.failure, Some(SourceError::Remove { action: "archived", .. })));
    fs::remove_file(node.path("archive")).unwrap();
    fs::rename(node.path("away"), node.path("archive")).unwrap();
    assert_eq!(log.release(&told.progress).unwrap().segments, 2);
}

#[test]
fn a_directory_that_may_not_be_written_to_is_refused_unless_segments_are_kept() {
    let node = node();
    fs::set_permissions(node.path("cdc_raw"), fs::Permissions::from_mode(0o555)).unwrap();
    // Permissions do not hold root back.
    let is_root = fs::write(node.in_cdc_raw("probe"), "").is_ok();
    let outcome = LiveLog::open(node.options());
    if is_root {
        fs::remove_file(node.in_cdc_raw("probe")).unwrap();
        outcome.unwrap();
    } else {
        assert!(outcome.err().unwrap().to_string().contains("setfacl"));
    }
    LiveLog::open(LiveOptions { release: Release::Keep, ..node.options() }).unwrap();
    fs::set_permissions(node.path("cdc_raw"), fs::Permissions::from_mode(0o755)).unwrap();
}
