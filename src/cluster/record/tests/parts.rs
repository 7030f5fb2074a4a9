//! Records that are too large for one, and what records cost.

use std::collections::BTreeMap;

use super::{
    super::*,
    samples::{ALICE, BOB, Record, claim, entry},
};
use crate::dedup::Atom;

/// Numbers that look random, the same ones each time.
pub(super) struct Numbers(u64);

impl Numbers {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns the next number (`SplitMix64`).
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

/// Returns as many entries as asked for, of 1 to 8 parts, 2.84 on average, their write times spread over so many minutes in no
/// order.
fn entries(count: usize, minutes: u64, numbers: &mut Numbers) -> Vec<Entry> {
    const PARTS: [usize; 25] = [1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 3, 3, 3, 4, 4, 4, 5, 5, 6, 6, 8];
    let id = |numbers: &mut Numbers| u128::from(numbers.next()) << 64 | u128::from(numbers.next());
    let mut entries = Vec::with_capacity(count);
    for _ in 0..count {
        let parts = PARTS[numbers.below(PARTS.len() as u64) as usize];
        let atoms: Vec<Atom> = (0..parts).map(|_| numbers.next() as Atom).collect();
        entries.push(entry(id(numbers), 29_927_834 + numbers.below(minutes) as i32, &atoms));
    }
    entries
}

fn published(entries: Vec<Entry>) -> LedgerRecord {
    LedgerRecord { session: Session(u64::MAX), kind: LedgerKind::Published(entries) }
}

fn entries_of(record: &LedgerRecord) -> &[Entry] {
    let LedgerKind::Published(entries) = &record.kind else { panic!("{record:?}") };
    entries
}

/// All that is said of each identity and minute, whatever the number of entries.
fn said(records: &[LedgerRecord]) -> BTreeMap<(ChangeId, i32), Vec<Atom>> {
    let mut said: BTreeMap<_, Vec<Atom>> = BTreeMap::new();
    for entry in records.iter().flat_map(entries_of) {
        said.entry((entry.id, entry.minute)).or_default().extend(&entry.atoms);
    }
    for atoms in said.values_mut() {
        atoms.sort_unstable();
    }
    said
}

fn length(record: LedgerRecord) -> usize {
    Record::Ledger(record).encode().len()
}

#[test]
fn a_change_costs_the_ledger_less_than_28_bytes() {
    let mut numbers = Numbers::new(1);
    let all = entries(4_000, 1, &mut numbers);
    let atoms: usize = all.iter().map(|entry| entry.atoms.len()).sum();
    assert!((11_200..=11_500).contains(&atoms), "{atoms} parts of 4000 changes");
    for (changes, minutes, hundredths_max) in
        [(1, 1, 4_500), (20, 1, 3_000), (100, 2, 2_850), (1000, 2, 2_770), (4_000, 60, 2_790)]
    {
        let all = entries(changes, minutes, &mut numbers);
        let atoms: usize = all.iter().map(|entry| entry.atoms.len()).sum();
        let as_they_come = length(published(all.clone()));
        let parts = published(all).into_parts(RECORD_BYTES_MAX);
        assert_eq!(parts.len(), 1);
        let bytes: usize = parts.into_iter().map(length).sum();
        // What the number of parts differs by from 2.84 is not of the format.
        let at_mean = |bytes: usize| (bytes * 100 + 4 * 284 * changes - 400 * atoms) / changes;
        println!(
            "{changes} changes in {minutes} minutes: {} hundredths of a byte each, {} unsorted",
            at_mean(bytes),
            at_mean(as_they_come)
        );
        assert!(at_mean(bytes) <= hundredths_max, "{changes} changes: {bytes} bytes");
    }
}

#[test]
fn a_large_transaction_is_told_in_records_within_the_limit() {
    let mut numbers = Numbers::new(2);
    let mut all = entries(60_000, 3, &mut numbers);
    let before = published(all.clone());
    let parts = published(all.clone()).into_parts(RECORD_BYTES_MAX);
    let lengths: Vec<usize> = parts.iter().cloned().map(length).collect();
    assert!(lengths.iter().all(|length| *length <= RECORD_BYTES_MAX), "{lengths:?}");
    assert_eq!(lengths.len(), 4, "{lengths:?}");
    assert!(lengths[..3].iter().all(|length| *length > RECORD_BYTES_MAX - 1024), "{lengths:?}");
    assert_eq!(said(&parts), said(&[before]));
    let mut again: Vec<Entry> = parts.iter().flat_map(entries_of).cloned().collect();
    again.sort();
    all.sort();
    assert!(again == all, "entries that fit are not cut");
}

#[test]
fn a_change_of_very_many_parts_is_cut_into_several_of_its_identity() {
    let atoms: Vec<Atom> = (0..300_000).collect();
    let before = published(vec![entry(1, 5, &[1]), entry(2, 5, &atoms), entry(3, 4, &[9])]);
    let parts = before.clone().into_parts(RECORD_BYTES_MAX);
    assert_eq!(parts.len(), 3);
    assert!(parts.iter().cloned().map(length).all(|length| length <= RECORD_BYTES_MAX));
    assert_eq!(said(&parts), said(&[before]));
    // However small the limit is, it ends.
    assert_eq!(published(vec![entry(1, 5, &[1, 2])]).into_parts(0).len(), 2);
}

#[test]
fn what_is_no_list_or_an_empty_one_is_one_record() {
    for kind in [
        LedgerKind::Hello,
        LedgerKind::Beat { number: 1, done: 0 },
        LedgerKind::Published(vec![]),
        LedgerKind::Skipped(vec![entry(1, 1, &[1])]),
    ] {
        let record = LedgerRecord { session: Session(3), kind };
        assert_eq!(record.clone().into_parts(100), [record]);
    }
    for record in [
        OwnersRecord::Topic { name: "t".into(), partitions: 1, replaces: false },
        OwnersRecord::Want { host: ALICE, claims: vec![] },
    ] {
        assert_eq!(record.clone().into_parts(10), [record]);
    }
}

/// Claims of so many ranges in each keyspace, the same ranges in all of them, as keyspaces of one replication factor have.
fn claims(keyspaces: usize, ranges: usize) -> Vec<Claim> {
    let mut numbers = Numbers::new(3);
    let mut tokens: Vec<i64> = (0..2 * ranges).map(|_| numbers.next() as i64).collect();
    tokens.sort_unstable();
    let of = |keyspace: usize| {
        let name = format!("keyspace_{keyspace}");
        tokens.chunks(2).map(move |pair| claim(&name, pair[0], pair[1], 1)).collect::<Vec<_>>()
    };
    (0..keyspaces).flat_map(of).collect()
}

#[test]
fn the_claims_of_a_node_with_256_tokens_take_4_kib() {
    for (keyspaces, compressed_max) in [(1, 4_500), (20, 8_000)] {
        let record = OwnersRecord::Own {
            host: ALICE,
            session: Session(1),
            fenced: vec![(BOB, Session(2))],
            claims: claims(keyspaces, 256),
        };
        let bytes = Record::Owners(record).encode();
        let compressed = zstd::encode_all(&*bytes, 3).unwrap().len();
        println!("{keyspaces} keyspaces of 256 ranges: {} bytes, {compressed} compressed", bytes.len());
        assert!(bytes.len() < keyspaces * 4_400 + 100, "{} bytes", bytes.len());
        assert!(compressed < compressed_max, "{compressed} bytes compressed");
    }
}

#[test]
fn the_claims_of_very_many_keyspaces_are_told_in_records_within_the_limit() {
    let all = claims(300, 256);
    let fenced = vec![(BOB, Session(2)), (ALICE, Session(1))];
    let own = |claims| OwnersRecord::Own { host: ALICE, session: Session(3), fenced: fenced.clone(), claims };
    let release = |claims| OwnersRecord::Release { host: ALICE, session: Session(3), claims };
    let want = |claims| OwnersRecord::Want { host: ALICE, claims };
    let makers: [&dyn Fn(Vec<Claim>) -> OwnersRecord; 3] = [&own, &release, &want];
    for make in makers {
        let parts = make(all.clone()).into_parts(RECORD_BYTES_MAX);
        assert_eq!(parts.len(), 4);
        let mut again = Vec::new();
        for part in parts {
            assert!(Record::Owners(part.clone()).encode().len() <= RECORD_BYTES_MAX);
            let (OwnersRecord::Own { claims, .. }
            | OwnersRecord::Release { claims, .. }
            | OwnersRecord::Want { claims, .. }) = &part
            else {
                panic!("{part:?}");
            };
            assert_eq!(part, make(claims.clone()), "all else is as it was");
            again.extend(claims.iter().cloned());
        }
        assert!(again == all);
        assert_eq!(make(all[..3].to_vec()).into_parts(1).len(), 3, "one claim at least");
    }
}
