//! What is kept, as the lines tell it.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use cassandra_commitlog::segment::SegmentFileName;
use serde::{Deserialize, Serialize};

/// What is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemKind {
    /// An entry of the log.
    Entry,
    /// A damaged place of a segment's file.
    Damage,
    /// A record: its key, then its value.
    Record,
}

/// Something that is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// What it is.
    pub kind: ItemKind,
    /// Where its bytes start in the file: `.log` for entries, where this is the sync marker before it, else `.bin`.
    pub start: u64,
    /// Where they end.
    pub end: u64,
    /// CRC-32 of these bytes.
    pub crc: u32,
    /// Logical offset in its segment: where an entry ends, or where damage starts.
    pub position: u64,
    /// Number of a record in its entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<u32>,
    /// File offset at which damage starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_offset: Option<u64>,
    /// How many of a record's bytes are its key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_bytes: Option<u64>,
    /// Id of the table, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<Box<str>>,
    /// Fingerprint of the table's definition that it was decoded with, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Box<str>>,
    /// Why it is here. No values.
    pub reason: Box<str>,
    /// When it was put here (ISO 8601).
    pub time: Box<str>,
}

/// Why a quarantine's directory can't be read.
#[derive(Debug, thiserror::Error)]
pub enum QuarantineError {
    /// A file or the directory can't be read.
    #[error("{path}: cannot be read")]
    Io {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line is not what the agent writes.
    #[error("{path}: line {line} is damaged, so it is not known where the entries stood")]
    Line {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// Why.
        source: serde_json::Error,
    },
}

/// Returns the name of the file with the lines of a segment.
pub(super) fn lines_name(segment: SegmentFileName) -> String {
    format!("{}.quarantine.jsonl", stem(segment))
}

/// Returns the name of the file with bytes that are no entries.
pub(super) fn bytes_name(segment: SegmentFileName) -> String {
    format!("{}.quarantine.bin", stem(segment))
}

fn stem(segment: SegmentFileName) -> String {
    format!("CommitLog-{}-{}", segment.version, segment.id)
}

impl Item {
    /// Returns the name of the file with its bytes.
    pub fn file_name(&self, segment: SegmentFileName) -> String {
        match self.kind {
            ItemKind::Entry => segment.to_string(),
            ItemKind::Damage | ItemKind::Record => bytes_name(segment),
        }
    }
}

/// Returns all that is kept in a directory, in order of the segments' ids, then as it came.
pub fn items(directory: &Path) -> Result<Vec<(SegmentFileName, Item)>, QuarantineError> {
    let unreadable = |source| QuarantineError::Io { path: directory.into(), source };
    let mut segments = Vec::new();
    for entry in fs::read_dir(directory).map_err(unreadable)? {
        let name = entry.map_err(unreadable)?.file_name();
        let stem = name.to_str().and_then(|name| name.strip_suffix(".quarantine.jsonl"));
        segments.extend(stem.and_then(|stem| SegmentFileName::parse(&format!("{stem}.log"))));
    }
    segments.sort_unstable();
    let mut all = Vec::new();
    for segment in segments {
        let items = read_lines(&directory.join(lines_name(segment)))?;
        all.extend(items.into_iter().map(|item| (segment, item)));
    }
    Ok(all)
}

/// Reads the lines of a segment; a line without its end is not there yet.
pub(super) fn read_lines(path: &Path) -> Result<Vec<Item>, QuarantineError> {
    let text = fs::read(path).map_err(|source| QuarantineError::Io { path: path.into(), source })?;
    whole_lines(path, &text)
}

/// Reads the lines that are whole.
pub(super) fn whole_lines(path: &Path, text: &[u8]) -> Result<Vec<Item>, QuarantineError> {
    let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let lines = text.get(..whole).unwrap_or_default().split_inclusive(|byte| *byte == b'\n');
    let read = lines.enumerate().map(|(at, line)| {
        serde_json::from_slice(line).map_err(|source| QuarantineError::Line {
            path: path.into(),
            line: at + 1,
            source,
        })
    });
    read.collect()
}
