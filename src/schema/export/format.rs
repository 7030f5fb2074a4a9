//! The exported file as `serde` sees it. Unknown fields are refused: a field that is ignored is schema lost.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The version that this program writes, and the only one that it reads.
pub(super) const VERSION: u64 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) ringtap_schema: u64,
    /// The last position applied, as `<segment>:<offset>`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) position: Option<String>,
    pub(super) keyspaces: Vec<Keyspace>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) history: Option<History>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Keyspace {
    pub(super) name: Box<str>,
    pub(super) replication: BTreeMap<String, String>,
    pub(super) durable_writes: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) write_time: Option<i64>,
    #[serde(default)]
    pub(super) types: Vec<Type>,
    #[serde(default)]
    pub(super) tables: Vec<Table>,
    #[serde(default)]
    pub(super) views: Vec<Table>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) opaque: Vec<Opaque>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Type {
    pub(super) name: Box<str>,
    pub(super) fields: Vec<Field>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) write_time: Option<i64>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Field {
    pub(super) name: Box<str>,
    #[serde(rename = "type")]
    pub(super) type_text: Box<str>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Table {
    pub(super) name: Box<str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<String>,
    pub(super) flags: Vec<Box<str>>,
    pub(super) columns: Vec<Column>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) dropped: Vec<Dropped>,
    #[serde(default)]
    pub(super) options: BTreeMap<Box<str>, serde_json::Value>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) indexes: Vec<Index>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) view: Option<View>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) write_time: Option<i64>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Column {
    pub(super) name: Box<str>,
    /// Only where the name's bytes are not its UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name_bytes: Option<String>,
    pub(super) kind: Box<str>,
    #[serde(default)]
    pub(super) position: u16,
    #[serde(rename = "type")]
    pub(super) type_text: Box<str>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) reversed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) write_time: Option<i64>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Dropped {
    pub(super) name: Box<str>,
    pub(super) kind: Box<str>,
    #[serde(rename = "type")]
    pub(super) type_text: Box<str>,
    #[serde(rename = "dropped_at")]
    pub(super) at: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) write_time: Option<i64>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Index {
    pub(super) name: Box<str>,
    pub(super) kind: Box<str>,
    pub(super) options: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) write_time: Option<i64>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct View {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) base_table_id: Option<String>,
    pub(super) base_table: Box<str>,
    #[serde(rename = "where")]
    pub(super) where_clause: Box<str>,
    pub(super) include_all_columns: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Opaque {
    pub(super) schema_table: Box<str>,
    pub(super) name: Vec<String>,
    pub(super) cells: BTreeMap<Box<str>, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) write_time: Option<i64>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct History {
    pub(super) versions: Vec<Version>,
    pub(super) deletions: Vec<Deletion>,
    /// Absent in files of before this was kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) seeds: Option<Seeds>,
}

/// What of the rows is from seeds, and to which position the log may be older than they.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seeds {
    /// As `<segment>:<offset>`; absent: there was no seed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) up_to: Option<String>,
    pub(super) rows: Vec<Standing>,
}

/// How a row stands to the log: only rows for which not all is false.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Standing {
    pub(super) schema_table: Box<str>,
    pub(super) keyspace: Box<str>,
    pub(super) name: Vec<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) seed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) seeded_at: Option<i64>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) rewound: bool,
}

/// A table as it was from a position on, with the user-defined types of that moment.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Version {
    pub(super) keyspace: Box<str>,
    /// Absent: from before everything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) position: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) types: Vec<Type>,
    pub(super) table: Table,
}

/// A deletion that must not be forgotten: of a row, or without `name` of all rows of the keyspace.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Deletion {
    pub(super) schema_table: Box<str>,
    pub(super) keyspace: Box<str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<Vec<String>>,
    pub(super) deleted_at: i64,
}
