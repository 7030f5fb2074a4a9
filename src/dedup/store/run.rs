//! Runs: files that never change, with what was published in some time.
//!
//! ```text
//! "ringtapR", version u32
//! block: CRC u32 of what follows; entries in order: identity (two u64), number of fingerprints u8, fingerprints (u32)
//! …
//! filter, offsets of the blocks and of their end (u32), description (JSON)
//! description's length u32, CRC u32 of filter, offsets and description, "ringtapR"
//! ```
//!
//! Identities are hashes, so they are spread evenly: the first bits of one say in which block it is. A block has about
//! 4 KiB, the page of a disk. More than 255 fingerprints are several entries.

use std::{
    fs::File,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{filter::Filter, write_times::WriteTimes};
use crate::{
    checkpoint::StateError,
    dedup::{atoms::Atom, identity::ChangeId},
};

pub(super) const MAGIC: &[u8; 8] = b"ringtapR";
pub(super) const VERSION: u32 = 1;
pub(super) const HEAD_BYTES: u64 = 8 + 4;
pub(super) const BLOCK_BYTES: u64 = 4096;
/// Identity and number of fingerprints.
pub(super) const ENTRY_HEAD_BYTES: usize = 16 + 1;
pub(super) const TRAILER_BYTES: u64 = 4 + 4 + 8;
/// The tail of a larger file was not written here.
const TAIL_BYTES_MAX: u64 = 1 << 30;

/// What a run says of itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Description {
    /// Identities in it.
    pub(super) entries: u64,
    pub(super) blocks: u64,
    pub(super) filter_bytes: u64,
    /// How often it was merged of others.
    #[serde(default)]
    pub(super) level: u32,
    /// All in it was published until then, in milliseconds since 1970.
    pub(super) published_until_ms: u64,
    pub(super) times: WriteTimes,
}

/// An open run.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) path: PathBuf,
    pub(super) file: File,
    pub(super) description: Description,
    /// Where each block starts, and where the last one ends.
    pub(super) offsets: Vec<u32>,
    pub(super) file_bytes: u64,
}

/// Returns in which of so many blocks an identity is.
pub(super) fn block_of(id: ChangeId, blocks: u64) -> u64 {
    ((u128::from(id.high) * u128::from(blocks)) >> 64) as u64
}

impl Run {
    /// Opens a run, and reads its filter.
    pub(super) fn open(path: &Path) -> Result<(Self, Filter), StateError> {
        let file = File::open(path).map_err(|source| StateError::io(path, "cannot be opened", source))?;
        let metadata = file.metadata();
        let file_bytes = metadata.map_err(|source| StateError::io(path, "cannot be read", source))?.len();
        let read = |at: u64, bytes: &mut [u8]| {
            file.read_exact_at(bytes, at).map_err(|source| StateError::io(path, "cannot be read", source))
        };
        let damaged = || corrupt(path, "its description is damaged");
        if file_bytes < HEAD_BYTES + TRAILER_BYTES {
            return Err(corrupt(path, "it is too short"));
        }
        let mut head = [0; HEAD_BYTES as usize];
        let mut trailer = [0; TRAILER_BYTES as usize];
        read(0, &mut head)?;
        read(file_bytes - TRAILER_BYTES, &mut trailer)?;
        let (magic, version) = head.split_at(8);
        let (numbers, end_magic) = trailer.split_at(8);
        if magic != MAGIC || end_magic != MAGIC || version != VERSION.to_le_bytes() {
            return Err(corrupt(path, "it does not begin or end as a run of this release does"));
        }
        let (length, crc) = numbers.split_at(4);
        let word = |bytes: &[u8]| bytes.first_chunk::<4>().map_or(0, |bytes| u32::from_le_bytes(*bytes));
        let (length, crc) = (u64::from(word(length)), word(crc));
        let description_end = file_bytes - TRAILER_BYTES;
        let description_at = description_end.checked_sub(length).ok_or_else(damaged)?;
        let mut bytes = vec![0; length as usize];
        read(description_at, &mut bytes)?;
        let description: Description = serde_json::from_slice(&bytes).map_err(|_| damaged())?;
        let offsets_bytes = description.blocks.checked_add(1).and_then(|count| count.checked_mul(4));
        let before = offsets_bytes.and_then(|bytes| bytes.checked_add(description.filter_bytes));
        let before = before.filter(|bytes| *bytes <= TAIL_BYTES_MAX).ok_or_else(damaged)?;
        let tail_at = description_at.checked_sub(before).ok_or_else(damaged)?;
        let mut tail = vec![0; (description_end - tail_at) as usize];
        read(tail_at, &mut tail)?;
        if crc32fast::hash(&tail) != crc {
            return Err(damaged());
        }
        let (filter, rest) = tail.split_at_checked(description.filter_bytes as usize).ok_or_else(damaged)?;
        let filter = Filter::from_bytes(filter).ok_or_else(damaged)?;
        let offsets = rest.get(..offsets_bytes.unwrap_or_default() as usize).ok_or_else(damaged)?;
        let offsets: Vec<u32> =
            offsets.as_chunks::<4>().0.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect();
        let in_order = offsets.is_sorted()
            && offsets.first().is_some_and(|first| u64::from(*first) == HEAD_BYTES)
            && offsets.last().is_some_and(|last| u64::from(*last) == tail_at);
        if description.blocks == 0 || !in_order {
            return Err(damaged());
        }
        let path = path.into();
        Ok((Self { path, file, description, offsets, file_bytes }, filter))
    }

    /// Appends what is filed under an identity. `block` is memory to read into.
    pub(super) fn look_up(
        &self,
        id: ChangeId,
        block: &mut Vec<u8>,
        found: &mut Vec<Atom>,
    ) -> Result<(), StateError> {
        let damaged = || self.damaged();
        let mut entries = self.read_block(block_of(id, self.description.blocks) as usize, block)?;
        let mut wanted = [0; 16];
        wanted[..8].copy_from_slice(&id.high.to_le_bytes());
        wanted[8..].copy_from_slice(&id.low.to_le_bytes());
        while let Some((head, rest)) = entries.split_first_chunk::<ENTRY_HEAD_BYTES>() {
            let length = usize::from(head[16]) * size_of::<Atom>();
            let (atoms, rest) = rest.split_at_checked(length).ok_or_else(damaged)?;
            if head[..16] == wanted {
                found.extend(atoms.as_chunks::<4>().0.iter().map(|atom| Atom::from_le_bytes(*atom)));
            }
            entries = rest;
        }
        if entries.is_empty() { Ok(()) } else { Err(damaged()) }
    }

    /// Reads a block and returns its entries.
    pub(super) fn read_block<'b>(
        &self,
        number: usize,
        block: &'b mut Vec<u8>,
    ) -> Result<&'b [u8], StateError> {
        let (Some(start), Some(end)) = (self.offsets.get(number), self.offsets.get(number + 1)) else {
            return Err(self.damaged());
        };
        block.clear();
        block.resize((end - start) as usize, 0);
        self.file
            .read_exact_at(block, u64::from(*start))
            .map_err(|source| StateError::io(&self.path, "cannot be read", source))?;
        let (crc, entries) = block.split_first_chunk::<4>().ok_or_else(|| self.damaged())?;
        if crc32fast::hash(entries) != u32::from_le_bytes(*crc) {
            return Err(self.damaged());
        }
        Ok(entries)
    }

    /// Returns the error of a block that is not what was written.
    pub(super) fn damaged(&self) -> StateError {
        corrupt(&self.path, "a block's CRC does not hold")
    }

    /// Returns the bytes of its blocks.
    pub(super) fn blocks_bytes(&self) -> u64 {
        self.offsets.last().map_or(0, |end| u64::from(*end) - HEAD_BYTES)
    }

    /// Returns its file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the memory that is held, in bytes.
    pub(super) fn memory_bytes(&self) -> u64 {
        (self.offsets.len() * size_of::<u32>()) as u64 + self.description.times.bytes()
    }
}

fn corrupt(path: &Path, what: &str) -> StateError {
    StateError::corrupt(path, format!("{what}: {}", super::MOVE_AWAY))
}
