//! A short name for a table's definition, the same on every node.

use std::fmt;

use cassandra_commitlog::{
    schema::{Column, ColumnKind, TableSchema},
    types::{CqlType, Frozen},
};
use xxhash_rust::xxh3::Xxh3;

/// Fingerprint of a table's definition: xxh3-64 of names, kinds, places, types (fields of user-defined types
/// included), clustering order and layout flags. Neither the table's id nor its options nor dropped columns
/// are in it. [`fmt::Display`] gives sixteen hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint(pub u64);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl Fingerprint {
    /// Returns the fingerprint of a table.
    pub fn of(table: &TableSchema) -> Self {
        let mut hash = Xxh3::new();
        text(&mut hash, table.keyspace());
        text(&mut hash, table.name());
        let flags = table.flags();
        hash.update(&[
            u8::from(flags.compound),
            u8::from(flags.counter),
            u8::from(flags.dense),
            u8::from(flags.super_column_family),
        ]);
        let columns = table.partition_key().iter().chain(table.clustering()).chain(table.values());
        for column in columns {
            hash_column(&mut hash, column);
        }
        Self(hash.digest())
    }
}

fn hash_column(hash: &mut Xxh3, column: &Column) {
    let kind = match column.kind {
        ColumnKind::PartitionKey => 0,
        ColumnKind::Clustering => 1,
        ColumnKind::Static => 2,
        ColumnKind::Regular => 3,
    };
    hash.update(&[kind, u8::from(column.reversed)]);
    hash.update(&column.position.to_be_bytes());
    bytes(hash, &column.name_bytes);
    hash_type(hash, &column.ty);
}

/// Feeds a type: a tag for each node, then its parts.
fn hash_type(hash: &mut Xxh3, ty: &CqlType) {
    let frozen = |frozen: &Frozen| u8::from(*frozen == Frozen::Yes);
    match ty {
        CqlType::Native(native) => {
            hash.update(&[1]);
            text(hash, &format!("{native:?}"));
        }
        CqlType::List(element, is_frozen) => {
            hash.update(&[2, frozen(is_frozen)]);
            hash_type(hash, element);
        }
        CqlType::Set(element, is_frozen) => {
            hash.update(&[3, frozen(is_frozen)]);
            hash_type(hash, element);
        }
        CqlType::Map(types, is_frozen) => {
            hash.update(&[4, frozen(is_frozen)]);
            hash_type(hash, &types.0);
            hash_type(hash, &types.1);
        }
        CqlType::Tuple(parts) => {
            hash.update(&[5]);
            hash_types(hash, parts);
        }
        CqlType::UserType(user_type, is_frozen) => {
            hash.update(&[6, frozen(is_frozen)]);
            text(hash, &user_type.name);
            hash.update(&(user_type.fields.len() as u64).to_be_bytes());
            for field in &user_type.fields {
                text(hash, &field.name);
                hash_type(hash, &field.ty);
            }
        }
        CqlType::Vector(element, dimension) => {
            hash.update(&[7]);
            hash.update(&dimension.to_be_bytes());
            hash_type(hash, element);
        }
        CqlType::Composite(parts) => {
            hash.update(&[8]);
            hash_types(hash, parts);
        }
        CqlType::DynamicComposite(aliases) => {
            hash.update(&[9]);
            for (alias, ty) in aliases {
                hash.update(&[*alias]);
                hash_type(hash, ty);
            }
        }
        CqlType::Custom(class) => {
            hash.update(&[10]);
            text(hash, class);
        }
        // A type that is new in the parser must be told apart, too.
        other => text(hash, &format!("{other:?}")),
    }
}

fn hash_types(hash: &mut Xxh3, parts: &[CqlType]) {
    hash.update(&(parts.len() as u64).to_be_bytes());
    for part in parts {
        hash_type(hash, part);
    }
}

fn text(hash: &mut Xxh3, text: &str) {
    bytes(hash, text.as_bytes());
}

/// The length goes first, so that no two lists of names run together to the same bytes.
fn bytes(hash: &mut Xxh3, bytes: &[u8]) {
    hash.update(&(bytes.len() as u64).to_be_bytes());
    hash.update(bytes);
}
