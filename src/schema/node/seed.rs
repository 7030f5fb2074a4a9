//! The rows of `system_schema` as a seed.

use std::collections::{BTreeMap, BTreeSet};

use scylla::client::session::Session;

use super::{
    NodeError,
    fetch::{FetchedRow, fetch},
};
use crate::schema::{
    Seed, SystemTables,
    build::build_keyspace,
    rows::{KeyspaceRows, LOCAL_KEYSPACES, RawRow, RowKey, SchemaTable},
    seed::UNKNOWN_TIME,
    value::Value,
};
use cassandra_commitlog::schema::TableSchema;

/// Reads all schema tables that the node has and builds the keyspaces as the log's rows would build them.
pub(super) async fn read(session: &Session, endpoint: &str) -> Result<Seed, NodeError> {
    let existing = schema_tables(session, endpoint).await?;
    let mut keyspaces: BTreeMap<Box<str>, KeyspaceRows> = BTreeMap::new();
    let mut seed = Seed::default();
    for table in SchemaTable::ALL {
        let layout = SystemTables::get().by_name("system_schema", table.name());
        let Some(layout) = layout.filter(|_| existing.contains(table.name())) else { continue };
        let query = format!("SELECT * FROM system_schema.{}", table.name());
        fetch(session, endpoint, &query, |row| {
            let Some((keyspace, key)) = keys(layout, &row) else {
                return Err("a row without its key".to_owned());
            };
            if !LOCAL_KEYSPACES.contains(&&*keyspace) {
                let row = RawRow::seed(UNKNOWN_TIME, cells(layout, &row)?);
                keyspaces.entry(keyspace).or_default().seed(table, key, row);
            }
            Ok(())
        })
        .await?;
        write_times(session, endpoint, table, layout, &mut seed).await?;
    }
    for (name, rows) in &keyspaces {
        if let Some(keyspace) = build_keyspace(name, rows) {
            seed.keyspaces.insert(name.clone(), keyspace);
        }
    }
    Ok(seed)
}

/// Returns which tables this version of Cassandra has in `system_schema`.
async fn schema_tables(session: &Session, endpoint: &str) -> Result<BTreeSet<String>, NodeError> {
    let query = "SELECT table_name FROM system_schema.tables WHERE keyspace_name = 'system_schema'";
    let mut names = BTreeSet::new();
    fetch(session, endpoint, query, |row| {
        let name = row.first().and_then(|(_, bytes)| std::str::from_utf8((*bytes)?).ok());
        names.insert(name.ok_or("no name")?.to_owned());
        Ok(())
    })
    .await?;
    Ok(names)
}

/// A column that every row of a schema table has, written anew with each change of the row.
fn timed_column(table: SchemaTable) -> &'static str {
    match table {
        SchemaTable::Keyspaces => "durable_writes",
        SchemaTable::Tables | SchemaTable::Views => "gc_grace_seconds",
        SchemaTable::Columns | SchemaTable::Indexes => "kind",
        SchemaTable::DroppedColumns => "dropped_time",
        SchemaTable::Types => "field_names",
        SchemaTable::Triggers => "options",
        SchemaTable::Functions => "language",
        SchemaTable::Aggregates => "return_type",
        SchemaTable::ColumnMasks => "function_name",
    }
}

/// Reads when each row was written. 3.11 does not tell the times of frozen collections, the only cells that types and
/// triggers have: without its time a seed's row is older than everything.
async fn write_times(
    session: &Session,
    endpoint: &str,
    table: SchemaTable,
    layout: &TableSchema,
    seed: &mut Seed,
) -> Result<(), NodeError> {
    let keys = layout.partition_key().iter().chain(layout.clustering());
    let names: Vec<&str> = keys.map(|column| &*column.name).collect();
    let query = format!(
        "SELECT {}, WRITETIME({}) FROM system_schema.{}",
        names.join(", "),
        timed_column(table),
        table.name()
    );
    let read = fetch(session, endpoint, &query, |row| {
        let Some((keyspace, key)) = self::keys(layout, &row) else {
            return Err("a row without its key".to_owned());
        };
        if LOCAL_KEYSPACES.contains(&&*keyspace) {
            return Ok(());
        }
        if let Some((_, Some(time))) = row.last() {
            let time = <[u8; 8]>::try_from(*time).map_err(|_| "a write time that is no bigint")?;
            seed.times.insert((table, keyspace, key), i64::from_be_bytes(time));
        }
        Ok(())
    })
    .await;
    match read {
        Err(error)
            if error.is_invalid_query() && matches!(table, SchemaTable::Types | SchemaTable::Triggers) =>
        {
            Ok(())
        }
        read => read,
    }
}

fn column<'r>(row: &FetchedRow<'r>, name: &str) -> Option<&'r [u8]> {
    row.iter().find(|(column, _)| *column == name).and_then(|(_, bytes)| *bytes)
}

/// Returns the keyspace and the clustering as texts.
fn keys(layout: &TableSchema, row: &FetchedRow<'_>) -> Option<(Box<str>, RowKey)> {
    let keyspace = std::str::from_utf8(column(row, "keyspace_name")?).ok()?.into();
    let mut key = RowKey::new();
    for part in layout.clustering() {
        key.push(Value::decode(&part.ty, column(row, &part.name)?)?.to_plain_text());
    }
    Some((keyspace, key))
}

/// Decodes the columns that are known. A later version's new ones are options that nobody here needs.
fn cells(layout: &TableSchema, row: &FetchedRow<'_>) -> Result<Vec<(Box<str>, Value)>, String> {
    let mut cells = Vec::new();
    for (name, bytes) in row {
        let column = layout.value_column(name.as_bytes());
        if let (Some(column), Some(bytes)) = (column, bytes) {
            let value = Value::decode(&column.ty, bytes).ok_or_else(|| format!("the bytes of `{name}`"))?;
            cells.push(((*name).into(), value));
        }
    }
    Ok(cells)
}
