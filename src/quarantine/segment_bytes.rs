//! Plain segments as Cassandra writes them (`CommitLogDescriptor.writeHeader`, `CommitLogSegment.writeSyncMarker`,
//! `CommitLog.add`): a header, then sections of a sync marker and, here, one entry each.

use cassandra_commitlog::segment::SegmentFileName;
use crc32fast::Hasher;

/// A header's parameters: nothing is compressed or encrypted.
const PARAMETERS: &[u8] = b"{}";

/// Returns the header of a segment.
pub(super) fn header(segment: SegmentFileName) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend_from_slice(&segment.version.to_be_bytes());
    bytes.extend_from_slice(&segment.id.to_be_bytes());
    bytes.extend_from_slice(&(PARAMETERS.len() as u16).to_be_bytes());
    bytes.extend_from_slice(PARAMETERS);
    let mut crc = Hasher::new();
    crc.update(&segment.version.to_be_bytes());
    feed_id(segment.id, &mut crc);
    crc.update(&(PARAMETERS.len() as u32).to_be_bytes());
    crc.update(PARAMETERS);
    bytes.extend_from_slice(&crc.finalize().to_be_bytes());
    bytes
}

/// Returns a section with one entry, to stand at a file offset; `None` if it would end where a segment can't.
pub(super) fn section(segment: SegmentFileName, offset: u64, mutation: &[u8]) -> Option<Vec<u8>> {
    const MARKER_BYTES: usize = 8;
    const FRAME_BYTES: usize = 12;
    let length = MARKER_BYTES + FRAME_BYTES + mutation.len();
    let end = i32::try_from(offset.checked_add(length as u64)?).ok()?;
    let size = i32::try_from(mutation.len()).ok()?.to_be_bytes();
    let mut bytes = Vec::with_capacity(length);
    bytes.extend_from_slice(&end.to_be_bytes());
    let mut crc = Hasher::new();
    feed_id(segment.id, &mut crc);
    crc.update(&(offset as u32).to_be_bytes());
    bytes.extend_from_slice(&crc.finalize().to_be_bytes());

    let mut crc = Hasher::new();
    crc.update(&size);
    bytes.extend_from_slice(&size);
    bytes.extend_from_slice(&crc.clone().finalize().to_be_bytes());
    crc.update(mutation);
    bytes.extend_from_slice(mutation);
    bytes.extend_from_slice(&crc.finalize().to_be_bytes());
    Some(bytes)
}

/// Feeds an id, its low half first.
fn feed_id(id: i64, crc: &mut Hasher) {
    crc.update(&(id as u32).to_be_bytes());
    crc.update(&((id >> 32) as u32).to_be_bytes());
}
