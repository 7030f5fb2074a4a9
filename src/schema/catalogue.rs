//! All that is known of the schema, now and before.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use cassandra_commitlog::{
    Position,
    mutation::Mutation,
    schema::{SchemaLookup, TableId, TableSchema},
};

use super::{
    build::{build_keyspace, incomplete_tables},
    definition::{KeyspaceDefinition, TableDefinition},
    diff::{SchemaChange, diff},
    fingerprint::Fingerprint,
    resolve::{TypeResolver, add_missing_columns},
    rows::{KeyspaceRows, LOCAL_KEYSPACES, SchemaRows, schema_updates},
    seed::Seed,
    system_tables::SystemTables,
    type_text::TypeError,
};

/// A table's schema from a position on.
#[derive(Debug, Clone, PartialEq)]
pub struct TableVersion {
    /// The entry after which this version holds.
    pub position: Position,
    /// What reading rows needs.
    pub schema: Arc<TableSchema>,
    /// The full definition.
    pub definition: Arc<TableDefinition>,
}

/// A table of which rows cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadableTable {
    /// Keyspace.
    pub keyspace: Box<str>,
    /// Name of the table or view.
    pub name: Box<str>,
    /// Why.
    pub reason: UnreadableReason,
}

/// Why rows of a table cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnreadableReason {
    /// The table is from CQL text without `ID`: the log names tables by their ids alone.
    IdUnknown,
    /// The log has a change of the table, but neither it nor a seed has all columns.
    ColumnsUnknown,
    /// A column's type cannot be resolved.
    Type(TypeError),
}

/// The schema catalogue: the definitions as they stand, and each table's earlier versions.
///
/// It follows the log through [`Catalogue::apply`] and starts from seeds ([`Catalogue::seed`]); Cassandra's own
/// tables are built in. A table's id, once known, stays known after its `DROP`, as entries of before may come
/// later (hints, another segment).
///
/// As a [`SchemaLookup`] it gives each table's newest version; [`Catalogue::at`] that of a position.
#[derive(Debug, Clone)]
pub struct Catalogue {
    pub(super) rows: SchemaRows,
    pub(super) keyspaces: BTreeMap<Box<str>, KeyspaceDefinition>,
    pub(super) tables: HashMap<TableId, Vec<TableVersion>, foldhash::fast::RandomState>,
    unresolved: BTreeMap<(Box<str>, Box<str>), UnreadableReason>,
    system: &'static SystemTables,
    /// The log up to here is older than a seed.
    pub(super) seeded_up_to: Option<Position>,
    /// Counts what changed in rows of other keyspaces than the node's own.
    revision: u64,
    pub(super) applied_up_to: Option<Position>,
}

impl Default for Catalogue {
    fn default() -> Self {
        Self::new()
    }
}

impl Catalogue {
    /// Returns a catalogue that knows Cassandra's own tables only.
    pub fn new() -> Self {
        Self {
            rows: SchemaRows::default(),
            keyspaces: BTreeMap::new(),
            tables: HashMap::default(),
            unresolved: BTreeMap::new(),
            system: SystemTables::get(),
            seeded_up_to: None,
            revision: 0,
            applied_up_to: None,
        }
    }

    /// Puts in what is known of the schema from elsewhere than the log. It holds from before every entry; see
    /// [`Seed`] for what happens when the log says otherwise. What the log has said already stays.
    pub fn seed(&mut self, seed: &Seed) {
        self.revision += 1;
        let keyspaces = seed.put_into(&mut self.rows, false);
        self.seeded_up_to = self.seeded_up_to.max(Some(seed.end()));
        for name in keyspaces {
            self.rebuild(&name, Position::START, i64::MIN);
        }
    }

    /// Takes a seed's schema for the schema from a position on, as parts of the log before it are lost: what is not
    /// in the seed is gone. Earlier versions of tables stay known. Returns what is other than before.
    pub fn replace(&mut self, seed: &Seed, position: Position) -> Vec<SchemaChange> {
        self.revision += 1;
        let mut rows = SchemaRows::default();
        for (name, old) in &self.rows.keyspaces {
            if LOCAL_KEYSPACES.contains(&&**name) {
                rows.keyspaces.insert(name.clone(), old.clone());
                continue;
            }
            let kept = rows.keyspaces.entry(name.clone()).or_default();
            for (table, key, deleted_at) in old.deletions() {
                kept.remember_deletion(table, key.cloned(), deleted_at);
            }
        }
        seed.put_into(&mut rows, false);
        self.rows = rows;
        self.seeded_up_to = self.seeded_up_to.max(Some(seed.end()));
        self.applied_up_to = self.applied_up_to.max(Some(position));
        let names: BTreeSet<Box<str>> = self.keyspaces.keys().chain(seed.keyspaces.keys()).cloned().collect();
        let mut changes = Vec::new();
        for name in names.iter().filter(|name| !LOCAL_KEYSPACES.contains(&&***name)) {
            changes.extend(self.rebuild(name, position, seed.newest_time(name)));
        }
        changes
    }

    /// Returns the definitions and write times as a seed for another catalogue; the history is not in it.
    pub fn to_seed(&self) -> Seed {
        let mut seed = Seed::default();
        for keyspace in self.keyspaces().filter(|keyspace| !LOCAL_KEYSPACES.contains(&&*keyspace.name)) {
            seed.keyspaces.insert(keyspace.name.clone(), keyspace.clone());
            if let Some(rows) = self.rows.keyspaces.get(&keyspace.name) {
                seed.take_times(&keyspace.name, rows);
            }
        }
        seed
    }

    /// Returns true if rows of every table are read, and captured, as the seed would have it.
    pub fn agrees_with(&self, seed: &Seed) -> bool {
        let mut other = Self::new();
        other.seed(seed);
        let tables = |catalogue: &Self| -> Vec<TableId> {
            let keyspaces = catalogue.keyspaces.values();
            let keyspaces = keyspaces.filter(|keyspace| !LOCAL_KEYSPACES.contains(&&*keyspace.name));
            let tables =
                keyspaces.flat_map(|keyspace| keyspace.tables.values().chain(keyspace.views.values()));
            let mut ids: Vec<TableId> = tables.filter_map(|table| table.id).collect();
            ids.sort_unstable();
            ids
        };
        let ids = tables(&other);
        ids == tables(self) && ids.iter().all(|id| is_read_alike(self.table(*id), other.table(*id)))
    }

    /// Returns a number that is another one after every change of what [`Catalogue::export`] gives.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Takes up the rows that another catalogue had.
    pub(super) fn restore_rows(&mut self, seed: &Seed) {
        seed.put_into(&mut self.rows, true);
    }

    /// Builds the keyspaces from restored rows; their tables' versions are there already.
    pub(super) fn restore(&mut self, seed: &Seed, position: Option<Position>) {
        self.applied_up_to = position;
        for name in seed.keyspaces.keys() {
            self.rebuild(name, Position::START, i64::MIN);
        }
    }

    /// Applies a mutation, decoded with this catalogue, and returns what it changed. Mutations that do not
    /// touch `system_schema`, and repeats of what is known, change nothing.
    ///
    /// Mutations come in the order of the log. `position` is the entry's end.
    ///
    /// Changes of `system` and `system_schema` are followed but not returned: each node defines them itself, and
    /// does so at every start.
    pub fn apply(&mut self, mutation: &Mutation<'_>, position: Position) -> Vec<SchemaChange> {
        if !mutation.updates.iter().any(|update| update.table.keyspace() == "system_schema") {
            return Vec::new();
        }
        let may_rewind = self.seeded_up_to.is_some_and(|up_to| position <= up_to);
        self.applied_up_to = self.applied_up_to.max(Some(position));
        let before = self.named_rows(mutation);
        let touched = self.rows.apply(mutation, may_rewind);
        if before != self.named_rows(mutation) {
            self.revision += 1;
        }
        let mut changes = Vec::new();
        for (name, touched) in touched {
            changes.extend(self.rebuild(&name, position, touched.written_at));
        }
        changes
    }

    /// Returns the rows of the keyspaces that a mutation is about, but for the node's own.
    fn named_rows(&self, mutation: &Mutation<'_>) -> BTreeMap<Box<str>, KeyspaceRows> {
        let mut rows = BTreeMap::new();
        for (_, name, _) in schema_updates(mutation) {
            if !LOCAL_KEYSPACES.contains(&name)
                && let Some(known) = self.rows.keyspaces.get(name)
            {
                rows.entry(name.into()).or_insert_with(|| known.clone());
            }
        }
        rows
    }

    /// Builds a keyspace anew from its rows, and the versions of its tables that are not yet known.
    fn rebuild(&mut self, name: &str, position: Position, written_at: i64) -> Vec<SchemaChange> {
        let unresolved = self.take_unresolved(name);
        let rows = self.rows.keyspaces.get(name);
        let after = rows.and_then(|rows| build_keyspace(name, rows));
        for table in rows.map(incomplete_tables).unwrap_or_default() {
            self.unresolved.insert((name.into(), table), UnreadableReason::ColumnsUnknown);
        }
        let before = self.keyspaces.remove(name);
        let rewound = rows.map(KeyspaceRows::rewound_tables).unwrap_or_default();
        let rewound: BTreeSet<Box<str>> = rewound.into_iter().map(Into::into).collect();
        let changes = if LOCAL_KEYSPACES.contains(&name) {
            Vec::new()
        } else {
            diff(before.as_ref(), after.as_ref(), written_at)
        };
        if let Some(after) = after {
            let types = TypeResolver::new(&after);
            let same_types = before.as_ref().is_some_and(|before| before.types == after.types);
            for table in after.tables.values().chain(after.views.values()) {
                let key = (after.name.clone(), table.name.clone());
                let old = before.as_ref().and_then(|before| before.table_or_view(&table.name));
                if same_types && old == Some(table) && !unresolved.contains(&key) {
                    continue;
                }
                let is_rewound = rewound.contains(&table.name);
                if let Err(reason) = self.register(&types, table, position, is_rewound) {
                    self.unresolved.insert(key, reason);
                }
            }
            self.keyspaces.insert(name.into(), after);
        }
        changes
    }

    /// Forgets which tables of a keyspace cannot be read, and returns them.
    fn take_unresolved(&mut self, name: &str) -> BTreeSet<(Box<str>, Box<str>)> {
        let keys = self.unresolved.keys().filter(|(keyspace, _)| &**keyspace == name);
        let keys: BTreeSet<_> = keys.cloned().collect();
        self.unresolved.retain(|key, _| !keys.contains(key));
        keys
    }

    fn register(
        &mut self,
        types: &TypeResolver<'_>,
        table: &TableDefinition,
        position: Position,
        rewound: bool,
    ) -> Result<(), UnreadableReason> {
        let id = table.id.ok_or(UnreadableReason::IdUnknown)?;
        let mut parts = types.table(id, table).map_err(UnreadableReason::Type)?;
        if let Some(builtin) = self.system.table(id) {
            add_missing_columns(&mut parts, builtin);
        }
        let seeded = self.versions(id).first().filter(|version| version.position == Position::START);
        if rewound && let Some(seeded) = seeded {
            add_missing_columns(&mut parts, &seeded.schema);
        }
        let schema = TableSchema::new(parts);
        let versions = self.tables.entry(id).or_default();
        if let Some(last) = versions.last_mut()
            && *last.schema == schema
        {
            if *last.definition != *table {
                last.definition = Arc::new(table.clone());
            }
            return Ok(());
        }
        let version =
            TableVersion { position, schema: Arc::new(schema), definition: Arc::new(table.clone()) };
        if position == Position::START {
            versions.retain(|version| version.position != Position::START);
            versions.insert(0, version);
        } else {
            versions.push(version);
        }
        Ok(())
    }

    /// Returns the schema as it stood at a position, as a [`SchemaLookup`]. For an entry that ends at
    /// `position` that is the newest version of an entry before it; a table that was not yet known then has
    /// its oldest version, as it is better than none.
    pub fn at(&self, position: Position) -> CatalogueAt<'_> {
        CatalogueAt { catalogue: self, position }
    }

    /// Returns the current schema of a table or view by its name.
    pub fn table_by_name(&self, keyspace: &str, name: &str) -> Option<&Arc<TableSchema>> {
        match self.keyspaces.get(keyspace).and_then(|keyspace| keyspace.table_or_view(name)) {
            Some(table) => self.table(table.id?),
            None => self.system.by_name(keyspace, name),
        }
    }

    /// Iterates over the keyspaces that exist, in order of their names. Cassandra's own are among them only if
    /// a seed or the log told of them.
    pub fn keyspaces(&self) -> impl Iterator<Item = &KeyspaceDefinition> {
        self.keyspaces.values()
    }

    /// Returns one keyspace.
    pub fn keyspace(&self, name: &str) -> Option<&KeyspaceDefinition> {
        self.keyspaces.get(name)
    }

    /// Iterates over the tables that exist, views not included, with their keyspaces' names.
    pub fn tables(&self) -> impl Iterator<Item = (&str, &TableDefinition)> {
        self.keyspaces
            .values()
            .flat_map(|keyspace| keyspace.tables.values().map(|table| (&*keyspace.name, table)))
    }

    /// Returns the known versions of a table in order of their positions, also of a dropped one.
    pub fn versions(&self, id: TableId) -> &[TableVersion] {
        self.tables.get(&id).map_or(&[], Vec::as_slice)
    }

    /// Returns the tables that exist but whose rows cannot be read, each with its reason.
    pub fn unreadable(&self) -> Vec<UnreadableTable> {
        let unresolved = self.unresolved.iter().map(|((keyspace, name), reason)| UnreadableTable {
            keyspace: keyspace.clone(),
            name: name.clone(),
            reason: reason.clone(),
        });
        unresolved.collect()
    }

    /// Forgets versions that no entry after `position` is read with, and tables dropped before it. Keeps
    /// memory bounded where positions only go forward.
    pub fn forget_before(&mut self, position: Position) {
        let existing: BTreeSet<TableId> = self
            .keyspaces
            .values()
            .flat_map(|keyspace| keyspace.tables.values().chain(keyspace.views.values()))
            .filter_map(|table| table.id)
            .collect();
        self.tables.retain(|id, versions| {
            let current = versions.partition_point(|version| version.position <= position);
            let _ = versions.drain(..current.saturating_sub(1));
            existing.contains(id) || versions.last().is_some_and(|version| version.position > position)
        });
    }
}

impl SchemaLookup for Catalogue {
    fn table(&self, id: TableId) -> Option<&Arc<TableSchema>> {
        match self.tables.get(&id).and_then(|versions| versions.last()) {
            Some(version) => Some(&version.schema),
            None => self.system.table(id),
        }
    }
}

/// Returns true if two schemas of one table give the same changes of the same rows. A column that was dropped only
/// matters while entries of before the drop are read.
fn is_read_alike(known: Option<&Arc<TableSchema>>, other: Option<&Arc<TableSchema>>) -> bool {
    match (known, other) {
        (Some(known), Some(other)) => {
            known.cdc() == other.cdc() && Fingerprint::of(known) == Fingerprint::of(other)
        }
        (known, other) => known.is_none() && other.is_none(),
    }
}

/// The schema as it stood at one position.
#[derive(Debug, Clone, Copy)]
pub struct CatalogueAt<'a> {
    catalogue: &'a Catalogue,
    position: Position,
}

impl SchemaLookup for CatalogueAt<'_> {
    fn table(&self, id: TableId) -> Option<&Arc<TableSchema>> {
        let versions = self.catalogue.versions(id);
        let after = versions.partition_point(|version| version.position <= self.position);
        let version = after.checked_sub(1).and_then(|at| versions.get(at));
        if let Some(version) = version {
            return Some(&version.schema);
        }
        let builtin = self.catalogue.system.table(id);
        builtin.or_else(|| versions.first().map(|version| &version.schema))
    }
}
