//! Types and values that nobody sane wrote.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop at the first surprise")]

use std::{sync::Arc, time::Instant};

use cassandra_commitlog::types::{
    ClassName, CqlType, DEPTH_MAX, Dialect, Frozen, NativeType, NoUserTypes, TypeParseErrorKind, UserType,
    UserTypeField, UserTypeLookup, ValueError, counter::CounterContext, decode, partition_key, validate,
    write_cql_literal, write_json,
};
use proptest::prelude::*;

const NATIVES: [&str; 22] = [
    "ascii",
    "bigint",
    "blob",
    "boolean",
    "counter",
    "date",
    "decimal",
    "double",
    "duration",
    "empty",
    "float",
    "inet",
    "int",
    "smallint",
    "text",
    "time",
    "timestamp",
    "timeuuid",
    "tinyint",
    "uuid",
    "varchar",
    "varint",
];

/// Knows one definition, whatever name is asked for.
struct Any;

impl UserTypeLookup for Any {
    fn user_type(&self, keyspace: &str, name: &str) -> Option<Arc<UserType>> {
        let field = |name: &str, ty| UserTypeField { name: name.into(), ty };
        let list = CqlType::List(Box::new(CqlType::Native(NativeType::Varint)), Frozen::Yes);
        let fields = Box::new([field("a", CqlType::Native(NativeType::Text)), field("B c", list)]);
        Some(Arc::new(UserType { keyspace: keyspace.into(), name: name.into(), fields }))
    }
}

/// Texts of types as Cassandra prints them, frozen within.
fn type_text() -> impl Strategy<Value = String> {
    let native = prop::sample::select(&NATIVES[..20]).prop_map(str::to_owned);
    let name = "[a-z][a-z0-9_]{0,8}".prop_filter("a name of its own", |name| {
        CqlType::parse(name, "ks", &Any).is_ok_and(|ty| ty.to_string() == *name)
            && !NATIVES.contains(&&**name)
    });
    let quoted = "[A-Z][ a-zA-Z0-9]{0,8}".prop_map(|name| format!("frozen<\"{name}\">"));
    let leaf = prop_oneof![4 => native, 1 => name.prop_map(|name| format!("frozen<{name}>")), 1 => quoted];
    leaf.prop_recursive(5, 24, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(|element| format!("frozen<list<{element}>>")),
            inner.clone().prop_map(|element| format!("frozen<set<{element}>>")),
            (inner.clone(), inner.clone()).prop_map(|(key, value)| format!("frozen<map<{key}, {value}>>")),
            (inner.clone(), 1..2_000_000_000_u32).prop_map(|(element, n)| format!("vector<{element}, {n}>")),
            (inner.clone(), 1..4_u32).prop_map(|(element, n)| format!("vector<{element}, {n}>")),
            prop::collection::vec(inner, 1..4)
                .prop_map(|fields| format!("frozen<tuple<{}>>", fields.join(", "))),
        ]
    })
}

/// Bytes in which lengths and counts of all sizes are likely.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        (0..40_i32).prop_map(|length| length.to_be_bytes().to_vec()),
        prop::sample::select(vec![-1, i32::MAX, i32::MIN, 0x0100_0000])
            .prop_map(|n| n.to_be_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 0..16),
        Just(vec![0; 8]),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn types_come_back_from_their_texts(text in type_text()) {
        let parsed = CqlType::parse(&text, "ks", &Any).unwrap();
        prop_assert_eq!(&parsed.to_string(), &text);
        let class = ClassName(&parsed).to_string();
        let (again, reversed) = CqlType::parse_class(&class).unwrap();
        prop_assert_eq!(&again, &parsed);
        prop_assert!(!reversed);
        let reversed = format!("ReversedType({class})");
        prop_assert_eq!(CqlType::parse_class(&reversed).unwrap(), (parsed, true));
    }

    #[test]
    fn texts_that_are_no_types_are_refused(text in r#"[a-z<>(), "'=:0-9.]{0,40}"#) {
        let _ = CqlType::parse(&text, "ks", &NoUserTypes);
        let _ = CqlType::parse_class(&text);
    }

    #[test]
    fn any_bytes_are_read_or_refused(text in type_text(), bytes in bytes()) {
        let ty = CqlType::parse(&text, "ks", &Any).unwrap();
        let start = Instant::now();
        let decoded = decode(&ty, &bytes).map(drop);
        // Of two faults one may tell the other first.
        prop_assert_eq!(decoded.is_ok(), validate(&ty, &bytes).is_ok());
        for dialect in [Dialect::Cassandra3, Dialect::Cassandra4, Dialect::Cassandra5, Dialect::Ringtap] {
            let mut out = String::from("x");
            let json = write_json(&ty, &bytes, dialect, &mut out);
            if json.is_ok() {
                serde_json::from_str::<serde_json::Value>(&out[1..]).expect("JSON that parses");
            } else {
                prop_assert_eq!(&out, "x");
            }
            if dialect == Dialect::Ringtap && decoded.is_ok() {
                let null_key = json == Err(ValueError::UnexpectedNull);
                prop_assert!(json.is_ok() || null_key, "{:?}", json);
            }
            out.truncate(1);
            if write_cql_literal(&ty, &bytes, dialect, &mut out).is_err() {
                prop_assert_eq!(&out, "x");
            }
        }
        prop_assert!(start.elapsed().as_secs() < 2);
    }

    #[test]
    fn any_bytes_are_keys_and_counters_or_refused(bytes in bytes(), columns in 0..6_usize) {
        prop_assert!(partition_key::components(&bytes, columns).count() <= columns);
        if let Ok(context) = CounterContext::parse(&bytes) {
            let sum = context.shards().fold(0_i64, |sum, shard| sum.wrapping_add(shard.count));
            prop_assert_eq!(context.total(), sum);
        }
    }
}

#[test]
fn counts_beyond_the_bytes_are_refused_at_once() {
    let parse = |text: &str| CqlType::parse(text, "ks", &NoUserTypes).unwrap();
    let many = i32::MAX.to_be_bytes();
    assert_eq!(decode(&parse("frozen<list<empty>>"), &many), Err(ValueError::Truncated));
    assert_eq!(decode(&parse("frozen<map<int, int>>"), &many), Err(ValueError::Truncated));
    let vector = parse("vector<text, 2147483647>");
    assert_eq!(decode(&vector, &[0; 1_000]), Err(ValueError::Truncated));
    assert_eq!(decode(&parse("vector<empty, 2147483647>"), b"\0"), Err(ValueError::UnboundedVector));
    let nested = parse("vector<vector<double, 2147483647>, 2147483647>");
    assert_eq!(decode(&nested, &[0; 1_000]), Err(ValueError::Truncated));
    assert_eq!(decode(&parse("frozen<set<int>>"), &[0xff; 4]), Err(ValueError::NegativeCount(-1)));
}

#[test]
fn types_are_nested_to_a_limit() {
    let nested = |depth: usize| format!("{}int{}", "list<".repeat(depth), ">".repeat(depth));
    assert!(CqlType::parse(&nested(usize::from(DEPTH_MAX) - 1), "ks", &NoUserTypes).is_ok());
    let error = CqlType::parse(&nested(100_000), "ks", &NoUserTypes).unwrap_err();
    assert_eq!(error.kind, TypeParseErrorKind::TooDeep);
    let class = format!("{}Int32Type{}", "ListType(".repeat(100_000), ")".repeat(100_000));
    assert_eq!(CqlType::parse_class(&class).unwrap_err().kind, TypeParseErrorKind::TooDeep);
    // `frozen` is no depth of its own, so what is printed can be parsed.
    let deepest = CqlType::parse(&nested(usize::from(DEPTH_MAX) - 1), "ks", &NoUserTypes).unwrap();
    assert_eq!(CqlType::parse(&deepest.to_string(), "ks", &NoUserTypes).as_ref(), Ok(&deepest));
    assert_eq!(CqlType::parse_class(&ClassName(&deepest).to_string()), Ok((deepest, false)));
    let frozen = format!("{}int{}", "frozen<".repeat(100_000), ">".repeat(100_000));
    assert_eq!(CqlType::parse(&frozen, "ks", &NoUserTypes), Ok(CqlType::Native(NativeType::Int)));
    // Types made by hand can be deeper; their values are refused.
    let mut ty = CqlType::Native(NativeType::Int);
    let mut bytes = 7_i32.to_be_bytes().to_vec();
    for _ in 0..DEPTH_MAX {
        ty = CqlType::Tuple(Box::new([ty]));
        bytes = [&(bytes.len() as i32).to_be_bytes()[..], &bytes].concat();
    }
    assert_eq!(decode(&ty, &bytes), Err(ValueError::TooDeep));
    assert_eq!(validate(&ty, &bytes), Err(ValueError::TooDeep));
}

#[test]
fn keys_of_maps_in_keys_of_maps_do_not_grow_without_bound() {
    let mut text = "int".to_owned();
    let mut bytes = 7_i32.to_be_bytes().to_vec();
    for _ in 0..40 {
        text = format!("frozen<map<{text}, int>>");
        let entry = [&(bytes.len() as i32).to_be_bytes()[..], &bytes, &[0, 0, 0, 0]].concat();
        bytes = [&1_i32.to_be_bytes()[..], &entry].concat();
    }
    let ty = CqlType::parse(&text, "ks", &NoUserTypes).unwrap();
    assert_eq!(validate(&ty, &bytes), Ok(()));
    assert_eq!(write_json(&ty, &bytes, Dialect::Ringtap, &mut String::new()), Err(ValueError::TooDeep));
}

#[test]
fn what_is_wrong_with_a_type_is_told_with_its_place() {
    let kind =
        |text: &str| CqlType::parse(text, "ks", &NoUserTypes).map_err(|error| (error.kind, error.offset));
    assert_eq!(kind("list<int"), Err((TypeParseErrorKind::UnexpectedEnd, 8)));
    assert_eq!(kind("int>"), Err((TypeParseErrorKind::Unexpected('>'), 3)));
    assert_eq!(kind("map<int, addr>"), Err((TypeParseErrorKind::UnknownUserType("addr".into()), 13)));
    assert_eq!(kind("vector<int, 0>"), Err((TypeParseErrorKind::InvalidDimension, 13)));
    assert_eq!(kind(""), Err((TypeParseErrorKind::UnexpectedEnd, 0)));
    let class = |text: &str| CqlType::parse_class(text).map_err(|error| error.kind);
    assert_eq!(
        class("MapType(Int32Type,Int32Type,Int32Type)"),
        Err(TypeParseErrorKind::WrongParameters("MapType"))
    );
    assert_eq!(class("UserType(ks,6x)"), Err(TypeParseErrorKind::InvalidHexName));
}
