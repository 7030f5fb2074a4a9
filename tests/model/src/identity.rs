//! Which values Cassandra holds for the same one, although their bytes differ.

use crate::cql_type::{CqlType, Native};
use crate::encode::{UserTypes, put};
use crate::order::{decimal_parts, parts, vector_parts};

/// Returns bytes that two values share exactly if Cassandra's order finds them equal: decimals count without zeros at their
/// end, tuples and user types without nulls at their end.
pub(crate) fn identity(cql_type: &CqlType, bytes: &[u8], types: &UserTypes) -> Vec<u8> {
    if bytes.is_empty() {
        return Vec::new();
    }
    match cql_type.thawed() {
        CqlType::Native(Native::Decimal) => {
            let (scale, unscaled) = decimal_parts(bytes);
            let digits = unscaled.to_string();
            let trimmed = digits.trim_end_matches('0');
            if trimmed.is_empty() {
                return b"0".to_vec();
            }
            let zeros = (digits.len() - trimmed.len()) as i64;
            format!("{trimmed}E{}", zeros - scale).into_bytes()
        }
        CqlType::List(element) | CqlType::Set(element) => {
            join(&[element, element], &parts(&bytes[bytes.len().min(4)..]), types)
        }
        CqlType::Map(key, value) => join(&[key, value], &parts(&bytes[bytes.len().min(4)..]), types),
        CqlType::Vector(element, _) => join(&[element, element], &vector_parts(element, bytes), types),
        CqlType::Tuple(fields) => join_fields(&fields.iter().collect::<Vec<_>>(), bytes, types),
        CqlType::User(name) => match types.fields(name) {
            Ok(fields) => {
                let fields: Vec<_> = fields.iter().map(|field| &field.cql_type).collect();
                join_fields(&fields, bytes, types)
            }
            Err(_) => bytes.to_vec(),
        },
        _ => bytes.to_vec(),
    }
}

fn join(cycle: &[&CqlType; 2], values: &[Option<&[u8]>], types: &UserTypes) -> Vec<u8> {
    join_typed(values.iter().enumerate().map(|(at, value)| (cycle[at % 2], *value)), types)
}

fn join_fields(fields: &[&CqlType], bytes: &[u8], types: &UserTypes) -> Vec<u8> {
    let mut values = parts(bytes);
    while values.last().is_some_and(Option::is_none) {
        values.pop();
    }
    join_typed(fields.iter().zip(values).map(|(field, value)| (*field, value)), types)
}

fn join_typed<'a>(
    values: impl Iterator<Item = (&'a CqlType, Option<&'a [u8]>)>,
    types: &UserTypes,
) -> Vec<u8> {
    let mut out = vec![0];
    for (cql_type, value) in values {
        let part = value.map(|bytes| identity(cql_type, bytes, types));
        if put(&mut out, part.as_deref()).is_err() {
            return out;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::encode;
    use crate::json::Json;

    fn of(cql_type: &str, json: &str) -> Vec<u8> {
        let types = UserTypes::default();
        let parsed = CqlType::parse(cql_type).unwrap();
        identity(&parsed, &encode(&parsed, &Json::parse(json).unwrap(), &types).unwrap(), &types)
    }

    #[test]
    fn decimals_are_the_same_by_value_at_any_depth() {
        assert_eq!(of("decimal", "1.0"), of("decimal", "1.00"));
        assert_eq!(of("decimal", "-100"), of("decimal", "-1E+2"));
        assert_eq!(of("decimal", "0"), of("decimal", "0E-5"));
        assert_ne!(of("decimal", "1"), of("decimal", "10"));
        assert_eq!(of("frozen<list<decimal>>", "[1.0]"), of("frozen<list<decimal>>", "[1]"));
        assert_eq!(of("tuple<decimal, int>", "[1.0, null]"), of("tuple<decimal, int>", "[1.00]"));
        assert_ne!(of("frozen<list<int>>", "[1]"), of("frozen<list<int>>", "[1, 1]"));
    }
}
