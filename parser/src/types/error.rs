//! What can be wrong with a value or with the text of a type.

use thiserror::Error;

/// Why bytes are not a value of their type, or cannot be written in the form that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum ValueError {
    /// The value has another length than the type's values have.
    #[error("expected {expected} bytes, found {found}")]
    WrongLength {
        /// Length of the type's values, in bytes.
        expected: usize,
        /// Length of this value, in bytes.
        found: usize,
    },
    /// Zero bytes for a vector, which Cassandra refuses to store, or for a collection that is to be printed.
    #[error("zero bytes are no value of this type")]
    Empty,
    /// The value ends within a length, a count, or the element that the length announces.
    #[error("the value ends too early")]
    Truncated,
    /// Bytes are left after the last element.
    #[error("{0} bytes are left after the value")]
    TrailingBytes(usize),
    /// A collection announces a negative number of elements.
    #[error("negative number of elements: {0}")]
    NegativeCount(i32),
    /// Text is not UTF-8, or `ascii` has a byte above 127.
    #[error("invalid text at byte {0}")]
    InvalidText(usize),
    /// `inet` is neither 4 nor 16 bytes.
    #[error("an inet of {0} bytes")]
    InvalidInet(usize),
    /// A duration's parts differ in sign, or months or days exceed 32 bits (`DurationSerializer`).
    #[error("invalid duration")]
    InvalidDuration,
    /// A time of day outside 0 to 24 hours. Cassandra stores it and then cannot print it.
    #[error("time of day out of range: {0} ns")]
    TimeOutOfRange(i64),
    /// A field, element or key is null where the form has no null.
    #[error("null where no null can stand")]
    UnexpectedNull,
    /// A component of a dynamic composite has a comparator that the type does not declare.
    #[error("unknown comparator in a dynamic composite")]
    UnknownComparator,
    /// A vector of elements without bytes: nothing in the value bounds their number.
    #[error("a vector whose elements have no bytes")]
    UnboundedVector,
    /// The type is nested deeper than [`crate::types::DEPTH_MAX`].
    #[error("the type is nested too deeply")]
    TooDeep,
    /// A number of so many bytes that its decimal digits would take too long to compute.
    #[error("a number of {0} bytes is too long to be printed")]
    NumberTooLong(usize),
    /// Cassandra itself throws when it is asked for this text.
    #[error("Cassandra has no such text for this value")]
    NoCassandraText,
    /// CQL has no literal or function that gives this value.
    #[error("CQL cannot express this value")]
    NoCqlLiteral,
}

/// Why a text is not a type.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Error)]
#[error("{kind} at byte {offset} of the type's text")]
pub struct TypeParseError {
    /// What is wrong.
    pub kind: TypeParseErrorKind,
    /// Where, in bytes from the start of the text.
    pub offset: usize,
}

/// What is wrong with the text of a type.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum TypeParseErrorKind {
    /// The text ends where more must follow.
    #[error("unexpected end")]
    UnexpectedEnd,
    /// A character that cannot stand here.
    #[error("unexpected {0:?}")]
    Unexpected(char),
    /// Not a native type and not known as a user-defined one; the schema may know it later.
    #[error("unknown user-defined type {0:?}")]
    UnknownUserType(Box<str>),
    /// A class has another number of parameters than it needs.
    #[error("wrong number of parameters for {0}")]
    WrongParameters(&'static str),
    /// A vector's dimension is not a number from 1 to 2^31 - 1.
    #[error("invalid dimension of a vector")]
    InvalidDimension,
    /// A name of a user-defined type or of its field is not the hexadecimal form of UTF-8.
    #[error("invalid hexadecimal name")]
    InvalidHexName,
    /// The type is nested deeper than [`crate::types::DEPTH_MAX`].
    #[error("the type is nested too deeply")]
    TooDeep,
}
