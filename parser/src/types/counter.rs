//! Counter contexts: what the log has as the value of a counter (`CounterContext`).

use nom::{
    IResult,
    bytes::complete::take,
    error::ErrorKind,
    number::complete::{be_i16, be_i64},
};
use uuid::Uuid;

use super::ValueError;

/// Bytes of one shard: id, clock and count.
const SHARD_BYTES: usize = 32;
/// Bytes of one element of the header.
const ELEMENT_BYTES: usize = 2;

/// One node's part of a counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shard {
    /// The counter id of the node that counted (`CounterId`).
    pub id: Uuid,
    /// Grows with every change; the greatest one of an id wins.
    pub clock: i64,
    /// What the node has counted so far.
    pub count: i64,
    /// Who may change the shard.
    pub kind: ShardKind,
}

/// Kinds of shards (`CounterContext`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ShardKind {
    /// Made by its node since 2.1; the only kind that is written today.
    Global,
    /// Made by this node before 2.1.
    Local,
    /// Made by another node before 2.1.
    Remote,
}

/// A counter context: the shards of a counter that one write or read carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CounterContext<'a> {
    header: &'a [u8],
    shards: &'a [u8],
}

impl<'a> CounterContext<'a> {
    /// Reads a context. Fails if it is cut, or if its length is not that of whole shards.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ValueError> {
        let (shards, header) = header(bytes).map_err(|_| ValueError::Truncated)?;
        match shards.len() % SHARD_BYTES {
            0 => Ok(Self { header, shards }),
            surplus => Err(ValueError::TrailingBytes(surplus)),
        }
    }

    /// Returns the shards in the order of their ids.
    pub fn shards(self) -> Shards<'a> {
        Shards { header: self.header, rest: self.shards, index: 0 }
    }

    /// Returns the sum of the shards' counts, as Cassandra computes it (`CounterContext.total`). It is the
    /// counter's value only if all of its shards are here.
    pub fn total(self) -> i64 {
        self.shards().fold(0, |total, shard| total.wrapping_add(shard.count))
    }
}

/// What the readers here give.
type Read<'a, T> = IResult<&'a [u8], T, (&'a [u8], ErrorKind)>;

/// Splits the header off: a count, whose sign does not matter here, and so many elements.
fn header(bytes: &[u8]) -> Read<'_, &[u8]> {
    let (rest, count) = be_i16(bytes)?;
    take(usize::from(count.unsigned_abs()) * ELEMENT_BYTES)(rest)
}

/// The shards of a [`CounterContext`].
#[derive(Debug, Clone)]
pub struct Shards<'a> {
    header: &'a [u8],
    rest: &'a [u8],
    index: usize,
}

impl Iterator for Shards<'_> {
    type Item = Shard;

    fn next(&mut self) -> Option<Shard> {
        let (rest, (id, clock, count)) = shard(self.rest).ok()?;
        // The header's elements are in the order of the shards: the next one is this shard's, or a later one's.
        let kind = match self.header.split_first_chunk::<ELEMENT_BYTES>() {
            Some((element, header)) => {
                let element = i16::from_be_bytes(*element);
                let (position, kind) = if element < 0 {
                    (i32::from(element) + 32_768, ShardKind::Global)
                } else {
                    (i32::from(element), ShardKind::Local)
                };
                if usize::try_from(position) == Ok(self.index) {
                    self.header = header;
                    kind
                } else {
                    ShardKind::Remote
                }
            }
            None => ShardKind::Remote,
        };
        self.rest = rest;
        self.index += 1;
        Some(Shard { id, clock, count, kind })
    }
}

fn shard(bytes: &[u8]) -> Read<'_, (Uuid, i64, i64)> {
    let (rest, id) = take(16_usize)(bytes)?;
    let (rest, clock) = be_i64(rest)?;
    let (rest, count) = be_i64(rest)?;
    Ok((rest, (Uuid::from_slice(id).unwrap_or_default(), clock, count)))
}
