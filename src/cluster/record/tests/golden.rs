//! The bytes of each kind of record, as they were when their format was made: they stay readable for good.

use std::fmt::Write as _;

use super::{
    super::RelayRecord,
    samples::{Record, samples},
};
use crate::{
    change::{Action, Change, ColumnWrite},
    dedup::signature,
    schema::Fingerprint,
};

/// A line for each sample: its name, its bytes in hex.
const GOLDEN: &str = include_str!("golden.txt");

pub(super) fn from_hex(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

pub(super) fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    })
}

#[test]
fn each_kind_of_record_has_the_bytes_that_it_always_had() {
    let samples = samples();
    let lines: Vec<_> = GOLDEN.lines().map(|line| line.split_once(' ').unwrap()).collect();
    let written = samples.iter().fold(String::new(), |mut written, (name, record)| {
        writeln!(written, "{name} {}", to_hex(&record.encode())).unwrap();
        written
    });
    assert_eq!(lines.len(), samples.len(), "golden.txt would be\n{written}");
    for ((name, record), (golden_name, hex)) in samples.iter().zip(lines) {
        assert_eq!(*name, golden_name);
        assert_eq!(to_hex(&record.encode()), hex, "{name}");
    }
}

#[test]
fn the_bytes_of_each_kind_read_back_as_the_record() {
    for ((name, record), line) in samples().iter().zip(GOLDEN.lines()) {
        let bytes = from_hex(line.split_once(' ').unwrap().1);
        let read = record.decode_alike(&bytes).expect(name);
        assert_eq!(read.encode(), bytes, "{name}");
        match (record, &read) {
            (Record::Relay(record), Record::Relay(read)) => assert_same_change(record, read),
            (record, read) => assert_eq!(record, read),
        }
    }
}

/// All but the table's dropped columns and their numbers is equal; what records are made of is.
pub(super) fn assert_same_change(one: &RelayRecord<'_>, other: &RelayRecord<'_>) {
    let head = |it: &RelayRecord<'_>| (it.from, it.owner_session, it.generation, it.place, it.token());
    assert_eq!(head(one), head(other));
    let (one, other) = (&one.change, &other.change);
    assert_eq!(Fingerprint::of(&one.table), Fingerprint::of(&other.table));
    assert_eq!(one.table.partition_key(), other.table.partition_key());
    assert_eq!(one.table.clustering(), other.table.clustering());
    assert_eq!(one.table.values(), other.table.values());
    let table = |it: &Change<'_>| {
        let table = &it.table;
        (
            table.id(),
            table.keyspace().to_owned(),
            table.name().to_owned(),
            table.flags(),
            table.cdc(),
            table.is_view(),
        )
    };
    assert_eq!(table(one), table(other));
    assert_eq!(text(one), text(other));
    assert_eq!(signature(one), signature(other));
}

/// Returns all that a change says, with columns by definition instead of number.
fn text(change: &Change<'_>) -> String {
    let start = format!("{:?} {}", change.partition_key, change.timestamp);
    let Action::Write(write) = &change.action else { return format!("{start} {:?}", change.action) };
    let mut text = format!("{start} {:?} {:?}", write.clustering, write.marker);
    for write in &write.columns {
        let said = match write {
            ColumnWrite::Simple(_, cell) => format!("{cell:?}"),
            ColumnWrite::Complex { cleared, elements, .. } => format!("{cleared:?} {elements:?}"),
        };
        write!(text, "\n{:?} {said}", change.column(write.column()).unwrap()).unwrap();
    }
    text
}
