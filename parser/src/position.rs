//! Positions in a node's commit log.

use std::{fmt, num::ParseIntError, str::FromStr};

/// A place in a node's commit log, as Cassandra's `CommitLogPosition` counts: segment id, then *logical*
/// offset. For plain segments that is the offset in the file; for compressed and encrypted ones it counts
/// uncompressed bytes. An entry's position is where it *ends*.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position {
    /// Segment id. Ids grow, but say nothing of time.
    pub segment: i64,
    /// Logical offset in bytes.
    pub offset: u64,
}

impl Position {
    /// Before everything that a log can hold.
    pub const START: Self = Self { segment: i64::MIN, offset: 0 };
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.segment, self.offset)
    }
}

/// A text that is not `<segment id>:<offset>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PositionParseError(Box<str>);

impl fmt::Display for PositionParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}' is not a position: expected <segment id>:<offset>, such as 1795344415217:373", self.0)
    }
}

impl std::error::Error for PositionParseError {}

impl FromStr for Position {
    type Err = PositionParseError;

    /// Reads `<segment id>` or `<segment id>:<offset>`; without an offset it is the segment's start.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || -> Result<Self, ParseIntError> {
            let (segment, offset) = text.split_once(':').unwrap_or((text, "0"));
            Ok(Self { segment: segment.parse()?, offset: offset.parse()? })
        };
        parse().map_err(|_| PositionParseError(text.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_reads_back_what_it_prints() {
        let position = Position { segment: 1_795_344_415_217, offset: 373 };
        assert_eq!(position.to_string().parse(), Ok(position));
        assert_eq!("7".parse(), Ok(Position { segment: 7, offset: 0 }));
        assert!("7:".parse::<Position>().is_err());
        assert!("seven".parse::<Position>().is_err());
    }

    #[test]
    fn positions_compare_by_segment_then_offset() {
        let late_in_first = Position { segment: 1, offset: 900 };
        let early_in_second = Position { segment: 2, offset: 20 };
        assert!(Position::START < late_in_first && late_in_first < early_in_second);
    }
}
