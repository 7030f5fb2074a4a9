use super::*;
use crate::schema::{
    Seed,
    cql::{Keyspaces, Script},
};

#[test]
fn a_row_marker_makes_an_insert_and_none_an_update() {
    let columns = || vec![simple(V, live(&[0, 0, 0, 5])), simple(W, live(b"it's"))];
    assert_eq!(
        exactly(row(Some(None), columns())),
        [r#"INSERT INTO ks.t (k, c1, c2, c3, "V", w) VALUES (9, 1, 'a', 3, 5, 'it''s') USING TIMESTAMP 50;"#],
    );
    assert_eq!(
        exactly(row(None, columns())),
        [format!(r#"UPDATE ks.t USING TIMESTAMP 50 SET "V" = 5, w = 'it''s' {WHERE_ROW}"#)],
    );
    assert_eq!(
        exactly(row(Some(None), vec![])),
        ["INSERT INTO ks.t (k, c1, c2, c3) VALUES (9, 1, 'a', 3) USING TIMESTAMP 50;"],
    );
}

#[test]
fn a_static_row_is_updated_by_its_partition_key() {
    let write = RowWrite { clustering: None, marker: None, columns: vec![simple(ST, live(b"x"))] };
    assert_eq!(exactly(Action::Write(write)), ["UPDATE ks.t USING TIMESTAMP 50 SET st = 'x' WHERE k = 9;"]);
}

#[test]
fn what_lives_unequally_long_has_statements_of_its_own() {
    let marker = Expiration { ttl: 1000, expires_at: NOW + 1000 };
    let columns = vec![
        simple(V, live(&[0, 0, 0, 5])),
        simple(W, expiring(b"w", 1000)),
        complex(M, None, &[(b"a", expiring(&[0, 0, 0, 1], 1000)), (b"b", live(&[0, 0, 0, 2]))]),
    ];
    assert_eq!(
        exactly(row(Some(Some(marker)), columns)),
        [
            "INSERT INTO ks.t (k, c1, c2, c3, w) VALUES (9, 1, 'a', 3, 'w') USING TIMESTAMP 50 AND TTL 1000;",
            &format!("UPDATE ks.t USING TIMESTAMP 50 AND TTL 1000 SET m = m + {{'a': 1}} {WHERE_ROW}"),
            &format!(r#"UPDATE ks.t USING TIMESTAMP 50 SET "V" = 5, m = m + {{'b': 2}} {WHERE_ROW}"#),
        ],
    );
}

#[test]
fn a_ttl_is_what_remains_of_it() {
    let mut written = Written::to(plain_table());
    let statements = written.write(row(None, vec![simple(W, expiring(b"w", 7))]));
    assert_eq!(statements, [format!("UPDATE ks.t USING TIMESTAMP 50 AND TTL 7 SET w = 'w' {WHERE_ROW}")]);
    assert_eq!(written.count(Approximation::Expiration), 1);
    assert_eq!(written.approximations(), 1);
}

#[test]
fn what_has_expired_is_the_deletion_it_has_become() {
    let mut written = Written::to(plain_table());
    let marker = Expiration { ttl: 10, expires_at: NOW };
    let columns =
        vec![simple(W, expiring(b"w", 0)), complex(M, None, &[(b"a", expiring(&[0, 0, 0, 1], -1))])];
    assert_eq!(
        written.write(row(Some(Some(marker)), columns)),
        [
            "INSERT INTO ks.t (k, c1, c2, c3, w) VALUES (9, 1, 'a', 3, null) USING TIMESTAMP 50 AND TTL 1;",
            &format!("DELETE m['a'] FROM ks.t USING TIMESTAMP 50 {WHERE_ROW}"),
        ],
    );
    assert_eq!(written.count(Approximation::Expired), 3);
}

#[test]
fn a_cells_deletion_is_null_in_the_statement_that_is_there() {
    let tombstone = CellContent::Tombstone(NOW);
    assert_eq!(
        exactly(row(None, vec![simple(V, tombstone)])),
        [format!(r#"UPDATE ks.t USING TIMESTAMP 50 SET "V" = null {WHERE_ROW}"#)],
    );
    assert_eq!(
        exactly(row(Some(None), vec![simple(V, tombstone)])),
        [r#"INSERT INTO ks.t (k, c1, c2, c3, "V") VALUES (9, 1, 'a', 3, null) USING TIMESTAMP 50;"#],
    );
}

#[test]
fn a_line_break_in_text_stays_on_the_statements_line() {
    assert_eq!(
        exactly(row(None, vec![simple(W, live(b"a\nb")), complex(S, None, &[(b"\r", live(b""))])])),
        [format!(
            "UPDATE ks.t USING TIMESTAMP 50 SET w = blobAsText(0x610a62), s = s + {{blobAsText(0x0d)}} {WHERE_ROW}"
        )],
    );
}

#[test]
fn a_default_ttl_is_kept_from_what_lasts() {
    let seeded = "CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}; \
        CREATE TABLE ks.t (k int, c1 int, v int, PRIMARY KEY (k, c1)) \
        WITH ID = 00000000-0000-0000-0000-000000000007 AND default_time_to_live = 60;";
    let mut catalogue = Catalogue::new();
    let mut keyspaces = Keyspaces::new();
    Script::parse(seeded).unwrap().execute(&mut keyspaces).unwrap();
    catalogue.seed(&Seed::new(keyspaces));
    let table = Arc::clone(catalogue.table_by_name("ks", "t").unwrap());
    let change = Change {
        partition_key: &[0, 0, 0, 9],
        timestamp: 50,
        action: Action::Write(RowWrite {
            clustering: Some(vec![Some(&[0, 0, 0, 1])]),
            marker: Some(None),
            columns: vec![],
        }),
        table,
    };
    let mut out = String::new();
    CqlRecords::new(NOW).write(&change, PLACE, &catalogue, &mut out).unwrap();
    assert_eq!(out, "INSERT INTO ks.t (k, c1) VALUES (9, 1) USING TIMESTAMP 50 AND TTL 0;\n");
}

#[test]
fn the_write_time_that_cql_refuses_is_the_next_one() {
    let mut written = Written::to(plain_table());
    let statements = written.write_at(i64::MIN, row(None, vec![simple(W, live(b"w"))]));
    assert_eq!(
        statements,
        [format!("UPDATE ks.t USING TIMESTAMP -9223372036854775807 SET w = 'w' {WHERE_ROW}")],
    );
    assert_eq!(written.count(Approximation::WriteTime), 1);
}

#[test]
fn a_value_of_another_type_is_an_error_and_writes_nothing() {
    let mut records = CqlRecords::new(NOW);
    let change = Change {
        table: plain_table(),
        partition_key: &[0, 0, 0, 9],
        timestamp: 50,
        action: row(None, vec![complex(L, Some(9), &[]), simple(V, live(&[1, 2]))]),
    };
    let mut out = String::from("before\n");
    assert!(records.write(&change, PLACE, &Catalogue::new(), &mut out).is_err());
    assert_eq!(out, "before\n");
}

#[test]
fn a_dense_table_without_a_value_has_inserts_of_its_key() {
    let flags = TableFlags { dense: true, ..TableFlags::CQL };
    let hidden = CqlType::Native(NativeType::Empty);
    let mut written = Written::to(table(flags, vec![("value", ColumnKind::Regular, hidden)]));
    assert_eq!(
        written.write(row(None, vec![simple(0, live(b""))])),
        ["INSERT INTO ks.t (k, c1, c2, c3) VALUES (9, 1, 'a', 3) USING TIMESTAMP 50;"],
    );
    assert_eq!(
        written.write(row(None, vec![simple(0, CellContent::Tombstone(NOW))])),
        [format!("DELETE FROM ks.t USING TIMESTAMP 50 {WHERE_ROW}")],
    );
    assert_eq!(written.approximations(), 0);
}

#[test]
fn null_at_the_end_of_a_dense_tables_clustering_is_left_out() {
    let flags = TableFlags { dense: true, ..TableFlags::CQL };
    let mut written = Written::to(table(flags, vec![("v", ColumnKind::Regular, INT)]));
    let clustering = vec![Some(&[0_u8, 0, 0, 1][..]), Some(b"a"), None];
    let columns = vec![simple(0, live(&[0, 0, 0, 5]))];
    let write = RowWrite { clustering: Some(clustering.clone()), marker: None, columns };
    let row = "WHERE k = 9 AND c1 = 1 AND c2 = 'a';";
    assert_eq!(
        written.write(Action::Write(write)),
        [format!("UPDATE ks.t USING TIMESTAMP 50 SET v = 5 {row}")]
    );
    let deletion = Action::DeleteRow { clustering, local_deletion_time: NOW };
    assert_eq!(written.write(deletion), [format!("UPDATE ks.t USING TIMESTAMP 50 SET v = null {row}")]);
    assert_eq!(written.approximations(), 0);
}
