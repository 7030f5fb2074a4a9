//! Seeds, history, lookups, export and import.

use std::collections::BTreeMap;

use cassandra_commitlog::{
    Position,
    schema::{ColumnKind, SchemaLookup, TableSchema},
    types::CqlType,
};

use super::load::{Logged, SETS, fixture, followed, logged};
use crate::schema::{
    Catalogue, ChangeKind, Fingerprint, ImportError, ObjectKind, SchemaChange, Seed, UnreadableReason,
    cql::{Keyspaces, Script},
};

fn keyspaces(cql: &str) -> Keyspaces {
    let mut keyspaces = Keyspaces::new();
    Script::parse(cql).unwrap().execute(&mut keyspaces).unwrap();
    keyspaces
}

fn names(table: &TableSchema) -> Vec<String> {
    table.values().iter().map(|column| column.name.to_string()).collect()
}

/// Finds the n-th mutation that changes something of a user's.
fn changing(version: &str, set: &str) -> Vec<(Logged, Vec<SchemaChange>)> {
    let mut catalogue = Catalogue::new();
    let mut found = Vec::new();
    for logged in logged(version, set) {
        let mut changes = catalogue.apply(&logged.mutation, logged.position);
        changes.retain(|change| !change.is_system());
        if !changes.is_empty() {
            found.push((logged, changes));
        }
    }
    found
}

/// What the statements of the `ddl` sets do, written down by hand: change, object, name, columns dropped,
/// renames.
const DDL_CHANGES: [(&str, &str); 30] = [
    ("create keyspace dd", ""),
    ("create type u1", ""),
    ("create table t", ""),
    ("create table ren", ""),
    ("create table udt", ""),
    ("create table tog", ""),
    ("create table off", ""),
    ("create keyspace golden_marks", ""),
    ("create table marks", ""),
    ("alter table t", ""),
    ("alter table t", ""),
    ("alter table t", "-b"),
    ("alter table t", ""),
    ("alter table t", "-aa"),
    ("alter table t", "-s"),
    ("alter table ren", "c1>c_one"),
    ("alter table ren", "c2>C Two k>pk"),
    ("alter type u1", ""),
    ("alter type u1", "b>bee"),
    ("alter table tog", ""),
    ("alter table off", ""),
    ("alter table tog", ""),
    ("alter table tog", ""),
    ("create table rec", ""),
    ("drop table rec", ""),
    ("create table rec", ""),
    ("create keyspace dd2", ""),
    ("create table x", ""),
    ("create table y", ""),
    ("drop table x; drop table y; drop keyspace dd2", ""),
];

#[test]
fn the_changes_of_the_ddl_sets_are_those_that_people_made() {
    for version in ["3.11", "4.0", "4.1", "5.0"] {
        let steps = changing(version, "ddl");
        for ((_, changes), (what, detail)) in steps.iter().zip(DDL_CHANGES) {
            let texts = changes.iter().map(|change| {
                format!("{} {} {}", change.change.as_str(), change.object.as_str(), change.name)
            });
            assert_eq!(texts.collect::<Vec<_>>().join("; "), what, "{version}");
            let details = changes.iter().flat_map(|change| {
                let dropped = change.dropped.keys().map(|name| format!("-{name}"));
                let renamed = change.renamed.iter().map(|(old, new)| format!("{old}>{new}"));
                dropped.chain(renamed).collect::<Vec<_>>()
            });
            assert_eq!(details.collect::<Vec<_>>().join(" "), detail, "{version} {what}");
        }
        // dd2 and nodur with a table each follow.
        assert_eq!(steps.len(), DDL_CHANGES.len() + 4, "{version}");
    }
}

#[test]
fn each_position_has_the_schema_of_its_moment() {
    let steps = changing("4.1", "ddl");
    let catalogue = followed("4.1", "ddl");
    let id = catalogue.table_by_name("dd", "t").unwrap().id();
    let at = |step: usize| names(catalogue.at(steps[step].0.position).table(id).unwrap());
    assert_eq!(at(2), ["a", "b", "d", "s"]);
    assert_eq!(at(9), ["a", "b", "d", "e", "s"]);
    assert_eq!(at(10), ["a", "aa", "b", "d", "e", "s"]);
    assert_eq!(at(11), ["a", "aa", "d", "e", "s"]);
    assert_eq!(at(12), ["a", "aa", "b", "d", "e", "s"]);
    assert_eq!(at(14), ["a", "b", "d", "e"]);
    assert_eq!(names(catalogue.table(id).unwrap()), ["a", "b", "d", "e"]);
    let just_before = Position { offset: steps[11].0.position.offset - 1, ..steps[11].0.position };
    assert_eq!(names(catalogue.at(just_before).table(id).unwrap()), at(10));
    // Before its CREATE the table has its first version: better than none.
    assert_eq!(names(catalogue.at(Position::START).table(id).unwrap()), at(2));
}

#[test]
fn a_dropped_table_stays_readable_beside_its_successor() {
    let steps = changing("4.1", "ddl");
    let catalogue = followed("4.1", "ddl");
    let created: Vec<_> = steps
        .iter()
        .flat_map(|(_, changes)| changes)
        .filter(|change| &*change.name == "rec" && change.change == ChangeKind::Create)
        .map(|change| change.table_id.unwrap())
        .collect();
    assert_eq!(created.len(), 2);
    assert_ne!(created[0], created[1]);
    assert_eq!(names(catalogue.table(created[0]).unwrap()), ["v"]);
    assert_eq!(names(catalogue.table(created[1]).unwrap()), ["name", "tags", "v"]);
    assert_eq!(catalogue.table_by_name("dd", "rec").unwrap().id(), created[1]);
}

#[test]
fn altering_a_type_gives_new_versions_of_the_tables_that_use_it() {
    let catalogue = followed("4.1", "ddl");
    let id = catalogue.table_by_name("dd", "udt").unwrap().id();
    let fields: Vec<Vec<String>> = catalogue
        .versions(id)
        .iter()
        .map(|version| {
            let CqlType::UserType(user_type, _) = &version.schema.value_column(b"n").unwrap().ty else {
                panic!("n is a user-defined type");
            };
            user_type.fields.iter().map(|field| field.name.to_string()).collect()
        })
        .collect();
    assert_eq!(fields, [vec!["a", "b"], vec!["a", "b", "z"], vec!["a", "bee", "z"]]);
    let prints: Vec<_> =
        catalogue.versions(id).iter().map(|version| Fingerprint::of(&version.schema)).collect();
    assert!(prints[0] != prints[1] && prints[1] != prints[2]);
}

#[test]
fn the_cdc_flag_follows_its_table() {
    let catalogue = followed("5.0", "ddl");
    for (name, flags) in [("tog", vec![true, false, true]), ("off", vec![false, true])] {
        let id = catalogue.table_by_name("dd", name).unwrap().id();
        let versions: Vec<_> = catalogue.versions(id).iter().map(|version| version.schema.cdc()).collect();
        assert_eq!(versions, flags, "{name}");
    }
    let views = followed("5.0", "ops");
    let view = views.table_by_name("ops", "mv1").unwrap();
    assert!(view.is_view() && !view.cdc());
    assert_eq!(view.partition_key()[0].name, "v".into());
}

#[test]
fn cassandras_own_tables_are_known_from_the_start_and_kept() {
    let empty = Catalogue::new();
    for version in ["3.11", "4.0", "4.1", "5.0"] {
        // The node deletes and rewrites the rows of its own tables at the start of this log.
        let catalogue = followed(version, "ddl");
        for table in crate::schema::SystemTables::get().iter() {
            let known = catalogue.table(table.id()).unwrap();
            assert_eq!(known.clustering().len(), table.clustering().len(), "{}", table.name());
            for column in table.values() {
                // 4.0 dropped system.local's thrift_version.
                let dropped = known.dropped_column(&column.name_bytes).is_some();
                let found = dropped || known.value_column(&column.name_bytes).is_some();
                assert!(found, "{version} {} {}", table.name(), column.name);
            }
            assert!(empty.table(table.id()).is_some());
        }
        assert!(catalogue.keyspace("system_auth").is_some());
    }
}

#[test]
fn export_and_import_give_the_same_catalogue() {
    for (version, set) in SETS {
        let catalogue = followed(version, set);
        let text = catalogue.export(true);
        let imported = Catalogue::import(&text).unwrap();
        assert_eq!(imported.export(true), text, "{version} {set}");
        for keyspace in catalogue.keyspaces() {
            if keyspace.name.starts_with("system") && &*keyspace.name != "system_auth" {
                continue;
            }
            assert_eq!(imported.keyspace(&keyspace.name), Some(keyspace));
            for table in keyspace.tables.values() {
                let id = table.id.unwrap();
                assert_eq!(imported.versions(id), catalogue.versions(id), "{version} {}", table.name);
            }
        }
        // The imported catalogue knows old news from new.
        let mut imported = imported;
        for logged in logged(version, set) {
            let changes = imported.apply(&logged.mutation, logged.position);
            assert_eq!(changes, [], "{version} {set}");
        }
    }
}

#[test]
fn files_of_another_format_are_refused() {
    let text = followed("4.1", "ops").export(false);
    assert!(Catalogue::import(&text).is_ok());
    let newer = text.replacen("\"ringtap_schema\": 1", "\"ringtap_schema\": 2", 1);
    assert!(matches!(Catalogue::import(&newer), Err(ImportError::UnknownVersion(2))));
    assert!(matches!(Catalogue::import("{}"), Err(ImportError::NotASchema)));
    let unknown_field = text.replacen("\"durable_writes\"", "\"durable_wrotes\"", 1);
    assert!(matches!(Catalogue::import(&unknown_field), Err(ImportError::Json(_))));
    assert!(Catalogue::import("nothing").is_err());
}

/// The end of the history, given as a seed, must not hide the history.
#[test]
fn a_seed_from_the_end_gives_way_to_the_log() {
    for version in ["3.11", "4.0", "4.1", "5.0"] {
        let end = followed(version, "ddl");
        let mut catalogue = Catalogue::new();
        catalogue.seed(&Seed::from_export(&end.export(false)).unwrap());
        let id = catalogue.table_by_name("dd", "ren").unwrap().id();
        let first_key = |catalogue: &Catalogue| catalogue.table(id).unwrap().partition_key()[0].name.clone();
        assert_eq!(&*first_key(&catalogue), "pk");
        for (step, (logged, _)) in changing(version, "ddl").iter().enumerate() {
            catalogue.apply(&logged.mutation, logged.position);
            if step == 3 {
                assert_eq!(&*first_key(&catalogue), "k", "{version}");
                assert_eq!(names(catalogue.table(id).unwrap()), ["v"], "{version}");
            }
        }
        for keyspace in end.keyspaces().filter(|keyspace| !keyspace.name.starts_with("system")) {
            assert_eq!(catalogue.keyspace(&keyspace.name), Some(keyspace), "{version}");
        }
    }
}

/// A log of which the beginning is gone, and a seed from after its end: whatever is missing, each row can be
/// read at each position, and the end is the end.
#[test]
fn a_seed_from_the_end_helps_a_log_without_its_beginning() {
    for version in ["3.11", "4.0", "4.1", "5.0"] {
        let truth = followed(version, "ddl");
        let seed = Seed::from_export(&truth.export(false)).unwrap();
        let steps = changing(version, "ddl");
        for from in 0..steps.len() {
            let mut catalogue = Catalogue::new();
            catalogue.seed(&seed);
            for (logged, _) in &steps[from..] {
                catalogue.apply(&logged.mutation, logged.position);
                let then = truth.at(logged.position);
                for name in ["t", "ren", "udt", "tog", "off"] {
                    let id = truth.table_by_name("dd", name).unwrap().id();
                    if truth.versions(id)[0].position > logged.position {
                        continue;
                    }
                    let (known, then) = (catalogue.table(id).unwrap(), then.table(id).unwrap());
                    let at = format!("{version} {name} from step {from} at {}", logged.position);
                    assert_eq!(known.partition_key().len(), then.partition_key().len(), "{at}");
                    assert_eq!(known.clustering().len(), then.clustering().len(), "{at}");
                    for column in then.values() {
                        let bytes = &column.name_bytes;
                        let dropped = || known.dropped_column(bytes).map(|dropped| &dropped.column);
                        let found = known.value_column(bytes).or_else(dropped);
                        assert!(found.is_some(), "{at}: {}", column.name);
                    }
                }
            }
            for keyspace in truth.keyspaces().filter(|keyspace| !keyspace.name.starts_with("system")) {
                let known = catalogue.keyspace(&keyspace.name);
                assert_eq!(known, Some(keyspace), "{version} from step {from}");
            }
        }
    }
}

#[test]
fn a_seed_with_its_position_is_not_undone_by_older_repeats() {
    let end = followed("4.1", "ddl");
    let mut seed = Seed::from_export(&end.export(false)).unwrap();
    seed.up_to = Some(Position { segment: 0, offset: 0 });
    let mut catalogue = Catalogue::new();
    catalogue.seed(&seed);
    let before: Vec<_> = catalogue.keyspaces().cloned().collect();
    for logged in logged("4.1", "ddl") {
        let changes = catalogue.apply(&logged.mutation, logged.position);
        // What was dropped before the seed was taken is not in it: it comes and goes again.
        for change in changes.iter().filter(|change| !change.is_system()) {
            assert!(["dd2", "rec", "x", "y"].contains(&&*change.name), "{change:?}");
        }
    }
    let after = catalogue.keyspaces().filter(|keyspace| &*keyspace.name != "system_schema");
    let after: Vec<_> = after.filter(|keyspace| !keyspace.name.starts_with("system")).collect();
    let before: Vec<_> = before.iter().filter(|keyspace| !keyspace.name.starts_with("system")).collect();
    assert_eq!(after, before);
}

#[test]
fn alterations_without_the_creation_need_a_seed() {
    let steps = changing("4.1", "ddl");
    let alter = &steps[9].0;
    let mut alone = Catalogue::new();
    assert_eq!(alone.apply(&alter.mutation, alter.position).len(), 1, "the keyspace");
    let unreadable = alone.unreadable();
    assert_eq!(unreadable.len(), 1);
    assert_eq!(unreadable[0].reason, UnreadableReason::ColumnsUnknown);

    let text = "CREATE KEYSPACE dd WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1};
        CREATE TABLE dd.t (k int, c int, a int, b text, d double, s text static, PRIMARY KEY (k, c))
        WITH cdc = true;";
    let mut seeded = Catalogue::new();
    seeded.seed(&Seed::new(keyspaces(text)));
    assert_eq!(seeded.unreadable()[0].reason, UnreadableReason::IdUnknown);
    let changes = seeded.apply(&alter.mutation, alter.position);
    assert_eq!(changes.len(), 1);
    assert_eq!((changes[0].change, changes[0].object), (ChangeKind::Alter, ObjectKind::Table));
    assert_eq!(seeded.unreadable(), []);
    let table = seeded.table_by_name("dd", "t").unwrap();
    assert_eq!(names(table), ["a", "b", "d", "e", "s"]);
    assert_eq!(table.values()[4].kind, ColumnKind::Static);
}

#[test]
fn a_seed_as_text_gives_the_same_tables_as_the_log() {
    for (version, set) in SETS {
        let logged = followed(version, set);
        let mut text = keyspaces(&fixture(&format!("{version}-{set}.cql")));
        // The text does not tell the ids.
        for keyspace in text.values_mut() {
            let known = logged.keyspace(&keyspace.name).unwrap();
            for (name, table) in &mut keyspace.tables {
                table.id = known.tables[name].id;
            }
            for (name, table) in &mut keyspace.views {
                table.id = known.views[name].id;
            }
        }
        let mut seeded = Catalogue::new();
        seeded.seed(&Seed::new(text));
        for (keyspace, table) in seeded.tables() {
            let said = seeded.table_by_name(keyspace, &table.name).unwrap();
            let known = logged.table_by_name(keyspace, &table.name).unwrap();
            assert_eq!(Fingerprint::of(said), Fingerprint::of(known), "{version} {}", table.name);
            assert_eq!(said.cdc(), known.cdc());
        }
    }
}

#[test]
fn fingerprints_are_of_the_layout_alone_and_do_not_change_with_the_program() {
    let print = |cql: &str| {
        let mut catalogue = Catalogue::new();
        let text = format!(
            "CREATE KEYSPACE k WITH replication = {{'class': 'SimpleStrategy'}}; \
             CREATE TYPE k.u (x int); CREATE TABLE k.t {cql}"
        );
        catalogue.seed(&Seed::new(keyspaces(&text)));
        Fingerprint::of(catalogue.table_by_name("k", "t").unwrap()).to_string()
    };
    let id = "AND id = 5a1c395e-b41f-11e5-9f22-ba0be0483c18";
    let other_id = "AND id = 6a1c395e-b41f-11e5-9f22-ba0be0483c18";
    let base = print(&format!("(a int, b text, c frozen<u>, PRIMARY KEY (a, b)) WITH cdc = true {id}"));
    // Pinned: records carry it, and consumers compare it across releases.
    assert_eq!(base, PINNED);
    let same = print(&format!(
        "(c frozen<u>, b varchar, a int, PRIMARY KEY ((a), b)) WITH gc_grace_seconds = 1 {other_id}"
    ));
    assert_eq!(base, same);
    let mut all = BTreeMap::new();
    for other in [
        "(a int, b text, c u, PRIMARY KEY (a, b)) WITH cdc = true",
        "(a int, b text, d frozen<u>, PRIMARY KEY (a, b)) WITH cdc = true",
        "(a int, b text, c frozen<u> static, PRIMARY KEY (a, b)) WITH cdc = true",
        "(a int, b text, c frozen<u>, PRIMARY KEY ((a, b))) WITH cdc = true",
        "(a int, b text, c frozen<u>, PRIMARY KEY (a, b)) WITH CLUSTERING ORDER BY (b DESC)",
        "(a int, b text, c frozen<u>, PRIMARY KEY (a, b)) WITH COMPACT STORAGE",
    ] {
        all.insert(print(&format!("{other} {id}")), other);
    }
    assert_eq!(all.len(), 6);
    assert!(!all.contains_key(&base));
}

const PINNED: &str = "c645f080c0fee556";

#[test]
fn old_versions_can_be_forgotten() {
    let mut catalogue = followed("4.1", "ddl");
    let steps = changing("4.1", "ddl");
    let id = catalogue.table_by_name("dd", "t").unwrap().id();
    let dropped = steps[23].1[0].table_id.unwrap();
    let position = steps[12].0.position;
    let at = names(catalogue.at(position).table(id).unwrap()).join(" ");
    catalogue.forget_before(position);
    assert_eq!(names(catalogue.at(position).table(id).unwrap()).join(" "), at);
    assert_eq!(catalogue.versions(id)[0].position, position);
    assert!(catalogue.table(dropped).is_some(), "it is dropped later");
    catalogue.forget_before(steps.last().unwrap().0.position);
    assert!(catalogue.table(dropped).is_none());
    assert_eq!(catalogue.versions(id).len(), 1);
}
