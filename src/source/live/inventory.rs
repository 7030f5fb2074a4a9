//! Which segments there are, in all directories together, and which of their files are held open.

mod scan;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File, Metadata},
    io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use cassandra_commitlog::segment::SegmentFileName;

use super::{
    chain::{Chain, Head, read_head},
    directory::{self, IndexState},
    error::SourceError,
    options::LiveOptions,
};
use crate::source::SegmentFile;

/// Later segments that are looked at to know whether one is over, the newest ones: of those a node writes to one, has one
/// more ready, and the others are full.
const LATER_MAX: usize = 8;

/// A directory's part in the node's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    CdcRaw,
    Spool,
    Commitlog,
}

impl Place {
    /// In the order in which a file is looked for.
    pub(super) const ALL: [Self; 3] = [Self::CdcRaw, Self::Spool, Self::Commitlog];
}

/// A segment's file in one of the directories, as the last listing had it.
#[derive(Debug, Clone)]
pub(super) struct Placed {
    pub(super) name: SegmentFileName,
    pub(super) inode: u64,
    pub(super) bytes: u64,
    pub(super) links: u64,
    pub(super) modified: Option<SystemTime>,
}

/// An open file. It stays readable when all its names are gone.
#[derive(Debug, Clone)]
pub(super) struct Held {
    pub(super) file: Arc<File>,
    /// As it was when it was opened.
    pub(super) segment: SegmentFile,
    /// Device and inode.
    pub(super) identity: (u64, u64),
}

/// A segment.
#[derive(Debug, Default)]
pub(super) struct Segment {
    places: [Option<Placed>; 3],
    pub(super) held: Option<Held>,
    /// The greatest offset that its index had.
    pub(super) synced: u64,
    /// True once its index said that it is complete.
    pub(super) completed: bool,
    /// The index file when it was last read.
    index_seen: Option<IndexState>,
    /// What was read under this id, by device and inode.
    pub(super) read_as: Option<(u64, u64)>,
    /// Its first section, once that was looked for.
    first_section: Option<Chain>,
}

impl Segment {
    pub(super) fn at(&self, place: Place) -> Option<&Placed> {
        self.places.get(place as usize).and_then(Option::as_ref)
    }

    fn slot(&mut self, place: Place) -> Option<&mut Option<Placed>> {
        self.places.get_mut(place as usize)
    }

    /// Returns true if it has a name in one of the directories.
    pub(super) fn is_placed(&self) -> bool {
        self.places.iter().any(Option::is_some)
    }

    fn placed(&self) -> impl Iterator<Item = (Place, &Placed)> {
        Place::ALL.into_iter().filter_map(|place| Some((place, self.at(place)?)))
    }

    /// Returns what its file is named.
    pub(super) fn name(&self) -> Option<SegmentFileName> {
        let held = self.held.as_ref().map(|held| held.segment.name);
        held.or_else(|| self.placed().next().map(|(_, placed)| placed.name))
    }

    /// Returns the length of its file, as far as that is known.
    pub(super) fn bytes(&self) -> u64 {
        let placed = self.placed().map(|(_, placed)| placed.bytes).max();
        placed.or(self.held.as_ref().map(|held| held.segment.bytes)).unwrap_or_default()
    }
}

/// The segments of a node.
pub(super) struct Inventory {
    cdc_raw: PathBuf,
    spool: Option<PathBuf>,
    commitlog: Option<PathBuf>,
    open_files_max: usize,
    /// Segments whose files are held open.
    open: BTreeSet<i64>,
    pub(super) segments: BTreeMap<i64, Segment>,
    /// Index files in `cdc_raw` and in the spool.
    pub(super) indexes: BTreeMap<i64, Vec<(Place, SegmentFileName)>>,
    /// Entries of the directories that are none of ours.
    pub(super) ignored: usize,
}

impl Inventory {
    pub(super) fn new(options: &LiveOptions) -> Self {
        Self {
            cdc_raw: options.cdc_raw.clone(),
            spool: options.spool.clone(),
            commitlog: options.commitlog.clone(),
            open_files_max: options.open_files_max.max(2),
            open: BTreeSet::new(),
            segments: BTreeMap::new(),
            indexes: BTreeMap::new(),
            ignored: 0,
        }
    }

    pub(super) fn directory(&self, place: Place) -> Option<&Path> {
        match place {
            Place::CdcRaw => Some(&self.cdc_raw),
            Place::Spool => self.spool.as_deref(),
            Place::Commitlog => self.commitlog.as_deref(),
        }
    }

    /// Returns true if what is in the commit log directory is known.
    pub(super) fn sees_commitlog(&self) -> bool {
        self.commitlog.is_some()
    }

    /// Opens the oldest segments of which `is_wanted`, and closes what is beyond the bound. What can't be opened now is
    /// tried again when it is needed.
    pub(super) fn hold(&mut self, is_wanted: impl Fn(i64) -> bool) {
        let mut left = self.open_files_max;
        let ids: Vec<i64> = self
            .segments
            .iter()
            .filter(|(id, segment)| segment.held.is_some() || is_wanted(**id))
            .map(|(id, _)| *id)
            .collect();
        for id in ids {
            if left > 0 {
                if let Ok(Some(_)) = self.open(id) {
                    left -= 1;
                }
            } else {
                self.close(id);
            }
        }
    }

    /// Closes the newest files beyond the bound.
    pub(super) fn keep_bound(&mut self) {
        while self.open.len() > self.open_files_max
            && let Some(newest) = self.open.last().copied()
        {
            self.close(newest);
        }
    }

    /// Closes a segment's file, and forgets the segment if it has no name any more.
    pub(super) fn close(&mut self, id: i64) {
        self.open.remove(&id);
        if let Some(segment) = self.segments.get_mut(&id) {
            segment.held = None;
            if !segment.is_placed() {
                self.segments.remove(&id);
            }
        }
    }

    /// Returns a segment's file, opened. `None`: it is gone.
    pub(super) fn open(&mut self, id: i64) -> Result<Option<Held>, SourceError> {
        let Some(segment) = self.segments.get(&id) else {
            return Ok(None);
        };
        if let Some(held) = &segment.held {
            return Ok(Some(held.clone()));
        }
        // The longer one, if there are several files; else in the order of the places.
        let mut files: Vec<_> = segment.placed().collect();
        files.sort_by_key(|(_, placed)| std::cmp::Reverse(placed.bytes));
        let paths: Vec<(PathBuf, SegmentFileName)> = files
            .into_iter()
            .filter_map(|(place, placed)| {
                Some((self.directory(place)?.join(placed.name.to_string()), placed.name))
            })
            .collect();
        for (path, name) in paths {
            let (file, metadata) = match directory::open(&path) {
                Ok(opened) => opened,
                Err(error) if directory::is_missing(&error) => continue,
                Err(source) => return Err(SourceError::Read { path, offset: 0, source }),
            };
            let held = Held {
                file: Arc::new(file),
                segment: SegmentFile { name, path, bytes: metadata.len() },
                identity: (metadata.dev(), metadata.ino()),
            };
            if let Some(segment) = self.segments.get_mut(&id) {
                segment.held = Some(held.clone());
                self.open.insert(id);
            }
            return Ok(Some(held));
        }
        Ok(None)
    }

    /// Notes that a segment's file is not in a directory any more.
    pub(super) fn unplace(&mut self, id: i64, place: Place) {
        if let Some(slot) = self.segments.get_mut(&id).and_then(|segment| segment.slot(place)) {
            *slot = None;
        }
    }

    /// Notes that a segment's index file is not in a directory any more.
    pub(super) fn drop_index(&mut self, id: i64, place: Place) {
        if let Some(indexes) = self.indexes.get_mut(&id) {
            indexes.retain(|(other, _)| *other != place);
            if indexes.is_empty() {
                self.indexes.remove(&id);
            }
        }
    }

    /// Returns how many files are held open.
    pub(super) fn open_files(&self) -> usize {
        self.open.len()
    }

    /// Reads a segment's index anew.
    pub(super) fn refresh_index(&mut self, id: i64) -> Result<(), SourceError> {
        let Some(segment) = self.segments.get(&id).filter(|segment| !segment.completed) else {
            return Ok(());
        };
        let Some(name) = segment.name() else {
            return Ok(());
        };
        let mut seen = segment.index_seen;
        for place in [Place::CdcRaw, Place::Spool] {
            let Some(path) = self.directory(place).map(|directory| directory.join(name.cdc_index())) else {
                continue;
            };
            let index = directory::read_index(&path, &mut seen).map_err(|source| SourceError::Read {
                path,
                offset: 0,
                source,
            })?;
            if let (Some(index), Some(segment)) = (index, self.segments.get_mut(&id)) {
                segment.index_seen = seen;
                segment.completed |= index.completed;
                // With the second line the number means nothing; without it it may be a part of one.
                if !index.completed {
                    segment.synced = segment.synced.max(index.offset);
                }
                break;
            }
        }
        Ok(())
    }

    /// Returns true if nobody will write to a segment any more. To be asked *before* the last bytes are read.
    pub(super) fn is_over(&mut self, id: i64) -> Result<bool, SourceError> {
        self.refresh_index(id)?;
        if self.segments.get(&id).is_none_or(|segment| segment.completed) {
            return Ok(true);
        }
        Ok(self.is_discarded(id)? || self.is_followed(id)?)
    }

    /// Returns true if the node has let go of a segment: the commit log directory does not have it any more, and
    /// no other name of it is left.
    ///
    /// Several names are no proof of the contrary, as an archive of commit logs may hold links, but one name in the
    /// wrong place is the proof that a wrong `commitlog` directory can't give.
    pub(super) fn is_discarded(&self, id: i64) -> Result<bool, SourceError> {
        let Some(metadata) = self.metadata(id)? else {
            return Ok(true);
        };
        if metadata.nlink() == 0 {
            return Ok(true);
        }
        let name = self.segments.get(&id).and_then(Segment::name);
        if let (Some(directory), Some(name)) = (&self.commitlog, name) {
            let path = directory.join(name.to_string());
            match fs::symlink_metadata(&path) {
                Ok(there) if (there.dev(), there.ino()) == (metadata.dev(), metadata.ino()) => {
                    return Ok(false);
                }
                Ok(_) => {}
                Err(error) if directory::is_missing(&error) => {}
                Err(source) => return Err(SourceError::Read { path, offset: 0, source }),
            }
        }
        Ok(metadata.nlink() == 1)
    }

    fn metadata(&self, id: i64) -> Result<Option<Metadata>, SourceError> {
        let Some(segment) = self.segments.get(&id) else {
            return Ok(None);
        };
        if let Some(held) = &segment.held {
            return held.file.metadata().map(Some).map_err(|source| SourceError::Read {
                path: held.segment.path.clone(),
                offset: 0,
                source,
            });
        }
        for (place, placed) in segment.placed() {
            let Some(path) = self.directory(place).map(|path| path.join(placed.name.to_string())) else {
                continue;
            };
            match fs::symlink_metadata(&path) {
                Ok(metadata) => return Ok(Some(metadata)),
                Err(error) if directory::is_missing(&error) => {}
                Err(source) => return Err(SourceError::Read { path, offset: 0, source }),
            }
        }
        Ok(None)
    }

    /// Returns true if the last listing had the node writing to a segment, or about to.
    ///
    /// A segment that is alive when another comes into being has the lower id of the two: at its start a node takes
    /// ids above all that are in the commit log directory.
    pub(super) fn is_alive(&self, id: i64) -> bool {
        let Some(segment) = self.segments.get(&id) else {
            return false;
        };
        if self.commitlog.is_some() {
            return segment.at(Place::Commitlog).is_some();
        }
        segment.placed().any(|(_, placed)| placed.links > 1)
    }

    /// Returns true if a later segment has entries behind a sync marker. Segments are synced in the order of their ids,
    /// so this one has been synced for the last time then. Only a later one that is still in the node's hands
    /// counts: an older run may have left higher ids.
    fn is_followed(&mut self, id: i64) -> Result<bool, SourceError> {
        let later = self.segments.range(id + 1..).map(|(id, _)| *id).rev();
        let alive: Vec<i64> = later.filter(|id| self.is_alive(*id)).take(LATER_MAX).collect();
        for later in alive {
            if self.has_entries(later)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Returns true if a segment has a section with entries.
    pub(super) fn has_entries(&mut self, id: i64) -> Result<bool, SourceError> {
        let segment = self.segments.get(&id);
        if segment.and_then(|segment| segment.first_section.as_ref()).is_some_and(Chain::has_entries) {
            return Ok(true);
        }
        let was_held = segment.is_some_and(|segment| segment.held.is_some());
        let Some(held) = self.open(id)? else {
            return Ok(false);
        };
        if !was_held {
            self.close(id);
        }
        let Some(segment) = self.segments.get_mut(&id) else {
            return Ok(false);
        };
        let followed = || -> io::Result<bool> {
            if segment.first_section.is_none()
                && let Head::Whole(header) = read_head(&held.file)?
            {
                segment.first_section = Some(Chain::new(&header));
            }
            let Some(chain) = &mut segment.first_section else {
                return Ok(false);
            };
            chain.step(&held.file, u64::MAX)?;
            Ok(chain.has_entries())
        }();
        followed.map_err(|source| SourceError::Read { path: held.segment.path, offset: 0, source })
    }
}
