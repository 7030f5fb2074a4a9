//! The order of values and clusterings.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop at the first surprise")]

use std::cmp::Ordering;

use cassandra_commitlog::{
    schema::{Column, ColumnKind},
    types::{
        CqlType, NativeType, compare,
        compare::{Bound, has_known_order, is_within},
        compare_clusterings,
    },
};
use proptest::prelude::*;

fn bytes_of_hex(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn values_stand_in_the_order_of_cassandra_s_types() {
    // The signs of `AbstractType.compare`; 3.11.19, 4.0.17, 4.1.9 and 5.0.5 give the same (vectors: 5.0.5 alone).
    let mut compared = 0;
    for line in include_str!("data/compared_values.tsv").lines() {
        let fields: Vec<_> = line.split('\t').collect();
        let [class, a, b, sign] = fields[..] else { panic!("{line}") };
        let (ty, _) = CqlType::parse_class(class).unwrap();
        let (a, b) = (bytes_of_hex(a), bytes_of_hex(b));
        let expected = sign.parse::<i32>().unwrap().cmp(&0);
        assert_eq!(compare(&ty, &a, &b), expected, "{line}");
        assert_eq!(compare(&ty, &b, &a), expected.reverse(), "{line}, reversed");
        compared += 1;
    }
    assert_eq!(compared, 682);
}

fn column(ty: NativeType, position: u16, reversed: bool) -> Column {
    Column {
        name: "c".into(),
        name_bytes: b"c"[..].into(),
        kind: ColumnKind::Clustering,
        position,
        ty: CqlType::Native(ty),
        reversed,
    }
}

#[test]
fn the_order_of_unknown_classes_is_not_known_wherever_they_stand() {
    let marshal = "org.apache.cassandra.db.marshal.";
    let is_known = |class: &str| {
        let class = class.replace("{}", marshal);
        has_known_order(&CqlType::parse_class(&class).unwrap_or_else(|error| panic!("{class}: {error}")).0)
    };
    for (before, behind) in [
        ("", ""),
        ("{}FrozenType({}ListType(", "))"),
        ("{}FrozenType({}SetType(", "))"),
        ("{}FrozenType({}MapType({}Int32Type,", "))"),
        ("{}TupleType({}Int32Type,", ")"),
        ("{}FrozenType({}UserType(ks,7479,61:", "))"),
        ("{}CompositeType({}Int32Type,", ")"),
        ("{}VectorType(", ",3)"),
    ] {
        assert!(is_known(&format!("{before}{marshal}UTF8Type{behind}")), "{before}");
        assert!(is_known(&format!("{before}{marshal}LexicalUUIDType{behind}")), "{before}");
        assert!(!is_known(&format!("{before}com.example.Backwards{behind}")), "{before}");
    }
    assert!(!is_known("{}DynamicCompositeType(a=>{}UTF8Type)"));
}

#[test]
fn descending_columns_count_down_and_null_stands_first_all_the_same() {
    let columns = [column(NativeType::Int, 0, true), column(NativeType::Text, 1, false)];
    let one = 1_i32.to_be_bytes();
    let two = 2_i32.to_be_bytes();
    let order = |a: &[Option<&[u8]>], b: &[Option<&[u8]>]| compare_clusterings(&columns, a, b);
    assert_eq!(order(&[Some(&one), Some(b"a")], &[Some(&two), Some(b"a")]), Ordering::Greater);
    assert_eq!(order(&[Some(&one), Some(b"a")], &[Some(&one), Some(b"b")]), Ordering::Less);
    assert_eq!(order(&[None, Some(b"a")], &[Some(&two), Some(b"a")]), Ordering::Less);
    assert_eq!(order(&[Some(&one), Some(b"a")], &[Some(&one)]), Ordering::Equal);
}

#[test]
fn bounds_include_or_leave_out_all_rows_that_begin_with_them() {
    let columns = [column(NativeType::Int, 0, false), column(NativeType::Text, 1, false)];
    let [one, two] = [1_i32, 2].map(i32::to_be_bytes);
    let (in_one, in_two) = ([Some(&one[..]), Some(b"a")], [Some(&two[..]), Some(b"a")]);
    let values = [Some(&one[..])];
    let bound = |inclusive| Some(Bound { values: &values[..], inclusive });
    assert!(is_within(&columns, &in_one, bound(true), None));
    assert!(!is_within(&columns, &in_one, bound(false), None));
    assert!(is_within(&columns, &in_two, bound(false), None));
    assert!(is_within(&columns, &in_one, None, bound(true)));
    assert!(!is_within(&columns, &in_one, None, bound(false)));
    assert!(!is_within(&columns, &in_two, None, bound(true)));
    assert!(is_within::<_, &[u8]>(&columns, &in_two, None, None));
    let everything = Some(Bound::<&[u8]> { values: &[], inclusive: false });
    assert!(is_within(&columns, &in_two, everything, everything));
}

fn hostile_types() -> Vec<CqlType> {
    let corpus = include_str!("data/compared_values.tsv");
    let mut classes: Vec<_> = corpus.lines().filter_map(|line| line.split('\t').next()).collect();
    classes.dedup();
    classes.into_iter().map(|class| CqlType::parse_class(class).unwrap().0).collect()
}

/// Values of the corpus, and such with bytes cut off, added or changed.
fn hostile_bytes() -> impl Strategy<Value = Vec<u8>> {
    let corpus = include_str!("data/compared_values.tsv");
    let values: Vec<_> =
        corpus.lines().filter_map(|line| line.split('\t').nth(2)).map(bytes_of_hex).collect();
    let damaged =
        (proptest::sample::select(values), any::<(u8, u8, u8)>()).prop_map(|(mut bytes, (at, byte, how))| {
            let at = usize::from(at) % (bytes.len() + 1);
            match how % 4 {
                0 => bytes.truncate(at),
                1 => bytes.insert(at, byte),
                2 if at < bytes.len() => bytes[at] = byte,
                _ => {}
            }
            bytes
        });
    prop_oneof![damaged, proptest::collection::vec(any::<u8>(), 0..24)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]
    #[test]
    fn there_is_one_order_of_all_bytes(values in proptest::array::uniform3(hostile_bytes())) {
        for ty in hostile_types() {
            let [a, b, c] = &values;
            prop_assert_eq!(compare(&ty, a, a), Ordering::Equal);
            prop_assert_eq!(compare(&ty, a, b), compare(&ty, b, a).reverse());
            let (ab, bc, ac) = (compare(&ty, a, b), compare(&ty, b, c), compare(&ty, a, c));
            if ab == bc {
                prop_assert_eq!(ac, ab, "{:?}", ty);
            } else if ab == Ordering::Equal {
                prop_assert_eq!(ac, bc, "{:?}", ty);
            } else if bc == Ordering::Equal {
                prop_assert_eq!(ac, ab, "{:?}", ty);
            }
        }
    }
}
