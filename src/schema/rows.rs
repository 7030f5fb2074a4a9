//! The rows of the `system_schema` tables as far as last-write-wins needs them.

use std::collections::{BTreeMap, BTreeSet};

use cassandra_commitlog::mutation::{CellContent, ColumnData, Mutation, PartitionUpdate, Row, Unfiltered};

use super::value::Value;

/// Deleted rows remembered for each keyspace, and deleted keyspaces remembered, so that an older repeat does
/// not bring them back. Beyond it the oldest deletions are forgotten: a repeat older than thousands of later
/// drops in the same keyspace would be taken for new. Cassandra itself forgets after `gc_grace_seconds`.
const TOMBSTONES_MAX: usize = 4096;

/// The keyspaces that each node defines by itself. At its start a 3.x or 4.x+ node deletes their rows from one
/// schema table after the other and writes them again, each in a mutation of its own.
pub(super) const LOCAL_KEYSPACES: [&str; 2] = ["system", "system_schema"];

/// The tables of `system_schema`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum SchemaTable {
    Keyspaces,
    Tables,
    Columns,
    DroppedColumns,
    Types,
    Views,
    Indexes,
    Triggers,
    Functions,
    Aggregates,
    ColumnMasks,
}

impl SchemaTable {
    pub(super) const OPAQUE: [Self; 4] =
        [Self::Triggers, Self::Functions, Self::Aggregates, Self::ColumnMasks];

    pub(super) const ALL: [Self; 11] = [
        Self::Keyspaces,
        Self::Tables,
        Self::Columns,
        Self::DroppedColumns,
        Self::Types,
        Self::Views,
        Self::Indexes,
        Self::Triggers,
        Self::Functions,
        Self::Aggregates,
        Self::ColumnMasks,
    ];

    pub(super) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|table| table.name() == name)
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Keyspaces => "keyspaces",
            Self::Tables => "tables",
            Self::Columns => "columns",
            Self::DroppedColumns => "dropped_columns",
            Self::Types => "types",
            Self::Views => "views",
            Self::Indexes => "indexes",
            Self::Triggers => "triggers",
            Self::Functions => "functions",
            Self::Aggregates => "aggregates",
            Self::ColumnMasks => "column_masks",
        }
    }
}

/// A row's clustering as texts.
pub(super) type RowKey = Vec<String>;

/// A row with the times that decide who wins.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct RawRow {
    deletion: Option<i64>,
    liveness: Option<i64>,
    cells: BTreeMap<Box<str>, RawCell>,
    /// The row came from a seed, and the log has not said anything of it.
    pub(super) seed: bool,
    /// For `tables` and `views`: the write time that a seed gave. The seed had all columns of that time.
    pub(super) seeded_at: Option<i64>,
    /// For `tables` and `views`: all columns of the table are known, as its `CREATE` or a seed was seen.
    pub(super) complete: bool,
    /// For `tables` and `views`: the log's definition took the place of a seed's newer one, but the log did not
    /// have the `CREATE`.
    pub(super) rewound: bool,
}

#[derive(Debug, Clone, PartialEq)]
struct RawCell {
    timestamp: i64,
    /// `None` for a tombstone.
    value: Option<Value>,
}

impl RawRow {
    /// Returns a seed's row, all of it written at one time.
    pub(super) fn seed(written_at: i64, cells: impl IntoIterator<Item = (Box<str>, Value)>) -> Self {
        let cells = cells.into_iter().map(|(name, value)| {
            let cell = RawCell { timestamp: written_at, value: Some(value) };
            (name, cell)
        });
        Self {
            deletion: None,
            liveness: Some(written_at),
            cells: cells.collect(),
            seed: true,
            seeded_at: (written_at != super::seed::UNKNOWN_TIME).then_some(written_at),
            complete: true,
            rewound: false,
        }
    }

    /// Returns whether a `SELECT` would give the row.
    pub(super) fn is_live(&self) -> bool {
        self.liveness.is_some() || self.cells.values().any(|cell| cell.value.is_some())
    }

    /// Returns the value of a column, if it has one.
    pub(super) fn get(&self, column: &str) -> Option<&Value> {
        self.cells.get(column)?.value.as_ref()
    }

    /// Iterates over the columns that have a value.
    pub(super) fn values(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.cells.iter().filter_map(|(name, cell)| Some((&**name, cell.value.as_ref()?)))
    }

    /// Returns the greatest write time of what is live in the row.
    pub(super) fn written_at(&self) -> Option<i64> {
        let cells = self.cells.values().map(|cell| cell.timestamp);
        cells.chain(self.liveness).max()
    }

    /// Makes the row older than everything.
    fn forget_time(&mut self) {
        self.liveness = Some(super::seed::UNKNOWN_TIME);
        for cell in self.cells.values_mut() {
            cell.timestamp = super::seed::UNKNOWN_TIME;
        }
    }

    fn delete(&mut self, timestamp: i64) {
        self.deletion = self.deletion.max(Some(timestamp));
        self.liveness = self.liveness.filter(|&liveness| liveness > timestamp);
        self.cells.retain(|_, cell| cell.timestamp > timestamp);
    }

    fn put(&mut self, name: &str, timestamp: i64, value: Option<Value>) {
        if self.deletion.is_some_and(|deletion| timestamp <= deletion) {
            return;
        }
        if let Some(old) = self.cells.get(name) {
            // At equal times a tombstone wins, then the greater value.
            let wins = timestamp > old.timestamp
                || timestamp == old.timestamp
                    && old.value.is_some()
                    && (value.is_none() || value > old.value);
            if !wins {
                return;
            }
        }
        self.cells.insert(name.into(), RawCell { timestamp, value });
    }

    fn apply(&mut self, update: &PartitionUpdate<'_>, row: &Row<'_>) {
        if let Some(deletion) = row.deletion {
            self.delete(deletion.time.timestamp);
        }
        if let Some(liveness) = row.liveness
            && self.deletion.is_none_or(|deletion| liveness.timestamp > deletion)
        {
            self.liveness = self.liveness.max(Some(liveness.timestamp));
        }
        for data in &row.columns {
            // No column of `system_schema` is complex.
            let ColumnData::Simple(index, cell) = data else {
                continue;
            };
            let Some(column) = update.column(*index) else {
                continue;
            };
            let value = match cell.content {
                CellContent::Live(bytes) | CellContent::Expiring(bytes, _) => {
                    Value::decode(&column.ty, bytes)
                }
                CellContent::Tombstone(_) => None,
            };
            self.put(&column.name, cell.timestamp, value);
        }
    }
}

/// The rows of one keyspace: one partition of each schema table.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct KeyspaceRows {
    deletions: BTreeMap<SchemaTable, i64>,
    rows: BTreeMap<SchemaTable, BTreeMap<RowKey, RawRow>>,
}

impl KeyspaceRows {
    /// Iterates over the live rows of one schema table in order of their keys.
    pub(super) fn live(&self, table: SchemaTable) -> impl Iterator<Item = (&RowKey, &RawRow)> {
        self.rows.get(&table).into_iter().flatten().filter(|(_, row)| row.is_live())
    }

    /// Iterates over the rows whose standing to the log is not that of any row that the log wrote.
    pub(super) fn seeded(&self) -> impl Iterator<Item = (SchemaTable, &RowKey, &RawRow)> {
        let rows =
            self.rows.iter().flat_map(|(table, rows)| rows.iter().map(|(key, row)| (*table, key, row)));
        rows.filter(|(_, _, row)| row.seed || row.seeded_at.is_some() || row.rewound)
    }

    /// Forgets of all rows that they are from seeds.
    pub(super) fn forget_standing(&mut self) {
        for row in self.rows.values_mut().flat_map(BTreeMap::values_mut) {
            (row.seed, row.seeded_at, row.rewound) = (false, None, false);
        }
    }

    /// Gives a row the standing that it had in another catalogue.
    pub(super) fn set_standing(
        &mut self,
        table: SchemaTable,
        key: &[String],
        (seed, seeded_at, rewound): (bool, Option<i64>, bool),
    ) {
        if let Some(row) = self.rows.get_mut(&table).and_then(|rows| rows.get_mut(key)) {
            (row.seed, row.seeded_at, row.rewound) = (seed, seeded_at, rewound);
        }
    }

    /// Returns one live row.
    pub(super) fn row(&self, table: SchemaTable, key: &[String]) -> Option<&RawRow> {
        self.rows.get(&table)?.get(key).filter(|row| row.is_live())
    }

    /// Puts a seed's row; one that the log wrote stays, and one that it deleted later is not put.
    pub(super) fn seed(&mut self, table: SchemaTable, key: RowKey, row: RawRow) {
        if self.deletions.get(&table).is_some_and(|&deletion| row.written_at() <= Some(deletion)) {
            return;
        }
        let rows = self.rows.entry(table).or_default();
        match rows.get_mut(&key) {
            Some(old) if old.seed => *old = row,
            // Deleted in the log, and written again where the log was not read.
            Some(old) if !old.is_live() && old.deletion < row.written_at() => {
                *old = RawRow { deletion: old.deletion, ..row };
            }
            Some(_) => {}
            None => {
                rows.insert(key, row);
            }
        }
    }

    /// Returns whether a row of `columns` is older than a seed of its table that did not have the column any
    /// more.
    fn is_gone_by_seed(&self, key: &[String], row: &Row<'_>) -> bool {
        let known = |table| self.rows.get(&table);
        if known(SchemaTable::Columns).is_some_and(|rows| rows.contains_key(key)) {
            return false;
        }
        let table = key.get(..1).unwrap_or_default();
        let seeded_at = [SchemaTable::Tables, SchemaTable::Views]
            .into_iter()
            .filter_map(|schema_table| known(schema_table)?.get(table)?.seeded_at)
            .max();
        row.liveness.is_some_and(|liveness| Some(liveness.timestamp) <= seeded_at)
    }

    /// Forgets what seeds know of one table's columns: all of it, or what is newer than a time. A newer key
    /// column stays, as without it no row can be read, but gives way to any that the log has in its place.
    fn forget_seed_columns(&mut self, table: &str, newer_than: Option<i64>) {
        let Some(rows) = self.rows.get_mut(&SchemaTable::Columns) else {
            return;
        };
        rows.retain(|key, row| {
            let named = key.first().is_some_and(|name| name == table);
            if !(named && row.seed && row.written_at() > newer_than) {
                return true;
            }
            let kind = row.get("kind").and_then(Value::as_text);
            let stays = newer_than.is_some() && matches!(kind, Some("partition_key" | "clustering"));
            if stays {
                row.forget_time();
            }
            stays
        });
    }

    /// Returns the tables of which seeds know columns that the log here may not have yet.
    pub(super) fn rewound_tables(&self) -> BTreeSet<&str> {
        let tables = self.live(SchemaTable::Tables).chain(self.live(SchemaTable::Views));
        let rewound = tables.filter(|(_, row)| row.rewound);
        rewound.filter_map(|(key, _)| key.first().map(String::as_str)).collect()
    }

    /// Iterates over the deletions that are remembered: of rows by key, of the whole partition without one.
    pub(super) fn deletions(&self) -> impl Iterator<Item = (SchemaTable, Option<&RowKey>, i64)> {
        let partitions = self.deletions.iter().map(|(table, at)| (*table, None, *at));
        let rows = self.rows.iter().flat_map(|(table, rows)| {
            rows.iter().filter_map(|(key, row)| Some((*table, Some(key), row.deletion?)))
        });
        partitions.chain(rows)
    }

    /// Takes up a deletion that another catalogue remembered, before any row is put.
    pub(super) fn remember_deletion(&mut self, table: SchemaTable, key: Option<RowKey>, deleted_at: i64) {
        match key {
            Some(key) => {
                let row = self.rows.entry(table).or_default().entry(key).or_default();
                row.deletion = row.deletion.max(Some(deleted_at));
            }
            None => self.delete_partition(table, deleted_at),
        }
    }

    /// Puts a row that another catalogue had from the log, keeping the deletion that is remembered of it.
    pub(super) fn restore(&mut self, table: SchemaTable, key: RowKey, mut row: RawRow) {
        let rows = self.rows.entry(table).or_default();
        row.seed = false;
        // Whether it was is not saved; it does no harm where it was not.
        row.rewound = true;
        row.deletion = rows.get(&key).and_then(|old| old.deletion);
        rows.insert(key, row);
    }

    fn delete_partition(&mut self, table: SchemaTable, timestamp: i64) {
        let deletion = self.deletions.entry(table).or_insert(timestamp);
        *deletion = timestamp.max(*deletion);
        if let Some(rows) = self.rows.get_mut(&table) {
            for row in rows.values_mut() {
                row.delete(timestamp);
            }
            // The partition's deletion says it all for rows without anything newer.
            rows.retain(|_, row| row.is_live() || row.deletion.is_some_and(|at| at > timestamp));
        }
    }

    fn apply(&mut self, table: SchemaTable, update: &PartitionUpdate<'_>, key: &[String], row: &Row<'_>) {
        let partition_deletion = self.deletions.get(&table).copied();
        let rows = self.rows.entry(table).or_default();
        let raw = rows.entry(key.to_vec()).or_default();
        raw.seed = false;
        if let Some(timestamp) = partition_deletion {
            raw.delete(timestamp);
        }
        raw.apply(update, row);
        // What is not interpreted needs no memory of its deletions.
        if !raw.is_live() && (SchemaTable::OPAQUE.contains(&table) || raw.deletion.is_none()) {
            rows.remove(key);
        }
    }

    /// Forgets the oldest deletions beyond the bound.
    fn bound_tombstones(&mut self) {
        let mut times: Vec<i64> = self
            .rows
            .values()
            .flat_map(BTreeMap::values)
            .filter(|row| !row.is_live())
            .filter_map(|row| row.deletion)
            .collect();
        if times.len() <= TOMBSTONES_MAX {
            return;
        }
        times.sort_unstable();
        let kept_from = times.get(times.len() - TOMBSTONES_MAX / 2).copied();
        for rows in self.rows.values_mut() {
            rows.retain(|_, row| row.is_live() || row.deletion >= kept_from);
        }
    }

    fn newest_deletion(&self) -> Option<i64> {
        self.deletions.values().copied().max()
    }

    fn is_empty(&self) -> bool {
        !self.rows.values().flat_map(BTreeMap::values).any(RawRow::is_live)
    }
}

/// What a mutation did to the rows of one keyspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Touched {
    /// The greatest write time in it.
    pub(super) written_at: i64,
}

/// The rows of all keyspaces.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct SchemaRows {
    pub(super) keyspaces: BTreeMap<Box<str>, KeyspaceRows>,
}

impl SchemaRows {
    /// Applies what a mutation says of `system_schema`; returns the keyspaces that it names.
    ///
    /// `may_rewind`: the log at this place may be older than the seeds, so its definition of a table replaces
    /// a seed's newer one.
    pub(super) fn apply(&mut self, mutation: &Mutation<'_>, may_rewind: bool) -> BTreeMap<Box<str>, Touched> {
        let mut touched = BTreeMap::new();
        if may_rewind {
            self.rewind_seeds(mutation);
        }
        for (table, keyspace, update) in schema_updates(mutation) {
            let written_at = newest_timestamp(update);
            let entry = touched.entry(Box::from(keyspace)).or_insert(Touched { written_at });
            entry.written_at = entry.written_at.max(written_at);
            let rows = self.keyspaces.entry(keyspace.into()).or_default();
            if let Some(deletion) = update.deletion
                && !LOCAL_KEYSPACES.contains(&keyspace)
            {
                rows.delete_partition(table, deletion.timestamp);
            }
            for row in rows_of(update) {
                let Some(key) = row_key(update, row) else {
                    continue;
                };
                if may_rewind || table != SchemaTable::Columns || !rows.is_gone_by_seed(&key, row) {
                    rows.apply(table, update, &key, row);
                }
            }
        }
        for name in touched.keys() {
            if let Some(rows) = self.keyspaces.get_mut(name) {
                mark_complete(rows, name, mutation);
                rows.bound_tombstones();
            }
        }
        self.bound_dropped_keyspaces();
        touched
    }

    /// Takes back what seeds know of objects that the log here says something older of. A mutation that
    /// creates a table also takes back columns of it whose write time the seed does not know.
    fn rewind_seeds(&mut self, mutation: &Mutation<'_>) {
        let created = created_tables(mutation);
        for (schema_table, keyspace, update) in schema_updates(mutation) {
            let Some(rows) = self.keyspaces.get_mut(keyspace) else {
                continue;
            };
            for row in rows_of(update) {
                let (Some(key), Some(liveness)) = (row_key(update, row), row.liveness) else {
                    continue;
                };
                let seeded = rows.row(schema_table, &key).filter(|row| row.seed);
                let Some(seeded_at) = seeded.and_then(RawRow::written_at) else {
                    continue;
                };
                let is_table = matches!(schema_table, SchemaTable::Tables | SchemaTable::Views);
                let name = key.first().map_or("", String::as_str);
                if seeded_at > liveness.timestamp {
                    if let Some(rows) = rows.rows.get_mut(&schema_table) {
                        let complete = rows.remove(&key).is_some_and(|row| row.complete);
                        // The columns that remain and those of the log are the table.
                        let row = rows.entry(key.clone()).or_default();
                        row.complete = complete;
                        row.rewound = true;
                    }
                    if is_table {
                        rows.forget_seed_columns(name, Some(liveness.timestamp));
                    }
                }
                if is_table && created.contains(&(keyspace, name.to_owned())) {
                    rows.forget_seed_columns(name, None);
                }
            }
        }
    }

    fn bound_dropped_keyspaces(&mut self) {
        let dropped: Vec<_> = self.keyspaces.values().filter(|rows| rows.is_empty()).collect();
        if dropped.len() <= TOMBSTONES_MAX {
            return;
        }
        let mut times: Vec<_> = dropped.iter().filter_map(|rows| rows.newest_deletion()).collect();
        times.sort_unstable();
        let kept_from = times.get(times.len().saturating_sub(TOMBSTONES_MAX / 2)).copied();
        self.keyspaces.retain(|_, rows| !rows.is_empty() || rows.newest_deletion() >= kept_from);
    }
}

/// Iterates over the updates of tables of `system_schema`, with the keyspace that they are about.
pub(super) fn schema_updates<'m, 'a>(
    mutation: &'m Mutation<'a>,
) -> impl Iterator<Item = (SchemaTable, &'a str, &'m PartitionUpdate<'a>)> {
    mutation.updates.iter().filter_map(|update| {
        if update.table.keyspace() != "system_schema" {
            return None;
        }
        let table = SchemaTable::from_name(update.table.name())?;
        let keyspace = std::str::from_utf8(update.partition_key).ok()?;
        Some((table, keyspace, update))
    })
}

/// Iterates over the rows of an update. No release of Cassandra writes range deletions to `system_schema`.
fn rows_of<'m, 'a>(update: &'m PartitionUpdate<'a>) -> impl Iterator<Item = &'m Row<'a>> {
    update.unfiltereds.iter().filter_map(|unfiltered| match unfiltered {
        Unfiltered::Row(row) => Some(row),
        Unfiltered::Marker(_) => None,
    })
}

fn row_key(update: &PartitionUpdate<'_>, row: &Row<'_>) -> Option<RowKey> {
    let values = row.clustering.iter().zip(update.table.clustering());
    values.map(|(bytes, column)| Some(Value::decode(&column.ty, (*bytes)?)?.to_plain_text())).collect()
}

fn newest_timestamp(update: &PartitionUpdate<'_>) -> i64 {
    let mut newest = update.deletion.map_or(i64::MIN, |deletion| deletion.timestamp);
    for row in rows_of(update) {
        let deletion = row.deletion.map(|deletion| deletion.time.timestamp);
        let liveness = row.liveness.map(|liveness| liveness.timestamp);
        newest = newest.max(deletion.unwrap_or(i64::MIN));
        newest = newest.max(liveness.unwrap_or(i64::MIN));
        for data in &row.columns {
            if let ColumnData::Simple(_, cell) = data {
                newest = newest.max(cell.timestamp);
            }
        }
    }
    newest
}

/// Returns the tables of which a mutation has all columns: a live row of the first partition key column, and
/// no deletion of a column, which a rename has.
fn created_tables<'a>(mutation: &Mutation<'a>) -> BTreeSet<(&'a str, String)> {
    let (mut created, mut altered) = (BTreeSet::new(), BTreeSet::new());
    for (table, keyspace, update) in schema_updates(mutation) {
        if table != SchemaTable::Columns {
            continue;
        }
        for row in rows_of(update) {
            let Some(name) = row_key(update, row).and_then(|key| key.into_iter().next()) else {
                continue;
            };
            if row.liveness.is_none() {
                altered.insert((keyspace, name));
            } else if is_first_key_column(update, row) {
                created.insert((keyspace, name));
            }
        }
    }
    created.difference(&altered).cloned().collect()
}

fn is_first_key_column(update: &PartitionUpdate<'_>, row: &Row<'_>) -> bool {
    let mut raw = RawRow::default();
    raw.apply(update, row);
    raw.get("kind").and_then(Value::as_text) == Some("partition_key")
        && raw.get("position").and_then(Value::as_int) == Some(0)
}

fn mark_complete(rows: &mut KeyspaceRows, keyspace: &str, mutation: &Mutation<'_>) {
    for (created_in, name) in created_tables(mutation) {
        if created_in != keyspace {
            continue;
        }
        for table in [SchemaTable::Tables, SchemaTable::Views] {
            let key = std::slice::from_ref(&name);
            if let Some(row) = rows.rows.get_mut(&table).and_then(|rows| rows.get_mut(key)) {
                row.complete = true;
                row.rewound = false;
            }
        }
    }
}
