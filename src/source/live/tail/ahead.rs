//! Entries that no sync marker reaches yet, in plain segments.

use std::{fs::File, io, ops::ControlFlow};

use cassandra_commitlog::{
    Position,
    segment::{
        Entry,
        entry::{self, FRAME_BYTES},
        sync_marker::MARKER_BYTES,
    },
};

use super::{Run, Tail};
use crate::source::live::{chain::read_up_to, error::SourceError, event::LiveEvent};

/// How much is read at once; more for entries that are longer.
const BUFFER_BYTES: usize = 64 << 10;
/// Bytes of an entry before its mutation.
const HEAD_BYTES: usize = 8;
/// Bytes of an entry's CRC.
const CRC_BYTES: u64 = 4;

/// Bytes behind the last marker.
#[derive(Default)]
pub(super) struct Buffer {
    bytes: Vec<u8>,
}

impl Buffer {
    /// Gives memory back that a long entry took.
    pub(super) fn shrink(&mut self) {
        self.bytes.truncate(BUFFER_BYTES);
        self.bytes.shrink_to(BUFFER_BYTES);
    }

    /// Reads what stands at an offset: whole entries, if any are there. Gives nothing if not.
    ///
    /// The idle case is one read of a few bytes.
    fn fill(&mut self, file: &File, at: u64, mutation_bytes_max: u32) -> io::Result<&[u8]> {
        let mut head = [0; HEAD_BYTES];
        let read = read_up_to(file, &mut head, at)?;
        let length = head.get(..read).and_then(|head| entry::head(head, mutation_bytes_max));
        let Some(length) = length else {
            return Ok(&[]);
        };
        // The CRC comes last; without it the rest need not be read, which can be megabytes.
        let mut crc = [0; CRC_BYTES as usize];
        let read = read_up_to(file, &mut crc, at + length - CRC_BYTES)?;
        if read < crc.len() || crc == [0; CRC_BYTES as usize] {
            return Ok(&[]);
        }
        let wanted = (length as usize).max(BUFFER_BYTES);
        if self.bytes.len() < wanted {
            self.bytes.resize(wanted, 0);
        }
        let read = read_up_to(file, self.bytes.get_mut(..wanted).unwrap_or_default(), at)?;
        Ok(self.bytes.get(..read).unwrap_or_default())
    }
}

impl Tail {
    /// Tells the entries behind the last marker while their CRCs hold. All before it has to be told.
    ///
    /// The space of entries is given out one after the other and filled by several threads: the first one that is not
    /// whole ends it, so that none is passed over. Where the next marker will be, eight zero bytes stand.
    pub(in crate::source::live) fn run_ahead<E: From<SourceError>>(
        &mut self,
        budget: &mut u64,
        synced: u64,
        tell: &mut impl FnMut(LiveEvent<'_>) -> Result<ControlFlow<()>, E>,
    ) -> Result<Run, E> {
        let Self { current: Some(current), ahead, mutation_bytes_max, .. } = self else {
            return Ok(Run::Waits);
        };
        if current.is_final || current.is_in_doubt() || !current.is_told {
            return Ok(Run::Waits);
        }
        let Some(chain) = current.chain.as_ref().filter(|chain| chain.is_plain()) else {
            return Ok(Run::Waits);
        };
        let segment = current.segment.name.id;
        let mut at = current.read_to.max(chain.file_end + MARKER_BYTES);
        loop {
            let bytes = match ahead.fill(&current.file, at, *mutation_bytes_max) {
                Ok(bytes) => bytes,
                Err(source) => return Err(current.error(at, source).into()),
            };
            let mut rest = bytes;
            while let Some(mutation) = entry::whole(rest, *mutation_bytes_max) {
                if *budget == 0 {
                    return Ok(Run::BudgetSpent);
                }
                let length = mutation.len() as u64 + FRAME_BYTES;
                *budget = budget.saturating_sub(length);
                at += length;
                current.read_to = at;
                let entry = Entry { position: Position { segment, offset: at }, mutation };
                if tell(LiveEvent::Entry { entry: &entry, early: at > synced })?.is_break() {
                    return Ok(Run::Stopped);
                }
                rest = rest.get(length as usize..).unwrap_or_default();
            }
            if rest.len() == bytes.len() {
                return Ok(Run::Waits);
            }
        }
    }
}
