//! Which files are read, wherever they lie and whatever lies beside them.

use std::{
    ffi::OsStr,
    fs,
    os::unix::{ffi::OsStrExt as _, fs::symlink, net::UnixListener},
    process::Command,
    time::{Duration, Instant},
};

use ringtap::source::{LiveLog, LiveOptions, SourceError, Start, WakeReason};

use super::node::{Node, Sample, Told, mutation, segment};

fn open_descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

#[test]
fn only_regular_files_of_the_exact_name_are_opened() {
    let node = Node::new();
    drop(node.create_with("CommitLog-7-12.log", &segment(12, &[&[&mutation(1)]])));
    let outside = tempfile::tempdir().unwrap();
    let secret = outside.path().join("CommitLog-7-1.log");
    fs::write(&secret, segment(1, &[&[&mutation(1)]])).unwrap();
    symlink(&secret, node.in_cdc_raw("CommitLog-7-1.log")).unwrap();
    symlink(&secret, node.in_commitlog("CommitLog-7-1.log")).unwrap();
    fs::create_dir(node.in_cdc_raw("CommitLog-7-2.log")).unwrap();
    assert!(Command::new("mkfifo").arg(node.in_cdc_raw("CommitLog-7-3.log")).status().unwrap().success());
    let _socket = UnixListener::bind(node.in_cdc_raw("CommitLog-7-4.log")).unwrap();
    fs::write(node.in_cdc_raw("CommitLog-7-5.log.tmp"), "x").unwrap();
    fs::write(node.path("cdc_raw").join(OsStr::from_bytes(b"CommitLog-7-\xff.log")), "x").unwrap();
    fs::write(node.in_cdc_raw(&"x".repeat(255)), "x").unwrap();
    symlink(&secret, node.in_cdc_raw("CommitLog-7-12_cdc.idx")).unwrap();
    let mut log = LiveLog::open(node.options()).unwrap();
    log.start(Start::Oldest).unwrap();
    let mut told = Told::default();
    told.read(&mut log);
    assert_eq!((told.started.as_slice(), told.unreadable.len()), (&[12][..], 0));
    assert_eq!(log.space().ignored, 9);
}

#[test]
fn a_link_that_takes_the_place_of_a_segment_between_listing_and_opening_is_not_followed() {
    let node = Node::new();
    let names: Vec<String> = (11..15).map(|id| format!("CommitLog-7-{id}.log")).collect();
    for (name, id) in names.iter().zip(11..) {
        drop(node.create_with(name, &segment(id, &[&[&mutation(1)]])));
    }
    // Only two are held, so that the others are opened later.
    let mut log = LiveLog::open(LiveOptions { open_files_max: 2, ..node.options() }).unwrap();
    log.start(Start::Oldest).unwrap();
    for name in &names[2..] {
        node.discard(name);
        fs::remove_file(node.in_cdc_raw(name)).unwrap();
        symlink("/dev/zero", node.in_cdc_raw(name)).unwrap();
    }
    for name in &names[..2] {
        node.discard(name);
    }
    let mut told = Told::default();
    told.read(&mut log);
    assert_eq!((told.finished.as_slice(), told.entries.len()), (&[11, 12][..], 2));
}

#[test]
fn a_node_of_3_11_is_read_in_commitlog_and_finished_in_cdc_raw() {
    let node = Node::new();
    let samples = [Sample::of("3.11/ops", 0), Sample::of("3.11/ops", 1)];
    let [first, second] = &samples;
    fs::write(node.in_commitlog(&first.name), &first.content).unwrap();
    let mut log = LiveLog::open(node.options()).unwrap();
    log.start(Start::Oldest).unwrap();
    let mut told = Told::default();
    told.read(&mut log);
    assert!(told.entries == first.entries && told.finished.is_empty());
    assert!(told.early.iter().all(|early| *early));
    fs::rename(node.in_commitlog(&first.name), node.in_cdc_raw(&first.name)).unwrap();
    fs::write(node.in_commitlog(&second.name), &second.content).unwrap();
    told.read(&mut log);
    assert_eq!(told.finished, [first.id]);
    assert_eq!(told.entries.len(), first.entries.len() + second.entries.len());
    assert_eq!(log.release(&told.progress).unwrap().segments, 1);
    assert!(!fs::exists(node.in_cdc_raw(&first.name)).unwrap());
    assert!(fs::exists(node.in_commitlog(&second.name)).unwrap());
}

#[test]
fn the_longer_of_two_files_is_read_and_versions_lie_side_by_side() {
    let node = Node::new();
    let whole = segment(11, &[&[&mutation(1)], &[&mutation(2)]]);
    fs::write(node.in_cdc_raw("CommitLog-7-11.log"), &whole[..80]).unwrap();
    fs::write(node.in_commitlog("CommitLog-7-11.log"), &whole).unwrap();
    let old = Sample::of("3.11/ops", 0);
    let new = Sample::of("6.0/ops", 0);
    for sample in [&old, &new] {
        fs::write(node.in_cdc_raw(&sample.name), &sample.content).unwrap();
    }
    let mut log =
        LiveLog::open(LiveOptions { commitlog: Some(node.path("commitlog")), ..node.options() }).unwrap();
    log.start(Start::Oldest).unwrap();
    let mut told = Told::default();
    // What lies in the commit log directory is the node's, so the later, older files come first.
    told.read(&mut log);
    fs::remove_file(node.in_commitlog("CommitLog-7-11.log")).unwrap();
    told.read(&mut log);
    let mut finished = told.finished.clone();
    finished.sort_unstable();
    let mut wanted = vec![11, old.id, new.id];
    wanted.sort_unstable();
    assert_eq!(finished, wanted);
    assert_eq!(told.entries.len(), 2 + old.entries.len() + new.entries.len());
}

#[test]
fn a_backlog_of_5000_segments_begins_at_once_with_few_files_open() {
    const SEGMENTS: i64 = 5_000;
    let node = Node::new();
    for id in 1..=SEGMENTS {
        let content = segment(1_700_000_000_000 + id, &[&[&mutation(1), &mutation(2)]]);
        fs::write(node.in_cdc_raw(&format!("CommitLog-7-{}.log", 1_700_000_000_000 + id)), content).unwrap();
    }
    for number in 0..2_000 {
        fs::write(node.in_cdc_raw(&format!("unrelated-{number}")), "").unwrap();
    }
    let before = open_descriptors();
    let begun = Instant::now();
    let mut log = LiveLog::open(node.options()).unwrap();
    log.start(Start::Oldest).unwrap();
    let (mut first, mut most, mut entries, mut last) = (None, 0, 0, 0);
    log.read::<SourceError>(u64::MAX, |event| {
        if let ringtap::source::LiveEvent::Entry { entry, .. } = event {
            first.get_or_insert_with(|| begun.elapsed());
            assert!(entry.position.segment >= last);
            last = entry.position.segment;
            entries += 1;
            if entries % 500 == 0 {
                most = most.max(open_descriptors());
            }
        }
        Ok(std::ops::ControlFlow::Continue(()))
    })
    .unwrap();
    assert_eq!(entries, 2 * SEGMENTS);
    println!(
        "first entry after {first:?}, all after {:?}, {most} files open, {before} before",
        begun.elapsed()
    );
    assert!(first.unwrap() < Duration::from_secs(1), "{first:?}");
    // Other tests of this process open files as well.
    assert!(log.space().open_files <= LiveOptions::OPEN_FILES_MAX);
    assert!(most < before + LiveOptions::OPEN_FILES_MAX + 200);
}

#[test]
fn a_directory_that_is_gone_is_reported_and_reading_goes_on_when_it_is_back() {
    let node = Node::new();
    drop(node.create_with("CommitLog-7-11.log", &segment(11, &[&[&mutation(1)]])));
    let options = LiveOptions { rescan_interval: Duration::ZERO, ..node.options() };
    let mut log = LiveLog::open(options).unwrap();
    log.start(Start::Oldest).unwrap();
    let mut told = Told::default();
    told.read(&mut log);
    fs::rename(node.path("cdc_raw"), node.path("away")).unwrap();
    let error = told.try_read(&mut log).unwrap_err();
    assert!(error.is_retryable() && error.to_string().contains("cdc_raw"), "{error}");
    fs::rename(node.path("away"), node.path("cdc_raw")).unwrap();
    drop(node.create_with("CommitLog-7-12.log", &segment(12, &[&[&mutation(1)]])));
    told.read(&mut log);
    assert_eq!((told.entries.len(), told.finished.as_slice()), (2, &[11][..]));
}

#[test]
fn directories_that_are_missing_or_one_are_refused_by_name() {
    let node = Node::new();
    let missing = LiveOptions { spool: Some(node.path("nowhere")), ..node.options() };
    let error = LiveLog::open(missing).err().unwrap();
    assert!(error.to_string().contains("nowhere"), "{error}");
    let twice = LiveOptions { commitlog: Some(node.path("cdc_raw")), ..node.options() };
    let error = LiveLog::open(twice).err().unwrap();
    assert!(
        matches!(error, SourceError::SameDirectory { first: "cdc_raw", second: "commitlog", .. }),
        "{error}"
    );
}

#[test]
fn a_new_segment_wakes_and_without_one_the_timer_does() {
    let node = Node::new();
    let mut log =
        LiveLog::open(LiveOptions { rescan_interval: Duration::from_secs(60), ..node.options() }).unwrap();
    log.start(Start::Oldest).unwrap();
    let mut told = Told::default();
    told.read(&mut log);
    while log.wait(Duration::from_millis(50)) == WakeReason::Notified {}
    assert_eq!(log.wait(Duration::from_millis(1)), WakeReason::Timer);
    drop(node.create_with("CommitLog-7-11.log", &segment(11, &[&[&mutation(1)]])));
    let begun = Instant::now();
    while told.entries.is_empty() {
        log.wait(Duration::from_secs(60));
        told.read(&mut log);
        assert!(begun.elapsed() < Duration::from_secs(20));
    }
}
