//! The statements of CQL that define a schema.

use std::collections::BTreeMap;

pub use super::cursor::QualifiedName;
use crate::schema::definition::{ColumnDefinition, FieldDefinition, OptionValue, TableDefinition};

/// A statement with its place in the text.
#[derive(Debug, Clone, PartialEq)]
pub struct LocatedStatement {
    /// Line of its first word, from 1.
    pub line: usize,
    /// Column of its first word, from 1.
    pub column: usize,
    /// The statement.
    pub statement: Statement,
}

/// Options after `WITH`, by name in lower case.
pub type Options = BTreeMap<Box<str>, OptionValue>;

/// A statement.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Statement {
    /// `USE keyspace`.
    Use(Box<str>),
    /// `CREATE KEYSPACE`.
    CreateKeyspace {
        /// Name.
        name: Box<str>,
        /// `IF NOT EXISTS`.
        if_not_exists: bool,
        /// `replication`, `durable_writes`.
        options: Options,
    },
    /// `ALTER KEYSPACE`.
    AlterKeyspace {
        /// Name.
        name: Box<str>,
        /// What is set.
        options: Options,
    },
    /// `DROP KEYSPACE`.
    DropKeyspace {
        /// Name.
        name: Box<str>,
    },
    /// `CREATE TYPE`.
    CreateType {
        /// Name.
        name: QualifiedName,
        /// `IF NOT EXISTS`.
        if_not_exists: bool,
        /// Fields in order.
        fields: Vec<FieldDefinition>,
    },
    /// `ALTER TYPE`.
    AlterType {
        /// Name.
        name: QualifiedName,
        /// What changes.
        change: TypeChange,
    },
    /// `DROP TYPE`.
    DropType {
        /// Name.
        name: QualifiedName,
    },
    /// `CREATE TABLE`.
    CreateTable {
        /// Name.
        name: QualifiedName,
        /// `IF NOT EXISTS`.
        if_not_exists: bool,
        /// The table, hidden columns of compact tables included.
        table: Box<TableDefinition>,
    },
    /// `ALTER TABLE`.
    AlterTable {
        /// Name.
        name: QualifiedName,
        /// What changes.
        change: TableChange,
    },
    /// `DROP TABLE`.
    DropTable {
        /// Name.
        name: QualifiedName,
    },
    /// `CREATE MATERIALIZED VIEW`.
    CreateView {
        /// Name.
        name: QualifiedName,
        /// `IF NOT EXISTS`.
        if_not_exists: bool,
        /// The rest of it.
        view: Box<NewView>,
    },
    /// `ALTER MATERIALIZED VIEW … WITH`.
    AlterView {
        /// Name.
        name: QualifiedName,
        /// What is set.
        options: Options,
    },
    /// `DROP MATERIALIZED VIEW`.
    DropView {
        /// Name.
        name: QualifiedName,
    },
    /// `CREATE INDEX`.
    CreateIndex(Box<NewIndex>),
    /// `DROP INDEX`.
    DropIndex {
        /// Name.
        name: QualifiedName,
    },
    /// Anything else, by its first words: it does not define what ringtap follows.
    Skipped(String),
}

/// What `ALTER TYPE` does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TypeChange {
    /// `ADD field type, …`.
    Add(Vec<FieldDefinition>),
    /// `RENAME a TO b AND …`.
    Rename(Vec<(Box<str>, Box<str>)>),
    /// `ALTER field TYPE type` (3.x).
    Alter(FieldDefinition),
}

/// What `ALTER TABLE` does.
#[derive(Debug, Clone, PartialEq)]
pub enum TableChange {
    /// `ADD column type [STATIC], …`.
    Add(Vec<ColumnDefinition>),
    /// `DROP column, … [USING TIMESTAMP µs]`.
    Drop {
        /// Names.
        columns: Vec<Box<str>>,
        /// Time of the drop in µs, if given.
        at: Option<i64>,
    },
    /// `RENAME a TO b AND …`.
    Rename(Vec<(Box<str>, Box<str>)>),
    /// `ALTER column TYPE type` (3.x).
    AlterType {
        /// Name.
        column: Box<str>,
        /// Canonical text of the type.
        type_text: Box<str>,
    },
    /// `WITH …`.
    With(Options),
    /// `DROP COMPACT STORAGE`.
    DropCompactStorage,
    /// `ALTER column MASKED WITH …` or `DROP MASKED` (5.0+): does not change how rows are stored.
    Mask,
}

/// A materialized view as its statement gives it; the columns' types are those of the base table.
#[derive(Debug, Clone, PartialEq)]
pub struct NewView {
    /// Base table.
    pub base: QualifiedName,
    /// Selected columns; `None` for `*`.
    pub select: Option<Vec<Box<str>>>,
    /// The text after `WHERE`.
    pub where_clause: Box<str>,
    /// Partition key.
    pub partition_key: Vec<Box<str>>,
    /// Clustering columns.
    pub clustering: Vec<Box<str>>,
    /// Everything after `WITH`.
    pub properties: Properties,
}

/// A secondary index as its statement gives it.
#[derive(Debug, Clone, PartialEq)]
pub struct NewIndex {
    /// Name; without it Cassandra makes one of table and column.
    pub name: Option<Box<str>>,
    /// Keyspace and table.
    pub table: QualifiedName,
    /// `IF NOT EXISTS`.
    pub if_not_exists: bool,
    /// `CUSTOM`.
    pub custom: bool,
    /// `keys`, `values`, `entries` or `full`.
    pub function: Option<Box<str>>,
    /// The column.
    pub column: Box<str>,
    /// The class after `USING`.
    pub using: Option<String>,
    /// The map after `WITH OPTIONS =`.
    pub options: BTreeMap<String, String>,
}

/// What stands after `WITH` in `CREATE TABLE` and `CREATE MATERIALIZED VIEW`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Properties {
    /// Plain options.
    pub options: Options,
    /// `ID`.
    pub id: Option<uuid::Uuid>,
    /// `COMPACT STORAGE`.
    pub compact_storage: bool,
    /// `CLUSTERING ORDER BY`: column, and whether it is `DESC`.
    pub clustering_order: Vec<(Box<str>, bool)>,
    /// `DROPPED COLUMN RECORD` (4.0+).
    pub dropped: Vec<crate::schema::definition::DroppedColumnDefinition>,
}
