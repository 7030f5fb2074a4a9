//! What the project's own dialect mends in Cassandra's texts.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop at the first surprise")]

use std::sync::Arc;

use cassandra_commitlog::types::{
    CqlType, CqlValue, Dialect, Frozen, NativeType, NoUserTypes, UserType, UserTypeField, ValueError, decode,
    write_cql_literal, write_json, write_json_canonical_decimal,
};

fn ty(text: &str) -> CqlType {
    CqlType::parse(text, "ks", &NoUserTypes).unwrap()
}

fn json(ty: &CqlType, bytes: &[u8]) -> Result<String, ValueError> {
    let mut out = String::new();
    write_json(ty, bytes, Dialect::Ringtap, &mut out).map(|()| out)
}

fn literal(ty: &CqlType, bytes: &[u8]) -> Result<String, ValueError> {
    let mut out = String::new();
    write_cql_literal(ty, bytes, Dialect::Ringtap, &mut out).map(|()| out)
}

/// Bytes of a tuple or a list without its count.
fn fields(values: &[&[u8]]) -> Vec<u8> {
    values.iter().flat_map(|value| [&(value.len() as i32).to_be_bytes()[..], value].concat()).collect()
}

fn list(values: &[&[u8]]) -> Vec<u8> {
    [&(values.len() as i32).to_be_bytes()[..], &fields(values)].concat()
}

#[test]
fn numbers_that_json_lacks_are_strings_at_any_depth() {
    let floats = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY].map(f32::to_be_bytes);
    let bytes = list(&[&floats[0], &floats[1], &floats[2]]);
    assert_eq!(json(&ty("frozen<list<float>>"), &bytes).unwrap(), r#"["NaN", "Infinity", "-Infinity"]"#);
    assert_eq!(literal(&ty("frozen<list<float>>"), &bytes).unwrap(), "[NaN, Infinity, -Infinity]");
    assert_eq!(json(&ty("double"), &f64::NAN.to_be_bytes()).unwrap(), r#""NaN""#);
}

#[test]
fn blobs_and_texts_of_all_lengths_are_written_whole() {
    for length in 0..200_usize {
        let bytes: Vec<u8> = (0..length).map(|at| (at * 37 + length) as u8).collect();
        let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(json(&ty("blob"), &bytes).unwrap(), format!("\"0x{}\"", digits.concat()));
        for special in ['"', '\\', '\n', '\u{1f}', 'é'] {
            let text = format!("{}{special}{}{special}", "a".repeat(length), "~".repeat(length % 17));
            let written = json(&ty("text"), text.as_bytes()).unwrap();
            assert_eq!(serde_json::from_str::<String>(&written).unwrap(), text);
        }
    }
}

#[test]
fn zero_bytes_are_an_empty_string_for_all_but_blobs() {
    for name in [
        "boolean",
        "int",
        "text",
        "uuid",
        "timestamp",
        "decimal",
        "counter",
        "time",
        "empty",
        "frozen<list<int>>",
        "frozen<map<int, int>>",
        "frozen<tuple<int, int>>",
    ] {
        assert_eq!(json(&ty(name), b"").unwrap(), r#""""#, "{name}");
    }
    assert_eq!(json(&ty("blob"), b"").unwrap(), r#""0x""#);
    let nested = [list(&[b"", b"\x01"])].concat();
    assert_eq!(json(&ty("frozen<list<boolean>>"), &nested).unwrap(), r#"["", true]"#);
}

#[test]
fn zero_bytes_as_literals_are_functions_where_cql_has_them() {
    assert_eq!(literal(&ty("int"), b"").unwrap(), "blobAsInt(0x)");
    assert_eq!(literal(&ty("frozen<list<boolean>>"), &list(&[b""])).unwrap(), "[blobAsBoolean(0x)]");
    assert_eq!(literal(&ty("text"), b"").unwrap(), "''");
    assert_eq!(literal(&ty("blob"), b"").unwrap(), "0x");
    for name in ["smallint", "tinyint", "date", "time", "duration", "counter", "frozen<list<int>>"] {
        assert_eq!(literal(&ty(name), b""), Err(ValueError::NoCqlLiteral), "{name}");
    }
}

#[test]
fn timestamps_beyond_four_digit_years_are_milliseconds() {
    let stamp = ty("timestamp");
    for (ms, expected) in [
        (-62_135_596_800_001_i64, "-62135596800001"),
        (-62_135_596_800_000, r#""0001-01-01 00:00:00.000Z""#),
        (253_402_300_799_999, r#""9999-12-31 23:59:59.999Z""#),
        (253_402_300_800_000, "253402300800000"),
        (i64::MIN, "-9223372036854775808"),
    ] {
        assert_eq!(json(&stamp, &ms.to_be_bytes()).unwrap(), expected);
    }
    // As a map's key it is a string like any other number.
    let map = [&1_i32.to_be_bytes()[..], &fields(&[&i64::MAX.to_be_bytes(), b"\x01"])].concat();
    let map_type = ty("frozen<map<timestamp, boolean>>");
    assert_eq!(json(&map_type, &map).unwrap(), r#"{"9223372036854775807": true}"#);
    // 3.11 would read older texts by the Julian calendar.
    assert_eq!(literal(&stamp, &(-12_219_292_800_001_i64).to_be_bytes()).unwrap(), "-12219292800001");
    assert_eq!(
        literal(&stamp, &(-12_219_292_800_000_i64).to_be_bytes()).unwrap(),
        "'1582-10-15T00:00:00.000Z'"
    );
}

#[test]
fn bytes_that_a_literal_would_not_give_back_stand_in_functions() {
    for (name, bytes, expected) in [
        ("varint", &b"\x00\x01"[..], "blobAsVarint(0x0001)"),
        ("varint", b"\x01", "1"),
        ("decimal", b"\x00\x00\x00\x01\xff\xff", "blobAsDecimal(0x00000001ffff)"),
        ("boolean", b"\x02", "blobAsBoolean(0x02)"),
        (
            "inet",
            b"\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\0\0\x01",
            "blobAsInet(0x00000000000000000000ffff0a000001)",
        ),
        ("inet", b"\x0a\0\0\x01", "'10.0.0.1'"),
        ("double", b"\x7f\xf8\0\0\0\0\0\x01", "blobAsDouble(0x7ff8000000000001)"),
        ("time", b"\xff\xff\xff\xff\xff\xff\xff\xff", "blobAsTime(0xffffffffffffffff)"),
        ("duration", b"\0\0\0", "0s"),
    ] {
        assert_eq!(literal(&ty(name), bytes).unwrap(), expected, "{name}");
    }
}

#[test]
fn times_outside_a_day_are_nanoseconds_in_json() {
    assert_eq!(json(&ty("time"), &(-1_i64).to_be_bytes()).unwrap(), "-1");
    let mut out = String::from("kept");
    let bytes = 86_400_000_000_000_i64.to_be_bytes();
    let error = write_json(&ty("time"), &bytes, Dialect::Cassandra5, &mut out);
    assert_eq!(error, Err(ValueError::TimeOutOfRange(86_400_000_000_000)));
    assert_eq!(out, "kept", "nothing is left of a value that fails");
}

#[test]
fn a_duration_of_zero_is_told_from_zero_bytes() {
    let duration = ty("duration");
    assert_eq!(json(&duration, b"\0\0\0").unwrap(), r#""0ns""#);
    assert_eq!(
        json(&ty("frozen<list<duration>>"), &list(&[b"\0\0\0", b"\0\0\x02"])).unwrap(),
        r#"["0ns", "1ns"]"#
    );
    let mut out = String::new();
    write_json(&duration, b"\0\0\0", Dialect::Cassandra5, &mut out).unwrap();
    assert_eq!(out, r#""""#, "Cassandra's own text is empty");
}

#[test]
fn equal_decimals_have_one_canonical_text() {
    let decimal = |scale: i32, unscaled: &[u8]| [&scale.to_be_bytes()[..], unscaled].concat();
    let canonical = |ty: &CqlType, bytes: &[u8]| {
        let mut out = String::new();
        write_json_canonical_decimal(ty, bytes, Dialect::Ringtap, &mut out).unwrap();
        out
    };
    for (scale, unscaled, plain, stripped) in [
        (0, &b"\x01"[..], "1", "1"),
        (1, b"\x0a", "1.0", "1"),
        (2, b"\x64", "1.00", "1"),
        (-2, b"\x01", "1E+2", "1E+2"),
        (0, b"\x64", "100", "1E+2"),
        (3, b"\x00", "0.000", "0"),
        (-7, b"\x00", "0E+7", "0"),
        (8, b"\x64", "0.00000100", "0.000001"),
        (8, b"\x0a", "1.0E-7", "1E-7"),
        (1, b"\xf1", "-1.5", "-1.5"),
        (i32::MIN, b"\x64", "1.00E+2147483650", "1E+2147483650"),
    ] {
        let bytes = decimal(scale, unscaled);
        assert_eq!(json(&ty("decimal"), &bytes).unwrap(), plain);
        assert_eq!(canonical(&ty("decimal"), &bytes), stripped, "{plain}");
        let tuple = fields(&[&bytes]);
        assert_eq!(canonical(&ty("tuple<decimal>"), &tuple), format!("[{stripped}]"));
    }
}

#[test]
fn fields_of_user_types_are_named_as_each_language_needs() {
    let field = |name: &str| UserTypeField { name: name.into(), ty: CqlType::Native(NativeType::Int) };
    let definition = UserType {
        keyspace: "ks".into(),
        name: "Odd".into(),
        fields: Box::new([field("plain"), field("Camel"), field("q\"uote"), field("select"), field("later")]),
    };
    let odd = CqlType::UserType(Arc::new(definition), Frozen::Yes);
    let one = 1_i32.to_be_bytes();
    let bytes = fields(&[&one, &one, &one, &one]);
    assert_eq!(odd.to_string(), "frozen<\"Odd\">");
    assert_eq!(
        json(&odd, &bytes).unwrap(),
        r#"{"plain": 1, "\"Camel\"": 1, "q\"uote": 1, "select": 1, "later": null}"#
    );
    assert_eq!(literal(&odd, &bytes).unwrap(), r#"{plain: 1, "Camel": 1, "q""uote": 1, "select": 1}"#);
    assert!(matches!(decode(&odd, &bytes), Ok(CqlValue::UserType(fields)) if fields.len() == 4));
}

#[test]
fn literals_keep_to_what_cassandra_parses() {
    let decimal = |scale: i32| [&scale.to_be_bytes()[..], &[1]].concat();
    assert_eq!(literal(&ty("decimal"), &decimal(-1_000)).unwrap(), "1E+1000");
    assert_eq!(literal(&ty("decimal"), &decimal(-1_001)).unwrap(), "blobAsDecimal(0xfffffc1701)");
    // 5.0 refuses `[blobAsInet(0x)]` for a vector.
    assert_eq!(literal(&ty("vector<inet, 1>"), b"\0"), Err(ValueError::NoCqlLiteral));
}

#[test]
fn numbers_too_long_to_print_are_refused_and_still_decoded() {
    let long = vec![1; (64 << 10) + 1];
    assert_eq!(json(&ty("varint"), &long), Err(ValueError::NumberTooLong(long.len())));
    assert!(matches!(decode(&ty("varint"), &long), Ok(CqlValue::Varint(_))));
    assert!(json(&ty("varint"), &long[1..]).is_ok());
}

#[test]
fn composites_are_blobs() {
    let composite = CqlType::parse_class("CompositeType(UTF8Type,Int32Type)").unwrap().0;
    let bytes = b"\x00\x01a\x00\x00\x04\x00\x00\x00\x07\x00";
    assert_eq!(json(&composite, bytes).unwrap(), r#""0x0001610000040000000700""#);
    let CqlValue::Composite(components) = decode(&composite, bytes).unwrap() else { panic!() };
    assert_eq!(components, [CqlValue::Text("a"), CqlValue::Int(7)]);
    let dynamic = CqlType::parse_class("DynamicCompositeType(s=>UTF8Type)").unwrap().0;
    let bytes = b"\x80s\x00\x01a\x00\x00\x09Int32Type\x00\x04\x00\x00\x00\x07\x00";
    let CqlValue::DynamicComposite(components) = decode(&dynamic, bytes).unwrap() else { panic!() };
    assert_eq!(components, [CqlValue::Text("a"), CqlValue::Int(7)]);
    assert_eq!(decode(&dynamic, b"\x80t\x00\x01a\x00"), Err(ValueError::UnknownComparator));
}
