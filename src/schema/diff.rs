//! What changed from one definition of a keyspace to the next.

use std::collections::BTreeMap;

use cassandra_commitlog::schema::TableId;

use super::{
    cql::{self, TableText, renamed_columns},
    definition::{ColumnDefinition, KeyspaceDefinition, OptionValue, TableDefinition, TypeDefinition},
    resolve::types_in_order,
};

/// What happened to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are CQL's own")]
pub enum ChangeKind {
    Create,
    Alter,
    Drop,
}

impl ChangeKind {
    /// Returns the word for it in records: `create`, `alter`, `drop`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Alter => "alter",
            Self::Drop => "drop",
        }
    }
}

/// What a change is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are CQL's own")]
pub enum ObjectKind {
    Keyspace,
    Type,
    Table,
    View,
    Index,
}

impl ObjectKind {
    /// Returns the word for it in records: `keyspace`, `type`, `table`, `view`, `index`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Keyspace => "keyspace",
            Self::Type => "type",
            Self::Table => "table",
            Self::View => "view",
            Self::Index => "index",
        }
    }
}

/// One change of the schema (records of `ddl` in `src/record/FORMAT.md`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaChange {
    /// What happened.
    pub change: ChangeKind,
    /// To what kind of object.
    pub object: ObjectKind,
    /// Keyspace.
    pub keyspace: Box<str>,
    /// Name of the object; for a keyspace its own name.
    pub name: Box<str>,
    /// The table: the object itself, or the one that an index is on.
    pub table: Option<Box<str>>,
    /// Identity of the table or view.
    pub table_id: Option<TableId>,
    /// The definition after the change as one `CREATE` statement; for a drop, the `DROP` statement.
    pub cql: String,
    /// The statements that make the change on a node that has the definition before it. Empty when another
    /// statement brings it about: a view's columns follow its base table.
    pub statements: Vec<String>,
    /// Columns that were dropped by this change, with the times (µs) up to which their cells are gone.
    pub dropped: BTreeMap<Box<str>, i64>,
    /// Key columns or fields that were renamed: old name to new name.
    pub renamed: BTreeMap<Box<str>, Box<str>>,
    /// Write time of the change, in µs: the newest in its mutation.
    pub written_at: i64,
}

impl SchemaChange {
    /// Returns whether the change is in a keyspace of Cassandra's own, that nobody made by a statement.
    pub fn is_system(&self) -> bool {
        is_system_keyspace(&self.keyspace)
    }
}

/// Returns whether a keyspace is one of Cassandra's own, that nobody made by a statement.
pub fn is_system_keyspace(name: &str) -> bool {
    matches!(
        name,
        "system"
            | "system_schema"
            | "system_auth"
            | "system_distributed"
            | "system_traces"
            | "system_views"
            | "system_virtual_schema"
            | "system_cluster_metadata"
            | "system_accord"
    )
}

/// Returns the changes that make a keyspace with all that is in it, in an order in which they can be carried
/// out.
pub fn creations(keyspace: &KeyspaceDefinition) -> Vec<SchemaChange> {
    diff(None, Some(keyspace), i64::MIN)
}

/// Returns what changed, in an order in which the statements can be carried out: drops (views, indexes,
/// tables, types, the keyspace), then the keyspace, types, tables, indexes, views.
///
/// Dropping a keyspace gives a change for each view, table and type in it, too: their ids are gone.
pub(super) fn diff(
    before: Option<&KeyspaceDefinition>,
    after: Option<&KeyspaceDefinition>,
    written_at: i64,
) -> Vec<SchemaChange> {
    let Some(name) = before.or(after).map(|keyspace| keyspace.name.clone()) else {
        return Vec::new();
    };
    let empty = KeyspaceDefinition::new(&name);
    let mut changes = Changes { keyspace: &name, written_at, list: Vec::new() };
    changes.drops(before.unwrap_or(&empty), after.unwrap_or(&empty));
    match (before, after) {
        (Some(_), None) => {
            let text = cql::drop_keyspace(&name);
            changes.push(ChangeKind::Drop, ObjectKind::Keyspace, &name, text);
        }
        (None, Some(after)) => {
            let text = cql::create_keyspace(after);
            changes.push(ChangeKind::Create, ObjectKind::Keyspace, &name, text);
        }
        (Some(before), Some(after)) => {
            if before.replication != after.replication || before.durable_writes != after.durable_writes {
                let text = cql::create_keyspace(after);
                let change = changes.push(ChangeKind::Alter, ObjectKind::Keyspace, &name, text);
                change.statements = vec![cql::alter_keyspace(after)];
            }
        }
        (None, None) => {}
    }
    if let Some(after) = after {
        let before = before.unwrap_or(&empty);
        changes.types(before, after);
        changes.tables(&before.tables, &after.tables);
        changes.indexes(before, after);
        changes.tables(&before.views, &after.views);
    }
    changes.list
}

struct Changes<'a> {
    keyspace: &'a str,
    written_at: i64,
    list: Vec<SchemaChange>,
}

type Tables = BTreeMap<Box<str>, TableDefinition>;

impl Changes<'_> {
    /// Adds a change whose only statement is its text.
    fn push(
        &mut self,
        change: ChangeKind,
        object: ObjectKind,
        name: &str,
        text: String,
    ) -> &mut SchemaChange {
        self.list.push(SchemaChange {
            change,
            object,
            keyspace: self.keyspace.into(),
            name: name.into(),
            table: None,
            table_id: None,
            statements: vec![text.clone()],
            cql: text,
            dropped: BTreeMap::new(),
            renamed: BTreeMap::new(),
            written_at: self.written_at,
        });
        let last = self.list.len() - 1;
        &mut self.list[last]
    }

    fn drops(&mut self, before: &KeyspaceDefinition, after: &KeyspaceDefinition) {
        self.drop_tables(&before.views, &after.views);
        for (table, index) in indexes(before) {
            let same_table = after.tables.get(&table.name).filter(|after| is_same(table, after));
            if let Some(same_table) = same_table
                && same_table.indexes.get(&index.name) != Some(index)
            {
                let text = cql::drop_index(self.keyspace, &index.name);
                let change = self.push(ChangeKind::Drop, ObjectKind::Index, &index.name, text);
                change.table = Some(table.name.clone());
                change.table_id = table.id;
            }
        }
        self.drop_tables(&before.tables, &after.tables);
        for definition in types_in_order(before).into_iter().rev() {
            if !after.types.contains_key(&definition.name) {
                let text = cql::drop_type(self.keyspace, &definition.name);
                self.push(ChangeKind::Drop, ObjectKind::Type, &definition.name, text);
            }
        }
    }

    fn drop_tables(&mut self, before: &Tables, after: &Tables) {
        for table in before.values() {
            if after.get(&table.name).is_some_and(|after| is_same(table, after)) {
                continue;
            }
            let text = cql::drop_table(self.keyspace, &table.name, table.view.is_some());
            let change = self.push(ChangeKind::Drop, object_of(table), &table.name, text);
            change.table = Some(table.name.clone());
            change.table_id = table.id;
        }
    }

    fn types(&mut self, before: &KeyspaceDefinition, after: &KeyspaceDefinition) {
        for definition in types_in_order(after) {
            let text = cql::create_type(self.keyspace, definition);
            match before.types.get(&definition.name) {
                None => {
                    self.push(ChangeKind::Create, ObjectKind::Type, &definition.name, text);
                }
                Some(old) if old != definition => {
                    let statements = cql::alter_type(self.keyspace, old, definition);
                    let change = self.push(ChangeKind::Alter, ObjectKind::Type, &definition.name, text);
                    change.statements = statements;
                    change.renamed = renamed_fields(old, definition);
                }
                Some(_) => {}
            }
        }
    }

    fn tables(&mut self, before: &Tables, after: &Tables) {
        for table in after.values() {
            let old = before.get(&table.name).filter(|old| is_same(old, table));
            if old.is_some_and(|old| !is_altered(old, table)) {
                continue;
            }
            let keyspace = self.keyspace;
            let text = cql::create_table(keyspace, table, TableText::Plain);
            let kind = if old.is_some() { ChangeKind::Alter } else { ChangeKind::Create };
            let change = self.push(kind, object_of(table), &table.name, text);
            change.table = Some(table.name.clone());
            change.table_id = table.id;
            if let Some(old) = old {
                change.statements = cql::alter_table(keyspace, old, table);
                change.dropped = dropped_columns(old, table);
                change.renamed = renamed_columns(old, table)
                    .into_iter()
                    .map(|(old, new)| (old.into(), new.into()))
                    .collect();
            }
        }
    }

    fn indexes(&mut self, before: &KeyspaceDefinition, after: &KeyspaceDefinition) {
        for (table, index) in indexes(after) {
            let old = before.tables.get(&table.name).filter(|old| is_same(old, table));
            if old.and_then(|old| old.indexes.get(&index.name)) == Some(index) {
                continue;
            }
            let text = cql::create_index(self.keyspace, &table.name, index);
            let change = self.push(ChangeKind::Create, ObjectKind::Index, &index.name, text);
            change.table = Some(table.name.clone());
            change.table_id = table.id;
        }
    }
}

fn object_of(table: &TableDefinition) -> ObjectKind {
    if table.view.is_some() { ObjectKind::View } else { ObjectKind::Table }
}

fn indexes(
    keyspace: &KeyspaceDefinition,
) -> impl Iterator<Item = (&TableDefinition, &super::definition::IndexDefinition)> {
    let tables = keyspace.tables.values();
    tables.flat_map(|table| table.indexes.values().map(move |index| (table, index)))
}

/// Returns whether two tables of one name are one table. One from text without an id is taken for the same.
fn is_same(before: &TableDefinition, after: &TableDefinition) -> bool {
    before.id == after.id || before.id.is_none() || after.id.is_none()
}

/// Returns whether anything differs that the table's own statements say; indexes are objects of their own.
fn is_altered(before: &TableDefinition, after: &TableDefinition) -> bool {
    let same_columns = before.columns.len() == after.columns.len()
        && before.columns.iter().zip(&after.columns).all(|(a, b)| is_same_column(a, b));
    !same_columns
        || before.flags != after.flags
        || before.dropped != after.dropped
        || before.view != after.view
        || changed_options(before, after).next().is_some()
}

/// Masks are not followed in the log, only read from text.
fn is_same_column(a: &ColumnDefinition, b: &ColumnDefinition) -> bool {
    (&a.name, &a.name_bytes, a.kind, a.position, &a.type_text, a.reversed)
        == (&b.name, &b.name_bytes, b.kind, b.position, &b.type_text, b.reversed)
}

/// Iterates over the options that have another value after a change. An option that was not there before is
/// changed, but for `cdc = false`: nodes without `cdc_enabled` leave it out.
pub(super) fn changed_options<'a>(
    before: &'a TableDefinition,
    after: &'a TableDefinition,
) -> impl Iterator<Item = (&'a str, &'a OptionValue)> {
    after.options.iter().filter_map(|(name, value)| {
        let old = before.options.get(name);
        let unchanged =
            old == Some(value) || old.is_none() && &**name == "cdc" && *value == OptionValue::Boolean(false);
        (!unchanged).then_some((&**name, value))
    })
}

fn dropped_columns(before: &TableDefinition, after: &TableDefinition) -> BTreeMap<Box<str>, i64> {
    let new = after.dropped.iter().filter(|dropped| !before.dropped.contains(dropped));
    new.map(|dropped| (dropped.name.clone(), dropped.dropped_at)).collect()
}

fn renamed_fields(before: &TypeDefinition, after: &TypeDefinition) -> BTreeMap<Box<str>, Box<str>> {
    let pairs = before.fields.iter().zip(&after.fields);
    pairs
        .filter(|(old, new)| old.name != new.name)
        .map(|(old, new)| (old.name.clone(), new.name.clone()))
        .collect()
}
