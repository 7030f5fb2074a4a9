//! Writing runs (their form is told in [`run`](super::run)).

use std::{
    fs,
    fs::File,
    io::{self, BufWriter, Write as _},
    path::Path,
};

use super::{
    super::{atoms::Atom, identity::ChangeId, table::Table},
    filter::Filter,
    run::{BLOCK_BYTES, Description, ENTRY_HEAD_BYTES, HEAD_BYTES, MAGIC, Run, VERSION, block_of},
    write_times::WriteTimes,
};
use crate::checkpoint::{StateError, create_file};

/// In how many steps a table is sorted: so much less memory is needed for it beside the table.
const SORT_STEPS: u64 = 8;
const BUFFER_BYTES: usize = 1 << 18;
/// Fingerprints of one entry at most.
const ENTRY_ATOMS_MAX: usize = u8::MAX as usize;

/// Writes all of a table to a run, durably but for its name in the directory, and opens it.
pub(super) fn write_run(
    path: &Path,
    table: &Table,
    times: &WriteTimes,
    published_until_ms: u64,
) -> Result<Run, StateError> {
    let file = create_file(path)?;
    let description = Description {
        entries: table.len() as u64,
        blocks: entries_bytes(table).div_ceil(BLOCK_BYTES).max(1),
        filter_bytes: 0,
        published_until_ms,
        times: times.clone(),
    };
    let written = RunWriter::new(&file, description).write(table);
    if let Err(source) = written {
        // It is named nowhere yet; what remains of it is removed at the next start too.
        let _ = fs::remove_file(path);
        return Err(StateError::io(path, "cannot be written", source));
    }
    file.sync_all().map_err(|source| StateError::sync(path, source))?;
    Run::open(path)
}

/// Returns the bytes that a table's entries take.
fn entries_bytes(table: &Table) -> u64 {
    let bytes_of =
        |atoms: &[Atom]| atoms.len().div_ceil(ENTRY_ATOMS_MAX) * ENTRY_HEAD_BYTES + size_of_val(atoms);
    table.iter().map(|(_, atoms)| bytes_of(atoms) as u64).sum()
}

struct RunWriter<'f> {
    out: BufWriter<&'f File>,
    description: Description,
    filter: Filter,
    offsets: Vec<u32>,
    block: Vec<u8>,
    written: u64,
}

impl<'f> RunWriter<'f> {
    fn new(file: &'f File, description: Description) -> Self {
        Self {
            out: BufWriter::with_capacity(BUFFER_BYTES, file),
            filter: Filter::with_room_for(description.entries),
            description,
            offsets: Vec::new(),
            block: Vec::new(),
            written: 0,
        }
    }

    fn write(mut self, table: &Table) -> io::Result<()> {
        self.out.write_all(MAGIC)?;
        self.out.write_all(&VERSION.to_le_bytes())?;
        self.written = HEAD_BYTES;
        for step in 0..SORT_STEPS {
            for (id, atoms) in table.sorted_part(step, SORT_STEPS) {
                let block = block_of(id, self.description.blocks);
                while (self.offsets.len() as u64) < block {
                    self.end_block()?;
                }
                self.entry(id, atoms);
            }
        }
        while (self.offsets.len() as u64) < self.description.blocks {
            self.end_block()?;
        }
        self.tail()
    }

    fn entry(&mut self, id: ChangeId, atoms: &[Atom]) {
        self.filter.add(id);
        for atoms in atoms.chunks(ENTRY_ATOMS_MAX) {
            self.block.extend_from_slice(&id.high.to_le_bytes());
            self.block.extend_from_slice(&id.low.to_le_bytes());
            self.block.push(atoms.len() as u8);
            for atom in atoms {
                self.block.extend_from_slice(&atom.to_le_bytes());
            }
        }
    }

    fn end_block(&mut self) -> io::Result<()> {
        self.offset()?;
        self.out.write_all(&crc32fast::hash(&self.block).to_le_bytes())?;
        self.out.write_all(&self.block)?;
        self.written += 4 + self.block.len() as u64;
        self.block.clear();
        Ok(())
    }

    fn offset(&mut self) -> io::Result<()> {
        let offset = u32::try_from(self.written).map_err(|_| io::ErrorKind::FileTooLarge)?;
        self.offsets.push(offset);
        Ok(())
    }

    fn tail(mut self) -> io::Result<()> {
        self.offset()?;
        let mut tail = self.filter.to_bytes();
        self.description.filter_bytes = tail.len() as u64;
        tail.extend(self.offsets.iter().flat_map(|offset| offset.to_le_bytes()));
        let description = serde_json::to_vec(&self.description)?;
        tail.extend_from_slice(&description);
        self.out.write_all(&tail)?;
        self.out.write_all(&(description.len() as u32).to_le_bytes())?;
        self.out.write_all(&crc32fast::hash(&tail).to_le_bytes())?;
        self.out.write_all(MAGIC)?;
        self.out.flush()
    }
}
