//! Segments on disk: which there are, and reading them.

mod find;
mod keystore;
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
    keystore::{Keystore, KeystoreKeys, OpenKeystoreError},
    read::{Event, ReadError, SegmentReader},
};
