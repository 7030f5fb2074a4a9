//! Sync markers (`CommitLogSegment.writeSyncMarker`).

use nom::{IResult, Parser, number::complete::be_u32};

use crate::crc;

/// Bytes of a marker.
pub const MARKER_BYTES: u64 = 8;

/// The eight bytes before each section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SyncMarker {
    /// File offset of the next marker. **No CRC protects it**.
    pub end: u32,
    /// CRC over the segment's id and this marker's own offset.
    pub crc: u32,
}

impl SyncMarker {
    /// Reads a marker's two words.
    pub fn parse(input: &[u8]) -> IResult<&[u8], Self> {
        (be_u32, be_u32).map(|(end, crc)| Self { end, crc }).parse(input)
    }

    /// Returns true where no marker has been written yet: both words are zero.
    pub fn is_unwritten(self) -> bool {
        self.end == 0 && self.crc == 0
    }
}

/// The CRCs of one segment's markers.
#[derive(Debug, Clone, Copy)]
pub struct MarkerCrc {
    /// CRC of the id, the low half first.
    of_id: u32,
}

impl MarkerCrc {
    /// Prepares for the markers of the segment with this id.
    pub fn new(segment: i64) -> Self {
        let low_half = crc::with_u32(0, segment as u32);
        Self { of_id: crc::with_u32(low_half, (segment >> 32) as u32) }
    }

    /// Returns the CRC that a marker at this file offset has.
    pub fn at(self, offset: u64) -> u32 {
        crc::with_u32(self.of_id, offset as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_crc_is_cassandras() {
        // The first marker of a segment that Cassandra 4.0.11 wrote.
        let (_, marker) = SyncMarker::parse(&[0, 0, 0x01, 0xd3, 0x1e, 0x5c, 0x81, 0xd1]).unwrap();
        assert_eq!(marker.end, 467);
        assert_eq!(marker.crc, MarkerCrc::new(1_699_285_478_684).at(20));
        assert_ne!(marker.crc, MarkerCrc::new(1_699_285_478_684).at(21));
    }
}
