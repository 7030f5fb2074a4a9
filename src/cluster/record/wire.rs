//! The pieces that all records are made of: big-endian numbers, varints, framed bytes.

use nom::{
    IResult,
    bytes::complete::take,
    error::{ErrorKind, ParseError},
    number::complete::{be_i32, be_i64, be_u8, be_u16, be_u32, be_u64, be_u128},
};
use uuid::Uuid;

use super::error::{RecordError, RecordErrorKind, RecordTopic};
use crate::cluster::names::{HostId, Session};

/// What one piece gives.
pub(super) type Piece<T> = Result<T, RecordErrorKind>;

/// Bytes that are still to be read. A record is whole, so their end is an error, never "incomplete".
#[derive(Debug, Clone)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

/// Reads a record: version, kind, what `body` reads for the kind, and then nothing more.
pub(super) fn read_record<'a, T>(
    topic: RecordTopic,
    bytes: &'a [u8],
    body: impl FnOnce(u8, &mut Reader<'a>) -> Piece<T>,
) -> Result<T, RecordError> {
    let mut reader = Reader { rest: bytes };
    let read = reader.head(topic.version()).and_then(|kind| {
        let record = body(kind, &mut reader)?;
        reader.end().map(|()| record)
    });
    read.map_err(|kind| RecordError { topic, offset: bytes.len() - reader.rest.len(), kind })
}

/// For nom, whose parsers of bytes and numbers fail in one way only.
struct Ended;

impl ParseError<&[u8]> for Ended {
    fn from_error_kind(_: &[u8], _: ErrorKind) -> Self {
        Self
    }

    fn append(_: &[u8], _: ErrorKind, _: Self) -> Self {
        Self
    }
}

impl<'a> Reader<'a> {
    /// Reads a part that was framed.
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Reads the version and returns the kind.
    fn head(&mut self, known: u8) -> Piece<u8> {
        match self.u8()? {
            0 => Err(RecordErrorKind::NotARecord),
            found if found > known => Err(RecordErrorKind::UnknownVersion { found, known }),
            // There is one format so far.
            _ => self.u8(),
        }
    }

    /// Fails if anything is left.
    pub(super) fn end(&self) -> Piece<()> {
        match self.rest.len() {
            0 => Ok(()),
            left => Err(RecordErrorKind::TrailingBytes(left)),
        }
    }

    fn parse<T>(&mut self, mut parser: impl FnMut(&'a [u8]) -> IResult<&'a [u8], T, Ended>) -> Piece<T> {
        let Ok((rest, value)) = parser(self.rest) else { return Err(RecordErrorKind::Truncated) };
        self.rest = rest;
        Ok(value)
    }

    pub(super) fn u8(&mut self) -> Piece<u8> {
        self.parse(be_u8)
    }

    pub(super) fn u16(&mut self) -> Piece<u16> {
        self.parse(be_u16)
    }

    pub(super) fn u32(&mut self) -> Piece<u32> {
        self.parse(be_u32)
    }

    pub(super) fn u64(&mut self) -> Piece<u64> {
        self.parse(be_u64)
    }

    pub(super) fn u128(&mut self) -> Piece<u128> {
        self.parse(be_u128)
    }

    pub(super) fn i32(&mut self) -> Piece<i32> {
        self.parse(be_i32)
    }

    pub(super) fn i64(&mut self) -> Piece<i64> {
        self.parse(be_i64)
    }

    pub(super) fn host(&mut self) -> Piece<HostId> {
        self.u128().map(|id| HostId(Uuid::from_u128(id)))
    }

    pub(super) fn session(&mut self) -> Piece<Session> {
        self.u64().map(Session)
    }

    /// Reads 0 or 1.
    pub(super) fn bool(&mut self, what: &'static str) -> Piece<bool> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(RecordErrorKind::UnknownChoice(other, what)),
        }
    }

    /// Reads seven bits a byte, the lowest first; each byte but the last has its highest bit set (LEB128). A number has one
    /// form only: the shortest.
    pub(super) fn varint(&mut self) -> Piece<u64> {
        let mut value = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.u8()?;
            let bits = u64::from(byte & 0x7f);
            let is_last = byte & 0x80 == 0;
            let is_surplus = is_last && bits == 0 && shift > 0;
            if is_surplus || (shift == 63 && bits > 1) {
                break;
            }
            value |= bits << shift;
            if is_last {
                return Ok(value);
            }
        }
        Err(RecordErrorKind::BadVarint)
    }

    /// Reads a varint that must fit a field; `what` names the field.
    pub(super) fn varint_as<T: TryFrom<u64>>(&mut self, what: &'static str) -> Piece<T> {
        T::try_from(self.varint()?).map_err(|_| RecordErrorKind::OutOfRange(what))
    }

    /// Reads a signed varint: 0, -1, 1, -2 … stand as 0, 1, 2, 3 … (zigzag).
    pub(super) fn signed_varint(&mut self) -> Piece<i64> {
        let value = self.varint()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// Reads how many items follow, which have so many bytes each at least. No more is believed than there are bytes for.
    pub(super) fn count(&mut self, item_bytes_min: usize) -> Piece<usize> {
        let count = self.varint()?;
        match usize::try_from(count) {
            Ok(fits) if fits <= self.rest.len() / item_bytes_min => Ok(fits),
            _ => Err(RecordErrorKind::CountTooGreat(count)),
        }
    }

    /// Reads a list: how many items, then each of them. Memory is taken as they come, not as they are announced.
    pub(super) fn list<T>(
        &mut self,
        item_bytes_min: usize,
        mut item: impl FnMut(&mut Self) -> Piece<T>,
    ) -> Piece<Vec<T>> {
        const TAKEN_BEFOREHAND_MAX: usize = 256;
        let count = self.count(item_bytes_min)?;
        let mut items = Vec::with_capacity(count.min(TAKEN_BEFOREHAND_MAX));
        for _ in 0..count {
            items.push(item(self)?);
        }
        Ok(items)
    }

    /// Reads bytes with their length before them.
    pub(super) fn bytes(&mut self) -> Piece<&'a [u8]> {
        let length = self.varint()?;
        self.take(length)
    }

    pub(super) fn take(&mut self, length: u64) -> Piece<&'a [u8]> {
        let length = usize::try_from(length).map_err(|_| RecordErrorKind::Truncated)?;
        self.parse(take(length))
    }

    /// Reads UTF-8 with its length in bytes before it.
    pub(super) fn text(&mut self) -> Piece<&'a str> {
        str::from_utf8(self.bytes()?).map_err(|_| RecordErrorKind::NotUtf8)
    }
}

/// Appends the pieces of a record.
#[derive(Debug)]
pub(super) struct Writer<'o> {
    out: &'o mut Vec<u8>,
}

impl<'o> Writer<'o> {
    /// Begins a record of this topic and kind.
    pub(super) fn record(topic: RecordTopic, kind: u8, out: &'o mut Vec<u8>) -> Self {
        out.extend_from_slice(&[topic.version(), kind]);
        Self { out }
    }

    /// Begins a part that will be framed.
    pub(super) fn part(out: &'o mut Vec<u8>) -> Self {
        Self { out }
    }

    pub(super) fn u8(&mut self, value: u8) {
        self.out.push(value);
    }

    pub(super) fn u16(&mut self, value: u16) {
        self.out.extend_from_slice(&value.to_be_bytes());
    }

    pub(super) fn u32(&mut self, value: u32) {
        self.out.extend_from_slice(&value.to_be_bytes());
    }

    pub(super) fn u64(&mut self, value: u64) {
        self.out.extend_from_slice(&value.to_be_bytes());
    }

    pub(super) fn u128(&mut self, value: u128) {
        self.out.extend_from_slice(&value.to_be_bytes());
    }

    pub(super) fn i32(&mut self, value: i32) {
        self.out.extend_from_slice(&value.to_be_bytes());
    }

    pub(super) fn i64(&mut self, value: i64) {
        self.out.extend_from_slice(&value.to_be_bytes());
    }

    pub(super) fn host(&mut self, host: HostId) {
        self.u128(host.0.as_u128());
    }

    pub(super) fn session(&mut self, session: Session) {
        self.u64(session.0);
    }

    pub(super) fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.u8(value as u8 | 0x80);
            value >>= 7;
        }
        self.u8(value as u8);
    }

    pub(super) fn signed_varint(&mut self, value: i64) {
        self.varint(((value << 1) ^ (value >> 63)) as u64);
    }

    pub(super) fn count(&mut self, count: usize) {
        self.varint(count as u64);
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.count(bytes.len());
        self.raw(bytes);
    }

    /// Appends bytes without their length.
    pub(super) fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    pub(super) fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_have_one_form_each() {
        for (value, bytes) in [
            (0, &[0][..]),
            (1, &[1]),
            (127, &[0x7f]),
            (128, &[0x80, 1]),
            (300, &[0xac, 2]),
            (u64::from(u32::MAX), &[0xff, 0xff, 0xff, 0xff, 0x0f]),
            (u64::MAX, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]),
        ] {
            let mut out = Vec::new();
            Writer::part(&mut out).varint(value);
            assert_eq!(out, bytes);
            assert_eq!(Reader::new(bytes).varint(), Ok(value));
            for cut in 0..bytes.len() {
                assert_eq!(Reader::new(&bytes[..cut]).varint(), Err(RecordErrorKind::Truncated));
            }
        }
        for bad in [
            &[0x80, 0][..],
            &[0xff, 0x80, 0],
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2],
            &[0x80; 11],
        ] {
            assert_eq!(Reader::new(bad).varint(), Err(RecordErrorKind::BadVarint), "{bad:x?}");
        }
    }

    #[test]
    fn signed_varints_keep_small_numbers_small() {
        for (value, length) in [(0, 1), (-1, 1), (63, 1), (-64, 1), (64, 2), (i64::MAX, 10), (i64::MIN, 10)] {
            let mut out = Vec::new();
            Writer::part(&mut out).signed_varint(value);
            assert_eq!(out.len(), length, "{value}");
            assert_eq!(Reader::new(&out).signed_varint(), Ok(value));
        }
    }

    #[test]
    fn no_more_items_are_believed_than_there_are_bytes_for() {
        let mut bytes = vec![4];
        bytes.extend([0; 12]);
        assert_eq!(Reader::new(&bytes).count(3), Ok(4));
        assert_eq!(Reader::new(&bytes).count(4), Err(RecordErrorKind::CountTooGreat(4)));
    }
}
