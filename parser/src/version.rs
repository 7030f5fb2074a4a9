//! Commit log versions, and what differs between them.

use std::fmt;

/// What one commit log version does differently. Versions are data: there is one code path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Features {
    /// Number in the file name and the header (`CommitLogDescriptor.version`).
    pub number: i32,
    /// Which releases write it.
    pub written_by: &'static str,
    /// A flags byte stands before each mutation.
    pub mutation_flags: bool,
    /// A schema epoch stands behind each table id.
    pub epoch: bool,
    /// Local deletion times are unsigned 32-bit seconds.
    pub unsigned_deletion_times: bool,
}

/// A commit log version that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Version {
    /// Cassandra 3.0 to 3.11.
    V6,
    /// Cassandra 4.0, 4.1, and 5.0 with `storage_compatibility_mode: CASSANDRA_4` (its default).
    V7,
    /// Cassandra 5.0 with `UPGRADING` or `NONE`.
    V8,
    /// Cassandra 6.0.
    V9,
}

const TABLE: [(Version, Features); 4] = [
    (Version::V6, features(6, "Cassandra 3.0 to 3.11", false, false)),
    (Version::V7, features(7, "Cassandra 4.0, 4.1 and 5.0 in compatibility with 4", false, false)),
    (Version::V8, features(8, "Cassandra 5.0", false, true)),
    (Version::V9, features(9, "Cassandra 6.0", true, true)),
];

const fn features(number: i32, written_by: &'static str, from_6_0: bool, from_5_0: bool) -> Features {
    Features {
        number,
        written_by,
        mutation_flags: from_6_0,
        epoch: from_6_0,
        unsigned_deletion_times: from_5_0,
    }
}

impl Version {
    /// Returns the version with this number, or `None` if this crate can't read it.
    pub fn from_number(number: i32) -> Option<Self> {
        TABLE.iter().find(|(_, features)| features.number == number).map(|(version, _)| *version)
    }

    /// Returns what this version does differently.
    pub const fn features(self) -> &'static Features {
        match self {
            Self::V6 => &TABLE[0].1,
            Self::V7 => &TABLE[1].1,
            Self::V8 => &TABLE[2].1,
            Self::V9 => &TABLE[3].1,
        }
    }

    /// Returns the number in the file name and the header.
    pub const fn number(self) -> i32 {
        self.features().number
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.number().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_version_finds_itself_by_its_number() {
        for (version, features) in TABLE {
            assert_eq!(Version::from_number(features.number), Some(version));
            assert_eq!(version.features(), &features);
        }
        assert_eq!(Version::from_number(5), None);
        assert_eq!(Version::from_number(10), None);
    }
}
