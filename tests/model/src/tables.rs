//! All tables, built record by record.

use anyhow::{Context, Result, ensure};

use crate::change;
use crate::record::{Op, Record};
use crate::schema::{Schema, Table};
use crate::state::{Row, State};

/// A table's rows at a moment.
#[derive(Clone, Debug)]
pub struct TableRows {
    /// Keyspace.
    pub keyspace: String,
    /// Name.
    pub table: String,
    /// Id.
    pub table_id: String,
    /// Rows by key.
    pub rows: Vec<Row>,
}

/// Every table that the records tell of.
#[derive(Debug, Default)]
pub struct Tables {
    pub(crate) schema: Schema,
    /// The last second of a server's clock that a record names.
    pub(crate) last_second: i64,
}

impl Tables {
    /// Returns no tables.
    pub fn new() -> Self {
        Self::default()
    }

    /// Applies one record, given as its JSON text.
    pub fn apply_line(&mut self, record_json: &str) -> Result<()> {
        let record = Record::read(record_json)?;
        let place =
            || format!("{}.{} at {:?}", record.source.keyspace, record.source.table, record.source.position);
        match record.op {
            Op::Ddl => {
                self.last_second = self.last_second.max(record.ts / 1_000_000);
                self.schema.apply(&record).with_context(place)
            }
            Op::Truncate => self.truncate(&record).with_context(place),
            _ => self.change(&record).with_context(place),
        }
    }

    /// Applies every line of a file of records.
    pub fn apply_lines(&mut self, records: &str) -> Result<()> {
        for (at, line) in records.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            self.apply_line(line).with_context(|| format!("line {}", at + 1))?;
        }
        Ok(())
    }

    fn truncate(&mut self, record: &Record) -> Result<()> {
        let end = record.truncated()?;
        if let Some(table) = self.schema.tables.get_mut(&record.source.table_id) {
            table.truncations.push((record.source.host_id.clone(), end));
        }
        Ok(())
    }

    fn change(&mut self, record: &Record) -> Result<()> {
        let table =
            self.schema.tables.get_mut(&record.source.table_id).context("no definition of this table id")?;
        if table.is_gone {
            return Ok(());
        }
        ensure!(
            table.keyspace == record.source.keyspace && table.name == record.source.table,
            "another table has this id"
        );
        let types = &self.schema.keyspaces.entry(table.keyspace.clone()).or_default().types;
        let change = change::read(record, table, types)?;
        self.last_second = self.last_second.max(change.server_second.unwrap_or(0));
        table.changes.push(change);
        Ok(())
    }

    /// Returns the live table of that name and its id.
    pub(crate) fn live(&self, keyspace: &str, name: &str) -> Option<(&str, &Table)> {
        let mut found: Option<(&str, &Table)> = None;
        for (id, table) in &self.schema.tables {
            let fits = !table.is_gone && table.keyspace == keyspace && table.name == name;
            if fits && found.is_none_or(|(_, other)| other.defined_at < table.defined_at) {
                found = Some((id, table));
            }
        }
        found
    }

    /// Returns a table's content.
    pub(crate) fn state<'a>(&'a self, table: &'a Table) -> Option<State<'a>> {
        let keyspace = self.schema.keyspaces.get(&table.keyspace)?;
        Some(State::new(table, &keyspace.types))
    }

    /// Returns the rows of every live table that are there at `now_seconds`: what expires then or before is gone.
    pub fn snapshot_at(&self, now_seconds: i64) -> Vec<TableRows> {
        let mut all = Vec::new();
        for (id, table) in &self.schema.tables {
            let is_live = self.live(&table.keyspace, &table.name).is_some_and(|(live, _)| live == id);
            let Some(state) = self.state(table).filter(|_| is_live) else {
                continue;
            };
            all.push(TableRows {
                keyspace: table.keyspace.clone(),
                table: table.name.clone(),
                table_id: id.clone(),
                rows: state.rows(now_seconds),
            });
        }
        all
    }
}
