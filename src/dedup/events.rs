//! Identities of what is no change of a row: changes of the schema, truncations.

use xxhash_rust::xxh3::xxh3_128;

use crate::{change::Truncation, schema::SchemaChange};

/// Returns the identity of a change of the schema: the same change has the same in all nodes' logs.
pub fn schema_change_id(change: &SchemaChange) -> u128 {
    let SchemaChange { change: kind, object, keyspace, name, written_at, .. } = change;
    xxh3_128(format!("{} {} {keyspace} {name} {written_at}", kind.as_str(), object.as_str()).as_bytes())
}

/// Returns the identity of a truncation, as one node noted it: each node has its own.
pub fn truncation_id(truncation: &Truncation) -> u128 {
    let Truncation { table, up_to, timestamp } = truncation;
    xxh3_128(format!("truncate {table} {up_to} {timestamp}").as_bytes())
}
