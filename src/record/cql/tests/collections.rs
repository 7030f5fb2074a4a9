use super::*;

/// Timeuuids of 2023, in order.
const P1: &[u8] = &[0, 0, 0, 1, 0x81, 0x41, 0x11, 0xee, 0x80, 0, 0, 0, 0, 0, 0, 0];
const P2: &[u8] = &[0, 0, 0, 2, 0x81, 0x41, 0x11, 0xee, 0x80, 0, 0, 0, 0, 0, 0, 0];
/// Timeuuids of 1996, as elements in front have them.
const F1: &[u8] = &[0, 0, 0, 1, 0x70, 0x00, 0x11, 0xcf, 0x80, 0, 0, 0, 0, 0, 0, 0];
const F2: &[u8] = &[0, 0, 0, 2, 0x70, 0x00, 0x11, 0xcf, 0x80, 0, 0, 0, 0, 0, 0, 0];

fn update(set: &str) -> Vec<String> {
    vec![format!("UPDATE ks.t USING TIMESTAMP 50 SET {set} {WHERE_ROW}")]
}

#[test]
fn a_clearing_one_microsecond_before_is_an_overwrite() {
    let elements: &[(&[u8], _)] = &[(b"a", live(&[0, 0, 0, 1])), (b"b", live(&[0, 0, 0, 2]))];
    assert_eq!(exactly(row(None, vec![complex(M, Some(49), elements)])), update("m = {'a': 1, 'b': 2}"));
    assert_eq!(exactly(row(None, vec![complex(S, Some(49), &[(b"a", live(b""))])])), update("s = {'a'}"));
    assert_eq!(exactly(row(None, vec![complex(M, Some(49), &[])])), update("m = null"));
    assert_eq!(
        exactly(row(Some(None), vec![complex(S, Some(49), &[(b"a", live(b""))])])),
        ["INSERT INTO ks.t (k, c1, c2, c3, s) VALUES (9, 1, 'a', 3, {'a'}) USING TIMESTAMP 50;"],
    );
}

#[test]
fn a_clearing_at_another_time_is_a_deletion_at_that_time() {
    assert_eq!(
        exactly(row(None, vec![complex(M, Some(50), &[])])),
        [format!("DELETE m FROM ks.t USING TIMESTAMP 50 {WHERE_ROW}")],
    );
    assert_eq!(
        exactly(row(None, vec![complex(M, Some(30), &[(b"a", live(&[0, 0, 0, 1]))])])),
        [
            format!("DELETE m FROM ks.t USING TIMESTAMP 30 {WHERE_ROW}"),
            format!("UPDATE ks.t USING TIMESTAMP 50 SET m = m + {{'a': 1}} {WHERE_ROW}"),
        ],
    );
}

#[test]
fn removed_elements_are_deletions() {
    let tombstone = CellContent::Tombstone(NOW);
    let columns = vec![complex(M, None, &[(b"a", tombstone)]), complex(S, None, &[(b"b", tombstone)])];
    assert_eq!(
        exactly(row(None, columns)),
        [format!("DELETE m['a'], s['b'] FROM ks.t USING TIMESTAMP 50 {WHERE_ROW}")],
    );
}

#[test]
fn an_overwrite_of_unequal_lifetimes_clears_once() {
    let elements: &[(&[u8], _)] = &[(b"a", live(&[0, 0, 0, 1])), (b"b", expiring(&[0, 0, 0, 2], 1000))];
    assert_eq!(
        exactly(row(None, vec![complex(M, Some(49), elements)])),
        [
            format!("UPDATE ks.t USING TIMESTAMP 50 SET m = {{'a': 1}} {WHERE_ROW}"),
            format!("UPDATE ks.t USING TIMESTAMP 50 AND TTL 1000 SET m = m + {{'b': 2}} {WHERE_ROW}"),
        ],
    );
}

#[test]
fn fields_of_a_user_defined_type_are_set_one_by_one() {
    use cassandra_commitlog::types::{UserType, UserTypeField};
    let field = |name: &str| UserTypeField { name: name.into(), ty: INT };
    let ty = CqlType::UserType(
        Arc::new(UserType {
            keyspace: "ks".into(),
            name: "u".into(),
            fields: [field("A"), field("b")].into(),
        }),
        Frozen::No,
    );
    let mut written = Written::to(table(TableFlags::CQL, vec![("u", ColumnKind::Regular, ty)]));
    let a: (&[u8], _) = (&[0, 0], live(&[0, 0, 0, 1]));
    let b: (&[u8], _) = (&[0, 1], live(&[0, 0, 0, 2]));
    assert_eq!(written.write(row(None, vec![complex(0, None, &[a, b])])), update(r#"u."A" = 1, u.b = 2"#));
    assert_eq!(
        written.write(row(None, vec![complex(0, Some(49), &[a, b])])),
        update(r#"u = {"A": 1, b: 2}"#)
    );
    assert_eq!(
        written.write(row(None, vec![complex(0, None, &[(&[0, 0], CellContent::Tombstone(NOW))])])),
        [format!(r#"DELETE u."A" FROM ks.t USING TIMESTAMP 50 {WHERE_ROW}"#)],
    );
    assert_eq!(written.approximations(), 0);
}

#[test]
fn a_lists_elements_go_to_the_side_that_their_timeuuid_says() {
    let mut written = Written::to(plain_table());
    let elements: &[(&[u8], _)] = &[(P1, live(&[0, 0, 0, 1])), (P2, live(&[0, 0, 0, 2]))];
    assert_eq!(written.write(row(None, vec![complex(L, Some(49), elements)])), update("l = [1, 2]"));
    let elements: &[(&[u8], _)] = &[(F1, live(&[0, 0, 0, 3])), (F2, live(&[0, 0, 0, 4]))];
    assert_eq!(written.write(row(None, vec![complex(L, None, elements)])), update("l = [3, 4] + l"));
    assert_eq!(written.count(Approximation::ListElement), 4);
}

#[test]
fn known_elements_of_a_list_are_named_by_their_index() {
    let mut written = Written::to(plain_table());
    written.write(row(None, vec![complex(L, None, &[(P2, live(&[0, 0, 0, 2]))])]));
    written.write(row(None, vec![complex(L, None, &[(F1, live(&[0, 0, 0, 1]))])]));
    assert_eq!(
        written.write(row(None, vec![complex(L, None, &[(P2, live(&[0, 0, 0, 7]))])])),
        update("l[1] = 7")
    );
    assert_eq!(
        written.write(row(None, vec![complex(L, None, &[(F1, CellContent::Tombstone(NOW))])])),
        [format!("DELETE l[0] FROM ks.t USING TIMESTAMP 50 {WHERE_ROW}")],
    );
    assert_eq!(
        written.write(row(None, vec![complex(L, None, &[(P2, live(&[0, 0, 0, 8]))])])),
        update("l[0] = 8")
    );
    assert_eq!(written.count(Approximation::UnknownListElement), 0);
}

#[test]
fn removals_of_unknown_list_elements_are_counted() {
    let mut written = Written::to(plain_table());
    written.write(row(None, vec![complex(L, None, &[(P1, live(&[0, 0, 0, 2]))])]));
    written.write_at(60, Action::DeletePartition { local_deletion_time: NOW });
    let removal = row(None, vec![complex(L, None, &[(P1, CellContent::Tombstone(NOW))])]);
    assert_eq!(written.write_at(70, removal), [""; 0]);
    assert_eq!(written.count(Approximation::UnknownListElement), 1);
}

/// Another node's log has the same writes once more.
#[test]
fn a_copy_of_a_removed_lists_element_does_not_add_it_again() {
    let mut written = Written::to(plain_table());
    let element = || row(None, vec![complex(L, None, &[(P1, live(&[0, 0, 0, 2]))])]);
    let removal = || row(None, vec![complex(L, None, &[(P1, CellContent::Tombstone(NOW))])]);
    assert_eq!(written.write(element()), update("l = l + [2]"));
    assert_eq!(written.write(element()), update("l[0] = 2"));
    assert_eq!(written.write_at(60, removal()).len(), 1);
    assert_eq!(written.write(element()), [""; 0]);
    assert_eq!(written.write_at(60, removal()), [""; 0]);
    assert_eq!(written.count(Approximation::UnknownListElement), 0);
}
