//! Values of the cells of `system_schema` tables.

#[cfg(feature = "agent")]
use std::net::IpAddr;
use std::{collections::BTreeMap, fmt::Write as _};

use cassandra_commitlog::types::{CqlType, NativeType};
use uuid::Uuid;

/// A cell's value, decoded by the type of its column. Only the types that schema tables use.
#[derive(Debug, Clone, PartialEq, PartialOrd)]
pub(super) enum Value {
    Text(String),
    Int(i64),
    Double(f64),
    Boolean(bool),
    Uuid(Uuid),
    Blob(Vec<u8>),
    /// A list or set.
    List(Vec<Value>),
    Map(Vec<(Value, Value)>),
}

impl Value {
    /// Decodes a value; `None` if the bytes do not fit the type.
    pub(super) fn decode(ty: &CqlType, bytes: &[u8]) -> Option<Self> {
        Some(match ty {
            CqlType::Native(NativeType::Text | NativeType::Ascii) => {
                Self::Text(String::from_utf8(bytes.to_vec()).ok()?)
            }
            CqlType::Native(NativeType::Int) => Self::Int(i32::from_be_bytes(bytes.try_into().ok()?).into()),
            CqlType::Native(NativeType::Bigint | NativeType::Timestamp) => {
                Self::Int(i64::from_be_bytes(bytes.try_into().ok()?))
            }
            CqlType::Native(NativeType::Double) => Self::Double(f64::from_be_bytes(bytes.try_into().ok()?)),
            CqlType::Native(NativeType::Boolean) => Self::Boolean(*bytes.first()? != 0),
            CqlType::Native(NativeType::Uuid | NativeType::Timeuuid) => {
                Self::Uuid(Uuid::from_slice(bytes).ok()?)
            }
            CqlType::List(element, _) | CqlType::Set(element, _) => {
                let (count, mut rest) = count(bytes)?;
                let mut values = Vec::new();
                for _ in 0..count {
                    values.push(Self::decode(element, sized(&mut rest)?)?);
                }
                Self::List(values)
            }
            CqlType::Map(types, _) => {
                let (count, mut rest) = count(bytes)?;
                let mut entries = Vec::new();
                for _ in 0..count {
                    let key = Self::decode(&types.0, sized(&mut rest)?)?;
                    let value = Self::decode(&types.1, sized(&mut rest)?)?;
                    entries.push((key, value));
                }
                Self::Map(entries)
            }
            _ => Self::Blob(bytes.to_vec()),
        })
    }

    pub(super) fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }

    pub(super) fn texts<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        Self::List(texts.into_iter().map(Self::text).collect())
    }

    pub(super) fn text_map(map: &BTreeMap<String, String>) -> Self {
        Self::Map(map.iter().map(|(key, value)| (Self::text(key), Self::text(value))).collect())
    }

    pub(super) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(*number),
            _ => None,
        }
    }

    pub(super) fn as_uuid(&self) -> Option<Uuid> {
        match self {
            Self::Uuid(uuid) => Some(*uuid),
            _ => None,
        }
    }

    pub(super) fn as_boolean(&self) -> Option<bool> {
        match self {
            Self::Boolean(value) => Some(*value),
            _ => None,
        }
    }

    pub(super) fn as_blob(&self) -> Option<&[u8]> {
        match self {
            Self::Blob(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// Returns an address of type `inet`.
    #[cfg(feature = "agent")]
    pub(super) fn as_address(&self) -> Option<IpAddr> {
        let bytes = self.as_blob()?;
        let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
        v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
    }

    /// Returns the texts of a list or set of texts.
    pub(super) fn as_texts(&self) -> Option<Vec<&str>> {
        match self {
            Self::List(values) => values.iter().map(Self::as_text).collect(),
            _ => None,
        }
    }

    pub(super) fn as_text_map(&self) -> Option<BTreeMap<String, String>> {
        match self {
            Self::Map(entries) => entries
                .iter()
                .map(|(key, value)| Some((key.as_text()?.to_owned(), value.as_text()?.to_owned())))
                .collect(),
            _ => None,
        }
    }

    pub(super) fn as_blob_map(&self) -> Option<BTreeMap<String, Vec<u8>>> {
        match self {
            Self::Map(entries) => entries
                .iter()
                .map(|(key, value)| Some((key.as_text()?.to_owned(), value.as_blob()?.to_vec())))
                .collect(),
            _ => None,
        }
    }

    /// Returns the value as text for people and for opaque definitions.
    pub(super) fn to_plain_text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Int(number) => number.to_string(),
            Self::Double(number) => format!("{number:?}"),
            Self::Boolean(value) => value.to_string(),
            Self::Uuid(uuid) => uuid.to_string(),
            Self::Blob(bytes) => hex(bytes),
            Self::List(values) => {
                let texts: Vec<_> = values.iter().map(Self::to_plain_text).collect();
                format!("[{}]", texts.join(", "))
            }
            Self::Map(entries) => {
                let texts: Vec<_> = entries
                    .iter()
                    .map(|(key, value)| format!("{}: {}", key.to_plain_text(), value.to_plain_text()))
                    .collect();
                format!("{{{}}}", texts.join(", "))
            }
        }
    }
}

/// Splits the element count off a collection. Each element takes at least its four bytes of length, which
/// bounds the count by the input.
fn count(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (head, rest) = bytes.split_at_checked(4)?;
    let count = usize::try_from(i32::from_be_bytes(head.try_into().ok()?)).ok()?;
    (count <= rest.len() / 4).then_some((count, rest))
}

/// Takes one element with its length.
fn sized<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (head, tail) = rest.split_at_checked(4)?;
    let length = usize::try_from(i32::from_be_bytes(head.try_into().ok()?)).ok()?;
    let (value, tail) = tail.split_at_checked(length)?;
    *rest = tail;
    Some(value)
}

/// Returns bytes as `0x…`.
pub(super) fn hex(bytes: &[u8]) -> String {
    let mut text = String::from("0x");
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Returns the bytes of `0x…`, or `None` if the text is not that.
pub(super) fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_prefix("0x")?;
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    let pairs = digits.as_bytes().chunks_exact(2);
    let bytes = pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
    bytes.collect()
}
