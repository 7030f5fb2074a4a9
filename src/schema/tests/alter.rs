//! Written statements, read again, lead to the same definitions.

use super::load::{SETS, fixture, followed, logged};
use crate::schema::{
    Catalogue,
    cql::{self, Keyspaces, Script, TableText},
    definition::{KeyspaceDefinition, OptionValue, TableDefinition},
    diff::diff,
};

/// Takes away what a statement does not tell.
fn without_ids(keyspace: &KeyspaceDefinition) -> KeyspaceDefinition {
    let mut keyspace = keyspace.clone();
    for table in keyspace.tables.values_mut().chain(keyspace.views.values_mut()) {
        table.id = None;
        if let Some(view) = &mut table.view {
            view.base_table_id = None;
        }
        strip_defaults(table);
    }
    keyspace
}

/// Takes away the options that are not printed as every node of the version has them.
fn strip_defaults(table: &mut TableDefinition) {
    let since_4_0 = table.options.contains_key("read_repair");
    table.options.retain(|name, value| match &**name {
        "cdc" => *value == OptionValue::Boolean(true),
        "read_repair_chance" | "dclocal_read_repair_chance" => !since_4_0,
        "additional_write_policy"
        | "read_repair"
        | "allow_auto_snapshot"
        | "incremental_backups"
        | "memtable"
        | "extensions" => false,
        "default_time_to_live" if table.view.is_some() => false,
        _ => true,
    });
}

fn execute(keyspaces: &mut Keyspaces, statements: &[String]) {
    for statement in statements {
        assert_eq!(statement.lines().count(), 1);
        let script = Script::parse(statement).unwrap_or_else(|error| panic!("{statement}: {error}"));
        assert!(script.skipped().is_empty(), "{statement}");
        script.execute(keyspaces).unwrap_or_else(|error| panic!("{statement}: {error}"));
    }
}

#[test]
fn the_statements_of_changes_replay_the_whole_history() {
    for (version, set) in SETS {
        let mut catalogue = Catalogue::new();
        let mut replayed = Keyspaces::new();
        for logged in logged(version, set) {
            let changes = catalogue.apply(&logged.mutation, logged.position);
            for change in changes.iter().filter(|change| !change.is_system()) {
                execute(&mut replayed, &change.statements);
            }
            for (name, replayed) in &replayed {
                let followed = without_ids(catalogue.keyspace(name).unwrap());
                let mut replayed = replayed.clone();
                for table in replayed.tables.values_mut().chain(replayed.views.values_mut()) {
                    strip_defaults(table);
                }
                assert_eq!(replayed, followed, "{version} {set} {}", logged.position);
            }
        }
        let users = catalogue.keyspaces().filter(|keyspace| !keyspace.name.starts_with("system"));
        assert_eq!(users.count(), replayed.len());
    }
}

#[test]
fn a_schema_written_with_internals_and_read_again_is_the_same() {
    for (version, set) in SETS {
        for keyspace in followed(version, set).keyspaces() {
            // system.paxos has an index without a column since 4.1, which no statement makes.
            if &*keyspace.name == "system" {
                continue;
            }
            let mut statements: Vec<String> =
                diff(None, Some(keyspace), 0).iter().flat_map(|change| change.statements.clone()).collect();
            for table in keyspace.tables.values().chain(keyspace.views.values()) {
                let plain = cql::create_table(&keyspace.name, table, TableText::Plain);
                let at = statements.iter().position(|statement| *statement == plain).unwrap();
                statements[at] = cql::create_table(&keyspace.name, table, TableText::Internals);
            }
            let mut read = Keyspaces::new();
            execute(&mut read, &statements);
            let mut expected = keyspace.clone();
            let mut read = read.remove(&keyspace.name).unwrap();
            for table in expected.tables.values_mut().chain(expected.views.values_mut()) {
                strip_defaults(table);
            }
            for table in read.tables.values_mut().chain(read.views.values_mut()) {
                strip_defaults(table);
            }
            expected.opaque.clear();
            assert_eq!(read, expected, "{version} {set}");
        }
    }
}

#[test]
fn names_that_need_quotes_have_them() {
    let mut keyspaces = Keyspaces::new();
    let script = Script::parse(&fixture("4.1-ops.cql")).unwrap();
    script.execute(&mut keyspaces).unwrap();
    let table = &keyspaces["MixedCase"].tables["CamelTab"];
    assert_eq!(
        cql::create_table("MixedCase", table, TableText::Plain),
        "CREATE TABLE \"MixedCase\".\"CamelTab\" (\"Key Ä\" int, \"ck\"\"quote\" text, \"Val 漢\" text, \
         \"select\" int, \"x.y\" map<text, int>, PRIMARY KEY (\"Key Ä\", \"ck\"\"quote\")) WITH cdc = true;"
    );
}

#[test]
fn what_describe_prints_is_read() {
    let text = r#"
-- cqlsh> DESCRIBE SCHEMA WITH INTERNALS
USE "Ks";
CREATE KEYSPACE "Ks" WITH replication = {'class': 'NetworkTopologyStrategy', 'dc1': '3'}  AND durable_writes = true;
CREATE ROLE admin WITH SUPERUSER = true;
CREATE TYPE "Ks".addr (
    street text, // the street
    zip int
);
/*
Warning: Table omitted because it has constructs not compatible with CQL (was created via legacy API).
*/
CREATE TABLE IF NOT EXISTS "Ks".people (
    id uuid PRIMARY KEY,
    "Home" frozen<addr>,
    mail text MASKED WITH system.mask_inner(1, null),
    tags set<text>
) WITH ID = 5a1c395e-b41f-11e5-9f22-ba0be0483c18
    AND DROPPED COLUMN RECORD old int static USING TIMESTAMP 1700000000000000
    AND additional_write_policy = '99p'
    AND bloom_filter_fp_chance = 0.01
    AND caching = {'keys': 'ALL', 'rows_per_partition': 'NONE'}
    AND cdc = true
    AND comment = 'it''s; here'
    AND compaction = {'class': 'SizeTieredCompactionStrategy', 'max_threshold': '32'}
    AND crc_check_chance = 1
    AND extensions = {'x': 0x0aff}
    AND gc_grace_seconds = 864000;
ALTER TABLE people ADD (a int, b text static);
ALTER TABLE "Ks".people DROP (a, b) USING TIMESTAMP 1700000000000001;
CREATE INDEX ON people (tags);
CREATE CUSTOM INDEX sai ON "Ks".people ("Home") USING 'StorageAttachedIndex' WITH OPTIONS = {'case_sensitive': false};
CREATE FUNCTION "Ks".f (x int) RETURNS NULL ON NULL INPUT RETURNS int LANGUAGE java AS $$ return x; /* ' */ $$;
GRANT ALL ON KEYSPACE "Ks" TO admin
"#;
    let script = Script::parse(text).unwrap();
    let skipped: Vec<_> = script.skipped().into_iter().map(|skipped| skipped.statement).collect();
    assert_eq!(skipped, ["CREATE ROLE ADMIN", "CREATE FUNCTION", "GRANT ALL ON"]);
    let mut keyspaces = Keyspaces::new();
    script.execute(&mut keyspaces).unwrap();
    let table = &keyspaces["Ks"].tables["people"];
    assert_eq!(table.id.unwrap().to_string(), "5a1c395e-b41f-11e5-9f22-ba0be0483c18");
    let columns: Vec<_> = table.columns.iter().map(|column| &*column.name).collect();
    assert_eq!(columns, ["id", "Home", "mail", "tags"]);
    let dropped: Vec<_> = table.dropped.iter().map(|column| (&*column.name, column.dropped_at)).collect();
    assert_eq!(
        dropped,
        [("a", 1_700_000_000_000_001), ("b", 1_700_000_000_000_001), ("old", 1_700_000_000_000_000)]
    );
    assert_eq!(table.columns[2].mask.as_deref(), Some("system.mask_inner(1, null)"));
    assert_eq!(table.options["comment"], OptionValue::Text("it's; here".to_owned()));
    assert_eq!(table.options["crc_check_chance"], OptionValue::Float(1.0));
    assert_eq!(table.options["extensions"], OptionValue::BlobMap([("x".to_owned(), vec![10, 255])].into()));
    assert_eq!(table.indexes["people_tags_idx"].options["target"], "values(tags)");
    assert_eq!(table.indexes["sai"].options["case_sensitive"], "false");
}

#[test]
fn errors_tell_where_and_what() {
    for (text, message) in [
        (
            "CREATE TABLE k.t (a int,\n  b list<int, PRIMARY KEY (a))",
            "line 2, column 13: expected `>`, found `,`",
        ),
        ("CREATE TABEL k.t", ""),
        (
            "CREATE TABLE k.t (a int)",
            "line 1, column 25: expected a `PRIMARY KEY` before this, found the end of the text",
        ),
        ("DROP TABLE k.t CASCADE;", "line 1, column 16: expected `;`, found `cascade`"),
        ("CREATE KEYSPACE k WITH x 1", "line 1, column 26: expected `=`, found `1`"),
        (";;\n 'x'", "line 2, column 2: expected a statement, found a string"),
    ] {
        match Script::parse(text) {
            Ok(script) => assert_eq!((message, script.skipped().len()), ("", 1), "{text}"),
            Err(error) => assert_eq!(error.to_string(), message, "{text}"),
        }
    }
    let unknown = Script::parse("\n  ALTER TABLE k.t ADD a int;").unwrap();
    let error = unknown.execute(&mut Keyspaces::new()).unwrap_err();
    assert_eq!(error.to_string(), "line 2, column 3: keyspace `k` does not exist");
}
