//! Cassandra's own tables, built in: without them the schema in the log could not be read.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, LazyLock},
};

use cassandra_commitlog::schema::{TableId, TableSchema};

use super::{
    cql::{Keyspaces, Script},
    definition::KeyspaceDefinition,
    resolve::TypeResolver,
};

/// The layouts as CQL text, one table on each line.
const TEXT: &str = include_str!("system_tables.cql");

/// The keyspaces of the tables in [`TEXT`].
const KEYSPACES: [&str; 7] = [
    "system",
    "system_accord",
    "system_auth",
    "system_cluster_metadata",
    "system_distributed",
    "system_schema",
    "system_traces",
];

static BUILT_IN: LazyLock<SystemTables> = LazyLock::new(SystemTables::read);

/// Layouts of the tables of Cassandra's own keyspaces: columns of 3.11 to 6.0 together.
///
/// Their ids are the same everywhere: MD5 UUIDs of keyspace and name.
#[derive(Debug)]
pub struct SystemTables {
    tables: HashMap<TableId, Arc<TableSchema>>,
    by_name: BTreeMap<(Box<str>, Box<str>), TableId>,
}

impl SystemTables {
    /// Returns the built-in tables; the first call reads them.
    pub fn get() -> &'static Self {
        &BUILT_IN
    }

    /// The text is part of the program: its tests show that it can be read.
    fn read() -> Self {
        let mut keyspaces: Keyspaces =
            KEYSPACES.iter().map(|name| ((*name).into(), KeyspaceDefinition::new(name))).collect();
        let script = Script::parse(TEXT).expect("the built-in tables are valid CQL");
        script.execute(&mut keyspaces).expect("the built-in tables do not contradict each other");
        let (mut tables, mut by_name) = (HashMap::new(), BTreeMap::new());
        for keyspace in keyspaces.values() {
            let types = TypeResolver::new(keyspace);
            for table in keyspace.tables.values() {
                let id = table.id.expect("each built-in table has an id");
                let parts = types.table(id, table).expect("built-in tables have known types");
                tables.insert(id, Arc::new(TableSchema::new(parts)));
                by_name.insert((keyspace.name.clone(), table.name.clone()), id);
            }
        }
        Self { tables, by_name }
    }

    /// Returns a table by its id.
    pub fn table(&self, id: TableId) -> Option<&Arc<TableSchema>> {
        self.tables.get(&id)
    }

    /// Returns a table by its name.
    pub fn by_name(&self, keyspace: &str, name: &str) -> Option<&Arc<TableSchema>> {
        self.table(*self.by_name.get(&(keyspace.into(), name.into()))?)
    }

    /// Iterates over all tables in order of keyspace and name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<TableSchema>> {
        self.by_name.values().filter_map(|id| self.table(*id))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use md5::Digest as _;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn ids_are_the_md5_of_keyspace_and_name() {
        for table in SystemTables::get().iter() {
            let digest = md5_uuid(&format!("{}{}", table.keyspace(), table.name()));
            assert_eq!(table.id().0, digest, "{}.{}", table.keyspace(), table.name());
        }
    }

    /// `UUID.nameUUIDFromBytes`: version 3 without a namespace.
    fn md5_uuid(text: &str) -> Uuid {
        let digest = md5::Md5::digest(text.as_bytes());
        uuid::Builder::from_md5_bytes(digest.into()).into_uuid()
    }

    #[test]
    fn the_ids_of_the_schema_tables_are_those_of_the_format() {
        for (name, id) in [
            ("keyspaces", "abac5682-dea6-31c5-b535-b3d6cffd0fb6"),
            ("tables", "afddfb9d-bc1e-3068-8056-eed6c302ba09"),
            ("columns", "24101c25-a2ae-3af7-87c1-b40ee1aca33f"),
            ("dropped_columns", "5e7583b5-f3f4-3af1-9a39-b7e1d6f5f11f"),
            ("types", "5a8b1ca8-6602-3f77-a045-9273d308917a"),
            ("views", "9786ac1c-dd58-3201-a7cd-ad556410c985"),
            ("indexes", "0feb57ac-311f-382f-ba6d-9024d305702f"),
            ("column_masks", "738cc5ed-0168-3268-b9d1-853d4bc278af"),
        ] {
            let table = SystemTables::get().by_name("system_schema", name).unwrap();
            assert_eq!(table.id().to_string(), id);
        }
    }

    #[test]
    fn reading_is_quick() {
        SystemTables::get();
        let start = Instant::now();
        let tables = SystemTables::read();
        let elapsed = start.elapsed();
        assert!(tables.tables.len() > 50);
        // Generous: a debug build on a busy machine. A release build takes well under 2 ms.
        assert!(elapsed.as_millis() < 500, "{elapsed:?}");
    }
}
