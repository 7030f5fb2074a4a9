//! How much memory a record takes: no more than its bytes give reason for, whatever it says of itself. A program of its own,
//! as it counts all that is allocated.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::alloc::System;

use cap::Cap;
use ringtap::{
    cluster::{
        names::{Generation, HostId, Session, TokenRange},
        record::{Claim, Entry, LedgerKind, LedgerRecord, OwnersRecord, RelayDecoder},
    },
    dedup::ChangeId,
};

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// Counts what is allocated at most while something is read, and says whether it was a record.
fn allocated(read: impl FnOnce() -> bool) -> (usize, bool) {
    let before = ALLOCATOR.total_allocated();
    let is_record = read();
    (ALLOCATOR.total_allocated() - before, is_record)
}

fn owners(bytes: &[u8]) -> bool {
    OwnersRecord::decode(bytes).is_ok()
}

fn ledger(bytes: &[u8]) -> bool {
    LedgerRecord::decode(bytes).is_ok()
}

fn relay(bytes: &[u8]) -> bool {
    RelayDecoder::new().decode(bytes).is_ok()
}

type Read = fn(&[u8]) -> bool;

// One test: others at the same time would be counted, too.
#[test]
fn no_record_takes_more_memory_than_its_bytes_give_reason_for() {
    lengths_alone_take_none();
    true_records_take_little();
}

/// The longest varint, and one of every length below it.
fn varints() -> impl Iterator<Item = Vec<u8>> {
    (0..63).map(|bits| {
        let mut value = (1_u64 << bits) | 1;
        let mut bytes = Vec::new();
        while value >= 0x80 {
            bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        bytes.push(value as u8);
        bytes
    })
}

/// Puts all counts in the place of every byte of small records, with little behind it.
fn lengths_alone_take_none() {
    let mut tried = 0;
    for (bytes, read) in small_records() {
        assert!(read(&bytes));
        for at in 2..bytes.len() {
            for varint in varints() {
                let mut damaged = bytes[..at].to_vec();
                damaged.extend(varint);
                damaged.extend(&bytes[at + 1..]);
                let (used, _) = allocated(|| read(&damaged));
                assert!(used < 64 * 1024, "{used} bytes for the {} of {damaged:02x?}", damaged.len());
                tried += 1;
            }
        }
    }
    assert!(tried > 50_000, "{tried}");
}

fn claim(number: i64) -> Claim {
    let range = TokenRange::new(number, number + 1).unwrap();
    Claim { keyspace: "ks".into(), range, generation: Generation(1) }
}

fn want(claims: i64) -> Vec<u8> {
    let host = HostId(uuid::Uuid::from_u128(1));
    let mut bytes = Vec::new();
    OwnersRecord::Want { host, claims: (0..claims).map(claim).collect() }.encode(&mut bytes);
    bytes
}

fn published(entries: u64, atoms: u32) -> Vec<u8> {
    let entry = |low| Entry { id: ChangeId { high: 0, low }, minute: 7, atoms: (0..atoms).collect() };
    let kind = LedgerKind::Published((0..entries).map(entry).collect());
    let mut bytes = Vec::new();
    LedgerRecord { session: Session(1), kind }.encode(&mut bytes);
    bytes
}

/// Relayed changes of the format's golden records: bytes of ours, written down.
fn relayed() -> Vec<Vec<u8>> {
    let golden = include_str!("../../src/cluster/record/tests/golden.txt");
    let hex = golden.lines().filter_map(|line| line.strip_prefix("relay_")?.split_once(' '));
    let byte = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap();
    let all: Vec<Vec<u8>> = hex.map(|(_, hex)| hex.as_bytes().chunks(2).map(byte).collect()).collect();
    assert_eq!(all.len(), 7);
    all
}

fn small_records() -> Vec<(Vec<u8>, Read)> {
    let mut records: Vec<(Vec<u8>, Read)> =
        vec![(want(3), owners), (published(3, 2), ledger), (published(1, 0), ledger)];
    records.extend(relayed().into_iter().map(|bytes| (bytes, relay as Read)));
    records
}

/// What is allocated in all, for each byte of records that are as dense as can be: counts what growing lists gave back, too.
fn true_records_take_little() {
    // A change to a static row with as many elements of two bytes as fit: the definition, key and time of a golden record,
    // whose last bytes are a static row without a marker and one cell.
    let golden = relayed().into_iter().find(|bytes| bytes.ends_with(&[1, 0, 1, 8, 0, 0, 1, 5])).unwrap();
    let mut elements = golden[..golden.len() - 4].to_vec();
    elements.push(1);
    elements.extend([0xc0, 0x84, 0x3d]);
    elements.extend(vec![0; 2 * 1_000_000]);
    for (what, bytes, read, times_max) in [
        ("claims", want(100_000), owners as Read, 6),
        ("entries without parts", published(100_000, 0), ledger, 7),
        ("entries of one part", published(100_000, 1), ledger, 7),
        ("entries of many parts", published(100, 10_000), ledger, 2),
        ("elements", elements, relay, 150),
    ] {
        let (used, is_record) = allocated(|| read(&bytes));
        println!("{what}: {used} bytes allocated for {}", bytes.len());
        assert!(is_record, "{what}");
        assert!(used < times_max * bytes.len(), "{what}: {used} bytes for {}", bytes.len());
    }
}
