//! Cassandra's order of values, by their bytes: it sorts sets and maps, and says which rows a range covers.

use std::cmp::Ordering;

use num_bigint::BigInt;

use crate::cql_type::{CqlType, Native};
use crate::encode::UserTypes;

/// Compares two values as the type's `AbstractType` does; zero bytes come first.
pub(crate) fn compare(cql_type: &CqlType, left: &[u8], right: &[u8], types: &UserTypes) -> Ordering {
    if left.is_empty() || right.is_empty() {
        return left.len().min(1).cmp(&right.len().min(1));
    }
    match cql_type.thawed() {
        CqlType::Native(native) => compare_native(*native, left, right),
        CqlType::List(element) | CqlType::Set(element) => {
            compare_lists(&[element, element], &parts(tail(left)), &parts(tail(right)), types)
        }
        CqlType::Map(key, value) => {
            compare_lists(&[key, value], &parts(tail(left)), &parts(tail(right)), types)
        }
        CqlType::Tuple(fields) => {
            compare_fields(&fields.iter().collect::<Vec<_>>(), &parts(left), &parts(right), types)
        }
        CqlType::User(name) => match types.fields(name) {
            Ok(fields) => {
                let fields: Vec<_> = fields.iter().map(|field| &field.cql_type).collect();
                compare_fields(&fields, &parts(left), &parts(right), types)
            }
            Err(_) => left.cmp(right),
        },
        CqlType::Vector(element, _) => {
            let (left, right) = (vector_parts(element, left), vector_parts(element, right));
            compare_lists(&[element, element], &left, &right, types)
        }
        CqlType::Frozen(_) | CqlType::Custom(_) => left.cmp(right),
    }
}

fn compare_native(native: Native, left: &[u8], right: &[u8]) -> Ordering {
    match native {
        Native::Bigint
        | Native::Counter
        | Native::Int
        | Native::Smallint
        | Native::Tinyint
        | Native::Timestamp => signed(left).cmp(&signed(right)),
        Native::Boolean => (left[0] != 0).cmp(&(right[0] != 0)),
        Native::Varint => BigInt::from_signed_bytes_be(left).cmp(&BigInt::from_signed_bytes_be(right)),
        Native::Decimal => compare_decimals(left, right),
        Native::Double => compare_doubles(double(left), double(right)),
        Native::Float => compare_doubles(float(left), float(right)),
        Native::Uuid => compare_uuids(left, right),
        Native::Timeuuid => compare_timeuuids(left, right),
        _ => left.cmp(right),
    }
}

fn signed(bytes: &[u8]) -> i64 {
    let start = if bytes[0] & 0x80 == 0 { 0 } else { -1 };
    bytes.iter().fold(start, |value, byte| value << 8 | i64::from(*byte))
}

fn double(bytes: &[u8]) -> f64 {
    f64::from_bits(bytes.iter().fold(0, |bits, byte| bits << 8 | u64::from(*byte)))
}

fn float(bytes: &[u8]) -> f64 {
    f64::from(f32::from_bits(bytes.iter().fold(0, |bits, byte| bits << 8 | u32::from(*byte))))
}

/// Compares as Java's `Double.compareTo`: every NaN is the same and greatest, -0.0 is less than 0.0.
fn compare_doubles(left: f64, right: f64) -> Ordering {
    match (left.is_nan(), right.is_nan()) {
        (false, false) => left.total_cmp(&right),
        (left, right) => left.cmp(&right),
    }
}

/// Cuts a decimal into scale and unscaled value.
pub(crate) fn decimal_parts(bytes: &[u8]) -> (i64, BigInt) {
    let (scale, unscaled) = bytes.split_at(bytes.len().min(4));
    (signed(scale), BigInt::from_signed_bytes_be(unscaled))
}

/// Compares by number; differing lengths of digits are settled first, so that no power of ten gets long for it.
fn compare_decimals(left: &[u8], right: &[u8]) -> Ordering {
    let ((left_scale, left_value), (right_scale, right_value)) = (decimal_parts(left), decimal_parts(right));
    if left_value.sign() != right_value.sign() || left_value.sign() == num_bigint::Sign::NoSign {
        return left_value.sign().cmp(&right_value.sign());
    }
    let (left_text, right_text) = (left_value.magnitude().to_string(), right_value.magnitude().to_string());
    let magnitude = |text: &str, scale: i64| i64::try_from(text.len()).unwrap_or(i64::MAX) - scale;
    let by_magnitude = magnitude(&left_text, left_scale)
        .cmp(&magnitude(&right_text, right_scale))
        .then_with(|| left_text.trim_end_matches('0').cmp(right_text.trim_end_matches('0')));
    if left_value.sign() == num_bigint::Sign::Minus { by_magnitude.reverse() } else { by_magnitude }
}

fn uuid_halves(bytes: &[u8]) -> (u64, u64) {
    let all = bytes.iter().fold(0u128, |value, byte| value << 8 | u128::from(*byte));
    ((all >> 64) as u64, all as u64)
}

/// Returns a time UUID's upper half with its time's digits in order of weight.
fn by_time(upper: u64) -> u64 {
    upper << 48 | (upper << 16 & 0xFFFF_0000_0000) | upper >> 32
}

/// Compares as `UUIDType`: by version, then by time or the upper half, then by the lower half.
fn compare_uuids(left: &[u8], right: &[u8]) -> Ordering {
    let ((left_upper, left_lower), (right_upper, right_lower)) = (uuid_halves(left), uuid_halves(right));
    let version = |upper: u64| upper >> 12 & 0xF;
    let weight = |upper: u64| {
        if version(upper) == 1 { by_time(upper) } else { upper }
    };
    version(left_upper)
        .cmp(&version(right_upper))
        .then_with(|| weight(left_upper).cmp(&weight(right_upper)))
        .then_with(|| left_lower.cmp(&right_lower))
}

/// Compares as `TimeUUIDType`: by time, then the lower half's bytes as signed ones. Lists stand in this order of their paths.
pub(crate) fn compare_timeuuids(left: &[u8], right: &[u8]) -> Ordering {
    let ((left_upper, left_lower), (right_upper, right_lower)) = (uuid_halves(left), uuid_halves(right));
    let signed_bytes = |lower: u64| lower ^ 0x8080_8080_8080_8080;
    by_time(left_upper)
        .cmp(&by_time(right_upper))
        .then_with(|| signed_bytes(left_lower).cmp(&signed_bytes(right_lower)))
}

/// Skips the count that lists, sets and maps begin with.
fn tail(bytes: &[u8]) -> &[u8] {
    &bytes[bytes.len().min(4)..]
}

/// Cuts values that have their length before them; a negative length is null.
pub(crate) fn parts(mut bytes: &[u8]) -> Vec<Option<&[u8]>> {
    let mut found = Vec::new();
    while let Some((length, rest)) = bytes.split_at_checked(4) {
        let length = signed(length);
        let Ok(length) = usize::try_from(length) else {
            found.push(None);
            bytes = rest;
            continue;
        };
        let (value, after) = rest.split_at(length.min(rest.len()));
        found.push(Some(value));
        bytes = after;
    }
    found
}

pub(crate) fn vector_parts<'a>(element: &CqlType, mut bytes: &'a [u8]) -> Vec<Option<&'a [u8]>> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let length = if let Some(length) = element.fixed_length() {
            length
        } else {
            let extra = bytes[0].leading_ones() as usize;
            let first = if extra >= 8 { 0 } else { u64::from(bytes[0] & (0xFF >> extra)) };
            let length =
                bytes.iter().skip(1).take(extra).fold(first, |value, byte| value << 8 | u64::from(*byte));
            bytes = &bytes[(1 + extra).min(bytes.len())..];
            usize::try_from(length).unwrap_or(usize::MAX)
        };
        let (value, after) = bytes.split_at(length.min(bytes.len()));
        found.push(Some(value));
        bytes = after;
    }
    found
}

fn compare_nullable(
    cql_type: &CqlType,
    left: Option<&[u8]>,
    right: Option<&[u8]>,
    types: &UserTypes,
) -> Ordering {
    match (left, right) {
        (Some(left), Some(right)) => compare(cql_type, left, right, types),
        (left, right) => left.is_some().cmp(&right.is_some()),
    }
}

/// Compares value by value, then by their number; `cycle` gives the types in turn.
fn compare_lists(
    cycle: &[&CqlType; 2],
    left: &[Option<&[u8]>],
    right: &[Option<&[u8]>],
    types: &UserTypes,
) -> Ordering {
    for (at, (a, b)) in left.iter().zip(right).enumerate() {
        let order = compare_nullable(cycle[at % 2], *a, *b, types);
        if order != Ordering::Equal {
            return order;
        }
    }
    left.len().cmp(&right.len())
}

/// Compares field by field; fields that are missing at the end are null.
fn compare_fields(
    fields: &[&CqlType],
    left: &[Option<&[u8]>],
    right: &[Option<&[u8]>],
    types: &UserTypes,
) -> Ordering {
    for (at, field) in fields.iter().enumerate() {
        let a = left.get(at).copied().flatten();
        let b = right.get(at).copied().flatten();
        let order = compare_nullable(field, a, b, types);
        if order != Ordering::Equal {
            return order;
        }
    }
    Ordering::Equal
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::{encode, encode_map_key};
    use crate::json::Json;

    /// Checks that the values, given in Cassandra's order, are each less than the next one.
    fn ascending(cql_type: &str, values: &[&str]) {
        let parsed = CqlType::parse(cql_type).unwrap();
        let types = UserTypes::default();
        let bytes: Vec<_> =
            values.iter().map(|v| encode(&parsed, &Json::parse(v).unwrap(), &types).unwrap()).collect();
        for (at, pair) in bytes.windows(2).enumerate() {
            assert_eq!(
                compare(&parsed, &pair[0], &pair[1], &types),
                Ordering::Less,
                "{cql_type} {}",
                values[at]
            );
            assert_eq!(
                compare(&parsed, &pair[1], &pair[0], &types),
                Ordering::Greater,
                "{cql_type} {}",
                values[at]
            );
        }
    }

    #[test]
    fn numbers_stand_by_their_value() {
        ascending("int", &["\"\"", "-2147483648", "-1", "0", "1"]);
        ascending("tinyint", &["-128", "-1", "0", "127"]);
        ascending("varint", &["-129", "-128", "-1", "0", "127", "128", "99999999999999999999"]);
        ascending(
            "decimal",
            &["-1E+9", "-2", "-1.5", "-0.1", "0.00", "1E-50", "0.9", "1", "1.01", "9.9", "10", "1E+100"],
        );
        ascending("double", &["\"\"", "\"-Infinity\"", "-1", "-0.0", "0.0", "1", "\"Infinity\"", "\"NaN\""]);
    }

    #[test]
    fn decimals_of_one_value_are_equal() {
        let decimal = CqlType::Native(Native::Decimal);
        let types = UserTypes::default();
        let bytes = |text| encode_map_key(&decimal, text, &types).unwrap();
        assert_eq!(compare(&decimal, &bytes("1.0"), &bytes("1.00"), &types), Ordering::Equal);
        assert_eq!(compare(&decimal, &bytes("100"), &bytes("1E+2"), &types), Ordering::Equal);
        assert_eq!(compare(&decimal, &bytes("0"), &bytes("0.000"), &types), Ordering::Equal);
    }

    #[test]
    fn bytes_and_dates_stand_unsigned() {
        ascending("text", &["\"\"", "\"A\"", "\"a\"", "\"ab\"", "\"é\""]);
        ascending("date", &["\"-0001-01-01\"", "\"1969-12-31\"", "\"1970-01-01\""]);
        ascending("timestamp", &["\"1969-12-31 00:00:00.000Z\"", "\"1970-01-01 00:00:00.000Z\""]);
        ascending("inet", &["\"9.0.0.1\"", "\"10.0.0.1\"", "\"2001:db8:0:0:0:0:0:1\"", "\"127.0.0.1\""]);
    }

    #[test]
    fn uuids_stand_by_version_and_time() {
        ascending(
            "uuid",
            &[
                "\"ffffffff-0000-1000-8000-000000000000\"",
                "\"00000000-0001-1000-8000-000000000000\"",
                "\"00000000-0000-4000-8000-000000000000\"",
            ],
        );
        ascending(
            "timeuuid",
            &[
                "\"00000001-0000-1000-8000-000000000000\"",
                "\"00000001-0000-1000-8000-00000000007f\"",
                "\"00000000-0001-1000-8000-000000000000\"",
            ],
        );
        ascending(
            "timeuuid",
            &["\"00000001-0000-1000-8000-0000000000ff\"", "\"00000001-0000-1000-8000-000000000000\""],
        );
    }

    #[test]
    fn nested_values_stand_element_by_element() {
        ascending("frozen<list<int>>", &["[]", "[-1]", "[-1, -5]", "[0]", "[1]"]);
        ascending("frozen<map<int, text>>", &["{\"-1\": \"b\"}", "{\"1\": \"a\"}", "{\"1\": \"b\"}"]);
        ascending("frozen<tuple<int, text>>", &["[null, \"z\"]", "[-1, null]", "[-1, \"a\"]", "[1, \"\"]"]);
        ascending("vector<float, 2>", &["[-1, 0]", "[0, -3]", "[0, 1]"]);
        ascending("vector<text, 2>", &["[\"a\", \"b\"]", "[\"a\", \"c\"]", "[\"b\", \"\"]"]);
    }
}
