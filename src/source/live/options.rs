//! How a live log is read.

use std::{path::PathBuf, time::Duration};

use cassandra_commitlog::segment::DecoderOptions;

/// How far a segment is read that the node still writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReadAhead {
    /// Up to the offset in the CDC index: what is on disk for certain. Behind by up to `commitlog_sync_period`.
    /// Cassandra 3.11 has no index, so there a segment is read once it is finished.
    Synced,
    /// Along the chain of sync markers: behind by about 100 ms for plain segments, as `Synced` for compressed and
    /// encrypted ones. The node may lose what is read so in a power failure.
    #[default]
    Marked,
    /// Beyond the last marker as well, while the CRCs of entries hold: behind by milliseconds. The node loses what no
    /// marker reaches when it is killed. Compressed and encrypted segments are read as with `Marked`.
    Written,
}

/// What is done with a segment in `cdc_raw` once all of it has been read and that is durable.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Release {
    /// It is deleted.
    #[default]
    Delete,
    /// It is moved to this directory.
    Archive(PathBuf),
    /// It stays; somebody else removes it.
    Keep,
}

/// Where the first start begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// With the oldest segment that is there.
    Oldest,
    /// With what is written from now on.
    Now,
}

/// Where a node's live log is, and how to read it.
#[derive(Clone)]
pub struct LiveOptions {
    /// The node's `cdc_raw_directory`. Releasing and spooling need write permission on it.
    pub cdc_raw: PathBuf,
    /// The node's `commitlog_directory`: needed for Cassandra 3.11, whose segments come to `cdc_raw` late, and useful
    /// for all versions to know when a segment is finished. Never written to.
    pub commitlog: Option<PathBuf>,
    /// How far growing segments are read.
    pub read_ahead: ReadAhead,
    /// Keys and limits of the decoder; the file name in it is ignored.
    pub decoder: DecoderOptions,
    /// What happens to finished segments.
    pub release: Release,
    /// Where finished segments are moved by [`LiveLog::spool`](super::LiveLog::spool), on the same file system as
    /// `cdc_raw`. Segments in it are read as those in `cdc_raw`.
    pub spool: Option<PathBuf>,
    /// The directories are listed anew at least so often, whatever the notifications say.
    pub rescan_interval: Duration,
    /// Most segment files that are held open, the oldest ones; at least two.
    pub open_files_max: usize,
}

impl LiveOptions {
    /// Segment files that are held open if nothing else is said.
    pub const OPEN_FILES_MAX: usize = 64;
    /// Time between two listings of the directories if nothing else is said.
    pub const RESCAN_INTERVAL: Duration = Duration::from_secs(2);

    /// Returns the defaults for a `cdc_raw` directory.
    pub fn new(cdc_raw: impl Into<PathBuf>) -> Self {
        Self {
            cdc_raw: cdc_raw.into(),
            commitlog: None,
            read_ahead: ReadAhead::default(),
            decoder: DecoderOptions::default(),
            release: Release::default(),
            spool: None,
            rescan_interval: Self::RESCAN_INTERVAL,
            open_files_max: Self::OPEN_FILES_MAX,
        }
    }
}
