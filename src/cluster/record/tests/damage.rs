//! Records that were cut, changed, or written by somebody else.

use std::error::Error as _;

use super::{
    super::*,
    samples::{ALICE, Record, claim, entry, samples},
};

/// Reads bytes in each topic: whatever they are, that ends and does not panic.
fn read_everywhere(bytes: &[u8]) -> [Result<Record<'_>, RecordError>; 3] {
    [
        OwnersRecord::decode(bytes).map(Record::Owners),
        LedgerRecord::decode(bytes).map(Record::Ledger),
        RelayRecord::decode(bytes).map(Record::Relay),
    ]
}

fn kind_of(record: &Record<'_>, bytes: &[u8]) -> RecordErrorKind {
    record.decode_alike(bytes).expect_err("it is damaged").kind
}

#[test]
fn a_record_that_is_cut_anywhere_is_none() {
    for (name, record) in samples() {
        let bytes = record.encode();
        for length in 0..bytes.len() {
            let error = record.decode_alike(&bytes[..length]).expect_err(name);
            assert!(error.offset <= length, "{name} cut to {length}: {error:?}");
        }
        assert_eq!(kind_of(&record, &[]), RecordErrorKind::Truncated);
    }
}

#[test]
fn bytes_behind_a_record_are_no_part_of_it() {
    for (name, record) in samples() {
        let mut bytes = record.encode();
        bytes.push(0);
        let error = record.decode_alike(&bytes).expect_err(name);
        assert_eq!(error.kind, RecordErrorKind::TrailingBytes(1), "{name}");
        assert_eq!(error.offset, bytes.len() - 1);
    }
}

#[test]
fn a_record_with_any_byte_changed_is_another_record_or_none() {
    let (mut records, mut errors) = (0, 0);
    for (name, record) in samples() {
        let bytes = record.encode();
        for at in 0..bytes.len() {
            let value = bytes[at];
            // All values take too long for the large ones.
            let values = 0..if bytes.len() < 300 { u8::MAX } else { 8 };
            let values = values
                .map(|it| if bytes.len() < 300 { value.wrapping_add(it + 1) } else { value ^ (1 << it) });
            for changed_value in values.chain([0, u8::MAX]).filter(|it| *it != value) {
                let mut changed = bytes.clone();
                changed[at] = changed_value;
                for read in read_everywhere(&changed) {
                    match read {
                        Ok(read) => {
                            records += 1;
                            assert_ne!(read, record, "{name}: byte {at} as {changed_value} is not read");
                            let again = read.encode();
                            let twice = read.decode_alike(&again).expect(name).encode();
                            assert_eq!(again, twice, "{name}: byte {at} as {changed_value}");
                        }
                        Err(error) => {
                            errors += 1;
                            assert!(error.offset <= changed.len());
                        }
                    }
                }
            }
        }
    }
    assert!(records > 10_000 && errors > 10_000, "{records} records, {errors} errors");
}

#[test]
fn what_a_later_version_wrote_is_refused_with_what_to_do() {
    for (name, record) in samples() {
        let mut bytes = record.encode();
        bytes[0] = 2;
        let error = record.decode_alike(&bytes).expect_err(name);
        assert_eq!(error.kind, RecordErrorKind::UnknownVersion { found: 2, known: 1 });
        assert_eq!(
            error.source().unwrap().to_string(),
            "written by a later version of ringtap, in format 2 (this one reads up to 1): upgrade this agent first"
        );
        bytes[0] = 0;
        assert_eq!(kind_of(&record, &bytes), RecordErrorKind::NotARecord);
    }
}

#[test]
fn a_record_in_another_topic_is_of_no_kind_there() {
    for (name, record) in samples() {
        let bytes = record.encode();
        let read = read_everywhere(&bytes);
        assert_eq!(read.iter().filter(|read| read.is_ok()).count(), 1, "{name}");
        for error in read.into_iter().filter_map(Result::err) {
            assert_eq!(error.kind, RecordErrorKind::UnknownKind(bytes[1]), "{name}");
            assert_eq!(error.offset, 2);
            assert!(error.to_string().starts_with(&format!("a record of the {} topic", error.topic)));
        }
    }
}

fn bytes_of(record: &OwnersRecord) -> Vec<u8> {
    Record::Owners(record.clone()).encode()
}

#[test]
fn numbers_that_a_field_cannot_have_are_refused() {
    let want = OwnersRecord::Want { host: ALICE, claims: vec![claim("ks", 5, 9, 1)] };
    let good = bytes_of(&want);
    // Version, kind, host, number of claims, keyspace, number of claims in the run.
    let tokens = 1 + 1 + 16 + 1 + 3 + 1;
    let mut wraps = good.clone();
    wraps[tokens + 7] = 9;
    let error = OwnersRecord::decode(&wraps).unwrap_err();
    assert_eq!(error.kind, RecordErrorKind::BadTokenRange { after: 9, up_to: 9 });
    let mut generation = good[..good.len() - 1].to_vec();
    generation.extend([0xff, 0xff, 0xff, 0xff, 0x10]);
    let error = OwnersRecord::decode(&generation).unwrap_err();
    assert_eq!(error.kind, RecordErrorKind::OutOfRange("a generation"));
    let mut name = good.clone();
    name[tokens - 2] = 0xff;
    assert_eq!(OwnersRecord::decode(&name).unwrap_err().kind, RecordErrorKind::NotUtf8);

    let host = OwnersRecord::Host { host: ALICE, partition: -1, settings: 0, version: "1".into() };
    let error = OwnersRecord::decode(&bytes_of(&host)).unwrap_err();
    assert_eq!(error.kind, RecordErrorKind::OutOfRange("a partition's number"));
    let topic = OwnersRecord::Topic { name: "t".into(), partitions: 0, replaces: false };
    let error = OwnersRecord::decode(&bytes_of(&topic)).unwrap_err();
    assert_eq!(error.kind, RecordErrorKind::OutOfRange("a number of partitions"));
}

#[test]
fn no_list_is_longer_than_its_bytes_and_no_run_is_empty() {
    let published = |entries| LedgerRecord { session: Session(1), kind: LedgerKind::Published(entries) };
    let record = Record::Ledger(published(vec![entry(1, 0, &[7]), entry(2, 0, &[8])]));
    let good = record.encode();
    // Version, kind, session; then the number of entries, the minute, the parts of each, the entries of the run.
    let entries = 1 + 1 + 8;
    let with = |at: usize, value: u8| {
        let mut bytes = good.clone();
        bytes[at] = value;
        kind_of(&record, &bytes)
    };
    assert_eq!(with(entries, 3), RecordErrorKind::CountTooGreat(3));
    assert_eq!(with(entries, 1), RecordErrorKind::OutOfRange("a number of entries"));
    assert_eq!(with(entries + 2, 100), RecordErrorKind::CountTooGreat(100));
    assert_eq!(with(entries + 3, 0), RecordErrorKind::EmptyRun);
    assert_eq!(with(entries + 3, 3), RecordErrorKind::CountTooGreat(3));
    let mut huge = good[..entries].to_vec();
    huge.extend([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]);
    assert_eq!(kind_of(&record, &huge), RecordErrorKind::CountTooGreat(u64::MAX));
}
