//! Values with parts, cut without failing: what can't be cut is the last part.

use nom::{
    bytes::complete::take,
    error::Error,
    number::complete::{be_i8, be_u16},
};

use super::super::{
    CqlType,
    wire::{Comparator, Elements, Fields, VectorElements, comparator},
};

/// A part of a value, in the order of kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part<'a> {
    /// There are no more.
    End,
    Null,
    Value(&'a [u8]),
    /// The bytes that are no part.
    Malformed(&'a [u8]),
}

impl Part<'_> {
    /// Returns where parts of this kind stand among the others.
    pub(super) fn rank(self) -> u8 {
        match self {
            Self::End => 0,
            Self::Null => 1,
            Self::Value(_) => 2,
            Self::Malformed(_) => 3,
        }
    }
}

/// The parts of a value. After a malformed part comes the end.
#[derive(Debug, Clone)]
pub(super) enum Parts<'a> {
    Collection(Elements<'a>),
    Fields(Fields<'a>),
    Vector(VectorElements<'a>),
    Malformed(&'a [u8]),
}

impl<'a> Parts<'a> {
    /// Cuts a frozen collection with so many values for each element.
    pub(super) fn collection(bytes: &'a [u8], values: u32) -> Self {
        Elements::open(bytes, values).map_or(Self::Malformed(bytes), Self::Collection)
    }

    /// Cuts a tuple or user-defined type.
    pub(super) fn fields(bytes: &'a [u8]) -> Self {
        Self::Fields(Fields::open(bytes))
    }

    /// Cuts a vector.
    pub(super) fn vector(bytes: &'a [u8], element: &CqlType, dimension: u32) -> Self {
        VectorElements::open(bytes, element, dimension).map_or(Self::Malformed(bytes), Self::Vector)
    }

    pub(super) fn next(&mut self) -> Part<'a> {
        let next = match self {
            Self::Collection(elements) => elements.next(),
            Self::Fields(fields) => fields.next(),
            Self::Vector(elements) => elements.next().map(|element| element.map(Some)),
            Self::Malformed([]) => return Part::End,
            Self::Malformed(_) => return self.end(),
        };
        match next {
            Ok(None) => Part::End,
            Ok(Some(None)) => Part::Null,
            Ok(Some(Some(value))) => Part::Value(value),
            Err(_) => self.end(),
        }
    }

    fn end(&mut self) -> Part<'a> {
        let rest = self.rest();
        *self = Self::Malformed(&[]);
        Part::Malformed(rest)
    }

    /// Returns the bytes that are left.
    pub(super) fn rest(&self) -> &'a [u8] {
        match self {
            Self::Collection(elements) => elements.rest(),
            Self::Fields(fields) => fields.rest(),
            Self::Vector(elements) => elements.rest(),
            Self::Malformed(rest) => rest,
        }
    }
}

/// Takes the prefix of static composites off, if it is there (`CompositeType.readIsStatic`).
pub(super) fn static_prefix(bytes: &[u8]) -> (bool, &[u8]) {
    match bytes.strip_prefix(&[0xff, 0xff]) {
        Some(rest) => (true, rest),
        None => (false, bytes),
    }
}

/// Takes a component with its end-of-component byte off.
pub(super) fn next_component<'a>(bytes: &mut &'a [u8]) -> (Part<'a>, i8) {
    if bytes.is_empty() {
        return (Part::End, 0);
    }
    let read = |input: &'a [u8]| -> Result<_, nom::Err<Error<&'a [u8]>>> {
        let (input, length) = be_u16(input)?;
        let (input, component) = take(length)(input)?;
        let (input, end_of_component) = be_i8(input)?;
        Ok((input, component, end_of_component))
    };
    match read(bytes) {
        Ok((rest, component, end_of_component)) => {
            *bytes = rest;
            (Part::Value(component), end_of_component)
        }
        Err(_) => (Part::Malformed(std::mem::take(bytes)), 0),
    }
}

/// Takes the comparator of a dynamic composite's component off; none if there is none, with the bytes left.
pub(super) fn next_comparator<'a>(bytes: &mut &'a [u8]) -> Option<Comparator<'a>> {
    let (rest, found) = comparator(bytes).ok()?;
    *bytes = rest;
    Some(found)
}
