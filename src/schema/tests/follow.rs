//! Following a node's log gives what its statements say, step by step.

use std::collections::BTreeSet;

use super::load::{SETS, fixture, followed, logged};
use crate::schema::{
    Catalogue, ChangeKind, ObjectKind, SchemaChange,
    cql::{Keyspaces, Script},
    definition::{KeyspaceDefinition, TableDefinition},
    diff::diff,
};

/// What of a change both the log and a statement tell: names without ids and times.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    change: ChangeKind,
    object: ObjectKind,
    keyspace: String,
    name: String,
    dropped: Vec<String>,
    renamed: Vec<(String, String)>,
}

fn told(changes: &[SchemaChange]) -> Vec<Told> {
    let told = changes.iter().map(|change| Told {
        change: change.change,
        object: change.object,
        keyspace: change.keyspace.to_string(),
        name: change.name.to_string(),
        dropped: change.dropped.keys().map(ToString::to_string).collect(),
        renamed: change.renamed.iter().map(|(a, b)| (a.to_string(), b.to_string())).collect(),
    });
    told.collect()
}

fn user_keyspaces(catalogue: &Catalogue) -> Vec<&KeyspaceDefinition> {
    let keyspaces = catalogue.keyspaces();
    keyspaces.filter(|keyspace| !keyspace.name.starts_with("system")).collect()
}

/// Checks that a table from the log is what statements made: all but id, times of drops, and options that no
/// statement set.
fn assert_same_table(logged: &TableDefinition, said: &TableDefinition, at: &str) {
    assert_eq!(logged.columns, said.columns, "{at} {}", said.name);
    assert_eq!(logged.flags, said.flags, "{at} {}", said.name);
    assert_eq!(logged.cdc(), said.cdc(), "{at} {}", said.name);
    assert_eq!(logged.indexes, said.indexes, "{at} {}", said.name);
    for (name, value) in &said.options {
        assert_eq!(logged.options.get(name), Some(value), "{at} {} {name}", said.name);
    }
    let dropped = |table: &TableDefinition| -> Vec<_> {
        let dropped = table.dropped.iter();
        dropped.map(|dropped| (dropped.name.clone(), dropped.kind, dropped.type_text.clone())).collect()
    };
    assert_eq!(dropped(logged), dropped(said), "{at} {}", said.name);
    assert!(logged.id.is_some(), "{at} {}", said.name);
    match (&logged.view, &said.view) {
        (Some(logged), Some(said)) => {
            assert_eq!(logged.base_table, said.base_table);
            assert_eq!(logged.where_clause, said.where_clause);
            assert_eq!(logged.include_all_columns, said.include_all_columns);
        }
        (logged, said) => assert_eq!(logged, said),
    }
}

fn assert_same(catalogue: &Catalogue, said: &Keyspaces, at: &str) {
    let followed = user_keyspaces(catalogue);
    let names: Vec<_> = followed.iter().map(|keyspace| keyspace.name.clone()).collect();
    assert_eq!(names, said.keys().cloned().collect::<Vec<_>>(), "{at}");
    for logged in followed {
        let said = &said[&logged.name];
        assert_eq!(logged.replication, said.replication, "{at}");
        assert_eq!(logged.durable_writes, said.durable_writes, "{at}");
        assert_eq!(logged.types, said.types, "{at}");
        for (logged, said) in [(&logged.tables, &said.tables), (&logged.views, &said.views)] {
            assert!(logged.keys().eq(said.keys()), "{at}: {:?} {:?}", logged.keys(), said.keys());
            for (name, table) in logged {
                assert_same_table(table, &said[name], at);
            }
        }
    }
}

/// Follows a set; after each mutation that changes a user's keyspace, carries out the next statement and
/// compares changes and definitions.
fn follow_with_statements(version: &str, set: &str) -> usize {
    let script = Script::parse(&fixture(&format!("{version}-{set}.cql"))).unwrap();
    assert!(script.skipped().is_empty(), "{:?}", script.skipped());
    let mut statements = script.statements.iter();
    let mut said = Keyspaces::new();
    let mut catalogue = Catalogue::new();
    let mut steps = 0;
    for logged in logged(version, set) {
        let mut changes = catalogue.apply(&logged.mutation, logged.position);
        changes.retain(|change| !change.is_system());
        if changes.is_empty() {
            continue;
        }
        let at = format!("{version} {set} {}", logged.position);
        let statement = statements.next().unwrap_or_else(|| panic!("{at}: no statement left: {changes:?}"));
        let before = said.clone();
        let one = Script { statements: vec![statement.clone()] };
        one.execute(&mut said).unwrap();
        assert_eq!(told(&changes), told(&changes_between(&before, &said)), "{at} {statement:?}");
        assert_same(&catalogue, &said, &at);
        steps += 1;
    }
    // A statement may say what is so already: 4.0's default write policy in the `ddl` sets.
    let rest: Vec<_> = statements.cloned().collect();
    assert!(rest.len() <= 1, "{version} {set}: {rest:?}");
    Script { statements: rest }.execute(&mut said).unwrap();
    assert_same(&catalogue, &said, &format!("{version} {set} end"));
    assert_eq!(catalogue.unreadable(), [], "{version} {set}");
    steps
}

fn changes_between(before: &Keyspaces, after: &Keyspaces) -> Vec<SchemaChange> {
    let names: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let each = names.iter().flat_map(|name| diff(before.get(*name), after.get(*name), 0));
    each.collect()
}

#[test]
fn each_step_of_the_log_is_what_its_statement_did() {
    for (version, set) in SETS {
        let steps = follow_with_statements(version, set);
        assert!(steps >= 25, "{version} {set}: {steps}");
    }
}

#[test]
fn repeats_change_nothing() {
    for (version, set) in SETS {
        let mut catalogue = followed(version, set);
        let before: Vec<_> = catalogue.keyspaces().cloned().collect();
        for logged in logged(version, set) {
            let changes = catalogue.apply(&logged.mutation, logged.position);
            assert_eq!(changes, [], "{version} {set} {}", logged.position);
        }
        assert!(catalogue.keyspaces().eq(&before), "{version} {set}");
    }
}

#[test]
fn the_order_of_arrival_does_not_matter() {
    for (version, set) in SETS {
        let forward = followed(version, set);
        let mut backward = Catalogue::new();
        for logged in logged(version, set).iter().rev() {
            backward.apply(&logged.mutation, logged.position);
        }
        assert!(forward.keyspaces().eq(backward.keyspaces()), "{version} {set}");
    }
}

#[test]
fn times_of_dropped_columns_are_those_of_the_log() {
    let catalogue = followed("4.1", "ddl");
    let table = catalogue.table_by_name("dd", "t").unwrap();
    let dropped: Vec<_> =
        table.dropped().iter().map(|dropped| (&*dropped.column.name, dropped.dropped_at)).collect();
    // 2026-11-22 10:32:36.411Z, .39.988Z and .40.785Z: milliseconds in the log, here microseconds.
    assert_eq!(dropped[0], ("aa", 1_795_343_559_988_000));
    assert_eq!(dropped[1], ("b", 1_795_343_556_411_000));
    assert_eq!(dropped.len(), 3);
}
