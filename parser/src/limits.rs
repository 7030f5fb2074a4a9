//! Bounds on what input may make the parser do.

/// Bounds on sizes and counts that input declares. Nothing is allocated and nothing is looped over because
/// of a declared number alone; these limits cut off what no Cassandra writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Largest mutation in bytes. Cassandra's own bound is half of the segment size, and segments are
    /// smaller than 2 GiB.
    pub mutation_bytes: u32,
    /// Largest sync section in bytes, before and after decompression. A section is at most a segment.
    pub section_bytes: u32,
}

impl Limits {
    /// Takes everything that any configuration of Cassandra can write.
    pub const ANY_SEGMENT: Self = Self {
        mutation_bytes: 1 << 30,
        section_bytes: i32::MAX as u32,
    };
}

impl Default for Limits {
    /// Segments of up to 256 MiB with mutations of up to 128 MiB: eight times Cassandra's default.
    fn default() -> Self {
        Self {
            mutation_bytes: 128 << 20,
            section_bytes: 272 << 20,
        }
    }
}
