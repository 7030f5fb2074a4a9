//! Plain segments as Cassandra writes them (`CommitLogDescriptor.writeHeader`, `CommitLogSegment.writeSyncMarker`,
//! `CommitLog.add`): a header, then sections of a sync marker and, here, one entry each.

use cassandra_commitlog::segment::{
    SegmentFileName,
    entry::{FRAME_BYTES, frame},
    sync_marker::{MARKER_BYTES, MarkerCrc},
};

/// A header's parameters: nothing is compressed or encrypted.
const PARAMETERS: &[u8] = b"{}";

/// Returns the header of a segment.
pub(super) fn header(segment: SegmentFileName) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend_from_slice(&segment.version.to_be_bytes());
    bytes.extend_from_slice(&segment.id.to_be_bytes());
    bytes.extend_from_slice(&(PARAMETERS.len() as u16).to_be_bytes());
    bytes.extend_from_slice(PARAMETERS);
    // The CRC takes the id's low half first, and four bytes for the length.
    let mut crc = crc32fast::Hasher::new();
    crc.update(&segment.version.to_be_bytes());
    crc.update(&(segment.id as u32).to_be_bytes());
    crc.update(&((segment.id >> 32) as u32).to_be_bytes());
    crc.update(&(PARAMETERS.len() as u32).to_be_bytes());
    crc.update(PARAMETERS);
    bytes.extend_from_slice(&crc.finalize().to_be_bytes());
    bytes
}

/// Returns a section with one entry, to stand at a file offset; `None` if it would end where a segment can't.
pub(super) fn section(segment: SegmentFileName, offset: u64, mutation: &[u8]) -> Option<Vec<u8>> {
    let end = offset.checked_add(MARKER_BYTES + FRAME_BYTES)?.checked_add(mutation.len() as u64)?;
    let end = i32::try_from(end).ok()?;
    let mut bytes = Vec::new();
    bytes.extend_from_slice(&end.to_be_bytes());
    bytes.extend_from_slice(&MarkerCrc::new(segment.id).at(offset).to_be_bytes());
    bytes.extend_from_slice(&frame(mutation));
    Some(bytes)
}
