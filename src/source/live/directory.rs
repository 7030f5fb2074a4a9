//! Listing directories and opening files in them, whatever lies there.

use std::{
    fs::{self, File, Metadata, OpenOptions},
    io::{self, Read as _},
    os::unix::fs::{DirEntryExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::Path,
    time::SystemTime,
};

use cassandra_commitlog::segment::{CdcIndex, SegmentFileName};
use rustix::fs::OFlags;

/// Longest content of a CDC index file that is looked at, and one byte more.
const INDEX_BYTES: u64 = 32;

/// What lies in a directory.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// Segments with the inodes of their files.
    pub(super) segments: Vec<(SegmentFileName, u64)>,
    /// Segments that have an index file here.
    pub(super) indexes: Vec<SegmentFileName>,
    /// Everything else.
    pub(super) ignored: usize,
}

/// Lists a directory without looking at the files: links, pipes and names that are none of ours are counted only.
pub(super) fn list(directory: &Path) -> io::Result<Listing> {
    let mut listing = Listing::default();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        // Where the file system does not say the type with the name, this looks at the file, which can be gone.
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        let name = entry.file_name();
        let name = name.to_str().filter(|_| is_file);
        if let Some(segment) = name.and_then(SegmentFileName::parse) {
            listing.segments.push((segment, entry.ino()));
        } else if let Some(segment) = name.and_then(SegmentFileName::parse_cdc_index) {
            listing.indexes.push(segment);
        } else {
            listing.ignored += 1;
        }
    }
    Ok(listing)
}

/// Opens a regular file for reading. A link or a pipe that has taken its place is an error, and never waited for.
pub(super) fn open(path: &Path) -> io::Result<(File, Metadata)> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    Ok((file, metadata))
}

/// Returns true if an error says that nothing of this name is there. A link counts so: it is none of ours.
pub(super) fn is_missing(error: &io::Error) -> bool {
    let is_link = error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error());
    is_link || matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidInput)
}

/// State of an index file: another one, if it was written to since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct IndexState {
    inode: u64,
    bytes: u64,
    modified: Option<SystemTime>,
}

impl IndexState {
    fn of(metadata: &Metadata) -> Self {
        Self { inode: metadata.ino(), bytes: metadata.len(), modified: metadata.modified().ok() }
    }
}

/// Reads a CDC index file, unless it is as it was. `None`: there is none, it is as it was, or it says nothing usable now.
///
/// Looking first is not for the bytes: each opening is notified to us, which wakes a thread for nothing.
pub(super) fn read_index(path: &Path, before: &mut Option<IndexState>) -> io::Result<Option<CdcIndex>> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if *before == Some(IndexState::of(&metadata)) => return Ok(None),
        Err(error) if is_missing(&error) => return Ok(None),
        _ => {}
    }
    let (file, metadata) = match open(path) {
        Ok(opened) => opened,
        Err(error) if is_missing(&error) => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut content = Vec::with_capacity(INDEX_BYTES as usize);
    file.take(INDEX_BYTES).read_to_end(&mut content)?;
    match CdcIndex::parse(&content) {
        Ok(index) => {
            // As it was before the reading: if it was being written then, it is read again.
            *before = Some(IndexState::of(&metadata));
            Ok(Some(index))
        }
        // Being rewritten, or not written by a node: a hint that is not there.
        Err(_) => Ok(None),
    }
}
