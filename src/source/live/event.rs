//! What a live log tells.

use std::time::Duration;

use cassandra_commitlog::segment::{Damage, Descriptor, Entry, SegmentEnd, SegmentError};

use super::error::SourceError;
use crate::source::SegmentFile;

/// Something in the live log, in the log's order.
#[derive(Debug)]
pub enum LiveEvent<'a> {
    /// Reading of a segment begins, or, after [`seek`](super::LiveLog::seek), begins again.
    SegmentStarted {
        /// Its file as it was found.
        file: &'a SegmentFile,
        /// Its header.
        header: &'a Descriptor,
    },
    /// An entry that the progress does not cover.
    Entry {
        /// The entry.
        entry: &'a Entry<'a>,
        /// True if the node had not said by then that it is on disk: it may lose it in a power failure.
        early: bool,
    },
    /// Something was passed over.
    Damage(&'a Damage),
    /// A segment has been read to its end, for good: note it as finished.
    SegmentFinished {
        /// Its id.
        segment: i64,
        /// How far it goes.
        end: SegmentEnd,
    },
    /// A segment can't be read. Reading goes on with the next one. The file is never released, and told of again after
    /// a restart: do not note it as finished.
    SegmentUnreadable {
        /// Its file.
        file: &'a SegmentFile,
        /// Why.
        reason: UnreadableReason,
    },
    /// Segments are missing.
    Gap(Gap),
    /// A segment comes whose id is lower than that of one before it: the node's clock was set back, or, without access
    /// to the commit log directory, Cassandra 3.11 finished its segments in another order. It is read; its changes may
    /// be older or newer than those before.
    OutOfOrder {
        /// Its id.
        segment: i64,
        /// The highest id before.
        newest: i64,
    },
}

/// Segments that are missing from the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gap {
    /// A segment was begun and is gone before its end was read, while nobody held it open. Note it as finished, else it
    /// is told again after a restart.
    ///
    /// Cassandra removes only segments without changes of CDC tables by itself. So if this one had any, they were
    /// deleted under us (`cdc_block_writes: false`, or by hand) and what stood behind `read_to` is lost.
    Definite {
        /// Its id.
        segment: i64,
        /// The logical offset up to which it had been read.
        read_to: u64,
    },
    /// Ids between two segments of one run of Cassandra were never seen. They held no changes of CDC tables, unless
    /// `cdc_block_writes` is false or somebody deleted them.
    Possible {
        /// The first missing id.
        first: i64,
        /// The last one.
        last: i64,
    },
}

/// Why a segment can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnreadableReason {
    /// It is not supported, or its header is damaged beyond mending.
    #[error(transparent)]
    Segment(SegmentError),
    /// Its header has another id than its name.
    #[error("the header says segment {header}, the name says {name}: somebody renamed the file")]
    HeaderId {
        /// The id in the header.
        header: i64,
        /// The id in the name.
        name: i64,
    },
}

/// Why [`read`](super::LiveLog::read) came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadOutcome {
    /// All that is readable now has been told.
    Idle,
    /// The budget is spent; there may be more.
    BudgetSpent,
    /// `tell` broke off.
    Stopped,
}

/// What ended [`wait`](super::LiveLog::wait).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WakeReason {
    /// A notification of the file system.
    Notified,
    /// The time was over.
    Timer,
}

/// What [`release`](super::LiveLog::release) did.
#[derive(Debug, Default)]
#[must_use = "`forget` is to be applied to the progress, `failure` to be reported"]
pub struct Released {
    /// Segments that were deleted or archived.
    pub segments: usize,
    /// Their bytes, as their files' lengths say.
    pub bytes: u64,
    /// Finished segments that are gone from all directories and cannot come back: the progress can forget them.
    pub forget: Vec<i64>,
    /// Segments that could not be removed; they are tried again.
    pub failed: usize,
    /// The first reason why.
    pub failure: Option<SourceError>,
}

/// What [`spool`](super::LiveLog::spool) did.
#[derive(Debug, Default)]
#[must_use = "`failure` is to be reported"]
pub struct Spooled {
    /// Segments that were moved.
    pub segments: usize,
    /// Their bytes, as their files' lengths say.
    pub bytes: u64,
    /// Why the first of those that could not be moved could not.
    pub failure: Option<SourceError>,
}

/// What lies in `cdc_raw`, as of the last listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CdcSpace {
    /// Bytes of segments and index files in `cdc_raw`, by their lengths, as Cassandra counts them.
    pub bytes: u64,
    /// Segments in `cdc_raw`.
    pub segments: usize,
    /// Time since the oldest segment in `cdc_raw` was last written to.
    pub oldest_age: Option<Duration>,
    /// Segments in all directories that are not read to their ends.
    pub unread_segments: usize,
    /// Their bytes that are not read, by their files' lengths. A plain segment has its full length from the
    /// beginning, so one that is being written counts only for what its markers reach.
    pub unread_bytes: u64,
    /// Segments in the spool.
    pub spooled_segments: usize,
    /// Their bytes, by their files' lengths.
    pub spooled_bytes: u64,
    /// Entries of the directories that are neither segments nor index files, or not regular files.
    pub ignored: usize,
    /// Segment files that are held open.
    pub open_files: usize,
}
