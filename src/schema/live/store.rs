//! The snapshots of a directory.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use cassandra_commitlog::Position;
use thiserror::Error;

use super::{
    super::Catalogue,
    snapshot::{self, Head, SnapshotError},
};
use crate::checkpoint::{Progress, SegmentProgress};

/// The first line of a snapshot has six numbers.
const HEAD_BYTES_MAX: u64 = 512;

/// Why snapshots could not be read or written.
#[derive(Debug, Error)]
#[error("{path}: {action} failed: is the disk full, and does the state directory belong to this user?")]
pub struct StoreError {
    path: PathBuf,
    action: &'static str,
    source: io::Error,
}

impl StoreError {
    /// Returns true if the disk or a quota is full: the same works once there is room.
    pub fn is_want_of_room(&self) -> bool {
        matches!(self.source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
    }
}

/// A snapshot on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StoredSnapshot {
    /// Order of writing.
    pub(super) number: u64,
    /// The entry behind which it was taken.
    pub(super) position: Position,
    path: PathBuf,
}

impl StoredSnapshot {
    /// Reads the snapshot. One that is gone or damaged is the inner error.
    pub(super) fn read(&self) -> Result<Result<Catalogue, SnapshotError>, StoreError> {
        match fs::read(&self.path) {
            Ok(bytes) => Ok(snapshot::read(&bytes)),
            Err(source) if source.kind() == io::ErrorKind::NotFound => Ok(Err(SnapshotError::NoHead)),
            Err(source) => Err(StoreError { path: self.path.clone(), action: "reading", source }),
        }
    }
}

/// The snapshots of a directory, in order of their numbers. The oldest is one that every position which can still be
/// asked for is behind.
#[derive(Debug)]
pub(super) struct SnapshotStore {
    directory: PathBuf,
    snapshots: Vec<StoredSnapshot>,
}

impl SnapshotStore {
    /// Opens a directory, makes it if need be, and removes what a crash left half written.
    pub(super) fn open(directory: PathBuf) -> Result<Self, StoreError> {
        let failed = |action| {
            let path = directory.clone();
            move |source| StoreError { path, action, source }
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&directory)
            .map_err(failed("making the directory"))?;
        let mut snapshots = Vec::new();
        for entry in fs::read_dir(&directory).map_err(failed("listing"))? {
            let path = entry.map_err(failed("listing"))?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if name.ends_with(".json.tmp") {
                remove(&path)?;
            } else if let Some(named) = position_of(name) {
                let snapshot = match read_head(&path)? {
                    Some(head) => StoredSnapshot { number: head.number, position: head.position(), path },
                    // It says nothing of the order: the name must do.
                    None => StoredSnapshot { number: 0, position: named, path },
                };
                snapshots.push(snapshot);
            }
        }
        snapshots.sort_by_key(|snapshot| (snapshot.position, snapshot.number));
        number_the_damaged(&mut snapshots);
        snapshots.sort_by_key(|snapshot| snapshot.number);
        Ok(Self { directory, snapshots })
    }

    pub(super) fn len(&self) -> usize {
        self.snapshots.len()
    }

    pub(super) fn all(&self) -> Vec<StoredSnapshot> {
        self.snapshots.clone()
    }

    /// Returns the snapshots before one, the newest first.
    pub(super) fn before(&self, wanted: &StoredSnapshot) -> Vec<StoredSnapshot> {
        let before = self.snapshots.iter().take_while(|snapshot| *snapshot != wanted);
        let mut before: Vec<_> = before.cloned().collect();
        before.reverse();
        before
    }

    /// Returns the newest snapshot that a progress covers.
    pub(super) fn choose(&self, at: &Progress) -> Option<StoredSnapshot> {
        self.snapshots.iter().rev().find(|snapshot| is_covered(snapshot.position, at)).cloned()
    }

    /// Writes a snapshot durably and returns its number. One of the same position is replaced.
    pub(super) fn write(&mut self, position: Position, catalogue: &Catalogue) -> Result<u64, StoreError> {
        let number = self.snapshots.last().map_or(1, |last| last.number + 1);
        let path = self.directory.join(name_of(position));
        write_durably(&self.directory, &path, snapshot::write(number, position, catalogue).as_bytes())?;
        self.snapshots.retain(|snapshot| snapshot.path != path);
        self.snapshots.push(StoredSnapshot { number, position, path });
        Ok(number)
    }

    /// Removes the snapshots after one.
    pub(super) fn remove_after(&mut self, number: u64) -> Result<(), StoreError> {
        self.remove_where(|snapshot| snapshot.number > number)
    }

    /// Removes the snapshots before one.
    pub(super) fn remove_before(&mut self, number: u64) -> Result<(), StoreError> {
        self.remove_where(|snapshot| snapshot.number < number)
    }

    /// The directory need not be durable after it: a snapshot that comes back is older or newer than what is asked
    /// for, and passed over.
    fn remove_where(&mut self, is_unwanted: impl Fn(&StoredSnapshot) -> bool) -> Result<(), StoreError> {
        for snapshot in self.snapshots.iter().filter(|snapshot| is_unwanted(snapshot)) {
            remove(&snapshot.path)?;
        }
        self.snapshots.retain(|snapshot| !is_unwanted(snapshot));
        Ok(())
    }
}

/// Returns true if what a snapshot was taken behind has been read.
///
/// Segments are read one after the other, so one that the progress does not name was read, and forgotten since, if a
/// later one is named.
fn is_covered(position: Position, at: &Progress) -> bool {
    if position == Position::START {
        return true;
    }
    match at.of(position.segment) {
        Some(SegmentProgress::Finished) => true,
        Some(SegmentProgress::ReadTo(offset)) => position.offset <= offset,
        None => at.newest().is_some_and(|(segment, _)| segment > position.segment),
    }
}

/// Gives each snapshot without a readable head the number of the one before it in the log.
fn number_the_damaged(snapshots: &mut [StoredSnapshot]) {
    let mut previous = 0;
    for snapshot in snapshots {
        if snapshot.number == 0 {
            snapshot.number = previous;
        }
        previous = snapshot.number;
    }
}

fn name_of(position: Position) -> String {
    if position == Position::START {
        return "start.json".into();
    }
    format!("{}-{}.json", position.segment, position.offset)
}

fn position_of(name: &str) -> Option<Position> {
    if name == "start.json" {
        return Some(Position::START);
    }
    let (segment, offset) = name.strip_suffix(".json")?.rsplit_once('-')?;
    let position = Position { segment: segment.parse().ok()?, offset: offset.parse().ok()? };
    (name_of(position) == name).then_some(position)
}

fn read_head(path: &Path) -> Result<Option<Head>, StoreError> {
    let failed = |source| StoreError { path: path.into(), action: "reading", source };
    let mut line = Vec::new();
    let file = File::open(path).map_err(failed)?;
    BufReader::new(file.take(HEAD_BYTES_MAX)).read_until(b'\n', &mut line).map_err(failed)?;
    Ok(std::str::from_utf8(&line).ok().and_then(|line| Head::parse(line).ok()))
}

fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(StoreError { path: path.into(), action: "removing", source })
        }
        _ => Ok(()),
    }
}

/// Writes beside the place, makes that durable, moves it there, and makes the move durable.
fn write_durably(directory: &Path, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let failed = |action| move |source| StoreError { path: path.into(), action, source };
    let temporary = path.with_extension("json.tmp");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(&temporary).map_err(failed("creating"))?;
    file.write_all(bytes).map_err(failed("writing"))?;
    file.sync_all().map_err(failed("making durable"))?;
    fs::rename(&temporary, path).map_err(failed("moving into place"))?;
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(failed("making the name durable"))
}
