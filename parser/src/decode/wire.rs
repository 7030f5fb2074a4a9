//! The cursor over a mutation's bytes, on nom's parsers.

use nom::{
    IResult,
    error::{ErrorKind, ParseError},
};

use crate::vint;

/// Bytes that are still to be read. A mutation is framed, so their end is an error, never "incomplete".
pub(super) struct Wire<'a> {
    rest: &'a [u8],
}

/// What went wrong: one byte, as it passes through every hot function. What belongs to it (which table, which
/// kind) is kept by the decoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum WireError {
    /// The bytes end.
    End,
    TrailingBytes,
    NoUpdates,
    UnknownFlags,
    UnknownTable,
    UnknownColumn,
    NoRowMarker,
    MisplacedStaticRow,
    UnknownMarkerKind,
    TooManyClusteringValues,
    BadColumnSubset,
}

impl ParseError<&[u8]> for WireError {
    fn from_error_kind(_: &[u8], _: ErrorKind) -> Self {
        Self::End
    }

    fn append(_: &[u8], _: ErrorKind, other: Self) -> Self {
        other
    }
}

impl<'a> Wire<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Runs a nom parser on what is left.
    #[inline(always)]
    fn parse<T>(
        &mut self,
        parser: impl Fn(&'a [u8]) -> IResult<&'a [u8], T, WireError>,
    ) -> Result<T, WireError> {
        match parser(self.rest) {
            Ok((rest, value)) => {
                self.rest = rest;
                Ok(value)
            }
            Err(nom::Err::Error(error) | nom::Err::Failure(error)) => Err(error),
            Err(nom::Err::Incomplete(_)) => Err(WireError::End),
        }
    }

    #[inline(always)]
    pub(super) fn unsigned_vint(&mut self) -> Result<u64, WireError> {
        self.parse(vint::unsigned)
    }

    #[inline(always)]
    pub(super) fn u8(&mut self) -> Result<u8, WireError> {
        let (&first, rest) = self.rest.split_first().ok_or(WireError::End)?;
        self.rest = rest;
        Ok(first)
    }

    #[inline(always)]
    pub(super) fn u16(&mut self) -> Result<u16, WireError> {
        self.array::<2>().map(|bytes| u16::from_be_bytes(*bytes))
    }

    #[inline(always)]
    pub(super) fn array<const LENGTH: usize>(&mut self) -> Result<&'a [u8; LENGTH], WireError> {
        let (bytes, rest) = self.rest.split_first_chunk::<LENGTH>().ok_or(WireError::End)?;
        self.rest = rest;
        Ok(bytes)
    }

    #[inline(always)]
    pub(super) fn bytes(&mut self, length: usize) -> Result<&'a [u8], WireError> {
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or(WireError::End)?;
        self.rest = rest;
        Ok(bytes)
    }

    /// Reads bytes behind their length. The length is compared with what is there before anything else.
    #[inline(always)]
    pub(super) fn vbytes(&mut self) -> Result<&'a [u8], WireError> {
        let length = self.unsigned_vint()?;
        self.bytes(usize::try_from(length).map_err(|_| WireError::End)?)
    }

    /// Skips bytes that were compared already.
    #[inline(always)]
    pub(super) fn skip_known(&mut self, prefix: &[u8]) -> bool {
        match self.rest.strip_prefix(prefix) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }
}
