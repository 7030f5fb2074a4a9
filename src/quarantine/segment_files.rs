//! The files of one segment, open for writing.

use std::{
    collections::HashSet,
    fs::File,
    io::{Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
};

use cassandra_commitlog::segment::SegmentFileName;

use super::{
    QuarantineError,
    item::{Item, ItemKind, bytes_name, lines_name, whole_lines},
    segment_bytes,
};
use crate::checkpoint::{StateError, open_file};

/// A file that only grows.
#[derive(Debug)]
struct Growing {
    path: PathBuf,
    file: File,
    length: u64,
    is_dirty: bool,
}

/// The files of a segment of which something is kept.
#[derive(Debug)]
pub(super) struct SegmentFiles {
    pub(super) segment: SegmentFileName,
    directory: PathBuf,
    entries: Option<Growing>,
    bytes: Option<Growing>,
    lines: Growing,
    /// What is kept: kind, position, and number of a record.
    kept: HashSet<(ItemKind, u64, Option<u32>)>,
}

impl Growing {
    fn open(path: PathBuf) -> Result<Self, StateError> {
        let file = open_file(&path)?;
        let length = file.metadata().map(|metadata| metadata.len());
        let length = length.map_err(|source| StateError::io(&path, "cannot be read", source))?;
        Ok(Self { path, file, length, is_dirty: true })
    }

    fn read(&mut self) -> Result<Vec<u8>, StateError> {
        let mut bytes = Vec::new();
        let read = self.file.rewind().and_then(|()| self.file.read_to_end(&mut bytes));
        read.map(|_| bytes).map_err(|source| StateError::io(&self.path, "cannot be read", source))
    }

    /// Cuts off what is behind a length.
    fn cut(&mut self, length: u64) -> Result<(), StateError> {
        let cut = self.file.set_len(length).and_then(|()| self.file.seek(SeekFrom::Start(length)));
        cut.map_err(|source| StateError::io(&self.path, "cannot be shortened", source))?;
        self.length = length;
        self.is_dirty = true;
        Ok(())
    }

    /// Appends bytes, or nothing of them.
    fn append(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        self.is_dirty = true;
        if let Err(source) = self.file.write_all(bytes) {
            self.cut(self.length)?;
            return Err(StateError::io(&self.path, "cannot be written", source));
        }
        self.length += bytes.len() as u64;
        Ok(())
    }

    fn sync(&mut self) -> Result<(), StateError> {
        if self.is_dirty {
            self.file.sync_all().map_err(|source| StateError::sync(&self.path, source))?;
            self.is_dirty = false;
        }
        Ok(())
    }
}

impl SegmentFiles {
    /// Opens the files, and cuts off what a crash left without its line, or as a line without its bytes.
    pub(super) fn open(directory: &Path, segment: SegmentFileName) -> Result<Self, StateError> {
        let mut lines = Growing::open(directory.join(lines_name(segment)))?;
        let text = lines.read()?;
        let mut items = whole_lines(&lines.path, &text).map_err(|error| match error {
            QuarantineError::Io { path, source } => StateError::io(&path, "cannot be read", source),
            QuarantineError::Line { ref path, .. } => {
                let what =
                    format!("{error}: move the quarantine's directory away, it is still readable by hand");
                StateError::corrupt(path, what)
            }
        })?;
        let of_kind = |name: String| {
            let path = directory.join(name);
            path.exists().then(|| Growing::open(path)).transpose()
        };
        let mut entries = of_kind(segment.to_string())?;
        let mut bytes = of_kind(bytes_name(segment))?;
        let contents = [&mut entries, &mut bytes].map(|file| file.as_mut().map(Growing::read).transpose());
        let [in_entries, in_bytes] = contents;
        let (in_entries, in_bytes) = (in_entries?.unwrap_or_default(), in_bytes?.unwrap_or_default());
        let is_whole = |item: &Item| {
            let content = if item.kind == ItemKind::Entry { &in_entries } else { &in_bytes };
            let range = item.start as usize..item.end as usize;
            content.get(range).is_some_and(|bytes| crc32fast::hash(bytes) == item.crc)
        };
        // Lines are on disk before their bytes only if the power failed before both were made durable.
        while items.last().is_some_and(|item| !is_whole(item)) {
            items.pop();
        }
        let whole: u64 =
            text.split_inclusive(|byte| *byte == b'\n').take(items.len()).map(|line| line.len() as u64).sum();
        lines.cut(whole)?;
        let end_of = |is_entry: bool| {
            let ends = items.iter().filter(|item| (item.kind == ItemKind::Entry) == is_entry);
            ends.map(|item| item.end).max().unwrap_or(0)
        };
        if let Some(file) = &mut entries {
            file.cut(end_of(true))?;
        }
        if let Some(file) = &mut bytes {
            file.cut(end_of(false))?;
        }
        let kept = items.iter().map(|item| (item.kind, item.position, item.index)).collect();
        Ok(Self { segment, directory: directory.into(), entries, bytes, lines, kept })
    }

    pub(super) fn has(&self, item: &Item) -> bool {
        self.kept.contains(&(item.kind, item.position, item.index))
    }

    /// Appends an item; its range and CRC are set here. Returns how many bytes were written.
    pub(super) fn append(&mut self, mut item: Item, content: &[u8]) -> Result<u64, StateError> {
        let name = item.file_name(self.segment);
        let file = if item.kind == ItemKind::Entry { &mut self.entries } else { &mut self.bytes };
        let file = match file {
            Some(file) => file,
            None => file.insert(Growing::open(self.directory.join(name))?),
        };
        let before = file.length;
        if item.kind == ItemKind::Entry {
            if before == 0 {
                file.append(&segment_bytes::header(self.segment))?;
            }
            item.start = file.length;
            let section = segment_bytes::section(self.segment, item.start, content).ok_or_else(|| {
                StateError::new(
                    crate::checkpoint::StateErrorKind::Full,
                    &file.path,
                    "a segment can't hold more: replay what is quarantined, and move it away",
                )
            })?;
            item.crc = crc32fast::hash(&section);
            file.append(&section)?;
        } else {
            item.start = before;
            item.crc = crc32fast::hash(content);
            file.append(content)?;
        }
        item.end = file.length;
        let mut line = serde_json::to_vec(&item)
            .map_err(|error| StateError::corrupt(&self.lines.path, format!("no line: {error}")))?;
        line.push(b'\n');
        let written = item.end - before + line.len() as u64;
        if let Err(error) = self.lines.append(&line) {
            file.cut(before)?;
            return Err(error);
        }
        self.kept.insert((item.kind, item.position, item.index));
        Ok(written)
    }

    /// Makes durable what was appended, but for the files' names.
    pub(super) fn sync(&mut self) -> Result<(), StateError> {
        for file in [&mut self.entries, &mut self.bytes].into_iter().flatten() {
            file.sync()?;
        }
        self.lines.sync()
    }
}
