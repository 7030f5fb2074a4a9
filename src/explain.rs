//! Explaining: the fate of one partition or row through a node's log.
//!
//! [`Explainer`] picks what concerns the partition out of the log; [`judge`] then says of each cell, element,
//! shard and row marker what became of it, by the rules of design.md §8 ("Rebuilding the table"), and what
//! stands in the end. All tables that ever had the name are followed: a table that was dropped and made again
//! has another id.

mod deletions;
mod event;
mod fate;
mod json;
mod judge;
mod rows;
mod state;
#[cfg(test)]
mod tests;
mod text;

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use cassandra_commitlog::{
    mutation::PartitionUpdate,
    schema::{SchemaLookup as _, TableId, TableSchema},
};

pub use self::{
    event::{Content, Event, LoggedAction, LoggedBound, LoggedChange, Part, Seen, Slot, Values, What},
    fate::{Deletion, Fate, Reason},
    judge::{Judgement, judge},
    state::{CellState, PartitionState, RowState},
};
use crate::{
    change::{Action, Change, RowWrite, changes, truncations},
    cli::CliError,
    dedup::SeenChanges,
    node_log::LoggedMutation,
    replay::KeyFilter,
    schema::{Catalogue, ChangeKind, ObjectKind},
};

/// How many cells, row markers and deletions of one partition are kept in memory.
pub const PARTS_MAX: usize = 1_000_000;
/// How many bytes of keys and values of one partition are kept in memory.
pub const BYTES_MAX: usize = 512 << 20;

/// Why a partition can't be explained.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// More is written to it than is kept in memory.
    #[error(
        "more than {PARTS_MAX} cells and deletions, or {} MiB, are written to the partition: ask for one row \
         (--key with clustering columns), or for fewer segments",
        BYTES_MAX >> 20
    )]
    TooMuch,
    /// A key column was renamed, and the key has the newer name: the log must be read again, after
    /// [`Explainer::start_again`].
    #[error("a key column was renamed")]
    Renamed,
}

/// Picks what concerns one partition or row out of a node's log.
#[derive(Debug)]
pub struct Explainer {
    keyspace: String,
    table: String,
    key: KeyFilter,
    /// The key by the names that a table's columns have at the log's beginning.
    first_keys: HashMap<TableId, KeyFilter>,
    /// The key by the names that a table's columns have now.
    keys: HashMap<TableId, KeyFilter>,
    misfit: Option<CliError>,
    tables: BTreeSet<TableId>,
    fitting: BTreeSet<TableId>,
    asks_for_row: bool,
    partition_keys: HashMap<Box<[u8]>, Arc<[u8]>>,
    seen: SeenChanges,
    events: Vec<Event>,
    parts: usize,
    bytes: usize,
}

/// What happened to a partition or row, and what stands after it.
#[derive(Debug)]
pub struct Explanation {
    /// What happened, in order of the log.
    pub events: Vec<Event>,
    /// What became of it.
    pub judgement: Judgement,
    /// The tables that had the name.
    pub tables: Vec<TableId>,
    /// Whether one row was asked for, or some, rather than the partition.
    pub asks_for_row: bool,
}

impl Explainer {
    /// Makes an explainer of a partition or row in the table of that name.
    pub fn new(keyspace: String, table: String, key: KeyFilter) -> Self {
        Self {
            keyspace,
            table,
            key,
            first_keys: HashMap::new(),
            keys: HashMap::new(),
            misfit: None,
            tables: BTreeSet::new(),
            fitting: BTreeSet::new(),
            asks_for_row: false,
            partition_keys: HashMap::new(),
            seen: SeenChanges::new(),
            events: Vec::new(),
            parts: 0,
            bytes: 0,
        }
    }

    /// Forgets what was taken, but not what was learnt of earlier names of key columns.
    #[must_use]
    pub fn start_again(self) -> Self {
        Self { first_keys: self.first_keys, ..Self::new(self.keyspace, self.table, self.key) }
    }

    /// Takes from a mutation what concerns the partition. `catalogue` is the schema after the mutation.
    pub fn take(&mut self, logged: &LoggedMutation<'_>, catalogue: &Catalogue) -> Result<(), ExplainError> {
        if logged.mutation.updates.iter().any(|update| self.is_ours(update)) {
            for (index, change) in changes(&logged.mutation).into_iter().enumerate() {
                if self.is_named(&change.table) && self.concerns(&change) {
                    self.keep(logged, u32::try_from(index).unwrap_or(u32::MAX), &change)?;
                }
            }
        }
        for update in &logged.mutation.updates {
            for truncation in truncations(update) {
                let is_ours = self.tables.contains(&truncation.table)
                    || catalogue.table(truncation.table).is_some_and(|table| self.is_named(table));
                if is_ours {
                    self.tables.insert(truncation.table);
                    self.push(logged, 0, What::Truncation(truncation))?;
                }
            }
        }
        self.take_schema_changes(logged, catalogue)
    }

    fn take_schema_changes(
        &mut self,
        logged: &LoggedMutation<'_>,
        catalogue: &Catalogue,
    ) -> Result<(), ExplainError> {
        for change in &logged.schema_changes {
            let is_ours = *change.keyspace == *self.keyspace
                && change.table.as_deref() == Some(&self.table)
                && matches!(change.object, ObjectKind::Table | ObjectKind::View);
            if !is_ours {
                continue;
            }
            if let Some(id) = change.table_id {
                self.tables.insert(id);
                for (old, new) in &change.renamed {
                    self.rename(id, old, new)?;
                }
                if let Some(table) =
                    catalogue.table(id).filter(|_| change.change != ChangeKind::Drop).cloned()
                {
                    self.fits(&table);
                }
            }
            self.push(logged, 0, What::Schema(Box::new(change.clone())))?;
        }
        Ok(())
    }

    /// Follows the rename of a key column in a key that names its columns.
    fn rename(&mut self, id: TableId, old: &str, new: &str) -> Result<(), ExplainError> {
        let first = self.first_keys.get(&id).unwrap_or(&self.key).clone();
        let key = self.keys.entry(id).or_insert_with(|| first.clone());
        let KeyFilter::Named(columns) = key else { return Ok(()) };
        if let Some(value) = columns.remove(old) {
            columns.insert(new.into(), value);
            return Ok(());
        }
        let KeyFilter::Named(mut columns) = first else { return Ok(()) };
        let Some(value) = columns.remove(new) else { return Ok(()) };
        columns.insert(old.into(), value);
        self.first_keys.insert(id, KeyFilter::Named(columns));
        Err(ExplainError::Renamed)
    }

    fn is_named(&self, table: &TableSchema) -> bool {
        table.keyspace() == self.keyspace && table.name() == self.table
    }

    fn is_ours(&mut self, update: &PartitionUpdate<'_>) -> bool {
        if !self.is_named(&update.table) {
            return false;
        }
        self.tables.insert(update.table.id());
        self.fits(&update.table)
            && self.key_of(&update.table).is_partition(&update.table, update.partition_key)
    }

    fn key_of(&self, table: &TableSchema) -> &KeyFilter {
        let id = table.id();
        self.keys.get(&id).or_else(|| self.first_keys.get(&id)).unwrap_or(&self.key)
    }

    /// Returns whether the key can be one of the table.
    fn fits(&mut self, table: &TableSchema) -> bool {
        let key = self.key_of(table);
        match key.check(table) {
            Ok(()) => {
                self.asks_for_row |= names_row(key, table);
                self.fitting.insert(table.id());
                true
            }
            Err(error) => {
                self.misfit = Some(error);
                false
            }
        }
    }

    fn concerns(&self, change: &Change<'_>) -> bool {
        let key = self.key_of(&change.table);
        key.is_partition(&change.table, change.partition_key)
            && match &change.action {
                Action::Write(RowWrite { clustering: Some(row), .. })
                | Action::DeleteRow { clustering: row, .. } => key.is_row(&change.table, row),
                Action::Write(_) => !names_row(key, &change.table),
                Action::DeleteRange(_) | Action::DeletePartition { .. } => true,
            }
    }

    fn keep(
        &mut self,
        logged: &LoggedMutation<'_>,
        index: u32,
        change: &Change<'_>,
    ) -> Result<(), ExplainError> {
        let seen = Seen::from(&self.seen.note(change.clone()));
        let known = self.partition_keys.entry(change.partition_key.into());
        let partition_key = Arc::clone(known.or_insert_with(|| change.partition_key.into()));
        self.push(logged, index, What::Change(LoggedChange::new(change, partition_key, seen)))
    }

    fn push(&mut self, logged: &LoggedMutation<'_>, index: u32, what: What) -> Result<(), ExplainError> {
        if let What::Change(change) = &what {
            self.parts += change.parts().len().max(1);
            self.bytes += change.bytes();
        } else {
            self.parts += 1;
        }
        if self.parts > PARTS_MAX || self.bytes > BYTES_MAX {
            return Err(ExplainError::TooMuch);
        }
        self.events.push(Event { position: logged.position, index, what });
        Ok(())
    }

    /// Says what became of everything, as the table stands at second `now` since 1970. `None` if the log and its
    /// schema have no table of the name; an error if the key is none of the table's.
    pub fn explain(mut self, catalogue: &Catalogue, now: i64) -> Result<Option<Explanation>, CliError> {
        if let Some(table) = catalogue.table_by_name(&self.keyspace, &self.table).cloned() {
            self.tables.insert(table.id());
            self.fits(&table);
        }
        if self.tables.is_empty() {
            return Ok(None);
        }
        if let Some(misfit) = self.misfit.filter(|_| self.fitting.is_empty()) {
            return Err(misfit);
        }
        let schemas = self.tables.iter().filter_map(|id| Some((*id, Arc::clone(catalogue.table(*id)?))));
        let judgement = judge(&self.events, &schemas.collect(), now);
        let tables = self.tables.into_iter().collect();
        Ok(Some(Explanation { events: self.events, judgement, tables, asks_for_row: self.asks_for_row }))
    }
}

impl Explanation {
    /// Returns the numbers of the events that are of interest: not ranges of other rows than those asked for.
    pub fn shown(&self) -> impl Iterator<Item = usize> {
        let knows_rows = self.events.iter().filter_map(Event::change).any(|change| {
            matches!(change.action, LoggedAction::Write { .. } | LoggedAction::DeleteRow { .. })
        });
        let hides_ranges = self.asks_for_row && knows_rows;
        self.events
            .iter()
            .enumerate()
            .filter(move |(number, event)| {
                let is_range =
                    event.change().is_some_and(|it| matches!(it.action, LoggedAction::DeleteRange { .. }));
                !(is_range && hides_ranges) || self.judgement.meets_rows.get(*number) == Some(&true)
            })
            .map(|(number, _)| number)
    }

    /// Returns whether the log has anything of the partition itself.
    pub fn has_changes(&self) -> bool {
        self.events.iter().any(|event| event.change().is_some())
    }
}

/// Returns whether a key has values for clustering columns.
fn names_row(key: &KeyFilter, table: &TableSchema) -> bool {
    match key {
        KeyFilter::Ordered(values) => values.len() > table.partition_key().len(),
        KeyFilter::Named(columns) => {
            table.clustering().iter().any(|column| columns.contains_key(&*column.name))
        }
    }
}
