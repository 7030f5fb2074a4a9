//! How far each segment of a node's log has been read.

use std::{collections::BTreeMap, fmt, str::FromStr};

use cassandra_commitlog::Position;

/// How far one segment has been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SegmentProgress {
    /// Every entry that ends at this logical offset or before it.
    ReadTo(u64),
    /// To its end.
    Finished,
}

/// How far a node's log has been read: for each segment that is still somewhere on disk, or may come back.
///
/// Ids alone do not tell it: a restart of Cassandra brings finished segments back, and after its clock was set
/// back new segments have lower ids than old ones. So a segment is finished if it is *named* as finished, and one
/// that is not named has not been read.
///
/// As text (for checkpoints and positions records): `<id>=<offset>` for a segment in reading, `<id>` or
/// `<first>-<last>` for finished ones, in order of the ids and separated by commas. Consecutive finished ids are
/// one range, so a long backlog stays short.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    segments: BTreeMap<i64, SegmentProgress>,
}

/// A text that is no [`Progress`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{part}` is not a segment's progress: expected ID=OFFSET, ID or FIRST-LAST, in order of the ids")]
pub struct ProgressError {
    part: Box<str>,
}

/// How many finished segments one range may stand for: bounds what a text can make of itself.
const RANGE_MAX: i64 = 1_000_000;

impl Progress {
    /// Returns how far a segment has been read; `None`: not at all.
    pub fn of(&self, segment: i64) -> Option<SegmentProgress> {
        self.segments.get(&segment).copied()
    }

    /// Returns true if the entry that ends at this position has been read.
    pub fn covers(&self, position: Position) -> bool {
        match self.of(position.segment) {
            Some(SegmentProgress::Finished) => true,
            Some(SegmentProgress::ReadTo(offset)) => position.offset <= offset,
            None => false,
        }
    }

    /// Returns true if everything that `other` covers is covered.
    pub fn includes(&self, other: &Self) -> bool {
        other.segments.iter().all(|(id, read)| match read {
            SegmentProgress::Finished => self.of(*id) == Some(SegmentProgress::Finished),
            SegmentProgress::ReadTo(offset) => self.covers(Position { segment: *id, offset: *offset }),
        })
    }

    /// Notes that a segment has been read up to the entry that ends here. A lower offset than before, and a
    /// finished segment, stay as they are.
    pub fn read_to(&mut self, position: Position) {
        let read = self.segments.entry(position.segment).or_insert(SegmentProgress::ReadTo(0));
        if let SegmentProgress::ReadTo(offset) = read {
            *offset = position.offset.max(*offset);
        }
    }

    /// Notes that a segment has been read to its end.
    pub fn finish(&mut self, segment: i64) {
        self.segments.insert(segment, SegmentProgress::Finished);
    }

    /// Forgets a segment that cannot come back.
    pub fn forget(&mut self, segment: i64) {
        self.segments.remove(&segment);
    }

    /// Returns the segments with how far they were read, in order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = (i64, SegmentProgress)> {
        self.segments.iter().map(|(id, read)| (*id, *read))
    }

    /// Returns true if nothing has been read.
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// Returns the position in the newest segment, for people.
    pub fn newest(&self) -> Option<(i64, SegmentProgress)> {
        self.segments.last_key_value().map(|(id, read)| (*id, *read))
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut segments = self.iter().peekable();
        let mut is_first = true;
        while let Some((id, read)) = segments.next() {
            if !std::mem::take(&mut is_first) {
                f.write_str(",")?;
            }
            match read {
                SegmentProgress::ReadTo(offset) => write!(f, "{id}={offset}")?,
                SegmentProgress::Finished => {
                    let mut last = id;
                    while let Some((next, _)) = segments.next_if(|(next, read)| {
                        *next == last + 1 && *read == SegmentProgress::Finished && *next - id < RANGE_MAX
                    }) {
                        last = next;
                    }
                    write!(f, "{id}")?;
                    if last != id {
                        write!(f, "-{last}")?;
                    }
                }
            }
        }
        Ok(())
    }
}

impl FromStr for Progress {
    type Err = ProgressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut segments = BTreeMap::new();
        let mut previous = None;
        for part in text.split(',').filter(|part| !part.is_empty()) {
            let error = || ProgressError { part: part.into() };
            let number = |text: &str| text.parse::<i64>().ok().filter(|id| *id >= 0).ok_or_else(error);
            let (first, last, read) = if let Some((id, offset)) = part.split_once('=') {
                let id = number(id)?;
                (id, id, SegmentProgress::ReadTo(offset.parse().map_err(|_| error())?))
            } else if let Some((first, last)) = part.split_once('-') {
                (number(first)?, number(last)?, SegmentProgress::Finished)
            } else {
                let id = number(part)?;
                (id, id, SegmentProgress::Finished)
            };
            if previous.is_some_and(|previous| first <= previous) || last < first || last - first >= RANGE_MAX
            {
                return Err(error());
            }
            previous = Some(last);
            segments.extend((first..=last).map(|id| (id, read)));
        }
        Ok(Self { segments })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(text: &str) -> Progress {
        text.parse().unwrap()
    }

    #[test]
    fn texts_read_back_and_join_ranges() {
        let mut made = Progress::default();
        for id in [5, 6, 7, 9] {
            made.finish(id);
        }
        made.read_to(Position { segment: 8, offset: 17 });
        made.read_to(Position { segment: 10, offset: 1 });
        assert_eq!(made.to_string(), "5-7,8=17,9,10=1");
        assert_eq!(progress("5-7,8=17,9,10=1"), made);
        assert_eq!(progress(""), Progress::default());
        for wrong in ["x", "1=", "=1", "3,2", "5-3", "-1", "1-99999999999", "5-7,6", "1=2=3", "1,1"] {
            assert!(wrong.parse::<Progress>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_segment_that_is_not_named_has_not_been_read() {
        let read = progress("5,8=17");
        assert!(read.covers(Position { segment: 5, offset: 1 << 30 }));
        assert!(read.covers(Position { segment: 8, offset: 17 }));
        assert!(!read.covers(Position { segment: 8, offset: 18 }));
        assert!(!read.covers(Position { segment: 3, offset: 0 }));
        assert!(progress("5,8=18").includes(&read) && progress("5,8").includes(&read));
        assert!(!progress("8=18").includes(&read) && !progress("5,8=16").includes(&read));
    }

    #[test]
    fn progress_never_goes_back() {
        let mut read = progress("5,8=17");
        read.read_to(Position { segment: 8, offset: 3 });
        read.read_to(Position { segment: 5, offset: 3 });
        assert_eq!(read.to_string(), "5,8=17");
    }
}
