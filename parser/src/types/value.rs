//! Values as typed views of their bytes.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str,
};

use num_bigint::BigInt;
use uuid::Uuid;

use super::{
    CqlType, DEPTH_MAX, NativeType, ValueError,
    wire::{
        Comparator, Elements, Fields, VectorElements, after_static_prefix, array, comparator,
        composite_component, signed_vint,
    },
};

/// A value of a CQL type. Text, blobs and big numbers borrow from the bytes.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum CqlValue<'a> {
    /// Zero bytes, for a type that has something else to say with bytes. It is not null,
    /// and not used for text and blobs.
    Empty,
    /// `ascii`.
    Ascii(&'a str),
    /// `bigint`.
    Bigint(i64),
    /// `blob`.
    Blob(&'a [u8]),
    /// `boolean`.
    Boolean(bool),
    /// `counter` as the client protocol has it. In the log stands a counter context instead
    /// ([`crate::types::counter`]).
    Counter(i64),
    /// `date`: days, of which 2^31 is 1970-01-01.
    Date(u32),
    /// `decimal`.
    Decimal(Decimal<'a>),
    /// `double`.
    Double(f64),
    /// `duration`.
    Duration(Duration),
    /// `float`.
    Float(f32),
    /// `inet`.
    Inet(IpAddr),
    /// `int`.
    Int(i32),
    /// `smallint`.
    Smallint(i16),
    /// `text`, also named `varchar`.
    Text(&'a str),
    /// `time`: nanoseconds since midnight. Cassandra stores numbers outside a day as well.
    Time(i64),
    /// `timestamp`: milliseconds since 1970 UTC.
    Timestamp(i64),
    /// `timeuuid`.
    Timeuuid(Uuid),
    /// `tinyint`.
    Tinyint(i8),
    /// `uuid`.
    Uuid(Uuid),
    /// `varint`.
    Varint(Varint<'a>),
    /// `list`: its elements; `None` is null, which only corrupt or very old data has.
    List(Vec<Option<CqlValue<'a>>>),
    /// `set`, in the order of the bytes.
    Set(Vec<Option<CqlValue<'a>>>),
    /// `map`: keys and values in the order of the bytes.
    Map(Vec<(Option<CqlValue<'a>>, Option<CqlValue<'a>>)>),
    /// `tuple`: its fields, `None` for null. Shorter than the type if the last fields are missing, which are
    /// null then.
    Tuple(Vec<Option<CqlValue<'a>>>),
    /// A user-defined type: its fields in the order of the definition, as for a tuple.
    UserType(Vec<Option<CqlValue<'a>>>),
    /// `vector`.
    Vector(Vec<CqlValue<'a>>),
    /// `CompositeType`: its components; there may be fewer than the type has.
    Composite(Vec<CqlValue<'a>>),
    /// `DynamicCompositeType`: its components.
    DynamicComposite(Vec<CqlValue<'a>>),
    /// A value of a class that is not known here.
    Custom(&'a [u8]),
}

/// An integer of any length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Varint<'a> {
    bytes: &'a [u8],
}

impl<'a> Varint<'a> {
    /// Returns the two's complement, big-endian, as it stands in the log: perhaps longer than it needs to be.
    pub fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// Returns the number if it has at most 16 bytes.
    pub fn to_i128(self) -> Option<i128> {
        let start = if self.bytes.first().is_some_and(|first| first & 0x80 != 0) { -1 } else { 0 };
        (self.bytes.len() <= 16)
            .then(|| self.bytes.iter().fold(start, |value, byte| value << 8 | i128::from(*byte)))
    }

    /// Returns the number.
    pub fn to_big_int(self) -> BigInt {
        BigInt::from_signed_bytes_be(self.bytes)
    }

    /// Returns true if the number is written with the fewest bytes, as Cassandra writes it
    /// (`BigInteger.toByteArray`).
    pub fn is_minimal(self) -> bool {
        match self.bytes {
            [] => false,
            [0, second, ..] => second & 0x80 != 0,
            [0xff, second, ..] => second & 0x80 == 0,
            _ => true,
        }
    }
}

/// A decimal number: [`Decimal::unscaled`] · 10^-[`Decimal::scale`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Decimal<'a> {
    /// Power of ten that the unscaled number is divided by.
    pub scale: i32,
    /// All digits of the number.
    pub unscaled: Varint<'a>,
}

/// A duration: months, days and nanoseconds, none of which can be turned into another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Duration {
    /// Months.
    pub months: i32,
    /// Days.
    pub days: i32,
    /// Nanoseconds.
    pub nanoseconds: i64,
}

/// Returns the value that `bytes` are for `ty`.
///
/// Fails if they are none ([`ValueError`]). Memory is used in proportion to the bytes, whatever counts and
/// lengths they announce.
pub fn decode<'a>(ty: &CqlType, bytes: &'a [u8]) -> Result<CqlValue<'a>, ValueError> {
    decode_at(ty, bytes, DEPTH_MAX)
}

/// Checks that `bytes` are a value of `ty`, without allocating: fails where [`decode`] does.
pub fn validate(ty: &CqlType, bytes: &[u8]) -> Result<(), ValueError> {
    validate_at(ty, bytes, DEPTH_MAX)
}

/// Returns true if zero bytes are an ordinary value of the type, rather than an empty one.
pub(super) fn holds_zero_bytes(ty: &CqlType) -> bool {
    use NativeType::{Ascii, Blob, Text};
    matches!(ty, CqlType::Native(Ascii | Blob | Text) | CqlType::Custom(_))
}

/// Returns true for the types with parts that may have zero bytes. Versions before 5.0 store frozen
/// collections of zero bytes, although they cannot print them; vectors came later and never have them.
fn holds_emptiness(ty: &CqlType) -> bool {
    !matches!(ty, CqlType::Native(_) | CqlType::Custom(_) | CqlType::Vector(..))
}

/// Returns the depth that is left within a type.
pub(super) fn descend(depth: u8) -> Result<u8, ValueError> {
    depth.checked_sub(1).ok_or(ValueError::TooDeep)
}

fn decode_at<'a>(ty: &CqlType, bytes: &'a [u8], depth: u8) -> Result<CqlValue<'a>, ValueError> {
    let depth = descend(depth)?;
    if bytes.is_empty() && holds_emptiness(ty) {
        return Ok(CqlValue::Empty);
    }
    Ok(match ty {
        CqlType::Native(native) => decode_native(*native, bytes)?,
        CqlType::List(element, _) => CqlValue::List(decode_elements(element, bytes, depth)?),
        CqlType::Set(element, _) => CqlValue::Set(decode_elements(element, bytes, depth)?),
        CqlType::Map(entry, _) => {
            let mut elements = Elements::open(bytes, 2)?;
            let mut entries = Vec::new();
            while let Some(key) = elements.next()? {
                let value = elements.next()?.ok_or(ValueError::Truncated)?;
                entries.push((decode_option(&entry.0, key, depth)?, decode_option(&entry.1, value, depth)?));
            }
            CqlValue::Map(entries)
        }
        CqlType::Tuple(types) => CqlValue::Tuple(decode_fields(types, bytes, depth)?),
        CqlType::UserType(definition, _) => {
            let types = definition.fields.iter().map(|field| &field.ty);
            CqlValue::UserType(decode_fields(types, bytes, depth)?)
        }
        CqlType::Vector(element, dimension) => {
            let mut elements = VectorElements::open(bytes, element, *dimension)?;
            let mut values = Vec::new();
            while let Some(value) = elements.next()? {
                values.push(decode_at(element, value, depth)?);
            }
            CqlValue::Vector(values)
        }
        CqlType::Composite(_) => {
            let mut components = Vec::new();
            each_component(ty, bytes, &mut |component_type, component| {
                components.push(decode_at(component_type, component, depth)?);
                Ok(())
            })?;
            CqlValue::Composite(components)
        }
        CqlType::DynamicComposite(_) => {
            let mut components = Vec::new();
            each_component(ty, bytes, &mut |component_type, component| {
                components.push(decode_at(component_type, component, depth)?);
                Ok(())
            })?;
            CqlValue::DynamicComposite(components)
        }
        CqlType::Custom(_) => CqlValue::Custom(bytes),
    })
}

fn decode_option<'a>(
    ty: &CqlType,
    bytes: Option<&'a [u8]>,
    depth: u8,
) -> Result<Option<CqlValue<'a>>, ValueError> {
    bytes.map(|bytes| decode_at(ty, bytes, depth)).transpose()
}

fn decode_elements<'a>(
    element: &CqlType,
    bytes: &'a [u8],
    depth: u8,
) -> Result<Vec<Option<CqlValue<'a>>>, ValueError> {
    let mut elements = Elements::open(bytes, 1)?;
    let mut values = Vec::new();
    while let Some(value) = elements.next()? {
        values.push(decode_option(element, value, depth)?);
    }
    Ok(values)
}

fn decode_fields<'a, 't>(
    types: impl IntoIterator<Item = &'t CqlType>,
    bytes: &'a [u8],
    depth: u8,
) -> Result<Vec<Option<CqlValue<'a>>>, ValueError> {
    let mut fields = Fields::open(bytes);
    let mut values = Vec::new();
    for ty in types {
        let Some(field) = fields.next()? else { break };
        values.push(decode_option(ty, field, depth)?);
    }
    fields.finish()?;
    Ok(values)
}

fn validate_at(ty: &CqlType, bytes: &[u8], depth: u8) -> Result<(), ValueError> {
    let depth = descend(depth)?;
    if bytes.is_empty() && holds_emptiness(ty) {
        return Ok(());
    }
    match ty {
        CqlType::Native(native) => decode_native(*native, bytes).map(drop),
        CqlType::List(element, _) | CqlType::Set(element, _) => {
            let mut elements = Elements::open(bytes, 1)?;
            while let Some(value) = elements.next()? {
                validate_option(element, value, depth)?;
            }
            Ok(())
        }
        CqlType::Map(entry, _) => {
            let mut elements = Elements::open(bytes, 2)?;
            while let Some(key) = elements.next()? {
                validate_option(&entry.0, key, depth)?;
                validate_option(&entry.1, elements.next()?.ok_or(ValueError::Truncated)?, depth)?;
            }
            Ok(())
        }
        CqlType::Tuple(types) => validate_fields(&**types, bytes, depth),
        CqlType::UserType(definition, _) => {
            validate_fields(definition.fields.iter().map(|field| &field.ty), bytes, depth)
        }
        CqlType::Vector(element, dimension) => {
            let mut elements = VectorElements::open(bytes, element, *dimension)?;
            while let Some(value) = elements.next()? {
                validate_at(element, value, depth)?;
            }
            Ok(())
        }
        CqlType::Composite(_) | CqlType::DynamicComposite(_) => {
            each_component(ty, bytes, &mut |component_type, component| {
                validate_at(component_type, component, depth)
            })
        }
        CqlType::Custom(_) => Ok(()),
    }
}

fn validate_option(ty: &CqlType, bytes: Option<&[u8]>, depth: u8) -> Result<(), ValueError> {
    bytes.map_or(Ok(()), |bytes| validate_at(ty, bytes, depth))
}

fn validate_fields<'t>(
    types: impl IntoIterator<Item = &'t CqlType>,
    bytes: &[u8],
    depth: u8,
) -> Result<(), ValueError> {
    let mut fields = Fields::open(bytes);
    for ty in types {
        let Some(field) = fields.next()? else { break };
        validate_option(ty, field, depth)?;
    }
    fields.finish()
}

/// What takes a component and its type.
type ComponentReader<'a, 'f> = dyn FnMut(&CqlType, &'a [u8]) -> Result<(), ValueError> + 'f;

/// Gives each component of a composite, with its type, to `each`.
fn each_component<'a>(
    ty: &CqlType,
    bytes: &'a [u8],
    each: &mut ComponentReader<'a, '_>,
) -> Result<(), ValueError> {
    match ty {
        CqlType::Composite(types) => {
            let mut input = after_static_prefix(bytes);
            for component_type in types {
                if input.is_empty() {
                    break;
                }
                let (rest, component) = composite_component(input)?;
                each(component_type, component)?;
                input = rest;
            }
            if input.is_empty() { Ok(()) } else { Err(ValueError::TrailingBytes(input.len())) }
        }
        CqlType::DynamicComposite(aliases) => {
            let mut input = after_static_prefix(bytes);
            while !input.is_empty() {
                let (rest, found) = comparator(input)?;
                let (rest, component) = composite_component(rest)?;
                match found {
                    Comparator::Alias(alias) => {
                        let known = aliases.iter().find(|(declared, _)| *declared == alias);
                        each(&known.ok_or(ValueError::UnknownComparator)?.1, component)?;
                    }
                    Comparator::Class(class) => {
                        let class = str::from_utf8(class).map_err(|_| ValueError::UnknownComparator)?;
                        let parsed =
                            CqlType::parse_class(class).map_err(|_| ValueError::UnknownComparator)?;
                        each(&parsed.0, component)?;
                    }
                }
                input = rest;
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Returns a value of a type without parameters.
pub(super) fn decode_native(native: NativeType, bytes: &[u8]) -> Result<CqlValue<'_>, ValueError> {
    match native {
        NativeType::Text => return decode_text(bytes).map(CqlValue::Text),
        NativeType::Blob => return Ok(CqlValue::Blob(bytes)),
        NativeType::Ascii => return decode_ascii(bytes).map(CqlValue::Ascii),
        _ if bytes.is_empty() => return Ok(CqlValue::Empty),
        _ => {}
    }
    Ok(match native {
        NativeType::Bigint => CqlValue::Bigint(i64::from_be_bytes(array(bytes)?)),
        // Cassandra takes every byte but 0 for true (`BooleanSerializer`).
        NativeType::Boolean => CqlValue::Boolean(array::<1>(bytes)? != [0]),
        NativeType::Counter => CqlValue::Counter(i64::from_be_bytes(array(bytes)?)),
        NativeType::Date => CqlValue::Date(u32::from_be_bytes(array(bytes)?)),
        NativeType::Decimal => CqlValue::Decimal(decode_decimal(bytes)?),
        NativeType::Double => CqlValue::Double(f64::from_be_bytes(array(bytes)?)),
        NativeType::Duration => CqlValue::Duration(decode_duration(bytes)?),
        NativeType::Float => CqlValue::Float(f32::from_be_bytes(array(bytes)?)),
        NativeType::Inet => CqlValue::Inet(decode_inet(bytes)?),
        NativeType::Int => CqlValue::Int(i32::from_be_bytes(array(bytes)?)),
        NativeType::Smallint => CqlValue::Smallint(i16::from_be_bytes(array(bytes)?)),
        NativeType::Time => CqlValue::Time(i64::from_be_bytes(array(bytes)?)),
        NativeType::Timestamp => CqlValue::Timestamp(i64::from_be_bytes(array(bytes)?)),
        NativeType::Timeuuid => CqlValue::Timeuuid(Uuid::from_bytes(array(bytes)?)),
        NativeType::Tinyint => CqlValue::Tinyint(i8::from_be_bytes(array(bytes)?)),
        NativeType::Uuid => CqlValue::Uuid(Uuid::from_bytes(array(bytes)?)),
        NativeType::Varint => CqlValue::Varint(Varint { bytes }),
        NativeType::Empty => {
            return Err(ValueError::WrongLength { expected: 0, found: bytes.len() });
        }
        NativeType::Ascii | NativeType::Blob | NativeType::Text => CqlValue::Empty,
    })
}

fn decode_text(bytes: &[u8]) -> Result<&str, ValueError> {
    str::from_utf8(bytes).map_err(|error| ValueError::InvalidText(error.valid_up_to()))
}

fn decode_ascii(bytes: &[u8]) -> Result<&str, ValueError> {
    match bytes.iter().position(|byte| !byte.is_ascii()) {
        Some(position) => Err(ValueError::InvalidText(position)),
        None => decode_text(bytes),
    }
}

fn decode_decimal(bytes: &[u8]) -> Result<Decimal<'_>, ValueError> {
    match bytes.split_first_chunk::<4>() {
        Some((scale, unscaled)) if !unscaled.is_empty() => {
            Ok(Decimal { scale: i32::from_be_bytes(*scale), unscaled: Varint { bytes: unscaled } })
        }
        _ => Err(ValueError::Truncated),
    }
}

/// `DurationSerializer.validate`: parts of one sign, months and days of 32 bits.
fn decode_duration(bytes: &[u8]) -> Result<Duration, ValueError> {
    let (bytes, months) = signed_vint(bytes)?;
    let (bytes, days) = signed_vint(bytes)?;
    let (bytes, nanoseconds) = signed_vint(bytes)?;
    if !bytes.is_empty() {
        return Err(ValueError::TrailingBytes(bytes.len()));
    }
    let (Ok(months), Ok(days)) = (i32::try_from(months), i32::try_from(days)) else {
        return Err(ValueError::InvalidDuration);
    };
    let positive = months > 0 || days > 0 || nanoseconds > 0;
    let negative = months < 0 || days < 0 || nanoseconds < 0;
    if positive && negative {
        return Err(ValueError::InvalidDuration);
    }
    Ok(Duration { months, days, nanoseconds })
}

fn decode_inet(bytes: &[u8]) -> Result<IpAddr, ValueError> {
    if let Ok(octets) = <[u8; 4]>::try_from(bytes) {
        return Ok(IpAddr::V4(Ipv4Addr::from(octets)));
    }
    match <[u8; 16]>::try_from(bytes) {
        Ok(octets) => Ok(IpAddr::V6(Ipv6Addr::from(octets))),
        Err(_) => Err(ValueError::InvalidInet(bytes.len())),
    }
}
