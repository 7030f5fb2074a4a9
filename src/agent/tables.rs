//! Of which tables there are records.

use cassandra_commitlog::schema::TableSchema;

use crate::{config::TablesConfig, schema::is_system_keyspace};

/// Decides for each table whether its changes are published: those with `cdc = true` at the moment of the write, views
/// never, and what the configuration includes or excludes.
#[derive(Debug, Clone)]
pub(crate) struct TableFilter {
    wanted: TablesConfig,
}

impl TableFilter {
    pub(crate) fn new(wanted: TablesConfig) -> Self {
        Self { wanted }
    }

    /// Returns true if changes of this table are published.
    pub(crate) fn takes(&self, table: &TableSchema) -> bool {
        table.cdc() && !table.is_view() && self.wants(table.keyspace(), Some(table.name()))
    }

    /// Returns true if changes of the schema of this object are published; the keyspace's own if no table is named.
    pub(crate) fn wants(&self, keyspace: &str, table: Option<&str>) -> bool {
        !is_system_keyspace(keyspace) && table.is_none_or(|table| self.wanted.is_wanted(keyspace, table))
    }
}
