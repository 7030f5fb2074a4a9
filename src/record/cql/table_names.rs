//! Names of a table and its columns as CQL text, quoted once.

use std::sync::Arc;

use cassandra_commitlog::schema::{Column, TableSchema};

use crate::schema::cql::quote_name;

/// The quoted names of one table at one schema.
#[derive(Debug)]
pub(super) struct TableNames {
    schema: Arc<TableSchema>,
    /// `keyspace.table`.
    table: Box<str>,
    /// The partition key's, then the clustering's.
    key: Box<[Box<str>]>,
    values: Box<[Box<str>]>,
}

impl TableNames {
    pub(super) fn new(schema: Arc<TableSchema>) -> Self {
        let quoted = |column: &Column| quote_name(&column.name).into();
        let table = format!("{}.{}", quote_name(schema.keyspace()), quote_name(schema.name())).into();
        let key = schema.partition_key().iter().chain(schema.clustering()).map(quoted).collect();
        let values = schema.values().iter().map(quoted).collect();
        Self { schema, table, key, values }
    }

    pub(super) fn schema(&self) -> &Arc<TableSchema> {
        &self.schema
    }

    pub(super) fn table(&self) -> &str {
        &self.table
    }

    /// Returns the partition key columns with their names.
    pub(super) fn partition_key(&self) -> impl Iterator<Item = (&Column, &str)> {
        self.schema.partition_key().iter().zip(self.key.iter().map(|name| &**name))
    }

    /// Returns the clustering columns with their names.
    pub(super) fn clustering(&self) -> impl Iterator<Item = (&Column, &str)> {
        let names = self.key.iter().skip(self.schema.partition_key().len());
        self.schema.clustering().iter().zip(names.map(|name| &**name))
    }

    /// Returns a static or regular column that is not dropped.
    pub(super) fn value(&self, at: u32) -> Option<(&Column, &str)> {
        Some((self.schema.values().get(at as usize)?, self.values.get(at as usize)?))
    }
}
