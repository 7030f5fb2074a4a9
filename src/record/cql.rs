//! Records of format `cql`: statements that give the same tables, one a line, with their write times.
//!
//! What CQL cannot say is said as nearly as it can be, and counted ([`Approximations`]).

mod approximation;
mod cell_map;
mod compare;
mod complex;
mod counters;
mod delete;
mod lifetime;
mod lists;
mod literal;
mod statement;
mod table_names;
#[cfg(test)]
mod tests;
mod write;

use std::{collections::HashMap, sync::Arc};

use cassandra_commitlog::{
    schema::{TableId, TableSchema},
    types::{ValueError, partition_key::components},
};

pub use self::approximation::{Approximated, Approximation, Approximations};
use self::{
    cell_map::CellKey,
    counters::Counters,
    lists::Lists,
    literal::literal,
    statement::{KeyText, WriteTime},
    table_names::TableNames,
};
use super::{RecordError, RecordPlace};
use crate::{
    change::{Action, Change},
    schema::{Catalogue, SchemaChange, definition::OptionValue},
};

/// Writes changes as CQL statements.
///
/// Statements are for the tables that the statements before them made, and are run in order. Rows of
/// materialized views give none: they follow their base tables.
#[derive(Debug)]
pub struct CqlRecords {
    /// The second from which TTLs are counted.
    now: i64,
    tables: HashMap<TableId, TableNames>,
    lists: Lists,
    counters: Counters,
    approximations: Approximations,
}

impl CqlRecords {
    /// Makes a writer of statements that will be run about `now`, in seconds since 1970: TTLs are what is left
    /// of them then.
    pub fn new(now: i64) -> Self {
        Self {
            now,
            tables: HashMap::new(),
            lists: Lists::default(),
            counters: Counters::default(),
            approximations: Approximations::default(),
        }
    }

    /// Returns what was said only nearly so far.
    pub fn approximations(&self) -> &Approximations {
        &self.approximations
    }

    /// Appends the statements of a change to `out`, each with `;` and a line break. `catalogue` knows
    /// the tables' options.
    ///
    /// After an error `out` is as it was.
    pub fn write(
        &mut self,
        change: &Change<'_>,
        place: RecordPlace,
        catalogue: &Catalogue,
        out: &mut String,
    ) -> Result<(), RecordError> {
        if change.table.is_view() {
            return Ok(());
        }
        let start = out.len();
        let Self { now, tables, lists, counters, approximations } = self;
        let names = tables
            .entry(change.table.id())
            .and_modify(|names| {
                if !Arc::ptr_eq(names.schema(), &change.table) {
                    *names = TableNames::new(Arc::clone(&change.table));
                }
            })
            .or_insert_with(|| TableNames::new(Arc::clone(&change.table)));
        let notes = Notes { place, table: names.table(), approximations };
        let expires_by_default = has_default_ttl(catalogue, change.table.id());
        let mut writer =
            ChangeWriter { names, change, now: *now, expires_by_default, lists, counters, notes, out };
        writer.write().map_err(|source| {
            out.truncate(start);
            RecordError::new(&change.table, source)
        })
    }

    /// Appends the truncation of a table.
    pub fn write_truncation(&mut self, table: &Arc<TableSchema>, out: &mut String) {
        if table.is_view() {
            return;
        }
        self.forget(table.id(), None);
        out.push_str("TRUNCATE ");
        out.push_str(TableNames::new(Arc::clone(table)).table());
        out.push_str(";\n");
    }

    /// Appends the statements of a change of the schema.
    pub fn write_schema_change(&mut self, change: &SchemaChange, place: RecordPlace, out: &mut String) {
        if let Some(table) = change.table_id {
            for column in change.dropped.keys() {
                self.forget(table, Some(column));
            }
        }
        for statement in &change.statements {
            if statement.contains(['\n', '\r']) {
                self.approximations.add(Approximation::LineBreak, place, &change.name);
            }
            out.extend(statement.chars().map(|c| if matches!(c, '\n' | '\r') { ' ' } else { c }));
            out.push_str(if statement.ends_with(';') { "\n" } else { ";\n" });
        }
    }

    fn forget(&mut self, table: TableId, column: Option<&str>) {
        self.lists.forget(table, column);
        self.counters.forget(table, column);
    }
}

/// Returns true if what is written to a table without a TTL may get one.
fn has_default_ttl(catalogue: &Catalogue, table: TableId) -> bool {
    catalogue.versions(table).iter().any(|version| {
        let default = version.definition.options.get("default_time_to_live");
        matches!(default, Some(OptionValue::Integer(seconds)) if *seconds != 0)
    })
}

/// Counts what is said only nearly in one change.
struct Notes<'w> {
    place: RecordPlace,
    table: &'w str,
    approximations: &'w mut Approximations,
}

impl Notes<'_> {
    fn add(&mut self, kind: Approximation) {
        self.approximations.add(kind, self.place, self.table);
    }
}

/// Writes one change.
struct ChangeWriter<'w, 'a> {
    names: &'w TableNames,
    change: &'w Change<'a>,
    now: i64,
    expires_by_default: bool,
    lists: &'w mut Lists,
    counters: &'w mut Counters,
    notes: Notes<'w>,
    out: &'w mut String,
}

impl ChangeWriter<'_, '_> {
    fn write(&mut self) -> Result<(), ValueError> {
        match &self.change.action {
            Action::Write(write) => self.write_row(write),
            Action::DeleteRow { clustering, .. } => self.delete_row(clustering),
            Action::DeleteRange(range) => self.delete_range(range),
            Action::DeletePartition { .. } => self.delete_partition(),
        }
    }

    /// Returns the names and values of the partition key; `None`, and a note, if CQL cannot say it.
    fn partition_key(&mut self) -> Result<Option<KeyText>, ValueError> {
        let mut key = KeyText::default();
        let columns = self.names.schema().partition_key().len();
        for (component, (column, name)) in
            components(self.change.partition_key, columns).zip(self.names.partition_key())
        {
            let Some(value) = literal(&column.ty, component?)? else {
                self.notes.add(Approximation::Key);
                return Ok(None);
            };
            key.push(name, &value);
        }
        Ok(Some(key))
    }

    /// Returns the names and values of a row's key; `None`, and a note, if CQL cannot say it.
    ///
    /// Null, which only compact tables have at the end of a clustering, is said by leaving the column out.
    fn row_key(&mut self, clustering: &[Option<&[u8]>]) -> Result<Option<KeyText>, ValueError> {
        let Some(mut key) = self.partition_key()? else {
            return Ok(None);
        };
        for (value, (column, name)) in clustering.iter().zip(self.names.clustering()) {
            let Some(value) = value else { continue };
            let Some(value) = literal(&column.ty, value)? else {
                self.notes.add(Approximation::Key);
                return Ok(None);
            };
            key.push(name, &value);
        }
        Ok(Some(key))
    }

    /// Returns what one column of a row is remembered by.
    fn cell_key(&self, clustering: Option<&[Option<&[u8]>]>, column: &str) -> CellKey {
        CellKey {
            table: self.names.schema().id(),
            partition_key: self.change.partition_key.into(),
            clustering: clustering.map(|values| values.iter().map(|value| value.map(Box::from)).collect()),
            column: column.into(),
        }
    }

    /// Returns the change's write time as CQL can say it.
    fn write_time(&mut self, timestamp: i64) -> WriteTime {
        if self.names.schema().flags().counter {
            return WriteTime::Now;
        }
        if timestamp == i64::MIN {
            self.notes.add(Approximation::WriteTime);
        }
        WriteTime::At(timestamp.max(i64::MIN + 1))
    }
}
