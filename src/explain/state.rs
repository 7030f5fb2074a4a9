//! Rows as they stand after the log.

use std::sync::Arc;

use cassandra_commitlog::{
    mutation::Expiration,
    schema::{Column, TableSchema},
    types::{CqlType, compare},
};

use super::event::{Content, Part, Slot, Values};

/// A partition as it stands.
#[derive(Debug)]
pub struct PartitionState {
    /// The table's last schema.
    pub table: Arc<TableSchema>,
    /// Serialized partition key.
    pub partition_key: Arc<[u8]>,
    /// The static row.
    pub static_cells: Vec<CellState>,
    /// The rows that are there, in clustering order.
    pub rows: Vec<RowState>,
}

/// A row as it stands.
#[derive(Debug)]
pub struct RowState {
    /// One value for each clustering column.
    pub clustering: Values,
    /// The row marker's write time in microseconds, and when it expires.
    pub marker: Option<(i64, Option<Expiration>)>,
    /// The columns that have a value, by the bytes of their names.
    pub cells: Vec<CellState>,
}

/// A column's value as it stands.
#[derive(Debug)]
pub struct CellState {
    /// Which column.
    pub column: Column,
    /// The value as a client reads it: collections as a whole, a counter's sum of the shards that the log has.
    pub value: Vec<u8>,
    /// Write time in microseconds; of several elements, the latest.
    pub timestamp: i64,
    /// When it expires; of several elements, the first one's.
    pub expiration: Option<Expiration>,
}

/// Puts what stands of a column together; `None` if it is nothing.
pub(super) fn collect_column(column: &Column, parts: &[&Part]) -> Option<CellState> {
    let timestamp = parts.iter().map(|part| part.timestamp).max()?;
    let expiration = parts.iter().filter_map(|part| part.expiration()).min_by_key(|it| it.expires_at);
    let value = match parts {
        [Part { slot: Slot::Cell(_), content: Content::Value(value, _), .. }] => value.to_vec(),
        [Part { slot: Slot::Shard(..), .. }, ..] => total(parts).to_be_bytes().to_vec(),
        _ => collection(&column.ty, parts),
    };
    Some(CellState { column: column.clone(), value, timestamp, expiration })
}

fn total(parts: &[&Part]) -> i64 {
    parts.iter().fold(0, |total, part| match part.content {
        Content::Count { count, .. } => total.wrapping_add(count),
        _ => total,
    })
}

/// Writes elements as one value of the frozen type (format.md §11.2).
fn collection(ty: &CqlType, parts: &[&Part]) -> Vec<u8> {
    let elements = parts.iter().filter_map(|part| match (&part.slot, &part.content) {
        (Slot::Element(_, path), Content::Value(value, _)) => Some((&**path, &**value)),
        _ => None,
    });
    let mut elements: Vec<(&[u8], &[u8])> = elements.collect();
    let mut out = Vec::new();
    if let CqlType::UserType(definition, _) = ty {
        for at in 0..definition.fields.len() {
            let path = u16::try_from(at).unwrap_or(u16::MAX).to_be_bytes();
            put(elements.iter().find(|(its, _)| *its == path).map(|(_, value)| *value), &mut out);
        }
        return out;
    }
    if let Some(path_type) = super::judge::path_type(ty) {
        elements.sort_by(|(a, _), (b, _)| compare(path_type, a, b));
    }
    out.extend_from_slice(&u32::try_from(elements.len()).unwrap_or(u32::MAX).to_be_bytes());
    for (path, value) in elements {
        if !matches!(ty, CqlType::List(..)) {
            put(Some(path), &mut out);
        }
        if !matches!(ty, CqlType::Set(..)) {
            put(Some(value), &mut out);
        }
    }
    out
}

fn put(value: Option<&[u8]>, out: &mut Vec<u8>) {
    let length = value.map_or(-1, |value| i32::try_from(value.len()).unwrap_or(i32::MAX));
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(value.unwrap_or_default());
}
