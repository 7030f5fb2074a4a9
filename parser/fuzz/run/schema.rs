//! CQL text that defines a schema.

use ringtap::schema::{
    TypeText,
    cql::{
        Keyspaces, Script, TableText, alter_table, create_index, create_keyspace, create_table, create_type,
    },
};

/// Reads the input as a script and as a type, carries the script out, and writes what came of it as CQL, which must be
/// readable again.
pub fn run(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    if let Ok(ty) = TypeText::parse(text) {
        ty.user_types(&mut |_| ());
    }
    let Ok(script) = Script::parse(text) else { return };
    let _ = script.skipped();
    let mut keyspaces = Keyspaces::new();
    let _ = script.execute(&mut keyspaces);
    let mut written = String::new();
    for keyspace in keyspaces.values() {
        written += &create_keyspace(keyspace);
        for definition in keyspace.types.values() {
            written += &create_type(&keyspace.name, definition);
        }
        for table in keyspace.tables.values() {
            written += &create_table(&keyspace.name, table, TableText::Internals);
            for index in table.indexes.values() {
                written += &create_index(&keyspace.name, &table.name, index);
            }
            assert!(alter_table(&keyspace.name, table, table).is_empty(), "a table differs from itself");
        }
    }
    if let Err(error) = Script::parse(&written) {
        panic!("{error}\n{written}");
    }
}
