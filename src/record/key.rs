//! Keys: one JSON object without spaces, all primary key columns in table order and nothing else.
//!
//! The same row has the same bytes always, so joins and compaction work.

use cassandra_commitlog::types::{
    Dialect, ValueError, partition_key::components, write_json, write_json_canonical_decimal,
};

use super::table_text::TableText;

/// Which clustering values a key has.
#[derive(Debug, Clone, Copy)]
pub(super) enum KeyClustering<'c, 'a> {
    /// A row's own.
    Row(&'c [Option<&'a [u8]>]),
    /// Null: what is changed is wider than a row.
    Wider,
}

/// How decimals of clustering columns are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decimals {
    /// Without trailing zeros: in a clustering, Cassandra holds 1.0 and 1.00 for the same row.
    Canonical,
    /// As they were logged.
    AsLogged,
}

/// Appends the key's object; returns the length of its partition-key part, which is all but the closing brace where
/// there are no clustering columns.
pub(super) fn write_key(
    table: &TableText,
    partition_key: &[u8],
    clustering: KeyClustering<'_, '_>,
    decimals: Decimals,
    out: &mut String,
) -> Result<usize, ValueError> {
    let start = out.len();
    write_partition_key(table, partition_key, out)?;
    let partition_part = out.len() - start;
    for (at, (column, name)) in table.clustering().enumerate() {
        out.push_str(name);
        let value = match clustering {
            KeyClustering::Row(values) => values.get(at).copied().flatten(),
            KeyClustering::Wider => None,
        };
        match value {
            None => out.push_str("null"),
            Some(value) if decimals == Decimals::Canonical => {
                write_json_canonical_decimal(&column.ty, value, Dialect::Ringtap, out)?;
            }
            Some(value) => write_json(&column.ty, value, Dialect::Ringtap, out)?,
        }
    }
    out.push('}');
    Ok(partition_part)
}

/// Appends the key of a truncation: null in all columns.
pub(super) fn write_empty_key(table: &TableText, out: &mut String) {
    for (_, name) in table.partition_key().chain(table.clustering()) {
        out.push_str(name);
        out.push_str("null");
    }
    out.push('}');
}

fn write_partition_key(table: &TableText, partition_key: &[u8], out: &mut String) -> Result<(), ValueError> {
    let columns = table.schema().partition_key().len();
    for (component, (column, name)) in components(partition_key, columns).zip(table.partition_key()) {
        out.push_str(name);
        write_json(&column.ty, component?, Dialect::Ringtap, out)?;
    }
    Ok(())
}
