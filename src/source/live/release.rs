//! Removing what has been read, and is durably so, from `cdc_raw`.

use std::{fs, os::unix::fs::MetadataExt as _, path::Path};

use super::{
    LiveLog, Place, directory, error::SourceError, event::Released, move_file::move_file, options::Release,
};
use crate::checkpoint::{Progress, SegmentProgress};

impl LiveLog {
    /// Removes the segments that `durable` names as finished from `cdc_raw` and the spool, with their index files, as
    /// the options say, and closes their files. Says which ids the progress can forget.
    ///
    /// Only call it with a progress that survives a crash. Nothing in the commit log directory is ever touched, and
    /// nothing that the node may still write to. What can't be removed is reported in the result and tried again
    /// with the next call; it does not keep others from being removed. A segment that comes back, as a restart of
    /// Cassandra can do, is removed again.
    pub fn release(&mut self, durable: &Progress) -> Result<Released, SourceError> {
        self.scan_if_due()?;
        let mut released = Released::default();
        let finished = Some(SegmentProgress::Finished);
        let ids: Vec<i64> = self
            .inventory
            .segments
            .keys()
            .copied()
            .filter(|id| durable.of(*id) == finished && self.known.is_finished(*id))
            .collect();
        for id in ids {
            if let Err(error) = self.release_segment(id, &mut released) {
                tracing::debug!(segment = id, %error, "segment not released, to be tried again");
                released.failed += 1;
                released.failure.get_or_insert(error);
            }
        }
        if self.options.release != Release::Keep {
            self.release_indexes(durable, &mut released);
        }
        self.forget(durable, &mut released)?;
        Ok(released)
    }

    fn release_segment(&mut self, id: i64, released: &mut Released) -> Result<(), SourceError> {
        if self.options.release != Release::Keep {
            self.remove_segment(id, released)?;
        }
        if let Some(segment) = self.inventory.segments.get(&id) {
            let links =
                segment.held.as_ref().and_then(|held| held.file.metadata().ok()).map(|file| file.nlink());
            if links == Some(0) {
                self.gone.insert(id);
            }
        }
        self.inventory.close(id);
        Ok(())
    }

    fn remove_segment(&mut self, id: i64, released: &mut Released) -> Result<(), SourceError> {
        for place in [Place::CdcRaw, Place::Spool] {
            let segment = self.inventory.segments.get(&id);
            let Some((placed, read_as)) =
                segment.and_then(|segment| Some((segment.at(place)?.clone(), segment.read_as)))
            else {
                continue;
            };
            // A segment without changes of CDC tables is removed by the node; until then it is the node's.
            self.inventory.refresh_index(id)?;
            let is_completed = self.inventory.segments.get(&id).is_some_and(|segment| segment.completed);
            if !is_completed && !self.inventory.is_discarded(id)? {
                continue;
            }
            let Some(path) = self.inventory.directory(place).map(|path| path.join(placed.name.to_string()))
            else {
                continue;
            };
            let links = self.remove_file(id, &path, read_as)?;
            if links == Some(1) {
                self.gone.insert(id);
            }
            if links.is_some() {
                released.segments += 1;
                released.bytes += placed.bytes;
            }
            self.inventory.unplace(id, place);
        }
        Ok(())
    }

    /// Removes a segment's file. Returns how many names it had, or nothing if it is gone.
    fn remove_file(
        &self,
        segment: i64,
        path: &Path,
        read_as: Option<(u64, u64)>,
    ) -> Result<Option<u64>, SourceError> {
        let metadata = match fs::symlink_metadata(path) {
            Ok(metadata) => metadata,
            Err(error) if directory::is_missing(&error) => return Ok(None),
            Err(source) => return Err(self.remove_error(path, source)),
        };
        if read_as.is_some_and(|read| read != (metadata.dev(), metadata.ino())) || !metadata.is_file() {
            return Err(SourceError::Replaced { path: path.into(), segment });
        }
        self.remove_name(path)?;
        Ok(Some(metadata.nlink()))
    }

    fn remove_name(&self, path: &Path) -> Result<(), SourceError> {
        let outcome = match (&self.options.release, path.file_name()) {
            (Release::Archive(archive), Some(name)) => move_file(path, &archive.join(name), true),
            _ => fs::remove_file(path),
        };
        match outcome {
            Err(error) if !directory::is_missing(&error) => Err(self.remove_error(path, error)),
            _ => Ok(()),
        }
    }

    fn remove_error(&self, path: &Path, source: std::io::Error) -> SourceError {
        let is_archived = matches!(self.options.release, Release::Archive(_));
        let action = if is_archived { "archived" } else { "deleted" };
        SourceError::Remove { path: path.into(), action, source }
    }

    /// Removes index files of finished segments whose segment file is removed: a crash may have come in between, and
    /// Cassandra may write one anew.
    fn release_indexes(&mut self, durable: &Progress, released: &mut Released) {
        let mut paths = Vec::new();
        for (id, indexes) in &self.inventory.indexes {
            let segment = self.inventory.segments.get(id);
            for (place, name) in indexes {
                let is_left = segment.is_none_or(|segment| segment.at(*place).is_none());
                if is_left
                    && durable.of(*id) == Some(SegmentProgress::Finished)
                    && let Some(directory) = self.inventory.directory(*place)
                {
                    paths.push((*id, *place, directory.join(name.cdc_index())));
                }
            }
        }
        for (id, place, path) in paths {
            // The index of a file that is archived says nothing that the file does not.
            let outcome = fs::remove_file(&path);
            match outcome {
                Err(error) if !directory::is_missing(&error) => {
                    released.failed += 1;
                    let action = "deleted";
                    released.failure.get_or_insert(SourceError::Remove { path, action, source: error });
                }
                _ => self.inventory.drop_index(id, place),
            }
        }
    }

    /// Finds the finished segments that are gone for good. The newest id stays: what follows it is known by it.
    fn forget(&mut self, durable: &Progress, released: &mut Released) -> Result<(), SourceError> {
        let newest = durable.newest().map(|(id, _)| id);
        let sees_commitlog = self.inventory.sees_commitlog();
        let gone = |log: &Self| -> Vec<i64> {
            let is_gone = |id: &i64| {
                !log.inventory.segments.contains_key(id)
                    && !log.inventory.indexes.contains_key(id)
                    && (sees_commitlog || log.gone.contains(id))
            };
            let finished = durable.iter().filter(|(_, read)| *read == SegmentProgress::Finished);
            finished.map(|(id, _)| id).filter(|id| Some(*id) != newest).filter(is_gone).collect()
        };
        if gone(self).is_empty() {
            return Ok(());
        }
        // The last listing may be older than what came back since.
        self.scan()?;
        released.forget = gone(self);
        for id in &released.forget {
            self.known.forget(*id);
            self.gone.remove(id);
        }
        if let Some(oldest) = self.known.oldest() {
            self.gaps_told = self.gaps_told.split_off(&oldest);
        }
        Ok(())
    }
}
