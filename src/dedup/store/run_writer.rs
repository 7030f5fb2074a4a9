//! Writing runs (their form is told in [`run`](super::run)).

use std::{
    fs,
    fs::File,
    io::{self, BufWriter, Write as _},
    path::Path,
};

use super::{
    filter::Filter,
    job::Cancel,
    layer::Layer,
    run::{
        BLOCK_BYTES, Description, ENTRY_HEAD_BYTES, HEAD_BYTES, MAGIC, Run, TRAILER_BYTES, VERSION, block_of,
    },
};
use crate::{
    checkpoint::{StateError, create_file},
    dedup::{atoms::Atom, identity::ChangeId, table::Table},
};

/// In how many steps a table is sorted: so much less memory is needed for it beside the table.
const SORT_STEPS: u64 = 8;
const BUFFER_BYTES: usize = 1 << 18;
/// So many bytes are made durable at a time: an fsync of the journal meanwhile may have to wait for one of them, and not for
/// a whole file.
const SLICE_BYTES: u64 = 4 << 20;
/// Fingerprints of one entry at most.
const ENTRY_ATOMS_MAX: usize = u8::MAX as usize;

/// Writes all of a layer to a run, durably but for its name in the directory.
pub(super) fn write_run(path: &Path, layer: &Layer, cancel: &Cancel) -> Result<(Run, Filter), StateError> {
    let table = &layer.table;
    let description = Description {
        entries: table.len() as u64,
        blocks: 0,
        filter_bytes: 0,
        level: 0,
        published_until_ms: layer.until_ms,
        times: layer.times.clone(),
    };
    RunWriter::create(path, description, entries_bytes(table), cancel, |writer| {
        for step in 0..SORT_STEPS {
            for (id, atoms) in table.sorted_part(step, SORT_STEPS) {
                writer.push(id, atoms)?;
            }
        }
        Ok(())
    })
}

/// Returns the bytes that a table's entries take.
fn entries_bytes(table: &Table) -> u64 {
    let bytes_of =
        |atoms: &[Atom]| atoms.len().div_ceil(ENTRY_ATOMS_MAX) * ENTRY_HEAD_BYTES + size_of_val(atoms);
    table.iter().map(|(_, atoms)| bytes_of(atoms) as u64).sum()
}

/// Why a run could not be written.
pub(super) enum WriteError {
    /// What was to be written could not be read.
    Source(StateError),
    /// Its file.
    Target(io::Error),
    /// An fsync of its file.
    Sync(StateError),
}

pub(super) struct RunWriter<'f> {
    path: &'f Path,
    out: BufWriter<File>,
    cancel: &'f Cancel,
    description: Description,
    filter: Filter,
    offsets: Vec<u32>,
    block: Vec<u8>,
    written: u64,
    synced: u64,
}

impl RunWriter<'_> {
    /// Creates a run, and lets `write` push its entries in order. Of the description, `entries` is how many come at
    /// most; `bytes` is what they take, about.
    pub(super) fn create(
        path: &Path,
        mut description: Description,
        bytes: u64,
        cancel: &Cancel,
        write: impl FnOnce(&mut RunWriter<'_>) -> Result<(), WriteError>,
    ) -> Result<(Run, Filter), StateError> {
        description.blocks = bytes.div_ceil(BLOCK_BYTES).max(1);
        let file = create_file(path)?;
        let mut writer = RunWriter {
            path,
            out: BufWriter::with_capacity(BUFFER_BYTES, file),
            cancel,
            filter: Filter::with_room_for(description.entries),
            description: Description { entries: 0, ..description },
            offsets: Vec::new(),
            block: Vec::new(),
            written: 0,
            synced: 0,
        };
        let written = writer
            .head()
            .map_err(WriteError::Target)
            .and_then(|()| write(&mut writer))
            .and_then(|()| writer.tail());
        if let Err(error) = written {
            // It is named nowhere yet; what remains of it is removed at the next start too.
            let _ = fs::remove_file(path);
            return Err(match error {
                WriteError::Source(error) | WriteError::Sync(error) => error,
                WriteError::Target(source) => StateError::io(path, "cannot be written", source),
            });
        }
        let RunWriter { out, description, offsets, filter, written: file_bytes, .. } = writer;
        // All of it is flushed.
        let (file, _) = out.into_parts();
        let run = Run { path: path.into(), file, description, offsets, file_bytes };
        Ok((run, filter))
    }

    fn head(&mut self) -> io::Result<()> {
        self.out.write_all(MAGIC)?;
        self.out.write_all(&VERSION.to_le_bytes())?;
        self.written = HEAD_BYTES;
        Ok(())
    }

    /// Appends what is filed under an identity, which is greater than the one before.
    pub(super) fn push(&mut self, id: ChangeId, atoms: &[Atom]) -> Result<(), WriteError> {
        let block = block_of(id, self.description.blocks);
        while (self.offsets.len() as u64) < block {
            self.end_block()?;
        }
        self.description.entries += 1;
        self.filter.add(id);
        for atoms in atoms.chunks(ENTRY_ATOMS_MAX) {
            self.block.extend_from_slice(&id.high.to_le_bytes());
            self.block.extend_from_slice(&id.low.to_le_bytes());
            self.block.push(atoms.len() as u8);
            for atom in atoms {
                self.block.extend_from_slice(&atom.to_le_bytes());
            }
        }
        Ok(())
    }

    fn end_block(&mut self) -> Result<(), WriteError> {
        self.cancel.check()?;
        self.offset()?;
        self.out.write_all(&crc32fast::hash(&self.block).to_le_bytes())?;
        self.out.write_all(&self.block)?;
        self.written += 4 + self.block.len() as u64;
        self.block.clear();
        if self.written - self.synced >= SLICE_BYTES { self.sync() } else { Ok(()) }
    }

    /// Makes durable what was written.
    fn sync(&mut self) -> Result<(), WriteError> {
        self.out.flush()?;
        self.out
            .get_ref()
            .sync_all()
            .map_err(|source| WriteError::Sync(StateError::sync(self.path, source)))?;
        self.synced = self.written;
        Ok(())
    }

    fn offset(&mut self) -> io::Result<()> {
        let offset = u32::try_from(self.written).map_err(|_| io::ErrorKind::FileTooLarge)?;
        self.offsets.push(offset);
        Ok(())
    }

    fn tail(&mut self) -> Result<(), WriteError> {
        while (self.offsets.len() as u64) < self.description.blocks {
            self.end_block()?;
        }
        self.offset()?;
        self.description.filter_bytes = self.filter.bytes();
        let description = serde_json::to_vec(&self.description).map_err(io::Error::from)?;
        let Self { out, filter, offsets, written, .. } = self;
        let mut crc = crc32fast::Hasher::new();
        let mut put = |bytes: &[u8]| {
            crc.update(bytes);
            *written += bytes.len() as u64;
            out.write_all(bytes)
        };
        filter.encoded().try_for_each(|block| put(&block))?;
        offsets.iter().try_for_each(|offset| put(&offset.to_le_bytes()))?;
        put(&description)?;
        let mut trailer = [0; TRAILER_BYTES as usize];
        trailer[..4].copy_from_slice(&(description.len() as u32).to_le_bytes());
        trailer[4..8].copy_from_slice(&crc.finalize().to_le_bytes());
        trailer[8..].copy_from_slice(MAGIC);
        self.out.write_all(&trailer)?;
        self.written += TRAILER_BYTES;
        self.sync()
    }
}
