use super::*;
use crate::change::{DeletedRange, RangeBound};

type Bound<'b> = (&'b [Option<&'static [u8]>], bool);

fn range(start: Option<Bound<'_>>, end: Option<Bound<'_>>) -> Vec<String> {
    let bound = |(values, inclusive): Bound<'_>| RangeBound { values: values.to_vec(), inclusive };
    let statements = exactly(Action::DeleteRange(DeletedRange {
        start: start.map(bound),
        end: end.map(bound),
        local_deletion_time: NOW,
    }));
    let conditions = statements.iter().map(|statement| {
        let rest = statement.strip_prefix("DELETE FROM ks.t USING TIMESTAMP 50 WHERE k = 9 AND ").unwrap();
        rest.strip_suffix(';').unwrap().to_owned()
    });
    conditions.collect()
}

const ONE: Option<&[u8]> = Some(&[0, 0, 0, 1]);
const TWO: Option<&[u8]> = Some(&[0, 0, 0, 2]);
const A: Option<&[u8]> = Some(b"a");
const B: Option<&[u8]> = Some(b"b");

#[test]
fn rows_and_partitions_are_deleted_by_their_keys() {
    let deletion = Action::DeleteRow { clustering: ROW.to_vec(), local_deletion_time: NOW };
    assert_eq!(exactly(deletion), [format!("DELETE FROM ks.t USING TIMESTAMP 50 {WHERE_ROW}")]);
    let deletion = Action::DeletePartition { local_deletion_time: NOW };
    assert_eq!(exactly(deletion), ["DELETE FROM ks.t USING TIMESTAMP 50 WHERE k = 9;"]);
}

#[test]
fn a_range_within_one_prefix_is_one_statement() {
    assert_eq!(range(Some((&[ONE], true)), Some((&[ONE], true))), ["c1 = 1"]);
    assert_eq!(range(Some((&[ONE], false)), Some((&[TWO], true))), ["c1 > 1 AND c1 <= 2"]);
    assert_eq!(range(Some((&[ONE], true)), None), ["c1 >= 1"]);
    assert_eq!(range(None, Some((&[ONE], false))), ["c1 < 1"]);
    assert_eq!(range(Some((&[ONE, B], false)), Some((&[ONE], true))), ["c1 = 1 AND c2 < 'b'"]);
    assert_eq!(
        range(Some((&[ONE, A, ONE], true)), Some((&[ONE, A, TWO], false))),
        ["c1 = 1 AND c2 = 'a' AND c3 >= 1 AND c3 < 2"],
    );
}

#[test]
fn bounds_of_a_descending_column_count_down() {
    assert_eq!(
        range(Some((&[ONE, B], true)), Some((&[ONE, A], false))),
        ["c1 = 1 AND c2 <= 'b' AND c2 > 'a'"],
    );
}

#[test]
fn a_range_over_several_prefixes_is_split_at_them() {
    assert_eq!(
        range(Some((&[ONE, B, TWO], false)), Some((&[TWO, A, ONE], true))),
        [
            "c1 = 1 AND c2 = 'b' AND c3 > 2",
            "c1 = 1 AND c2 < 'b'",
            "c1 > 1 AND c1 < 2",
            "c1 = 2 AND c2 > 'a'",
            "c1 = 2 AND c2 = 'a' AND c3 <= 1",
        ],
    );
    assert_eq!(range(Some((&[ONE, B], true)), None), ["c1 = 1 AND c2 <= 'b'", "c1 > 1"],);
}

#[test]
fn a_range_that_has_no_rows_gives_no_statement() {
    assert_eq!(range(Some((&[ONE], false)), Some((&[ONE, A], true))), [""; 0]);
    assert_eq!(range(Some((&[ONE], true)), Some((&[ONE], false))), [""; 0]);
}

#[test]
fn all_rows_but_the_static_one_are_two_ranges() {
    assert_eq!(range(None, None), ["c1 <= 0", "c1 > 0"]);
}

#[test]
fn without_static_columns_all_rows_are_the_partition() {
    let mut written = Written::to(table(TableFlags::CQL, vec![]));
    let all = DeletedRange { start: None, end: None, local_deletion_time: NOW };
    assert_eq!(written.write(Action::DeleteRange(all)), ["DELETE FROM ks.t USING TIMESTAMP 50 WHERE k = 9;"],);
}

/// 1.0 and 1.00 are the same row: a range from one to the other lies within one prefix.
#[test]
fn decimals_that_are_equal_are_the_same_prefix() {
    let decimal = CqlType::Native(NativeType::Decimal);
    let mut written = Written::to(test_tables::table(vec![
        column("k", ColumnKind::PartitionKey, 0, INT, false),
        column("d", ColumnKind::Clustering, 0, decimal, false),
        column("c", ColumnKind::Clustering, 1, INT, false),
    ]));
    let start = RangeBound { values: vec![Some(&[0, 0, 0, 1, 10]), ONE], inclusive: true };
    let end = RangeBound { values: vec![Some(&[0, 0, 0, 2, 100]), TWO], inclusive: true };
    let deletion = DeletedRange { start: Some(start), end: Some(end), local_deletion_time: NOW };
    assert_eq!(
        written.write(Action::DeleteRange(deletion)),
        ["DELETE FROM ks.t USING TIMESTAMP 50 WHERE k = 9 AND d = 1.0 AND c >= 1 AND c <= 2;"],
    );
}
