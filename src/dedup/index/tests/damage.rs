//! Torn and changed files.

use rustix::mount::{MountFlags, UnmountFlags};

use super::*;

/// An index with a run and a journal with frames, and how long the journal was after each batch.
fn filled() -> (Bed, Vec<u64>) {
    let bed = Bed::new();
    let (mut index, _) = bed.open(start());
    let mut number = 0;
    for batch in 1..=100 {
        for _ in 0..10 {
            assert!(bed.note(&mut index, number));
            number += 1;
        }
        let sealed = index.seal(progress(batch));
        index.commit(sealed).unwrap();
    }
    sync(&mut index, start() + Duration::from_secs(3600)).unwrap();
    let mut lengths = vec![fs::metadata(bed.journal()).unwrap().len()];
    for batch in 101..=104 {
        for _ in 0..3 {
            assert!(bed.note(&mut index, number));
            number += 1;
        }
        let sealed = index.seal(progress(batch));
        index.commit(sealed).unwrap();
        lengths.push(fs::metadata(bed.journal()).unwrap().len());
    }
    sync(&mut index, start() + Duration::from_secs(3601)).unwrap();
    (bed, lengths)
}

#[test]
fn a_journal_torn_at_any_byte_keeps_the_batches_before() {
    let (bed, lengths) = filled();
    let whole = fs::read(bed.journal()).unwrap();
    for cut in lengths[0] as usize..=whole.len() {
        fs::write(bed.journal(), &whole[..cut]).unwrap();
        let (mut index, read) = bed.open(start());
        let batches = lengths.iter().filter(|length| **length <= cut as u64).count() - 1;
        assert_eq!(read, progress(100 + batches as u64), "cut to {cut}");
        assert_eq!(index.stats().journal_bytes_cut, cut as u64 - lengths[batches]);
        for number in 980..1012 {
            let is_known = number < 1000 + 3 * batches as u64;
            assert_eq!(bed.note(&mut index, number), !is_known, "cut to {cut}: {number}");
        }
        // What comes next stands behind the last whole batch.
        let sealed = index.seal(progress(200));
        index.commit(sealed).unwrap();
        sync(&mut index, start()).unwrap();
        drop(index);
        assert_eq!(bed.open(start()).1, progress(200), "cut to {cut}");
    }
}

#[test]
fn a_flipped_bit_in_the_journal_costs_batches_and_never_makes_a_change_known() {
    let (bed, lengths) = filled();
    let whole = fs::read(bed.journal()).unwrap();
    for at in 0..whole.len() {
        fs::write(bed.journal(), &whole).unwrap();
        flip(&bed.journal(), at, (at % 8) as u8);
        let opened = DedupIndex::open(bed.options.clone(), start());
        if (at as u64) < lengths[0] {
            let error = opened.err().unwrap_or_else(|| panic!("{at}: the head is damaged"));
            assert_eq!(error.kind(), StateErrorKind::Corrupt, "{at}");
            assert!(error.to_string().contains("move the index's directory away"), "{error}");
            continue;
        }
        let (mut index, read) = opened.unwrap();
        let batches = lengths.iter().filter(|length| **length <= at as u64).count() - 1;
        assert_eq!(read, progress(100 + batches as u64), "flipped {at}");
        let is_known = |number: u64| number < 1000 + 3 * batches as u64;
        assert!((990..1012).all(|number| bed.note(&mut index, number) != is_known(number)), "{at}");
    }
}

#[test]
fn a_manifest_torn_or_changed_at_any_byte_is_noticed() {
    let (bed, _) = filled();
    let path = bed.file("manifest");
    let whole = fs::read(&path).unwrap();
    let refused = |what: &str| {
        let error = DedupIndex::open(bed.options.clone(), start()).err();
        let error = error.unwrap_or_else(|| panic!("{what}"));
        assert!(matches!(error.kind(), StateErrorKind::Corrupt | StateErrorKind::TooNew), "{what}: {error}");
    };
    for cut in 0..whole.len() {
        fs::write(&path, &whole[..cut]).unwrap();
        refused(&format!("cut to {cut}"));
    }
    for at in 0..whole.len() {
        fs::write(&path, &whole).unwrap();
        flip(&path, at, (at % 8) as u8);
        refused(&format!("flipped {at}"));
    }
    fs::remove_file(&path).unwrap();
    refused("without a manifest the files are not taken for a new index");
}

#[test]
fn a_run_changed_at_any_byte_is_noticed_at_the_latest_when_it_is_read() {
    const COUNT: u64 = 100;
    let bed = Bed::new();
    let (mut index, _) = bed.open(start());
    assert!((0..COUNT).all(|number| bed.note(&mut index, number)));
    let sealed = index.seal(progress(1));
    index.commit(sealed).unwrap();
    sync(&mut index, start() + Duration::from_secs(3600)).unwrap();
    drop(index);
    let path = bed.file("run");
    let whole = fs::read(&path).unwrap();
    for at in 0..whole.len() {
        fs::write(&path, &whole).unwrap();
        flip(&path, at, (at % 8) as u8);
        let (mut index, _) = match DedupIndex::open(bed.options.clone(), start()) {
            Ok(opened) => opened,
            Err(error) => {
                assert_eq!(error.kind(), StateErrorKind::Corrupt, "{at}: {error}");
                continue;
            }
        };
        let key = |number: u64| number.to_be_bytes();
        let mut noticed = 0;
        // They are in one block: a few are enough to read it.
        for number in 0..COUNT.min(20) {
            let key = key(number);
            let change = bed.write(&key, START_MICROS + number as i64, &[(A, b"v")]);
            match index.note(change) {
                Ok(verdict) => assert_eq!(verdict, Verdict::Duplicate, "{at} {number}"),
                Err(error) => {
                    assert_eq!(error.kind(), StateErrorKind::Corrupt, "{error}");
                    noticed += 1;
                }
            }
        }
        assert!(noticed > 0, "flipped {at}");
    }
    for cut in (0..whole.len()).step_by(97) {
        fs::write(&path, &whole[..cut]).unwrap();
        let error = DedupIndex::open(bed.options.clone(), start()).unwrap_err();
        assert_eq!(error.kind(), StateErrorKind::Corrupt, "cut to {cut}");
    }
}

#[test]
fn a_crash_while_a_run_is_written_leaves_the_old_files_or_the_new_ones() {
    let bed = Bed::new();
    let (mut index, _) = bed.open(start());
    for number in 0..100 {
        assert!(bed.note(&mut index, number));
    }
    let sealed = index.seal(progress(1));
    index.commit(sealed).unwrap();
    sync(&mut index, start()).unwrap();
    let before = bed.copy();
    sync(&mut index, start() + Duration::from_secs(3600)).unwrap();
    // The new manifest without its rename: the old one, with the new files beside it, whole and cut.
    for file in bed.files() {
        let bytes = fs::read(&file).unwrap();
        for length in [0, bytes.len() / 2, bytes.len()] {
            let image = before.copy();
            let mut name = file.file_name().unwrap().to_owned();
            if name == "manifest" {
                name.push(".tmp");
            }
            fs::write(image.options.directory.join(name), &bytes[..length]).unwrap();
            let (mut index, read) = image.open(start());
            assert_eq!(read, progress(1));
            assert!((0..100).all(|number| !bed.note(&mut index, number)), "{}", file.display());
        }
    }
    let (mut index, read) = bed.copy().open(start());
    assert_eq!(read, progress(1));
    assert!((0..100).all(|number| !bed.note(&mut index, number)));
}

#[test]
fn when_a_run_cannot_be_written_all_is_still_there_and_the_next_try_has_other_names() {
    let bed = Bed::new();
    let (mut index, _) = bed.open(start());
    assert!((0..100).all(|number| bed.note(&mut index, number)));
    let sealed = index.seal(progress(1));
    index.commit(sealed).unwrap();
    assert!(bed.note(&mut index, 100));
    fs::write(bed.options.directory.join("run-2"), "in the way").unwrap();
    let error = sync(&mut index, start() + Duration::from_secs(3600)).unwrap_err();
    assert_eq!(error.kind(), StateErrorKind::Io);
    assert_eq!(index.durable(), &progress(1), "the journal is durable all the same");
    assert!((0..=100).all(|number| !bed.note(&mut index, number)));
    assert_eq!(sync(&mut index, start() + Duration::from_secs(3601)).unwrap(), progress(1));
    assert_eq!(index.stats().runs, 1);
    assert!((0..=100).all(|number| !bed.note(&mut index, number)));
    index.abort();
    assert!(bed.note(&mut index, 100));
}

/// A file system of a megabyte, if the tests may mount one. No `mount` program: a child has our locks until it is that program, and
/// meanwhile other tests can't open their indexes again.
fn small_disk(at: &Path) -> bool {
    rustix::mount::mount("none", at, "tmpfs", MountFlags::empty(), Some(c"size=1m")).is_ok()
}

#[test]
fn on_a_full_disk_nothing_is_lost_and_it_goes_on_when_there_is_room() {
    let mut bed = Bed::new();
    let disk = bed.directory.path().join("disk");
    fs::create_dir(&disk).unwrap();
    if !small_disk(&disk) {
        println!("not shown here: a file system can't be mounted");
        return;
    }
    bed.options.directory = disk.join("index");
    let (mut index, _) = bed.open(start());
    fs::write(disk.join("ballast"), vec![0; 700_000]).unwrap();
    let (mut number, mut batch) = (0, 0);
    let (error, sealed) = loop {
        assert!((0..50).all(|_| {
            number += 1;
            bed.note(&mut index, number - 1)
        }));
        batch += 1;
        let sealed = index.seal(progress(batch));
        if let Err(error) = index.commit(sealed) {
            break (error, sealed);
        }
    };
    assert_eq!(error.kind(), StateErrorKind::Full, "{error}");
    assert!(batch > 50, "{batch}");
    // A file that was written meanwhile may have made room.
    if let Err(error) = index.commit(sealed) {
        assert_eq!(error.kind(), StateErrorKind::Full);
    }
    let durable =
        sync(&mut index, start()).map(|_| index.durable().clone()).unwrap_or(index.durable().clone());
    assert!(index.committed().includes(&durable));
    fs::remove_file(disk.join("ballast")).unwrap();
    index.commit(sealed).unwrap();
    assert_eq!(sync(&mut index, start()).unwrap(), progress(batch));
    assert!((0..number).all(|number| !bed.note(&mut index, number)));
    drop(index);
    let (mut index, read) = bed.open(start());
    assert_eq!(read, progress(batch));
    assert!((0..number).all(|number| !bed.note(&mut index, number)));
    drop(index);
    rustix::mount::unmount(&disk, UnmountFlags::empty()).unwrap();
}
