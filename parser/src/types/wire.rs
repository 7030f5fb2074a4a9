//! How collections, tuples, vectors and composites are laid out.

use nom::{
    IResult,
    bytes::complete::take,
    error::ErrorKind,
    number::complete::{be_i32, be_u8, be_u16},
};

use super::{CqlType, ValueError};

type Read<'a, T> = IResult<&'a [u8], T, (&'a [u8], ErrorKind)>;

/// Turns "too few bytes", the only thing that these readers fail with, into ours.
fn truncated<T>(read: Read<'_, T>) -> Result<(&[u8], T), ValueError> {
    read.map_err(|_| ValueError::Truncated)
}

/// Reads an `i32` length and so many bytes; `None` for a negative length, which is null
/// (`CollectionSerializer.readValue`).
fn take_value(input: &[u8]) -> Read<'_, Option<&[u8]>> {
    let (input, length) = be_i32(input)?;
    match usize::try_from(length) {
        Err(_) => Ok((input, None)),
        Ok(length) => take(length)(input).map(|(input, value)| (input, Some(value))),
    }
}

/// Reads an unsigned vint (`VIntCoding`).
fn unsigned_vint(input: &[u8]) -> Read<'_, u64> {
    let (input, first) = be_u8(input)?;
    let extra = first.leading_ones() as usize;
    let (input, bytes) = take(extra)(input)?;
    let start = if extra >= 8 { 0 } else { u64::from(first) & (0xff >> extra) };
    Ok((input, bytes.iter().fold(start, |value, byte| value << 8 | u64::from(*byte))))
}

/// Reads a signed vint in zigzag form (`VIntCoding.decodeZigZag64`).
pub(super) fn signed_vint(input: &[u8]) -> Result<(&[u8], i64), ValueError> {
    let (input, value) = truncated(unsigned_vint(input))?;
    Ok((input, (value >> 1) as i64 ^ -((value & 1) as i64)))
}

/// Splits `N` bytes off, or fails for fewer.
pub(super) fn array<const N: usize>(bytes: &[u8]) -> Result<[u8; N], ValueError> {
    bytes.try_into().map_err(|_| ValueError::WrongLength { expected: N, found: bytes.len() })
}

/// The elements of a frozen collection: a count, then values with lengths. A map's keys and values come in
/// turn.
#[derive(Debug, Clone)]
pub(super) struct Elements<'a> {
    remaining: u64,
    input: &'a [u8],
}

impl<'a> Elements<'a> {
    /// Reads the count, of elements with so many `values` each.
    pub(super) fn open(bytes: &'a [u8], values: u32) -> Result<Self, ValueError> {
        if bytes.is_empty() {
            return Err(ValueError::Empty);
        }
        let (input, count) = truncated(be_i32(bytes))?;
        let count = u32::try_from(count).map_err(|_| ValueError::NegativeCount(count))?;
        let remaining = u64::from(count) * u64::from(values);
        // Each value has at least its length, so a count beyond that is known to be wrong at once.
        if remaining > (input.len() / 4) as u64 {
            return Err(ValueError::Truncated);
        }
        Ok(Self { remaining, input })
    }

    /// Returns the next value, or `None` after the last one.
    #[expect(clippy::option_option, reason = "the end, null, and bytes")]
    pub(super) fn next(&mut self) -> Result<Option<Option<&'a [u8]>>, ValueError> {
        let Some(remaining) = self.remaining.checked_sub(1) else {
            return if self.input.is_empty() {
                Ok(None)
            } else {
                Err(ValueError::TrailingBytes(self.input.len()))
            };
        };
        let (input, value) = truncated(take_value(self.input))?;
        (self.remaining, self.input) = (remaining, input);
        Ok(Some(value))
    }

    /// Returns the bytes that have not been read yet.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.input
    }
}

/// The fields of a tuple or a user-defined type; the last ones may be missing.
#[derive(Debug, Clone)]
pub(super) struct Fields<'a> {
    input: &'a [u8],
}

impl<'a> Fields<'a> {
    /// Returns the fields of a value.
    pub(super) fn open(bytes: &'a [u8]) -> Self {
        Self { input: bytes }
    }

    /// Returns the next field, or `None` if the value ends before it.
    #[expect(clippy::option_option, reason = "the end, null, and bytes")]
    pub(super) fn next(&mut self) -> Result<Option<Option<&'a [u8]>>, ValueError> {
        if self.input.is_empty() {
            return Ok(None);
        }
        let (input, value) = truncated(take_value(self.input))?;
        self.input = input;
        Ok(Some(value))
    }

    /// Returns the bytes that have not been read yet.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.input
    }

    /// Fails if bytes are left after the last field.
    pub(super) fn finish(self) -> Result<(), ValueError> {
        finish(self.input)
    }
}

fn finish(rest: &[u8]) -> Result<(), ValueError> {
    if rest.is_empty() { Ok(()) } else { Err(ValueError::TrailingBytes(rest.len())) }
}

/// The elements of a vector: without lengths where the element's type has a fixed one (`VectorType`).
#[derive(Debug, Clone)]
pub(super) struct VectorElements<'a> {
    remaining: u32,
    fixed_length: Option<usize>,
    input: &'a [u8],
}

impl<'a> VectorElements<'a> {
    /// Returns the elements of a vector of `dimension` elements of type `element`.
    pub(super) fn open(bytes: &'a [u8], element: &CqlType, dimension: u32) -> Result<Self, ValueError> {
        if bytes.is_empty() {
            return Err(ValueError::Empty);
        }
        let fixed_length = element.fixed_length();
        if fixed_length == Some(0) {
            return Err(ValueError::UnboundedVector);
        }
        let least = fixed_length.unwrap_or(1).saturating_mul(dimension as usize);
        if least > bytes.len() {
            return Err(ValueError::Truncated);
        }
        Ok(Self { remaining: dimension, fixed_length, input: bytes })
    }

    /// Returns the next element, or `None` after the last one.
    pub(super) fn next(&mut self) -> Result<Option<&'a [u8]>, ValueError> {
        let Some(remaining) = self.remaining.checked_sub(1) else {
            return finish(self.input).map(|()| None);
        };
        let (input, length) = match self.fixed_length {
            Some(length) => (self.input, length as u64),
            None => truncated(unsigned_vint(self.input))?,
        };
        let length = usize::try_from(length).map_err(|_| ValueError::Truncated)?;
        let (input, element) = truncated(take(length)(input))?;
        (self.remaining, self.input) = (remaining, input);
        Ok(Some(element))
    }

    /// Returns the bytes that have not been read yet.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.input
    }
}

/// One component of a `CompositeType`: `u16` length, bytes, end-of-component byte.
pub(super) fn composite_component(input: &[u8]) -> Result<(&[u8], &[u8]), ValueError> {
    let (input, length) = truncated(be_u16(input))?;
    let (input, component) = truncated(take(length)(input))?;
    let (input, _end_of_component) = truncated(be_u8(input))?;
    Ok((input, component))
}

/// Drops the prefix `ff ff` that marks static columns of Thrift-made tables
/// (`CompositeType.readStatic`), if it is there.
pub(super) fn after_static_prefix(input: &[u8]) -> &[u8] {
    input.strip_prefix(&[0xff, 0xff]).unwrap_or(input)
}

/// The comparator part of a component of a `DynamicCompositeType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparator<'a> {
    /// One of the type's aliases.
    Alias(u8),
    /// The name of a class.
    Class(&'a [u8]),
}

/// Reads the comparator of a component: an alias, or a class name with its length
/// (`DynamicCompositeType.getComparator`).
pub(super) fn comparator(input: &[u8]) -> Result<(&[u8], Comparator<'_>), ValueError> {
    let (input, header) = truncated(be_u16(input))?;
    if header & 0x8000 != 0 {
        return Ok((input, Comparator::Alias(header as u8)));
    }
    let (input, class) = truncated(take(header)(input))?;
    Ok((input, Comparator::Class(class)))
}
