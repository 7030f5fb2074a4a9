//! Why the live log can't be read or released (now).

use std::{io, path::PathBuf};

/// What went wrong with a node's log directories or files. All of these leave the log usable: the next call tries
/// again, and [`is_retryable`](Self::is_retryable) says whether that can help without an operator's hand.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// A directory is missing or can't be listed.
    #[error("{path}: the directory cannot be listed: does it exist, and has this user r-x on it?")]
    Directory {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A directory is needed with write permission.
    #[error(
        "{path}: no permission to write, which removing or moving segments needs: chmod 2770 it with a group that \
         this user is in, or `setfacl -m u:<this user>:rwx` it; else use release = \"keep\""
    )]
    NotWritable {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The sticky bit forbids to remove other users' files.
    #[error(
        "{path}: the directory has the sticky bit, so this user may not remove the node's segments: chmod -t it, or use \
         release = \"keep\""
    )]
    Sticky {
        /// Which one.
        path: PathBuf,
    },
    /// Two of the directories are one.
    #[error("{path}: used as {first} and as {second}; they must be two directories")]
    SameDirectory {
        /// Which one.
        path: PathBuf,
        /// Its one use.
        first: &'static str,
        /// Its other use.
        second: &'static str,
    },
    /// The spool is on another file system.
    #[error("{path}: the spool must be on the file system of {cdc_raw}, as segments are renamed into it")]
    OtherFileSystem {
        /// The spool.
        path: PathBuf,
        /// The directory that it is to relieve.
        cdc_raw: PathBuf,
    },
    /// A segment or index file could not be opened or read.
    #[error("{path}: reading at offset {offset} failed{}", permission_hint(.source))]
    Read {
        /// Which file.
        path: PathBuf,
        /// Where.
        offset: u64,
        /// Why.
        source: io::Error,
    },
    /// A segment could not be removed or moved. It is tried again with the next release.
    #[error("{path}: cannot be {action}{}", release_hint(.source))]
    Remove {
        /// Which file.
        path: PathBuf,
        /// What was to be done: `deleted`, `archived` or `spooled`.
        action: &'static str,
        /// Why.
        source: io::Error,
    },
    /// Under the name of a segment that has been read lies another file. It is left alone.
    #[error(
        "{path}: not the file that was read as segment {segment}, so it is neither read nor removed: if it is a copy of \
         it, delete it; if the node's clock was set back and the id was used twice, move it away and replay it"
    )]
    Replaced {
        /// Which file.
        path: PathBuf,
        /// The segment's id.
        segment: i64,
    },
    /// The stored progress is beyond the end of the segment.
    #[error(
        "{path}: the stored position {segment}:{position} is beyond the segment's end ({end}): either the checkpoint is \
         another node's, or the disk lost what it had synced; if positions were stored while read_ahead was not \
         \"synced\", start with that setting until this segment is finished"
    )]
    BeyondEnd {
        /// Which file.
        path: PathBuf,
        /// The segment's id.
        segment: i64,
        /// The stored logical offset.
        position: u64,
        /// Where the segment ends, logically.
        end: u64,
    },
    /// A segment that the stored progress names has another id in its header.
    #[error(
        "{path}: the header says segment {header}, the name says {segment}: somebody renamed the file; give it back its \
         name, or restore it"
    )]
    HeaderId {
        /// Which file.
        path: PathBuf,
        /// The id in the name.
        segment: i64,
        /// The id in the header.
        header: i64,
    },
}

impl SourceError {
    /// Returns true if it can pass by itself or by what an operator does to the files, so that calling again is right.
    /// The others are errors of configuration or state: stop and tell.
    pub fn is_retryable(&self) -> bool {
        matches!(
            self,
            Self::Directory { .. }
                | Self::NotWritable { .. }
                | Self::Read { .. }
                | Self::Remove { .. }
                | Self::Replaced { .. }
        )
    }

    /// Returns true if the stored progress does not belong to these files.
    pub fn is_state(&self) -> bool {
        matches!(self, Self::BeyondEnd { .. } | Self::HeaderId { .. })
    }
}

fn permission_hint(error: &io::Error) -> &'static str {
    if error.kind() == io::ErrorKind::PermissionDenied {
        ": give this user read permission, best by the group of the files"
    } else {
        ""
    }
}

fn release_hint(error: &io::Error) -> &'static str {
    if error.kind() == io::ErrorKind::PermissionDenied {
        ": give this user write permission on the directory (chmod 2770 and a group, or setfacl), without the sticky bit"
    } else {
        ""
    }
}
