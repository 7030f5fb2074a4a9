//! Listing the directories.

use std::{collections::BTreeMap, fs, os::unix::fs::MetadataExt as _};

use cassandra_commitlog::segment::SegmentFileName;

use super::{Inventory, Place, Placed, Segment};
use crate::source::live::{
    directory::{self, Listing},
    error::SourceError,
};

impl Inventory {
    /// Lists all directories. Files that are open, and what is known of them, stay; a segment that is nowhere any more
    /// and not open is forgotten.
    ///
    /// Files only move from the commit log directory to `cdc_raw` and on to the spool: listed in that order,
    /// none is missed on its way.
    pub(in crate::source::live) fn scan(&mut self) -> Result<(), SourceError> {
        let mut listings = Vec::new();
        for place in [Place::Commitlog, Place::CdcRaw, Place::Spool] {
            if let Some(path) = self.directory(place) {
                let listing = directory::list(path)
                    .map_err(|source| SourceError::Directory { path: path.into(), source })?;
                listings.push((place, listing));
            }
        }
        let mut before: BTreeMap<i64, [Option<Placed>; 3]> = BTreeMap::new();
        for (id, segment) in &mut self.segments {
            before.insert(*id, std::mem::take(&mut segment.places));
        }
        self.indexes.clear();
        self.ignored = 0;
        for (place, listing) in listings {
            self.take_in(place, listing, &before);
        }
        self.segments.retain(|_, segment| segment.is_placed() || segment.held.is_some());
        Ok(())
    }

    fn take_in(&mut self, place: Place, listing: Listing, before: &BTreeMap<i64, [Option<Placed>; 3]>) {
        self.ignored += listing.ignored;
        for (name, inode) in listing.segments {
            let known = before.get(&name.id).and_then(|places| places.get(place as usize)?.as_ref());
            // A file with one name is not written to any more.
            let settled = known.filter(|known| {
                known.name == name && known.inode == inode && known.links == 1 && place != Place::Commitlog
            });
            let Some(placed) = settled.cloned().or_else(|| self.look_at(place, name)) else {
                continue;
            };
            let segment: &mut Segment = self.segments.entry(name.id).or_default();
            if let Some(slot) = segment.slot(place)
                && slot.as_ref().is_none_or(|other| other.bytes < placed.bytes)
            {
                *slot = Some(placed);
            }
        }
        if place != Place::Commitlog {
            for name in listing.indexes {
                self.indexes.entry(name.id).or_default().push((place, name));
            }
        }
    }

    /// Looks at a file. `None`: it is gone, or is no regular file any more.
    fn look_at(&self, place: Place, name: SegmentFileName) -> Option<Placed> {
        let path = self.directory(place)?.join(name.to_string());
        let metadata = fs::symlink_metadata(path).ok().filter(fs::Metadata::is_file)?;
        Some(Placed {
            name,
            inode: metadata.ino(),
            bytes: metadata.len(),
            links: metadata.nlink(),
            modified: metadata.modified().ok(),
        })
    }
}
