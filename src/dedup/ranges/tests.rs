use std::{collections::HashMap, convert::Infallible};

use cassandra_commitlog::{
    schema::{Column, ColumnKind},
    types::NativeType,
};

use super::*;
use crate::{
    change::{Action, Change, RangeBound},
    dedup::{SeenChanges, Verdict, signature},
    test_tables::{self, column},
};

mod covered;

/// An end of a range: values of the first clustering columns, and whether rows with them are in it. `None`: open.
pub(super) type End = Option<(Vec<Vec<u8>>, bool)>;

pub(super) const INT: CqlType = CqlType::Native(NativeType::Int);
const TEXT: CqlType = CqlType::Native(NativeType::Text);
const BLOB: CqlType = CqlType::Native(NativeType::Blob);

/// A table with these clustering columns: type, and whether they count down.
pub(super) fn table(clustering: &[(CqlType, bool)]) -> Arc<TableSchema> {
    let mut columns = vec![column("k", ColumnKind::PartitionKey, INT)];
    for (position, (ty, reversed)) in (0..).zip(clustering) {
        let first = column(&format!("c{position}"), ColumnKind::Clustering, ty.clone());
        columns.push(Column { position, reversed: *reversed, ..first });
    }
    test_tables::table(columns)
}

/// Deletes a range of one partition.
pub(super) fn deletion<'a>(
    table: &Arc<TableSchema>,
    timestamp: i64,
    start: &'a End,
    end: &'a End,
) -> Change<'a> {
    let bound = |end: &'a End| {
        end.as_ref().map(|(values, inclusive)| RangeBound {
            values: values.iter().map(|value| Some(value.as_slice())).collect(),
            inclusive: *inclusive,
        })
    };
    let range = DeletedRange { start: bound(start), end: bound(end), local_deletion_time: 1 };
    Change { table: Arc::clone(table), partition_key: b"key1", timestamp, action: Action::DeleteRange(range) }
}

/// What was seen of a table.
pub(super) struct Bed {
    table: Arc<TableSchema>,
    seen: SeenChanges,
}

impl Bed {
    pub(super) fn new(clustering: &[(CqlType, bool)]) -> Self {
        Self { table: table(clustering), seen: SeenChanges::new() }
    }

    /// Notes a range. Returns true if it is published, whole.
    pub(super) fn is_new(&mut self, start: &End, end: &End) -> bool {
        let change = deletion(&self.table, 100, start, end);
        match self.seen.note(change.clone()) {
            Verdict::New(rest) => {
                assert_eq!(rest, change);
                true
            }
            Verdict::Duplicate => false,
            Verdict::Partly(rest) => panic!("{rest:?}"),
        }
    }
}

#[expect(clippy::unnecessary_wraps, reason = "an end is open or has values")]
fn end(values: &[&[u8]], inclusive: bool) -> End {
    Some((values.iter().map(|value| value.to_vec()).collect(), inclusive))
}

/// With these values.
#[expect(clippy::unnecessary_wraps, reason = "an end is open or has values")]
pub(super) fn with(values: &[i32]) -> End {
    Some((values.iter().map(|value| value.to_be_bytes().to_vec()).collect(), true))
}

/// Without them.
pub(super) fn without(values: &[i32]) -> End {
    with(values).map(|(values, _)| (values, false))
}

#[test]
fn a_range_cut_anew_within_a_known_one_is_known() {
    let mut bed = Bed::new(&[(INT, false)]);
    assert!(bed.is_new(&with(&[17]), &with(&[20])));
    assert!(!bed.is_new(&with(&[17]), &with(&[20])));
    assert!(!bed.is_new(&with(&[19]), &with(&[20])));
    assert!(!bed.is_new(&without(&[17]), &without(&[20])));
    assert!(!bed.is_new(&with(&[18]), &with(&[18])));
    assert!(bed.is_new(&with(&[16]), &with(&[20])));
    assert!(bed.is_new(&with(&[17]), &with(&[21])));
    assert!(bed.is_new(&None, &with(&[20])));
    assert!(bed.is_new(&with(&[17]), &None));
}

#[test]
fn negative_numbers_stand_before_positive_ones() {
    let mut bed = Bed::new(&[(INT, false)]);
    assert!(bed.is_new(&with(&[-5]), &with(&[5])));
    assert!(!bed.is_new(&with(&[-1]), &with(&[1])));
    assert!(bed.is_new(&with(&[-6]), &with(&[1])));
}

#[test]
fn another_time_or_key_knows_nothing_of_it() {
    let table = table(&[(INT, false)]);
    let (start, middle, end) = (with(&[1]), with(&[5]), with(&[9]));
    let mut seen = SeenChanges::new();
    seen.note(deletion(&table, 100, &start, &end));
    let cut = deletion(&table, 100, &middle, &end);
    let mut is_new = |change| matches!(seen.note(change), Verdict::New(_));
    assert!(!is_new(cut.clone()));
    assert!(is_new(Change { timestamp: 101, ..cut.clone() }));
    assert!(is_new(Change { partition_key: b"key2", ..cut }));
}

#[test]
fn ranges_that_touch_cover_what_spans_them_and_a_gap_does_not() {
    let mut bed = Bed::new(&[(INT, false)]);
    assert!(bed.is_new(&with(&[1]), &without(&[3])));
    assert!(bed.is_new(&with(&[3]), &with(&[5])));
    assert!(!bed.is_new(&with(&[2]), &with(&[4])));
    assert!(!bed.is_new(&with(&[1]), &with(&[5])));
    // Row 8 is in neither.
    assert!(bed.is_new(&without(&[5]), &without(&[8])));
    assert!(bed.is_new(&without(&[8]), &with(&[9])));
    assert!(!bed.is_new(&with(&[1]), &without(&[8])));
    assert!(bed.is_new(&with(&[7]), &with(&[9])));
    assert!(!bed.is_new(&with(&[1]), &with(&[9])));
}

#[test]
fn rows_that_count_down_are_compared_so() {
    let mut bed = Bed::new(&[(INT, true)]);
    assert!(bed.is_new(&with(&[20]), &with(&[17])));
    assert!(!bed.is_new(&with(&[19]), &without(&[17])));
    assert!(bed.is_new(&with(&[21]), &with(&[17])));
    assert!(bed.is_new(&with(&[20]), &with(&[16])));
    // The other way round it has no rows: known only if it is filed.
    assert!(bed.is_new(&with(&[18]), &with(&[19])));
    assert!(!bed.is_new(&with(&[18]), &with(&[19])));
}

#[test]
fn open_ends_reach_over_everything() {
    let mut bed = Bed::new(&[(INT, false)]);
    assert!(bed.is_new(&None, &with(&[3])));
    assert!(!bed.is_new(&None, &without(&[3])));
    assert!(!bed.is_new(&with(&[i32::MIN]), &with(&[3])));
    assert!(bed.is_new(&None, &None));
    assert!(!bed.is_new(&with(&[100]), &None));
}

#[test]
fn fewer_values_mean_all_rows_that_begin_with_them() {
    let mut bed = Bed::new(&[(INT, false), (TEXT, true)]);
    let row =
        |first: i32, second: &str, inclusive| end(&[&first.to_be_bytes(), second.as_bytes()], inclusive);
    assert!(bed.is_new(&with(&[5]), &with(&[5])));
    // `c1` counts down.
    assert!(!bed.is_new(&row(5, "b", true), &row(5, "a", true)));
    assert!(!bed.is_new(&with(&[5]), &row(5, "x", true)));
    assert!(!bed.is_new(&with(&[5]), &row(5, "", true)));
    assert!(bed.is_new(&with(&[5]), &row(6, "x", true)));
    assert!(!bed.is_new(&without(&[5]), &row(6, "y", false)));
    assert!(bed.is_new(&without(&[5]), &row(6, "a", false)));
    assert!(bed.is_new(&row(4, "a", true), &with(&[5])));
    // All of 4 behind "a" is known, and nothing before it.
    assert!(!bed.is_new(&row(4, "a", false), &without(&[5])));
    assert!(bed.is_new(&with(&[4]), &without(&[5])));
}

#[test]
fn text_and_blobs_are_compared_by_their_bytes_empty_ones_first() {
    for ty in [TEXT, BLOB] {
        let mut bed = Bed::new(&[(ty, false)]);
        let at = |value: &str| end(&[value.as_bytes()], true);
        assert!(bed.is_new(&at("b"), &at("da")));
        assert!(!bed.is_new(&at("bb"), &at("d")));
        assert!(bed.is_new(&at(""), &at("b")));
        assert!(!bed.is_new(&at("a"), &at("c")));
        assert!(bed.is_new(&at("d"), &at("db")));
    }
}

#[test]
fn bounds_that_are_too_long_are_known_as_they_are() {
    let mut bed = Bed::new(&[(BLOB, false)]);
    let at = |byte: u8, length: usize| end(&[&vec![byte; length]], true);
    // Kind, number of values and lengths take four bytes each.
    let fits = FILED_HALF - 4;
    assert!(bed.is_new(&at(1, fits), &at(5, fits)));
    assert!(!bed.is_new(&at(2, fits), &at(3, 1)));
    assert!(bed.is_new(&at(6, fits), &at(9, fits + 1)));
    assert!(!bed.is_new(&at(6, fits), &at(9, fits + 1)));
    assert!(bed.is_new(&at(7, 3), &at(8, 3)));
}

const FILED_HALF: usize = bounds::FILED_BYTES_MAX / 2;

#[test]
fn of_a_type_whose_order_is_not_known_only_the_same_bounds_are_known() {
    let mut bed = Bed::new(&[(CqlType::Custom("com.example.Backwards".into()), false)]);
    let at = |value: u8| end(&[&[value]], true);
    assert!(bed.is_new(&at(1), &at(9)));
    assert!(!bed.is_new(&at(1), &at(9)));
    assert!(bed.is_new(&at(2), &at(3)));
}

#[test]
fn of_too_many_ranges_only_the_same_bounds_are_known() {
    let mut bed = Bed::new(&[(INT, false)]);
    let cut = |at: i32| (with(&[at * 10 + 1]), with(&[at * 10 + 2]));
    for at in 0..RANGES_MAX as i32 {
        assert!(bed.is_new(&with(&[at * 10]), &with(&[at * 10 + 5])));
    }
    assert!(!bed.is_new(&cut(0).0, &cut(0).1));
    assert!(bed.is_new(&with(&[-9]), &with(&[-5])));
    assert!(bed.is_new(&cut(0).0, &cut(0).1));
    assert!(!bed.is_new(&cut(0).0, &cut(0).1));
    assert!(!bed.is_new(&with(&[-9]), &with(&[-5])));
}

/// What is filed, by place.
type Filed = HashMap<Place, Vec<Atom>>;

fn file(signature: &Signature, filed: &mut Filed) -> Place {
    let atoms: Vec<Atom> = signature.parts.iter().map(|part| part.filed.0).collect();
    let (place, chunks) = signature.bounds_to_file(&atoms).unwrap();
    filed.entry(place).or_default().extend(chunks);
    filed.entry(signature.places[0]).or_default().extend(atoms);
    place
}

/// Returns whether a range is known, and which bounds were not found.
fn look_up(signature: &Signature, filed: &Filed) -> (bool, Vec<ChangeId>) {
    let mut known = Vec::new();
    let found = signature.look_up(&mut known, |place, found| {
        found.extend(filed.get(&place).into_iter().flatten());
        Ok::<_, Infallible>(())
    });
    let Ok(not_found) = found;
    let is_known =
        |part: &Part| part.looked_up.iter().any(|(place, atom)| known[place as usize].contains(&atom));
    (signature.parts.iter().all(is_known), not_found)
}

#[test]
fn damaged_bounds_make_nothing_known_but_what_is_exact() {
    let table = table(&[(INT, false)]);
    let (start, middle, last) = (with(&[1]), with(&[5]), with(&[9]));
    let whole = signature(&deletion(&table, 100, &start, &last));
    let cut = signature(&deletion(&table, 100, &middle, &last));
    let mut filed = Filed::new();
    let place = file(&whole, &mut filed);
    assert_eq!(look_up(&cut, &filed), (true, vec![]));
    let chunks = filed[&place].clone();
    assert!(chunks.len() > 3);
    let mut check = |damaged: Vec<Atom>| {
        filed.insert(place, damaged);
        assert_eq!(look_up(&cut, &filed), (false, vec![place.id]));
        assert_eq!(look_up(&whole, &filed), (true, vec![]));
    };
    check(vec![]);
    for at in 0..chunks.len() {
        // One is missing, is another, stands there beside another, or there is one too many.
        check([&chunks[..at], &chunks[at + 1..]].concat());
        for bit in 0..32 {
            let mut damaged = chunks.clone();
            damaged[at] ^= 1 << bit;
            check(damaged.clone());
            damaged.push(chunks[at]);
            check(damaged);
        }
        let next = (chunks.len() as Atom) << 24;
        check([&chunks[..], &[next]].concat());
        check([&chunks[..], &[next | 1]].concat());
    }
    let mut turned = chunks.clone();
    turned.reverse();
    turned.extend(&chunks);
    filed.insert(place, turned);
    assert_eq!(look_up(&cut, &filed), (true, vec![]), "order and repetitions mean nothing");
}

#[test]
fn bounds_of_another_range_in_the_place_do_not_count() {
    let table = table(&[(INT, false)]);
    let [a, b, c, d] = [1, 3, 5, 9].map(|at| with(&[at]));
    let narrow = signature(&deletion(&table, 100, &a, &b));
    let wide = signature(&deletion(&table, 100, &a, &d));
    let cut = signature(&deletion(&table, 100, &c, &d));
    let (mut filed, mut other) = (Filed::new(), Filed::new());
    let (place, of_wide) = (file(&narrow, &mut filed), file(&wide, &mut other));
    filed.insert(place, other[&of_wide].clone());
    assert_eq!(look_up(&cut, &filed), (false, vec![place.id]));
    assert_eq!(look_up(&wide, &filed), (false, vec![place.id]));
}

#[test]
fn both_fingerprints_must_be_known() {
    let table = table(&[(INT, false)]);
    let (start, end) = (with(&[1]), with(&[3]));
    let range = signature(&deletion(&table, 100, &start, &end));
    for part in &range.parts {
        let filed = Filed::from([(range.places[0], vec![part.filed.0])]);
        assert!(!look_up(&range, &filed).0);
    }
    // Where the first one is known already, the place of the bounds is another range's.
    assert_eq!(range.bounds_to_file(&[range.parts[1].filed.0]), None);
    assert!(range.bounds_to_file(&[range.parts[0].filed.0]).is_some());
}

#[test]
fn bounds_of_more_values_than_the_table_has_columns_are_not_compared() {
    let (start, end) = (with(&[1, 2]), with(&[9, 2]));
    let (narrow, wide) = (table(&[(INT, false)]), table(&[(INT, false), (INT, false)]));
    assert!(signature(&deletion(&narrow, 100, &start, &end)).range.is_none());
    assert!(signature(&deletion(&wide, 100, &start, &end)).range.is_some());
}
