//! Content of `_cdc.idx` files (`CommitLogSegment.writeCDCIndexFile`).

/// What a CDC index file says of its segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CdcIndex {
    /// *Logical* offset up to which the segment is on disk. Once `completed`, it means nothing: a replay
    /// writes the file's length there, so read to the end of the marker chain.
    pub offset: u64,
    /// True once the segment will not be written any more.
    pub completed: bool,
}

/// Why a CDC index file can't be used (now).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CdcIndexError {
    /// Nothing in it, or only a part: the node truncates and rewrites it. Keep the last offset and read again.
    Incomplete,
    /// Not what a node writes.
    Corrupt,
}

impl std::fmt::Display for CdcIndexError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Incomplete => "the CDC index is being rewritten: read it again",
            Self::Corrupt => "not a CDC index: expected an offset and perhaps a second line COMPLETED",
        })
    }
}

impl std::error::Error for CdcIndexError {}

/// The longest content: an `int` and the second line.
const LONGEST: usize = "2147483647\nCOMPLETED\n".len();

impl CdcIndex {
    /// Reads the content of a CDC index file.
    ///
    /// An offset without a second line may still be a prefix of a longer one that is being written: take
    /// it only if it is not less than the last one seen.
    ///
    /// ```
    /// use cassandra_commitlog::segment::{CdcIndex, CdcIndexError};
    /// assert_eq!(CdcIndex::parse(b"542930"), Ok(CdcIndex { offset: 542930, completed: false }));
    /// assert_eq!(CdcIndex::parse(b"542930\nCOMPLETED"), Ok(CdcIndex { offset: 542930, completed: true }));
    /// assert_eq!(CdcIndex::parse(b""), Err(CdcIndexError::Incomplete));
    /// ```
    pub fn parse(content: &[u8]) -> Result<Self, CdcIndexError> {
        if content.is_empty() {
            return Err(CdcIndexError::Incomplete);
        }
        if content.len() > LONGEST {
            return Err(CdcIndexError::Corrupt);
        }
        let text = std::str::from_utf8(content).map_err(|_| CdcIndexError::Corrupt)?;
        let (digits, second_line) = match text.split_once('\n') {
            Some((digits, second_line)) => (digits, Some(second_line.trim_end_matches('\n'))),
            None => (text, None),
        };
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(CdcIndexError::Corrupt);
        }
        let offset = digits.parse().map_err(|_| CdcIndexError::Corrupt)?;
        match second_line {
            None => Ok(Self { offset, completed: false }),
            Some("COMPLETED") => Ok(Self { offset, completed: true }),
            Some(part) if "COMPLETED".starts_with(part) => Err(CdcIndexError::Incomplete),
            Some(_) => Err(CdcIndexError::Corrupt),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_prefix_of_a_rewrite_is_an_offset_or_incomplete() {
        let whole = b"1234567\nCOMPLETED";
        for length in 0..whole.len() {
            match CdcIndex::parse(&whole[..length]) {
                Ok(index) => assert!(!index.completed && length <= 7, "{length}: {index:?}"),
                Err(error) => assert_eq!(error, CdcIndexError::Incomplete, "{length}"),
            }
        }
        assert_eq!(CdcIndex::parse(whole), Ok(CdcIndex { offset: 1_234_567, completed: true }));
    }

    #[test]
    fn strange_contents_are_refused() {
        for content in
            [&b"abc"[..], b"-5", b"12 ", b"12\nDONE", b"\xff\xfe", b"123456789012345678901234567890", b"\n"]
        {
            assert_eq!(CdcIndex::parse(content), Err(CdcIndexError::Corrupt), "{content:?}");
        }
    }
}
