//! Bounds on what input may make the parser do.

/// Bounds on sizes and counts that input declares. Nothing is allocated and nothing is looped over because
/// of a declared number alone; these limits cut off what no Cassandra writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Largest mutation in bytes. Cassandra's own bound is half of the segment size, and segments are
    /// smaller than 2 GiB.
    pub mutation_bytes: u32,
    /// Largest section of a compressed or encrypted segment in bytes, after decompression; before it may be a little
    /// longer. A section is at most a segment, and this is the memory that one can take: what a file declares
    /// beyond it is passed over as [`DamageKind::SectionTooLarge`](crate::segment::DamageKind::SectionTooLarge).
    pub section_bytes: u32,
}

impl Limits {
    /// Takes everything that any configuration of Cassandra can write.
    pub const ANY_SEGMENT: Self = Self { mutation_bytes: 1 << 30, section_bytes: i32::MAX as u32 };
}

impl Default for Limits {
    /// Mutations of up to 128 MiB, and packed sections of up to 64 MiB: twice a whole segment of Cassandra's default
    /// size (`commitlog_segment_size`, 32 MiB). Larger compressed or encrypted segments may need a larger `section_bytes`.
    /// The limit does not depend on the file's length: a section that repeats itself can be thousands of times shorter
    /// on disk.
    fn default() -> Self {
        Self { mutation_bytes: 128 << 20, section_bytes: 64 << 20 }
    }
}
