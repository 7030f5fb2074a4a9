//! Torn and changed files.

use super::*;

/// What was filed up to each of these numbers was synced with them.
const FILED: [u64; 4] = [40, 55, 70, 80];

/// An index with a run, a journal of what could not be written to one, and a journal that is appended to.
fn filled() -> Bed {
    let bed = Bed::new();
    let in_the_way: Vec<PathBuf> =
        (4..8).map(|number| bed.options.directory.join(format!("run-{number}"))).collect();
    let (mut index, _) = bed.open();
    let mut number = 0;
    for (at, up_to) in FILED.into_iter().enumerate() {
        index.note_record_time(START_MS + at as u64 * 3_600_000);
        while number < up_to {
            file(&mut index, place(number), &[1, 1000 + number as Atom]);
            number += 1;
        }
        if at == 2 {
            for path in &in_the_way {
                fs::create_dir(path).unwrap();
            }
        }
        let synced = index.sync(checkpoint(up_to)).and_then(|()| index.store.settle());
        assert_eq!(synced.is_err(), at >= 2, "{at}: {synced:?}");
        assert_eq!(index.durable(), &checkpoint(up_to));
    }
    drop(index);
    for path in &in_the_way {
        fs::remove_dir(path).unwrap();
    }
    bed
}

fn open(bed: &Bed) -> Result<(LedgerIndex, u64), StateError> {
    let (index, read) = LedgerIndex::open(bed.options.clone())?;
    let entries = FILED.into_iter().find(|entries| read == checkpoint(*entries));
    Ok((index, entries.unwrap_or_else(|| panic!("as of no sync: {read:?}"))))
}

/// What is found is what was filed up to the checkpoint, or the damage is told. Returns whether there was anything to notice.
fn tells_the_truth(bed: &Bed, what: &str) -> bool {
    let (mut index, entries) = match open(bed) {
        Ok(opened) => opened,
        Err(error) => {
            let kinds = [StateErrorKind::Corrupt, StateErrorKind::TooNew];
            assert!(kinds.contains(&error.kind()), "{what}: {error}");
            return true;
        }
    };
    let mut is_told = false;
    for number in 0..90 {
        let mut found = Vec::new();
        match index.look_up(place(number), &mut found) {
            Ok(()) => {
                found.sort_unstable();
                let expected = if number < entries { vec![1, 1000 + number as Atom] } else { Vec::new() };
                assert_eq!(found, expected, "{what}: {number} of {entries}");
            }
            Err(error) => {
                assert_eq!(error.kind(), StateErrorKind::Corrupt, "{what}: {error}");
                is_told = true;
            }
        }
    }
    is_told || entries != FILED[FILED.len() - 1]
}

#[test]
fn a_bit_changed_anywhere_is_told_or_costs_the_last_batches() {
    let bed = filled();
    assert_eq!((bed.numbered("run").len(), bed.numbered("journal").len()), (1, 2), "{:?}", bed.files());
    assert!(!tells_the_truth(&bed.copy(), "whole"));
    for file in bed.files() {
        let name = file.file_name().unwrap().to_str().unwrap().to_owned();
        let whole = fs::read(&file).unwrap();
        for at in 0..whole.len() {
            let image = bed.copy();
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << (at % 8);
            fs::write(image.options.directory.join(&name), bytes).unwrap();
            assert!(tells_the_truth(&image, &format!("{name} flipped at {at}")), "{name} {at}: not noticed");
        }
    }
}

#[test]
fn a_file_torn_at_any_byte_is_told_or_costs_the_last_batches() {
    let bed = filled();
    let last = bed.journal().file_name().unwrap().to_str().unwrap().to_owned();
    for file in bed.files() {
        let name = file.file_name().unwrap().to_str().unwrap().to_owned();
        let whole = fs::read(&file).unwrap();
        for cut in 0..whole.len() {
            let image = bed.copy();
            fs::write(image.options.directory.join(&name), &whole[..cut]).unwrap();
            let what = format!("{name} cut to {cut}");
            assert!(tells_the_truth(&image, &what), "{what}: not noticed");
            if name != last {
                assert!(open(&image).is_err(), "{what}: only the last journal may be torn");
            }
        }
    }
}

#[test]
fn what_could_not_be_written_is_written_after_the_next_start() {
    let bed = filled();
    let (mut index, entries) = open(&bed).unwrap();
    index.note_record_time(START_MS + 9 * 3_600_000);
    index.sync(checkpoint(entries)).unwrap();
    index.store.settle().unwrap();
    assert_eq!((index.stats().runs, bed.numbered("journal").len()), (2, 1));
    assert!((0..entries).all(|number| found(&mut index, place(number)).contains(&(1000 + number as Atom))));
}
