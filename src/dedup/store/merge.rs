//! Merging runs to one.

use std::{cmp::Ordering, io, path::Path, sync::Arc};

use super::{
    filter::Filter,
    job::Cancel,
    run::{Description, ENTRY_HEAD_BYTES, Run},
    run_writer::{RunWriter, WriteError},
    write_times::WriteTimes,
};
use crate::{
    checkpoint::StateError,
    dedup::{atoms::Atom, identity::ChangeId},
};

/// Merges runs, durably but for the new one's name in the directory.
pub(super) fn merge_runs(
    path: &Path,
    runs: &[Arc<Run>],
    cancel: &Cancel,
) -> Result<(Run, Filter), StateError> {
    let until = |run: &Arc<Run>| run.description.published_until_ms;
    let published_until_ms = runs.iter().map(until).max().unwrap_or_default();
    let mut times = WriteTimes::default();
    for run in runs {
        times.add_all(&run.description.times, published_until_ms);
    }
    let description = Description {
        entries: runs.iter().map(|run| run.description.entries).sum(),
        blocks: 0,
        filter_bytes: 0,
        level: runs.iter().map(|run| run.description.level).max().unwrap_or_default() + 1,
        published_until_ms,
        times,
    };
    let bytes = runs.iter().map(|run| run.blocks_bytes()).sum();
    RunWriter::create(path, description, bytes, cancel, |writer| write_merged(runs, writer))
}

fn write_merged(runs: &[Arc<Run>], writer: &mut RunWriter<'_>) -> Result<(), WriteError> {
    let mut cursors: Vec<Cursor> = Vec::with_capacity(runs.len());
    for run in runs {
        let mut cursor = Cursor::new(Arc::clone(run));
        if cursor.advance()? {
            cursors.push(cursor);
        }
    }
    let mut atoms: Vec<Atom> = Vec::new();
    while let Some(id) = cursors.iter().map(|cursor| cursor.id).min() {
        atoms.clear();
        let mut at = 0;
        while let Some(cursor) = cursors.get_mut(at) {
            if cursor.take(id, &mut atoms)? {
                at += 1;
            } else {
                cursors.swap_remove(at);
            }
        }
        // The same may have been filed in two of them.
        atoms.sort_unstable();
        atoms.dedup();
        writer.push(id, &atoms)?;
    }
    Ok(())
}

/// An entry of a run, and those behind it.
struct Cursor {
    run: Arc<Run>,
    next_block: usize,
    block: Vec<u8>,
    /// Of the entries of the block, those that were read.
    read: usize,
    id: ChangeId,
    atoms: Vec<Atom>,
}

/// Where the entries begin in a block.
const BLOCK_HEAD_BYTES: usize = 4;

impl Cursor {
    fn new(run: Arc<Run>) -> Self {
        let id = ChangeId { high: 0, low: 0 };
        Self { run, next_block: 0, block: Vec::new(), read: BLOCK_HEAD_BYTES, id, atoms: Vec::new() }
    }

    /// Takes the entries of an identity; there are none before it. Returns false at the end.
    fn take(&mut self, id: ChangeId, atoms: &mut Vec<Atom>) -> Result<bool, StateError> {
        loop {
            match self.id.cmp(&id) {
                Ordering::Equal => atoms.extend_from_slice(&self.atoms),
                Ordering::Greater => return Ok(true),
                // Blocks that are read have their CRC: this was not written so.
                Ordering::Less => return Err(self.run.damaged()),
            }
            if !self.advance()? {
                return Ok(false);
            }
        }
    }

    /// Goes to the next entry; returns false if there is none.
    fn advance(&mut self) -> Result<bool, StateError> {
        while self.read >= self.block.len() {
            if self.next_block as u64 >= self.run.description.blocks {
                return Ok(false);
            }
            self.run.read_block(self.next_block, &mut self.block)?;
            self.next_block += 1;
            self.read = BLOCK_HEAD_BYTES;
        }
        let rest = self.block.get(self.read..).unwrap_or_default();
        let Some((head, rest)) = rest.split_first_chunk::<ENTRY_HEAD_BYTES>() else {
            return Err(self.run.damaged());
        };
        let length = usize::from(head[16]) * size_of::<Atom>();
        let Some(atoms) = rest.get(..length) else { return Err(self.run.damaged()) };
        let (high, low) = head[..16].split_at(8);
        let word = |bytes: &[u8]| bytes.first_chunk::<8>().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        self.id = ChangeId { high: word(high), low: word(low) };
        self.atoms.clear();
        self.atoms.extend(atoms.as_chunks::<4>().0.iter().map(|atom| Atom::from_le_bytes(*atom)));
        self.read += ENTRY_HEAD_BYTES + length;
        Ok(true)
    }
}

impl From<StateError> for WriteError {
    fn from(error: StateError) -> Self {
        Self::Source(error)
    }
}

impl From<io::Error> for WriteError {
    fn from(error: io::Error) -> Self {
        Self::Target(error)
    }
}
