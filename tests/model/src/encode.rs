//! From a record's JSON value to the bytes that the native protocol shows for it.

use std::collections::HashMap;
use std::net::IpAddr;

use anyhow::{Context, Result, anyhow, bail, ensure};
use num_bigint::BigInt;

use crate::calendar;
use crate::cql_type::{CqlType, Native};
use crate::json::Json;

/// A user-defined type's field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    /// Every name it ever had; the present one last.
    pub(crate) names: Vec<String>,
    /// Type.
    pub(crate) cql_type: CqlType,
}

/// The user-defined types of one keyspace by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct UserTypes(HashMap<String, Vec<Field>>);

impl UserTypes {
    /// Returns a type's fields.
    pub(crate) fn fields(&self, name: &str) -> Result<&[Field]> {
        let fields = self.0.get(name).ok_or_else(|| anyhow!("no definition of the type {name:?}"))?;
        Ok(fields)
    }

    /// Sets a type's fields; former names are kept, as records from before a RENAME use them.
    pub(crate) fn define(&mut self, name: &str, fields: Vec<(String, CqlType)>) {
        let former = self.0.remove(name).unwrap_or_default();
        let mut defined = Vec::new();
        for (position, (field, cql_type)) in fields.into_iter().enumerate() {
            let mut names = former.get(position).map(|old| old.names.clone()).unwrap_or_default();
            names.retain(|n| *n != field);
            names.push(field);
            defined.push(Field { names, cql_type });
        }
        self.0.insert(name.to_owned(), defined);
    }

    /// Forgets a type.
    pub(crate) fn drop(&mut self, name: &str) {
        self.0.remove(name);
    }
}

/// Returns the place of the field that is or was called `name`; Cassandra's JSON puts names that are not all lower case
/// in double quotes of their own.
pub(crate) fn field_position(fields: &[Field], name: &str) -> Result<usize> {
    let unquoted = name.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    for candidate in [Some(name), unquoted].into_iter().flatten() {
        if let Some(at) = fields.iter().position(|field| field.names.last().is_some_and(|n| n == candidate)) {
            return Ok(at);
        }
        if let Some(at) = fields.iter().position(|field| field.names.iter().any(|n| n == candidate)) {
            return Ok(at);
        }
    }
    bail!("no field {name:?}")
}

/// Returns the bytes of `value`.
pub(crate) fn encode(cql_type: &CqlType, value: &Json, types: &UserTypes) -> Result<Vec<u8>> {
    let cql_type = cql_type.thawed();
    let is_empty_text = matches!(value, Json::String(text) if text.is_empty());
    let stands_for_itself = matches!(cql_type, CqlType::Native(Native::Blob | Native::Duration));
    if is_empty_text && !stands_for_itself {
        return Ok(Vec::new());
    }
    match cql_type {
        CqlType::Native(native) => encode_native(*native, value)
            .with_context(|| format!("{} is not a value of type {native:?}", value.brief())),
        CqlType::List(element) | CqlType::Set(element) => {
            let elements = value.array()?;
            let mut out = count(elements.len())?;
            for item in elements {
                put(&mut out, encode_nullable(element, item, types)?.as_deref())?;
            }
            Ok(out)
        }
        CqlType::Map(key, mapped) => {
            let members = value.object()?;
            let mut out = count(members.len())?;
            for (name, item) in members {
                put(&mut out, Some(&encode_map_key(key, name, types)?))?;
                put(&mut out, encode_nullable(mapped, item, types)?.as_deref())?;
            }
            Ok(out)
        }
        CqlType::Tuple(fields) => {
            let items = value.array()?;
            ensure!(items.len() <= fields.len(), "more values than the tuple has fields");
            let mut out = Vec::new();
            for (field, item) in fields.iter().zip(items) {
                put(&mut out, encode_nullable(field, item, types)?.as_deref())?;
            }
            Ok(out)
        }
        CqlType::User(name) => encode_user(types.fields(name)?, value, types),
        CqlType::Vector(element, dimension) => encode_vector(element, *dimension, value, types),
        CqlType::Frozen(_) => unreachable!("thawed above"),
        CqlType::Custom(class) => bail!("values of the custom type {class} are not known"),
    }
}

fn encode_nullable(cql_type: &CqlType, value: &Json, types: &UserTypes) -> Result<Option<Vec<u8>>> {
    if *value == Json::Null { Ok(None) } else { encode(cql_type, value, types).map(Some) }
}

/// Returns the bytes of a map's key, which JSON can only give as a string.
pub(crate) fn encode_map_key(cql_type: &CqlType, name: &str, types: &UserTypes) -> Result<Vec<u8>> {
    let text = Json::String(name.to_owned());
    if let CqlType::Native(native) = cql_type.thawed() {
        let number = Json::Number(name.to_owned());
        match native {
            Native::Boolean if !name.is_empty() => return encode(cql_type, &Json::parse(name)?, types),
            Native::Timestamp if name.parse::<i64>().is_ok() => return encode(cql_type, &number, types),
            Native::Bigint
            | Native::Counter
            | Native::Decimal
            | Native::Double
            | Native::Float
            | Native::Int
            | Native::Smallint
            | Native::Tinyint
            | Native::Varint
                if !name.is_empty() && !is_named_number(name) =>
            {
                return encode(cql_type, &number, types);
            }
            _ => return encode(cql_type, &text, types),
        }
    }
    if name.is_empty() { Ok(Vec::new()) } else { encode(cql_type, &Json::parse(name)?, types) }
}

fn is_named_number(text: &str) -> bool {
    matches!(text, "NaN" | "Infinity" | "-Infinity")
}

fn count(elements: usize) -> Result<Vec<u8>> {
    Ok(i32::try_from(elements)?.to_be_bytes().to_vec())
}

/// Appends a length and the bytes; the length of null is -1.
pub(crate) fn put(out: &mut Vec<u8>, value: Option<&[u8]>) -> Result<()> {
    let Some(bytes) = value else {
        out.extend_from_slice(&(-1i32).to_be_bytes());
        return Ok(());
    };
    out.extend_from_slice(&i32::try_from(bytes.len())?.to_be_bytes());
    out.extend_from_slice(bytes);
    Ok(())
}

fn encode_user(fields: &[Field], value: &Json, types: &UserTypes) -> Result<Vec<u8>> {
    let mut values: Vec<Option<Vec<u8>>> = Vec::new();
    for (name, item) in value.object()? {
        let at = field_position(fields, name)?;
        if values.len() <= at {
            values.resize(at + 1, None);
        }
        values[at] = encode_nullable(&fields[at].cql_type, item, types)?;
    }
    let mut out = Vec::new();
    for item in &values {
        put(&mut out, item.as_deref())?;
    }
    Ok(out)
}

fn encode_vector(element: &CqlType, dimension: usize, value: &Json, types: &UserTypes) -> Result<Vec<u8>> {
    let items = value.array()?;
    ensure!(items.len() == dimension, "{} values in a vector of {dimension}", items.len());
    let mut out = Vec::new();
    for item in items {
        let bytes = encode(element, item, types)?;
        match element.fixed_length() {
            Some(length) => ensure!(bytes.len() == length, "vector element of the wrong length"),
            None => put_unsigned_vint(&mut out, bytes.len() as u64),
        }
        out.extend_from_slice(&bytes);
    }
    Ok(out)
}

/// Appends an unsigned vint: leading one bits of the first byte count the bytes that follow.
fn put_unsigned_vint(out: &mut Vec<u8>, value: u64) {
    let significant = 64 - (value | 1).leading_zeros() as usize;
    let extra = ((significant - 1) / 7).min(8);
    let mut bytes = value.to_be_bytes()[8 - extra.min(8)..].to_vec();
    if extra < 8 {
        let high = if extra == 0 { value } else { value >> (8 * extra) };
        let ones = if extra == 0 { 0 } else { !(0xFFu8 >> extra) };
        bytes.insert(0, ones | high as u8);
    } else {
        bytes.insert(0, 0xFF);
    }
    out.extend_from_slice(&bytes);
}

fn put_signed_vint(out: &mut Vec<u8>, value: i64) {
    put_unsigned_vint(out, ((value << 1) ^ (value >> 63)) as u64);
}

fn integer<T: std::str::FromStr>(value: &Json) -> Result<T> {
    let Json::Number(text) = value else { bail!("not a number") };
    text.parse().map_err(|_| anyhow!("out of the type's range"))
}

fn encode_native(native: Native, value: &Json) -> Result<Vec<u8>> {
    Ok(match native {
        Native::Ascii => {
            ensure!(value.str()?.is_ascii(), "not ASCII");
            value.str()?.as_bytes().to_vec()
        }
        Native::Text => value.str()?.as_bytes().to_vec(),
        Native::Blob => blob(value.str()?)?,
        Native::Boolean => match value {
            Json::Bool(truth) => vec![u8::from(*truth)],
            _ => bail!("not a boolean"),
        },
        Native::Bigint | Native::Counter => integer::<i64>(value)?.to_be_bytes().to_vec(),
        Native::Int => integer::<i32>(value)?.to_be_bytes().to_vec(),
        Native::Smallint => integer::<i16>(value)?.to_be_bytes().to_vec(),
        Native::Tinyint => integer::<i8>(value)?.to_be_bytes().to_vec(),
        Native::Varint => integer::<BigInt>(value)?.to_signed_bytes_be(),
        Native::Decimal => match value {
            Json::Number(text) => decimal(text)?,
            _ => bail!("not a number"),
        },
        Native::Double => double(value)?.to_be_bytes().to_vec(),
        Native::Float => float(value)?.to_be_bytes().to_vec(),
        Native::Date => {
            let days = calendar::date(value.str()?)? + (1 << 31);
            u32::try_from(days)?.to_be_bytes().to_vec()
        }
        Native::Time => calendar::time(value.str()?)?.to_be_bytes().to_vec(),
        Native::Timestamp => match value {
            Json::Number(text) => text.parse::<i64>()?.to_be_bytes().to_vec(),
            _ => calendar::timestamp(value.str()?)?.to_be_bytes().to_vec(),
        },
        Native::Duration => {
            let (months, days, nanoseconds) = calendar::duration(value.str()?)?;
            let mut out = Vec::new();
            for part in [months, days, nanoseconds] {
                put_signed_vint(&mut out, part);
            }
            out
        }
        Native::Uuid | Native::Timeuuid => uuid(value.str()?)?,
        Native::Inet => match value.str()?.parse::<IpAddr>()? {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        },
        Native::Empty => bail!("only the empty value"),
    })
}

fn double(value: &Json) -> Result<f64> {
    Ok(match value {
        Json::Number(text) => text.parse()?,
        Json::String(name) if is_named_number(name) => match name.as_str() {
            "NaN" => f64::from_bits(0x7ff8_0000_0000_0000),
            "Infinity" => f64::INFINITY,
            _ => f64::NEG_INFINITY,
        },
        _ => bail!("not a number"),
    })
}

fn float(value: &Json) -> Result<f32> {
    Ok(match value {
        Json::Number(text) => text.parse()?,
        Json::String(name) if is_named_number(name) => match name.as_str() {
            "NaN" => f32::from_bits(0x7fc0_0000),
            "Infinity" => f32::INFINITY,
            _ => f32::NEG_INFINITY,
        },
        _ => bail!("not a number"),
    })
}

/// Returns scale and unscaled value of a decimal's text; Java's `BigDecimal.toString` keeps both.
fn decimal(text: &str) -> Result<Vec<u8>> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let unscaled: BigInt = format!("{whole}{fraction}").parse()?;
    let scale = i32::try_from(i64::try_from(fraction.len())? - exponent)?;
    let mut out = scale.to_be_bytes().to_vec();
    out.extend_from_slice(&unscaled.to_signed_bytes_be());
    Ok(out)
}

/// Returns the bytes of `0x…`.
fn blob(text: &str) -> Result<Vec<u8>> {
    hex_bytes(text.strip_prefix("0x").context("blob without 0x")?)
}

/// Returns the bytes that hex digits give.
pub(crate) fn hex_bytes(digits: &str) -> Result<Vec<u8>> {
    let digits = digits.as_bytes();
    ensure!(digits.len().is_multiple_of(2), "half a byte");
    digits.chunks_exact(2).map(|pair| Ok(nibble(pair[0])? << 4 | nibble(pair[1])?)).collect()
}

fn nibble(digit: u8) -> Result<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8).context("not a hex digit")
}

/// Returns the 16 bytes of a UUID's text.
pub(crate) fn uuid(text: &str) -> Result<Vec<u8>> {
    let groups: Vec<usize> = text.split('-').map(str::len).collect();
    ensure!(groups == [8, 4, 4, 4, 12], "not a UUID: {text:?}");
    hex_bytes(&text.replace('-', ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(cql_type: &str, json: &str) -> String {
        let parsed = CqlType::parse(cql_type).unwrap();
        let mut types = UserTypes::default();
        types.define(
            "pt",
            vec![
                ("x".into(), CqlType::parse("int").unwrap()),
                ("Lbl".into(), CqlType::parse("text").unwrap()),
            ],
        );
        let bytes = encode(&parsed, &Json::parse(json).unwrap(), &types).unwrap();
        crate::dump::hex(&bytes)
    }

    #[test]
    fn numbers_keep_every_digit() {
        assert_eq!(hex("varint", "-129"), "ff7f");
        assert_eq!(hex("varint", "0"), "00");
        assert_eq!(hex("varint", "128"), "0080");
        assert_eq!(hex("decimal", "1.00"), "0000000264");
        assert_eq!(hex("decimal", "-1.5E+3"), "fffffffef1");
        assert_eq!(hex("decimal", "0E-10"), "0000000a00");
        assert_eq!(hex("bigint", "-9223372036854775808"), "8000000000000000");
        assert_eq!(hex("double", "-0.0"), "8000000000000000");
        assert_eq!(hex("float", "1.4E-45"), "00000001");
    }

    #[test]
    fn mended_values_are_read() {
        assert_eq!(hex("double", "\"NaN\""), "7ff8000000000000");
        assert_eq!(hex("float", "\"-Infinity\""), "ff800000");
        assert_eq!(hex("timestamp", "-62135596800001"), "ffffc77cedd327ff");
        assert_eq!(hex("int", "\"\""), "");
        assert_eq!(hex("boolean", "\"\""), "");
        assert_eq!(hex("frozen<list<int>>", "[\"\"]"), "0000000100000000");
        assert_eq!(hex("blob", "\"0x\""), "");
        assert_eq!(
            hex("map<double, int>", r#"{"NaN": 1}"#),
            "00000001000000087ff80000000000000000000400000001"
        );
    }

    #[test]
    fn times_and_durations_are_read() {
        assert_eq!(hex("date", "\"1970-01-01\""), "80000000");
        assert_eq!(hex("date", "\"-5877641-06-23\""), "00000000");
        assert_eq!(hex("time", "\"00:00:00.000000001\""), "0000000000000001");
        assert_eq!(hex("timestamp", "\"1970-01-01 00:00:01.000Z\""), "00000000000003e8");
        assert_eq!(hex("duration", "\"1mo2d3ns\""), "020406");
        assert_eq!(hex("duration", "\"1000ns\""), "000087d0");
    }

    #[test]
    fn nested_values_are_read() {
        assert_eq!(hex("frozen<pt>", r#"{"x": null, "\"Lbl\"": "a"}"#), "ffffffff0000000161");
        assert_eq!(hex("tuple<int, text>", "[1, null]"), "0000000400000001ffffffff");
        assert_eq!(
            hex("map<frozen<list<int>>, boolean>", r#"{"[1]": true}"#),
            "000000010000000c0000000100000004000000010000000101"
        );
        assert_eq!(hex("vector<float, 2>", "[1.0, -2]"), "3f800000c0000000");
        assert_eq!(hex("vector<text, 2>", r#"["a", ""]"#), "016100");
        assert_eq!(hex("inet", "\"::1\""), "00000000000000000000000000000001");
    }

    #[test]
    fn wrong_values_are_refused() {
        let refused = |cql_type: &str, json: &str| {
            let parsed = CqlType::parse(cql_type).unwrap();
            encode(&parsed, &Json::parse(json).unwrap(), &UserTypes::default()).is_err()
        };
        assert!(refused("int", "2147483648") && refused("int", "null") && refused("int", "1.0"));
        assert!(refused("blob", "\"\"") && refused("blob", "\"00\"") && refused("boolean", "1"));
        assert!(
            refused("vector<int, 2>", "[1]") && refused("tuple<int>", "[1, 2]") && refused("uuid", "\"1\"")
        );
    }

    #[test]
    fn vints_have_their_length_in_the_first_byte() {
        for (value, expected) in [
            (0u64, "00"),
            (127, "7f"),
            (128, "8080"),
            (16_383, "bfff"),
            (16_384, "c04000"),
            (u64::MAX, "ffffffffffffffffff"),
        ] {
            let mut out = Vec::new();
            put_unsigned_vint(&mut out, value);
            assert_eq!(crate::dump::hex(&out), expected);
        }
    }
}
