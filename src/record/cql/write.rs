//! Writes of rows: as few statements as the lifetimes of their cells allow.

use cassandra_commitlog::{
    mutation::{Cell, CellContent, ColumnIndex, Expiration},
    schema::Column,
    types::{CqlType, NativeType, ValueError},
};

use super::{
    Approximation, ChangeWriter,
    counters::Increment,
    lifetime::Lifetime,
    literal::literal,
    statement::{KeyText, push_delete, push_update, push_using},
};
use crate::change::{ColumnWrite, RowWrite};

/// What is left of a row's write once what has its own statements is written.
#[derive(Debug, Default)]
pub(super) struct RowParts {
    groups: Vec<Group>,
    /// Columns that are set to null.
    nulls: Vec<String>,
    /// Elements and fields that are removed, as `DELETE` names them.
    pub(super) removals: Vec<String>,
    /// Whether the row of a dense table is deleted, which is its one cell's deletion.
    deletes_row: bool,
}

/// What lives equally long.
#[derive(Debug)]
struct Group {
    lifetime: Lifetime,
    has_marker: bool,
    assignments: Vec<Assignment>,
}

/// What is assigned to a column.
#[derive(Debug)]
pub(super) enum Assignment {
    /// A value of the whole column.
    Whole {
        /// The column's name.
        name: String,
        /// The literal.
        value: String,
    },
    /// An assignment that only `UPDATE` has, such as `m = m + {…}`.
    Part(String),
}

impl RowParts {
    fn group(&mut self, lifetime: Lifetime) -> &mut Group {
        let known = self.groups.iter().position(|group| group.lifetime == lifetime);
        let at = known.unwrap_or_else(|| {
            self.groups.push(Group { lifetime, has_marker: false, assignments: Vec::new() });
            self.groups.len() - 1
        });
        &mut self.groups[at]
    }

    /// Adds an assignment of what lives so long.
    pub(super) fn assign(&mut self, lifetime: Lifetime, assignment: Assignment) {
        self.group(lifetime).assignments.push(assignment);
    }

    /// Adds that a column is set to null.
    pub(super) fn assign_null(&mut self, name: &str) {
        self.nulls.push(name.into());
    }

    /// Puts what is set to null where it needs no statement of its own: null has no lifetime.
    fn place_nulls(&mut self) {
        if self.nulls.is_empty() {
            return;
        }
        let nulls = std::mem::take(&mut self.nulls);
        let with_marker = self.groups.iter().position(|group| group.has_marker);
        let lifetime =
            self.groups.get(with_marker.unwrap_or(0)).map_or(Lifetime::Lasting, |group| group.lifetime);
        let assignments = nulls.into_iter().map(|name| Assignment::Whole { name, value: "null".into() });
        self.group(lifetime).assignments.extend(assignments);
    }
}

impl ChangeWriter<'_, '_> {
    pub(super) fn write_row(&mut self, write: &RowWrite<'_>) -> Result<(), ValueError> {
        let flags = self.names.schema().flags();
        if write.clustering.is_some() && flags.is_static_compact() {
            self.notes.add(Approximation::HiddenCell);
            return Ok(());
        }
        let key = match &write.clustering {
            Some(clustering) => self.row_key(clustering)?,
            None => self.partition_key()?,
        };
        let Some(key) = key else { return Ok(()) };
        if flags.counter {
            return self.write_counters(write, &key);
        }
        let mut parts = RowParts::default();
        if let Some(marker) = write.marker {
            // There is no deletion of a row marker alone, but one that lives shortly is soon the same.
            let lifetime = match self.lifetime(marker) {
                Lifetime::Expired => Lifetime::Expiring(1),
                lifetime => lifetime,
            };
            parts.group(lifetime).has_marker = true;
        }
        for column_write in &write.columns {
            self.write_column(column_write, write.clustering.as_deref(), &key, &mut parts)?;
        }
        let has_null = write.clustering.iter().flatten().any(Option::is_none);
        if parts.deletes_row && has_null {
            self.notes.add(Approximation::NullClustering);
        }
        self.push_parts(parts, &key);
        Ok(())
    }

    /// Returns how long something still lives, and counts what that says differently than the log.
    pub(super) fn lifetime(&mut self, expiration: Option<Expiration>) -> Lifetime {
        let lifetime = Lifetime::at(self.now, expiration);
        match (lifetime, expiration) {
            (Lifetime::Expired, _) => self.notes.add(Approximation::Expired),
            (Lifetime::Expiring(left), Some(expiration)) if left != i64::from(expiration.ttl) => {
                self.notes.add(Approximation::Expiration);
            }
            _ => {}
        }
        lifetime
    }

    fn write_column(
        &mut self,
        write: &ColumnWrite<'_>,
        clustering: Option<&[Option<&[u8]>]>,
        key: &KeyText,
        parts: &mut RowParts,
    ) -> Result<(), ValueError> {
        let names = self.names;
        let at = match write.column() {
            ColumnIndex::Current(at) => at,
            ColumnIndex::Dropped(at) => {
                self.note_dropped(at, write);
                return Ok(());
            }
        };
        let Some((column, name)) = names.value(at) else {
            return Ok(());
        };
        match write {
            ColumnWrite::Simple(_, cell) => self.write_simple(column, name, cell, parts),
            ColumnWrite::Complex { .. } if column.name.is_empty() => {
                self.notes.add(Approximation::HiddenCell);
                Ok(())
            }
            ColumnWrite::Complex { cleared, elements, .. } => {
                self.write_complex((column, name), *cleared, elements, (clustering, key), parts)
            }
        }
    }

    /// Counts cells of a dropped column that are not gone with it.
    fn note_dropped(&mut self, at: u32, write: &ColumnWrite<'_>) {
        let dropped_at = self.names.schema().dropped().get(at as usize).map(|dropped| dropped.dropped_at);
        let is_newer = |cell: &Cell<'_>| Some(cell.timestamp) > dropped_at;
        let newer = match write {
            ColumnWrite::Simple(_, cell) => usize::from(is_newer(cell)),
            ColumnWrite::Complex { elements, .. } => elements.iter().filter(|cell| is_newer(cell)).count(),
        };
        for _ in 0..newer {
            self.notes.add(Approximation::DroppedColumn);
        }
    }

    fn write_simple(
        &mut self,
        column: &Column,
        name: &str,
        cell: &Cell<'_>,
        parts: &mut RowParts,
    ) -> Result<(), ValueError> {
        let (value, expiration) = match cell.content {
            CellContent::Live(value) => (value, None),
            CellContent::Expiring(value, expiration) => (value, Some(expiration)),
            CellContent::Tombstone(_) if column.ty == CqlType::Native(NativeType::Empty) => {
                parts.deletes_row = true;
                return Ok(());
            }
            CellContent::Tombstone(_) => {
                parts.assign_null(name);
                return Ok(());
            }
        };
        let lifetime = self.lifetime(expiration);
        if column.ty == CqlType::Native(NativeType::Empty) {
            // A dense table without a value: `INSERT` of the key writes the hidden cell.
            let lifetime = if lifetime == Lifetime::Expired { Lifetime::Expiring(1) } else { lifetime };
            parts.group(lifetime).has_marker = true;
            return Ok(());
        }
        let value = literal(&column.ty, value)?;
        if value.is_none() {
            self.notes.add(Approximation::Value);
        }
        match value {
            Some(value) if lifetime != Lifetime::Expired => {
                parts.assign(lifetime, Assignment::Whole { name: name.into(), value });
            }
            _ => parts.assign_null(name),
        }
        Ok(())
    }

    fn push_parts(&mut self, mut parts: RowParts, key: &KeyText) {
        parts.place_nulls();
        // The marker first: `INSERT` is what people expect to see first.
        parts.groups.sort_by_key(|group| !group.has_marker);
        for group in &parts.groups {
            self.push_group(group, key);
        }
        if !parts.removals.is_empty() {
            let time = self.write_time(self.change.timestamp);
            push_delete(&parts.removals, self.names.table(), time, key.relations(), self.out);
        }
        if parts.deletes_row {
            self.push_rows_deletion(key);
        }
    }

    fn push_group(&mut self, group: &Group, key: &KeyText) {
        let time = self.write_time(self.change.timestamp);
        let ttl = self.ttl(group.lifetime);
        if group.has_marker {
            let (mut names, mut values) = (String::from(key.names()), String::from(key.values()));
            for assignment in &group.assignments {
                if let Assignment::Whole { name, value } = assignment {
                    for (list, item) in [(&mut names, name), (&mut values, value)] {
                        list.push_str(", ");
                        list.push_str(item);
                    }
                }
            }
            for part in ["INSERT INTO ", self.names.table(), " (", &names, ") VALUES (", &values, ")"] {
                self.out.push_str(part);
            }
            push_using(time, ttl, self.out);
            self.out.push_str(";\n");
        }
        let assignments = group.assignments.iter().filter_map(|assignment| match assignment {
            Assignment::Whole { .. } if group.has_marker => None,
            Assignment::Whole { name, value } => Some(format!("{name} = {value}")),
            Assignment::Part(text) => Some(text.clone()),
        });
        let mut assignments = assignments.peekable();
        if assignments.peek().is_some() {
            push_update(assignments, self.names.table(), (time, ttl), key.relations(), self.out);
        }
    }

    /// Returns the TTL to state.
    pub(super) fn ttl(&self, lifetime: Lifetime) -> Option<i64> {
        match lifetime {
            Lifetime::Expiring(left) => Some(left),
            _ => self.expires_by_default.then_some(0),
        }
    }

    fn write_counters(&mut self, write: &RowWrite<'_>, key: &KeyText) -> Result<(), ValueError> {
        let names = self.names;
        let (mut increments, mut removals) = (Vec::new(), Vec::new());
        for column_write in &write.columns {
            let ColumnWrite::Simple(index, cell) = column_write else {
                continue;
            };
            let ColumnIndex::Current(at) = *index else {
                if let ColumnIndex::Dropped(at) = *index {
                    self.note_dropped(at, column_write);
                }
                continue;
            };
            let Some((column, name)) = names.value(at) else {
                continue;
            };
            let cell_key = self.cell_key(write.clustering.as_deref(), &column.name);
            let Some(context) = cell.value() else {
                self.counters.removed(&cell_key);
                removals.push(name.to_owned());
                continue;
            };
            match self.counters.increment(&cell_key, context)? {
                Increment::By(increment) => {
                    self.notes.add(Approximation::Counter);
                    increments.push(format!("{name} = {name} + {increment}"));
                }
                Increment::Known => {}
                Increment::Unknown => self.notes.add(Approximation::UnknownCounter),
            }
        }
        let time = self.write_time(self.change.timestamp);
        if !increments.is_empty() {
            push_update(increments.iter(), names.table(), (time, None), key.relations(), self.out);
        }
        if !removals.is_empty() {
            push_delete(&removals, names.table(), time, key.relations(), self.out);
            self.note_counter_deletion();
        }
        Ok(())
    }
}
