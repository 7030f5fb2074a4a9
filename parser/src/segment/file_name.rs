//! Names of segment and CDC index files (`CommitLogDescriptor`).

use std::fmt;

/// What a segment's file name says.
///
/// The numbers in the file's header decide; the name is for finding and ordering files. Ids are compared
/// as numbers, never as texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SegmentFileName {
    /// Segment id.
    pub id: i64,
    /// Commit log version; may be one that this crate can't read.
    pub version: i32,
}

impl SegmentFileName {
    /// Reads `CommitLog-<version>-<id>.log`. Anything else, names before 1.2.5 included, gives `None`.
    ///
    /// ```
    /// use cassandra_commitlog::segment::SegmentFileName;
    /// let name = SegmentFileName::parse("CommitLog-7-1795344415217.log").unwrap();
    /// assert_eq!((name.version, name.id), (7, 1_795_344_415_217));
    /// assert_eq!(name.cdc_index(), "CommitLog-7-1795344415217_cdc.idx");
    /// assert!(SegmentFileName::parse("CommitLog-1795344415217.log").is_none());
    /// ```
    pub fn parse(name: &str) -> Option<Self> {
        Self::parse_stem(name.strip_suffix(".log")?)
    }

    /// Reads the name of a CDC index file, `CommitLog-<version>-<id>_cdc.idx`: whose index it is.
    pub fn parse_cdc_index(name: &str) -> Option<Self> {
        Self::parse_stem(name.strip_suffix("_cdc.idx")?)
    }

    fn parse_stem(stem: &str) -> Option<Self> {
        let (version, id) = stem.strip_prefix("CommitLog-")?.split_once('-')?;
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(version) || !digits(id) {
            return None;
        }
        Some(Self { id: id.parse().ok()?, version: version.parse().ok()? })
    }

    /// Returns the name of the segment's CDC index file (4.0+).
    pub fn cdc_index(&self) -> String {
        format!("CommitLog-{}-{}_cdc.idx", self.version, self.id)
    }
}

impl fmt::Display for SegmentFileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CommitLog-{}-{}.log", self.version, self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_exact_pattern_is_a_segment() {
        for name in [
            "CommitLog-7-1.log.tmp",
            "CommitLog-7-.log",
            "CommitLog--1.log",
            "CommitLog-7--1.log",
            "CommitLog-7-1_cdc.idx",
            "commitlog-7-1.log",
            "CommitLog-7-99999999999999999999.log",
            "CommitLog-7-+1.log",
        ] {
            assert_eq!(SegmentFileName::parse(name), None, "{name}");
        }
    }

    #[test]
    fn ids_sort_as_numbers() {
        let nine = SegmentFileName::parse("CommitLog-7-9.log").unwrap();
        let ten = SegmentFileName::parse("CommitLog-6-10.log").unwrap();
        assert!(nine < ten);
        assert_eq!(ten.to_string(), "CommitLog-6-10.log");
    }
}
