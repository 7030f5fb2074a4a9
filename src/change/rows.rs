//! Splitting a row by write times.

use std::collections::BTreeMap;

use cassandra_commitlog::mutation::{Cell, ColumnData, ColumnIndex, ComplexColumn, Row};

use super::{Action, Cleared, ColumnWrite, RowWrite};

/// Gives one write for each write time in a row, and its deletion.
pub(super) fn split<'a>(mut row: Row<'a>, is_static: bool, mut give: impl FnMut(i64, Action<'a>)) {
    let clustering = std::mem::take(&mut row.clustering);
    let deleted = row.deletion.map(|deletion| (deletion.time, clustering.clone()));
    let clustering = (!is_static).then_some(clustering);
    if let Some(timestamp) = only_time(&row) {
        // The two lists' elements are of one size, so this takes no memory.
        let columns = row.columns.into_iter().map(write_of).collect();
        let marker = row.liveness.map(|liveness| liveness.expiration);
        give(timestamp, Action::Write(RowWrite { clustering, marker, columns }));
    } else {
        split_by_time(&row, clustering.as_ref(), &mut give);
    }
    if let Some((time, clustering)) = deleted {
        let local_deletion_time = time.local_deletion_time;
        give(time.timestamp, Action::DeleteRow { clustering, local_deletion_time });
    }
}

/// Returns the one write time of a row's marker and cells, when there is just one and every clearing
/// belongs to it: how nearly all rows are.
fn only_time(row: &Row<'_>) -> Option<i64> {
    let first = row
        .liveness
        .map(|liveness| liveness.timestamp)
        .or_else(|| cells(row).map(|cell| cell.timestamp).next())?;
    let one_time = cells(row).all(|cell| cell.timestamp == first);
    let all_cleared_for_it = row.columns.iter().all(|column| match column {
        ColumnData::Complex(_, ComplexColumn { deletion: Some(deletion), .. }) => {
            is_cleared_for(deletion.timestamp, first)
        }
        _ => true,
    });
    (one_time && all_cleared_for_it).then_some(first)
}

/// Returns true if a clearing at this time is a part of a write at that time.
fn is_cleared_for(cleared: i64, written: i64) -> bool {
    cleared == written || cleared.checked_add(1) == Some(written)
}

fn cells<'r, 'a>(row: &'r Row<'a>) -> impl Iterator<Item = &'r Cell<'a>> {
    row.columns.iter().flat_map(|column| match column {
        ColumnData::Simple(_, cell) => std::slice::from_ref(cell),
        ColumnData::Complex(_, complex) => &complex.cells,
    })
}

fn write_of(column: ColumnData<'_>) -> ColumnWrite<'_> {
    match column {
        ColumnData::Simple(index, cell) => ColumnWrite::Simple(index, cell),
        ColumnData::Complex(index, complex) => {
            ColumnWrite::Complex { column: index, cleared: cleared(&complex), elements: complex.cells }
        }
    }
}

fn cleared(complex: &ComplexColumn<'_>) -> Option<Cleared> {
    complex.deletion.map(|deletion| Cleared {
        timestamp: deletion.timestamp,
        local_deletion_time: deletion.local_deletion_time,
    })
}

/// The general case: several write times in one row (a batch with several `USING TIMESTAMP`, a repair).
fn split_by_time<'a>(
    row: &Row<'a>,
    clustering: Option<&Vec<Option<&'a [u8]>>>,
    give: &mut impl FnMut(i64, Action<'a>),
) {
    let mut writes: BTreeMap<i64, RowWrite<'a>> = BTreeMap::new();
    let empty = || RowWrite { clustering: clustering.cloned(), marker: None, columns: Vec::new() };
    if let Some(liveness) = row.liveness {
        writes.entry(liveness.timestamp).or_insert_with(empty).marker = Some(liveness.expiration);
    }
    for cell_time in cells(row).map(|cell| cell.timestamp) {
        writes.entry(cell_time).or_insert_with(empty);
    }
    for column in &row.columns {
        match column {
            ColumnData::Simple(index, cell) => {
                let write = writes.entry(cell.timestamp).or_insert_with(empty);
                write.columns.push(ColumnWrite::Simple(*index, *cell));
            }
            ColumnData::Complex(index, complex) => {
                for cell in &complex.cells {
                    elements(&mut writes.entry(cell.timestamp).or_insert_with(empty).columns, *index)
                        .1
                        .push(*cell);
                }
                if let Some(cleared) = cleared(complex) {
                    // It goes with the write of the next microsecond, else it is a change of its own.
                    let next = cleared.timestamp.checked_add(1).filter(|next| writes.contains_key(next));
                    let write = writes.entry(next.unwrap_or(cleared.timestamp)).or_insert_with(empty);
                    *elements(&mut write.columns, *index).0 = Some(cleared);
                }
            }
        }
    }
    for (timestamp, write) in writes {
        give(timestamp, Action::Write(write));
    }
}

/// Returns the clearing and the elements of a complex column in a list of writes, which it may be added to.
fn elements<'w, 'a>(
    columns: &'w mut Vec<ColumnWrite<'a>>,
    index: ColumnIndex,
) -> (&'w mut Option<Cleared>, &'w mut Vec<Cell<'a>>) {
    let known = columns.iter().position(|write| write.column() == index);
    let at = known.unwrap_or_else(|| {
        columns.push(ColumnWrite::Complex { column: index, cleared: None, elements: Vec::new() });
        columns.len() - 1
    });
    match columns.get_mut(at) {
        Some(ColumnWrite::Complex { cleared, elements, .. }) => (cleared, elements),
        // A column is either simple or complex, and the place was just looked up.
        _ => unreachable!("the column at this place is complex"),
    }
}

#[cfg(test)]
mod tests {
    use cassandra_commitlog::{
        deletion::DeletionTime,
        mutation::{CellContent, Liveness, RowDeletion},
    };

    use super::*;

    fn cell(timestamp: i64) -> Cell<'static> {
        Cell { timestamp, path: None, content: CellContent::Live(b"v") }
    }

    fn simple(index: u32, timestamp: i64) -> ColumnData<'static> {
        ColumnData::Simple(ColumnIndex::Current(index), cell(timestamp))
    }

    fn complex(index: u32, cleared_at: Option<i64>, times: &[i64]) -> ColumnData<'static> {
        let deletion = cleared_at.map(|timestamp| DeletionTime { timestamp, local_deletion_time: 9 });
        let cells = times.iter().map(|&timestamp| cell(timestamp)).collect();
        ColumnData::Complex(ColumnIndex::Current(index), ComplexColumn { deletion, cells })
    }

    fn split_row(row: Row<'static>) -> Vec<(i64, Action<'static>)> {
        let mut given = Vec::new();
        split(row, false, |timestamp, action| given.push((timestamp, action)));
        given
    }

    fn written(action: &Action<'_>) -> (bool, Vec<(u32, Option<i64>, usize)>) {
        let Action::Write(write) = action else { panic!("not a write: {action:?}") };
        let columns = write.columns.iter().map(|column| match column {
            ColumnWrite::Simple(ColumnIndex::Current(at), _) => (*at, None, 1),
            ColumnWrite::Complex { column: ColumnIndex::Current(at), cleared, elements } => {
                (*at, cleared.map(|cleared| cleared.timestamp), elements.len())
            }
            other => panic!("{other:?}"),
        });
        (write.marker.is_some(), columns.collect())
    }

    #[test]
    fn an_overwrite_and_its_clearing_are_one_change() {
        let row = Row { columns: vec![complex(0, Some(99), &[100, 100])], ..Row::default() };
        let given = split_row(row);
        assert_eq!(given.len(), 1);
        assert_eq!(given[0].0, 100);
        assert_eq!(written(&given[0].1), (false, vec![(0, Some(99), 2)]));
    }

    #[test]
    fn a_clearing_alone_is_a_change_at_its_own_time() {
        let row = Row { columns: vec![simple(1, 50), complex(0, Some(99), &[])], ..Row::default() };
        let given = split_row(row);
        assert_eq!(given.iter().map(|(time, _)| *time).collect::<Vec<_>>(), [50, 99]);
        assert_eq!(written(&given[1].1), (false, vec![(0, Some(99), 0)]));
    }

    #[test]
    fn each_write_time_is_a_change_and_a_deletion_is_one_more() {
        let row = Row {
            liveness: Some(Liveness { timestamp: 20, expiration: None }),
            deletion: Some(RowDeletion {
                time: DeletionTime { timestamp: 15, local_deletion_time: 3 },
                shadowable: false,
            }),
            columns: vec![simple(0, 20), simple(1, 10), complex(2, Some(19), &[20, 10])],
            ..Row::default()
        };
        let given = split_row(row);
        assert_eq!(given.iter().map(|(time, _)| *time).collect::<Vec<_>>(), [10, 20, 15]);
        assert_eq!(written(&given[0].1), (false, vec![(1, None, 1), (2, None, 1)]));
        assert_eq!(written(&given[1].1), (true, vec![(0, None, 1), (2, Some(19), 1)]));
        assert!(given[2].1.is_deletion());
    }
}
