//! Deletions of rows, ranges and partitions.

use cassandra_commitlog::{
    schema::ColumnKind,
    types::{CqlType, NativeType, ValueError},
};

use super::{
    Approximation, ChangeWriter,
    cell_map::Scope,
    compare::is_same_value,
    literal::literal,
    statement::{KeyText, push_delete, push_update},
};
use crate::change::{DeletedRange, RangeBound};

impl ChangeWriter<'_, '_> {
    pub(super) fn delete_partition(&mut self) -> Result<(), ValueError> {
        self.note_deletion(Scope::Partition);
        if let Some(key) = self.partition_key()? {
            self.push_rows_deletion(&key);
        }
        Ok(())
    }

    pub(super) fn delete_row(&mut self, clustering: &[Option<&[u8]>]) -> Result<(), ValueError> {
        self.note_deletion(Scope::Row(clustering));
        if self.names.schema().flags().is_static_compact() {
            self.notes.add(Approximation::HiddenCell);
            return Ok(());
        }
        let Some(key) = self.row_key(clustering)? else {
            return Ok(());
        };
        if !clustering.iter().any(Option::is_none) {
            self.push_rows_deletion(&key);
            return Ok(());
        }
        // A row of a dense table is its one cell; `DELETE` would take the rows with the same prefix as well.
        let value = self.names.value(0).filter(|(column, _)| column.ty != CqlType::Native(NativeType::Empty));
        if let Some((_, name)) = value {
            let time = self.write_time(self.change.timestamp);
            let assignment = [format!("{name} = null")];
            push_update(assignment.iter(), self.names.table(), (time, None), key.relations(), self.out);
        } else {
            self.notes.add(Approximation::NullClustering);
            self.push_rows_deletion(&key);
        }
        Ok(())
    }

    /// Writes a deleted range as ranges of one clustering column each, with equal columns before it: the rows
    /// after the start that share its beginning, those between the beginnings, those before the end that
    /// share its beginning. CQL can say each of these for any clustering order.
    pub(super) fn delete_range(&mut self, range: &DeletedRange<'_>) -> Result<(), ValueError> {
        let schema = self.names.schema();
        if schema.flags().is_static_compact() {
            self.notes.add(Approximation::HiddenCell);
            return Ok(());
        }
        self.note_deletion(Scope::Range(schema.clustering(), range));
        let Some(key) = self.partition_key()? else {
            return Ok(());
        };
        let is_same = |at: usize, a: Value<'_>, b: Value<'_>| {
            schema.clustering().get(at).is_some_and(|column| is_same_value(&column.ty, a, b))
        };
        for slice in split_range(range, is_same) {
            self.delete_slice(&key, &slice)?;
        }
        Ok(())
    }

    fn delete_slice(&mut self, partition_key: &KeyText, slice: &Slice<'_>) -> Result<(), ValueError> {
        let mut relations = KeyText::default();
        let mut given = 0;
        let bounds = [
            slice.after.map(|(value, inclusive)| (value, if inclusive { (">=", "<=") } else { (">", "<") })),
            slice.before.map(|(value, inclusive)| (value, if inclusive { ("<=", ">=") } else { ("<", ">") })),
        ];
        let mut columns = self.names.clustering();
        for value in slice.prefix {
            let Some((column, name)) = columns.next() else {
                break;
            };
            let Some(value) = value else { continue };
            let Some(value) = literal(&column.ty, value)? else {
                self.notes.add(Approximation::Key);
                return Ok(());
            };
            relations.push_relation(name, "=", &value);
            given += 1;
        }
        if let Some((column, name)) = columns.next() {
            for (value, (ascending, descending)) in bounds.into_iter().flatten() {
                // Null is the least: nothing is before it, and everything is after it or it.
                let Some(value) = value else { continue };
                let Some(value) = literal(&column.ty, value)? else {
                    self.notes.add(Approximation::Key);
                    return Ok(());
                };
                relations.push_relation(name, if column.reversed { descending } else { ascending }, &value);
                given += 1;
            }
        }
        if given > 0 {
            let all = format!("{} AND {}", partition_key.relations(), relations.relations());
            let time = self.write_time(self.change.timestamp);
            push_delete(&[], self.names.table(), time, &all, self.out);
            self.note_counter_deletion();
            return Ok(());
        }
        self.delete_all_rows(partition_key);
        Ok(())
    }

    /// Deletes all rows of a partition. CQL deletes the static row with them, so where there may be one, the
    /// rows up to some value are deleted, and those after it.
    fn delete_all_rows(&mut self, partition_key: &KeyText) {
        let has_static = self.names.schema().values().iter().any(|column| column.kind == ColumnKind::Static);
        if !has_static {
            self.push_rows_deletion(partition_key);
            return;
        }
        let some_value = match self.names.clustering().next() {
            Some((column, name)) => some_literal(&column.ty).map(|value| (name, value)),
            None => None,
        };
        let Some((name, value)) = some_value else {
            self.notes.add(Approximation::AllRows);
            return;
        };
        for operator in ["<=", ">"] {
            let all = format!("{} AND {name} {operator} {value}", partition_key.relations());
            let time = self.write_time(self.change.timestamp);
            push_delete(&[], self.names.table(), time, &all, self.out);
        }
        self.note_counter_deletion();
    }

    /// Deletes all rows with these key columns.
    pub(super) fn push_rows_deletion(&mut self, key: &KeyText) {
        let time = self.write_time(self.change.timestamp);
        push_delete(&[], self.names.table(), time, key.relations(), self.out);
        self.note_counter_deletion();
    }

    /// Counts a deletion that has no time of its own.
    pub(super) fn note_counter_deletion(&mut self) {
        if self.names.schema().flags().counter {
            self.notes.add(Approximation::CounterDeletion);
        }
    }

    fn note_deletion(&mut self, scope: Scope<'_, '_>) {
        let table = self.names.schema().id();
        self.lists.deleted(table, self.change.partition_key, scope, self.change.timestamp);
        self.counters.deleted(table, self.change.partition_key, scope);
    }
}

/// Returns the literal of any value of a type.
fn some_literal(ty: &CqlType) -> Option<String> {
    const ZEROS: [u8; 16] = [0; 16];
    (0..=ZEROS.len()).find_map(|length| {
        let bytes = ZEROS.get(..length)?;
        // Zero bytes only where they are an ordinary value.
        let is_text = matches!(ty, CqlType::Native(NativeType::Text | NativeType::Ascii | NativeType::Blob));
        if length == 0 && !is_text {
            return None;
        }
        literal(ty, bytes).ok().flatten()
    })
}

type Value<'a> = Option<&'a [u8]>;

/// Rows with the same first clustering values, and the next one between two bounds in clustering order.
#[derive(Debug, PartialEq, Eq)]
struct Slice<'r> {
    prefix: &'r [Value<'r>],
    /// The value that they are after, and whether that is one of them.
    after: Option<(Value<'r>, bool)>,
    before: Option<(Value<'r>, bool)>,
}

/// Splits a range of rows into slices, in clustering order.
fn split_range<'r>(
    range: &'r DeletedRange<'_>,
    is_same: impl Fn(usize, Value<'_>, Value<'_>) -> bool,
) -> Vec<Slice<'r>> {
    let (start, start_inclusive) = values_of(range.start.as_ref());
    let (end, end_inclusive) = values_of(range.end.as_ref());
    let pairs = start.iter().zip(end).enumerate();
    let common = pairs.take_while(|(at, (a, b))| is_same(*at, **a, **b)).count();
    // An end that is a beginning of the other one, exclusive: no rows at all.
    if (start.len() == common && !start_inclusive) || (end.len() == common && !end_inclusive) {
        return Vec::new();
    }
    let mut slices = Vec::new();
    for at in (common + 1..start.len()).rev() {
        let inclusive = start_inclusive && at + 1 == start.len();
        let after = start.get(at).map(|value| (*value, inclusive));
        slices.push(Slice { prefix: start.get(..at).unwrap_or_default(), after, before: None });
    }
    slices.push(Slice {
        prefix: start.get(..common).unwrap_or_default(),
        after: start.get(common).map(|value| (*value, start_inclusive && start.len() == common + 1)),
        before: end.get(common).map(|value| (*value, end_inclusive && end.len() == common + 1)),
    });
    for at in common + 1..end.len() {
        let inclusive = end_inclusive && at + 1 == end.len();
        let before = end.get(at).map(|value| (*value, inclusive));
        slices.push(Slice { prefix: end.get(..at).unwrap_or_default(), after: None, before });
    }
    slices
}

/// Returns a bound's values and whether they are in the range; none of them for an open end.
fn values_of<'r>(bound: Option<&'r RangeBound<'_>>) -> (&'r [Value<'r>], bool) {
    match bound {
        Some(bound) => (&bound.values, bound.inclusive),
        None => (&[], true),
    }
}
