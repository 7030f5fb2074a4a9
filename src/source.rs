//! Segments on disk: which there are, and reading them.

mod find;
#[cfg(feature = "agent")]
mod live;
mod read;

#[cfg(feature = "agent")]
pub use self::live::{
    CdcSpace, Gap, LiveEvent, LiveLog, LiveOptions, ReadAhead, ReadOutcome, Release, Released, SourceError,
    Spooled, Start, UnreadableReason, WakeReason,
};
pub use self::{
    find::{FindError, SegmentFile, find_segments},
    read::{Event, ReadError, SegmentReader},
};
