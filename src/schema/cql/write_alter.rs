//! Writes the statements that lead from one definition to another.

use cassandra_commitlog::schema::ColumnKind;

use super::{
    names::quote_name,
    write_create::{column_type_text, join, keyspace_options, option_text},
};
use crate::schema::{
    definition::{KeyspaceDefinition, TableDefinition, TypeDefinition},
    diff::changed_options,
};

/// Returns `DROP KEYSPACE`.
pub fn drop_keyspace(name: &str) -> String {
    format!("DROP KEYSPACE {};", quote_name(name))
}

/// Returns `DROP TYPE`.
pub fn drop_type(keyspace: &str, name: &str) -> String {
    format!("DROP TYPE {}.{};", quote_name(keyspace), quote_name(name))
}

/// Returns `DROP TABLE`, or `DROP MATERIALIZED VIEW` for a view.
pub fn drop_table(keyspace: &str, name: &str, is_view: bool) -> String {
    let object = if is_view { "MATERIALIZED VIEW" } else { "TABLE" };
    format!("DROP {object} {}.{};", quote_name(keyspace), quote_name(name))
}

/// Returns `DROP INDEX`.
pub fn drop_index(keyspace: &str, name: &str) -> String {
    format!("DROP INDEX {}.{};", quote_name(keyspace), quote_name(name))
}

/// Returns `ALTER KEYSPACE` that sets everything to the new definition's values.
pub fn alter_keyspace(after: &KeyspaceDefinition) -> String {
    format!("ALTER KEYSPACE {} WITH {};", quote_name(&after.name), keyspace_options(after))
}

/// Returns the `ALTER TYPE` statements that lead from one definition to the other: renames, changes of type
/// (3.x), additions.
pub fn alter_type(keyspace: &str, before: &TypeDefinition, after: &TypeDefinition) -> Vec<String> {
    let start = format!("ALTER TYPE {}.{}", quote_name(keyspace), quote_name(&after.name));
    let mut statements = Vec::new();
    let pairs = || before.fields.iter().zip(&after.fields);
    let renamed: Vec<_> = pairs()
        .filter(|(old, new)| old.name != new.name)
        .map(|(old, new)| format!("{} TO {}", quote_name(&old.name), quote_name(&new.name)))
        .collect();
    if !renamed.is_empty() {
        statements.push(format!("{start} RENAME {};", renamed.join(" AND ")));
    }
    for (old, new) in pairs() {
        if old.type_text != new.type_text {
            statements.push(format!("{start} ALTER {} TYPE {};", quote_name(&new.name), new.type_text));
        }
    }
    for added in after.fields.iter().skip(before.fields.len()) {
        statements.push(format!("{start} ADD {} {};", quote_name(&added.name), added.type_text));
    }
    statements
}

/// Returns the `ALTER TABLE` (or `ALTER MATERIALIZED VIEW`) statements that lead from one definition to the
/// other: `DROP COMPACT STORAGE`, renames of key columns, drops with their times, changes of type (3.x),
/// additions, options. A view's columns follow its base table by themselves, so only its options give one.
pub fn alter_table(keyspace: &str, before: &TableDefinition, after: &TableDefinition) -> Vec<String> {
    let object = if after.view.is_some() { "MATERIALIZED VIEW" } else { "TABLE" };
    let start = format!("ALTER {object} {}.{}", quote_name(keyspace), quote_name(&after.name));
    let mut statements = Vec::new();
    if after.view.is_none() {
        if before.flags.is_compact() && !after.flags.is_compact() {
            statements.push(format!("{start} DROP COMPACT STORAGE;"));
        } else {
            alter_columns(&start, before, after, &mut statements);
        }
    }
    let set: Vec<_> = changed_options(before, after).map(|(name, value)| option_text(name, value)).collect();
    if !set.is_empty() {
        statements.push(format!("{start} WITH {};", set.join(" AND ")));
    }
    statements
}

fn alter_columns(start: &str, before: &TableDefinition, after: &TableDefinition, out: &mut Vec<String>) {
    let renamed = renamed_columns(before, after);
    if !renamed.is_empty() {
        let pairs = renamed.iter().map(|(old, new)| format!("{} TO {}", quote_name(old), quote_name(new)));
        out.push(format!("{start} RENAME {};", join(pairs, " AND ")));
    }
    for dropped in &after.dropped {
        // A column that is dropped and added in one step has a new time of its drop, and is there.
        if before.column(&dropped.name).is_some() && !before.dropped.contains(dropped) {
            out.push(format!(
                "{start} DROP {} USING TIMESTAMP {};",
                quote_name(&dropped.name),
                dropped.dropped_at
            ));
        }
    }
    for column in &after.columns {
        let is_value = matches!(column.kind, ColumnKind::Static | ColumnKind::Regular);
        let dropped_now = after
            .dropped
            .iter()
            .any(|dropped| dropped.name == column.name && !before.dropped.contains(dropped));
        let old = before.column(&column.name).filter(|_| !dropped_now);
        if let Some(old) = old {
            if old.type_text != column.type_text {
                let name = quote_name(&column.name);
                out.push(format!("{start} ALTER {name} TYPE {};", column.type_text));
            }
        } else if is_value {
            let fixed = if column.kind == ColumnKind::Static { " static" } else { "" };
            out.push(format!("{start} ADD {}{fixed};", column_type_text(column)));
        }
    }
}

/// Returns the key columns that have another name at the same place: old name, new name.
pub(in crate::schema) fn renamed_columns<'a>(
    before: &'a TableDefinition,
    after: &'a TableDefinition,
) -> Vec<(&'a str, &'a str)> {
    let mut renamed = Vec::new();
    for kind in [ColumnKind::PartitionKey, ColumnKind::Clustering] {
        for (old, new) in before.columns_of(kind).zip(after.columns_of(kind)) {
            if old.position == new.position && old.name != new.name {
                renamed.push((&*old.name, &*new.name));
            }
        }
    }
    renamed
}
