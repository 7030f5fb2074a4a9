//! How far the sync markers of a growing segment reach (format.md §2.1, §4.1), by cheap reads of the markers alone.

use std::{fs::File, io, os::unix::fs::FileExt as _};

use cassandra_commitlog::segment::{
    Descriptor, SectionEncoding, SegmentError,
    sync_marker::{MARKER_BYTES, MarkerCrc, SyncMarker},
};

/// Bytes read for a header at first: real ones are about a hundred bytes long.
const HEADER_BYTES: usize = 1024;
/// The longest possible header.
const LONGEST_HEADER: usize = 18 + u16::MAX as usize;
/// Bytes before the packed data of a section: the marker and the length of the unpacked data.
const PACKED_HEAD_BYTES: usize = 12;

/// The chain of sync markers of one segment, as far as it was followed.
#[derive(Debug, Clone)]
pub(super) struct Chain {
    crc: MarkerCrc,
    is_plain: bool,
    is_encrypted: bool,
    header_bytes: u64,
    /// Length of the file when it was last needed.
    file_length: u64,
    /// File offset at which the chain ends: the next marker comes here.
    pub(super) file_end: u64,
    /// The same logically.
    pub(super) logical_end: u64,
}

/// What stands at the beginning of a segment's file.
pub(super) enum Head {
    /// A header that holds.
    Whole(Descriptor),
    /// A part of one, or a damaged one; of a growing file it may be whole later.
    Unsure,
    /// A segment that can't be read.
    Unsupported(SegmentError),
}

/// Reads the header of a segment.
pub(super) fn read_head(file: &File) -> io::Result<Head> {
    for length in [HEADER_BYTES, LONGEST_HEADER] {
        let mut bytes = vec![0; length];
        let read = read_up_to(file, &mut bytes, 0)?;
        match Descriptor::parse(bytes.get(..read).unwrap_or_default()) {
            Ok(Some(descriptor)) => return Ok(Head::Whole(descriptor)),
            Ok(None) if read == length => {}
            Err(error) if error.is_unsupported() => return Ok(Head::Unsupported(error)),
            Ok(None) | Err(_) => return Ok(Head::Unsure),
        }
    }
    Ok(Head::Unsure)
}

/// Reads as many bytes as the file has at an offset, up to the buffer's length.
pub(super) fn read_up_to(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, offset + filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

impl Chain {
    /// Starts at the first marker.
    pub(super) fn new(header: &Descriptor) -> Self {
        Self {
            crc: MarkerCrc::new(header.id),
            is_plain: header.encoding == SectionEncoding::Plain,
            is_encrypted: matches!(header.encoding, SectionEncoding::Encrypted(_)),
            header_bytes: header.header_bytes,
            file_length: 0,
            file_end: header.header_bytes,
            logical_end: header.header_bytes,
        }
    }

    /// Returns true if sections hold their entries as they are.
    pub(super) fn is_plain(&self) -> bool {
        self.is_plain
    }

    /// Returns true if a section with entries in it was found.
    pub(super) fn has_entries(&self) -> bool {
        self.logical_end > self.header_bytes + MARKER_BYTES
    }

    /// Follows the chain as far as whole sections go, but not beyond a logical offset. Returns true if it got longer.
    pub(super) fn advance(&mut self, file: &File, logical_bound: u64) -> io::Result<bool> {
        let before = self.file_end;
        while self.step(file, logical_bound)? {}
        Ok(self.file_end > before)
    }

    /// Passes one section, if it is whole.
    pub(super) fn step(&mut self, file: &File, logical_bound: u64) -> io::Result<bool> {
        let Some(head) = self.read(file)? else {
            return Ok(false);
        };
        // The marker's two words are not written at once, and no CRC protects the first. What was read in between is
        // not what a second read gives.
        if self.read(file)?.as_ref() != Some(&head) {
            return Ok(false);
        }
        let end = u64::from(head.marker.end);
        if end > self.file_length {
            self.file_length = file.metadata()?.len();
            if end > self.file_length {
                return Ok(false);
            }
        }
        let logical_end = match head.unpacked_length {
            None => end,
            Some(length) => self.logical_end + MARKER_BYTES + u64::from(length),
        };
        if logical_end > logical_bound {
            return Ok(false);
        }
        (self.file_end, self.logical_end) = (end, logical_end);
        Ok(true)
    }

    /// Reads the marker at the chain's end, if one that holds is there.
    fn read(&self, file: &File) -> io::Result<Option<SectionHead>> {
        let mut bytes = [0; PACKED_HEAD_BYTES];
        let wanted = if self.is_plain { MARKER_BYTES as usize } else { PACKED_HEAD_BYTES };
        let read = read_up_to(file, bytes.get_mut(..wanted).unwrap_or_default(), self.file_end)?;
        if read < wanted {
            return Ok(None);
        }
        let Ok((rest, marker)) = SyncMarker::parse(&bytes) else {
            return Ok(None);
        };
        let holds = marker.crc == self.crc.at(self.file_end)
            && u64::from(marker.end) >= self.file_end + wanted as u64;
        let length = rest.first_chunk::<4>().filter(|_| !self.is_plain);
        let unpacked_length = length.map(|word| u32::from_be_bytes(*word));
        // Encrypted sections get their marker and length last: where there are blocks, a length of zero is still to come.
        let is_partial = self.is_encrypted
            && unpacked_length == Some(0)
            && u64::from(marker.end) > self.file_end + wanted as u64;
        Ok((holds && !is_partial).then_some(SectionHead { marker, unpacked_length }))
    }
}

/// A marker with what follows it in packed segments.
#[derive(Debug, PartialEq, Eq)]
struct SectionHead {
    marker: SyncMarker,
    unpacked_length: Option<u32>,
}
