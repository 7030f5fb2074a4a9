//! One snapshot as bytes: a line that says what follows, and the catalogue with its history.

use cassandra_commitlog::Position;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use xxhash_rust::xxh3::xxh3_64;

use super::super::{Catalogue, ImportError};

const VERSION: u32 = 1;

/// A snapshot that cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// The first line is none of ours.
    #[error("the schema snapshot has no head: it is damaged, or no snapshot")]
    NoHead,
    /// It was written by another version of the program.
    #[error("the schema snapshot has format {0}; this program reads format {VERSION}")]
    UnknownVersion(u32),
    /// The bytes are not those that were written.
    #[error("the schema snapshot is damaged: its checksum does not match")]
    Checksum,
    /// The bytes are whole, but their content is not understood.
    #[error("the schema snapshot cannot be read")]
    Content(#[from] ImportError),
}

/// The first line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    ringtap_schema_snapshot: u32,
    /// Counts the snapshots of this directory. Order of writing is order of the log; that of segment ids need not be.
    pub(super) number: u64,
    segment: i64,
    offset: u64,
    bytes: u64,
    /// xxh3-64 of all that follows the line.
    body_xxh3: u64,
    /// xxh3-64 of the numbers before it: a wrong position would be a wrong schema.
    own_xxh3: u64,
}

impl Head {
    fn new(number: u64, position: Position, body: &[u8]) -> Self {
        let mut head = Self {
            ringtap_schema_snapshot: VERSION,
            number,
            segment: position.segment,
            offset: position.offset,
            bytes: body.len() as u64,
            body_xxh3: xxh3_64(body),
            own_xxh3: 0,
        };
        head.own_xxh3 = head.checksum();
        head
    }

    fn checksum(&self) -> u64 {
        let Self { ringtap_schema_snapshot: version, number, segment, offset, bytes, body_xxh3, .. } = self;
        xxh3_64(format!("{version} {number} {segment} {offset} {bytes} {body_xxh3}").as_bytes())
    }

    pub(super) fn position(&self) -> Position {
        Position { segment: self.segment, offset: self.offset }
    }

    /// Reads the first line of a snapshot.
    pub(super) fn parse(line: &str) -> Result<Self, SnapshotError> {
        let head: Self = serde_json::from_str(line).map_err(|_| SnapshotError::NoHead)?;
        if head.ringtap_schema_snapshot != VERSION {
            return Err(SnapshotError::UnknownVersion(head.ringtap_schema_snapshot));
        }
        if head.own_xxh3 != head.checksum() {
            return Err(SnapshotError::NoHead);
        }
        Ok(head)
    }
}

/// Returns a snapshot's text.
pub(super) fn write(number: u64, position: Position, catalogue: &Catalogue) -> String {
    let body = catalogue.export(true);
    let head = Head::new(number, position, body.as_bytes());
    // Numbers always have a JSON text.
    let mut text = serde_json::to_string(&head).unwrap_or_default();
    text.push('\n');
    text.push_str(&body);
    text
}

/// Returns the catalogue of a snapshot's text.
pub(super) fn read(bytes: &[u8]) -> Result<Catalogue, SnapshotError> {
    let text = std::str::from_utf8(bytes).map_err(|_| SnapshotError::Checksum)?;
    let (line, body) = text.split_once('\n').ok_or(SnapshotError::NoHead)?;
    let head = Head::parse(line)?;
    if head.bytes != body.len() as u64 || head.body_xxh3 != xxh3_64(body.as_bytes()) {
        return Err(SnapshotError::Checksum);
    }
    Ok(Catalogue::import(body)?)
}
