//! Putting things into quarantine.

use std::{fs, path::PathBuf, time::SystemTime};

use cassandra_commitlog::{
    Position,
    schema::TableId,
    segment::{Damage, Entry, SegmentFileName},
};

use super::{
    item::{Item, ItemKind},
    segment_files::SegmentFiles,
};
use crate::{
    checkpoint::{StateError, StateErrorKind, create_directory, sync_directory},
    record::RecordPlace,
};

/// Where the quarantine lies, and how much it may hold.
#[derive(Debug, Clone)]
pub struct QuarantineOptions {
    /// Its directory; made if it is not there.
    pub directory: PathBuf,
    /// Bytes of all its files.
    pub bytes_max: u64,
}

/// What is quarantined, and why.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'s> {
    /// The segment's file that it stood in.
    pub segment: SegmentFileName,
    /// Id of the table, if it is known.
    pub table: Option<TableId>,
    /// Fingerprint of the table's definition, if there was one.
    pub schema: Option<&'s str>,
    /// Why, without values.
    pub reason: &'s str,
    /// When.
    pub now: SystemTime,
}

/// What was put into quarantine since it was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct QuarantineStats {
    /// Entries.
    pub entries: u64,
    /// Damaged places.
    pub damaged: u64,
    /// Records.
    pub records: u64,
    /// What was there already: the log is read again after a crash.
    pub repeated: u64,
    /// Bytes of all files, also from before.
    pub bytes: u64,
}

/// An open quarantine.
///
/// What was put into it is durable after [`sync`](Self::sync); no checkpoint may pass it before. If it is full, that is an
/// error, and the caller stops: losing is no alternative.
#[derive(Debug)]
pub struct Quarantine {
    options: QuarantineOptions,
    files: Option<SegmentFiles>,
    stats: QuarantineStats,
    is_dirty: bool,
    failed: bool,
}

/// How much a line takes at most, but for its reason.
const LINE_BYTES: u64 = 512;

impl Quarantine {
    /// Opens a quarantine, and makes its directory (mode 0700) if it is not there.
    pub fn open(options: QuarantineOptions) -> Result<Self, StateError> {
        let directory = &options.directory;
        create_directory(directory)?;
        let unreadable = |source| StateError::io(directory, "cannot be read", source);
        let mut bytes = 0;
        for entry in fs::read_dir(directory).map_err(unreadable)? {
            bytes += entry.and_then(|entry| entry.metadata()).map_err(unreadable)?.len();
        }
        let stats = QuarantineStats { bytes, ..QuarantineStats::default() };
        Ok(Self { options, files: None, stats, is_dirty: false, failed: false })
    }

    /// Keeps an entry that could not be decoded, or whose changes could not all be published. Returns false if it is kept
    /// already.
    pub fn entry(&mut self, subject: &Subject<'_>, entry: &Entry<'_>) -> Result<bool, StateError> {
        let item = item_of(ItemKind::Entry, subject, entry.position.offset);
        self.keep(subject.segment, item, entry.mutation)
    }

    /// Keeps the bytes of the file that damage passed over. Returns false if they are kept already.
    pub fn damage(
        &mut self,
        subject: &Subject<'_>,
        damage: &Damage,
        passed_over: &[u8],
    ) -> Result<bool, StateError> {
        let mut item = item_of(ItemKind::Damage, subject, damage.lost_logical.start);
        item.file_offset = Some(damage.passed_over.start);
        self.keep(subject.segment, item, passed_over)
    }

    /// Keeps a record that Kafka does not take. Returns false if it is kept already.
    pub fn record(
        &mut self,
        subject: &Subject<'_>,
        place: RecordPlace,
        key: &[u8],
        value: &[u8],
    ) -> Result<bool, StateError> {
        let RecordPlace { position: Position { offset, .. }, index } = place;
        let mut item = item_of(ItemKind::Record, subject, offset);
        (item.index, item.key_bytes) = (Some(index), Some(key.len() as u64));
        self.keep(subject.segment, item, &[key, value].concat())
    }

    fn keep(&mut self, segment: SegmentFileName, item: Item, content: &[u8]) -> Result<bool, StateError> {
        if self.failed {
            let what = "is not used any more after a failed fsync";
            return Err(StateError::new(StateErrorKind::SyncFailed, &self.options.directory, what));
        }
        if self.files.as_ref().is_none_or(|files| files.segment != segment) {
            self.sync()?;
            self.files = Some(SegmentFiles::open(&self.options.directory, segment)?);
        }
        let Some(files) = &mut self.files else { return Ok(false) };
        if files.has(&item) {
            self.stats.repeated += 1;
            return Ok(false);
        }
        let needed = content.len() as u64 + item.reason.len() as u64 + LINE_BYTES;
        if self.stats.bytes.saturating_add(needed) > self.options.bytes_max {
            let what = format!(
                "the quarantine is full ({} of {} bytes): find out why so much comes here, then replay it and move it away, \
                 or allow more",
                self.stats.bytes, self.options.bytes_max
            );
            return Err(StateError::new(StateErrorKind::Full, &self.options.directory, what));
        }
        self.is_dirty = true;
        let kind = item.kind;
        self.stats.bytes += files.append(item, content)?;
        *match kind {
            ItemKind::Entry => &mut self.stats.entries,
            ItemKind::Damage => &mut self.stats.damaged,
            ItemKind::Record => &mut self.stats.records,
        } += 1;
        Ok(true)
    }

    /// Makes durable what was kept.
    pub fn sync(&mut self) -> Result<(), StateError> {
        if !std::mem::take(&mut self.is_dirty) {
            return Ok(());
        }
        let synced = match &mut self.files {
            Some(files) => files.sync().and_then(|()| sync_directory(&self.options.directory)),
            None => Ok(()),
        };
        self.failed |= synced.is_err();
        synced
    }

    /// Returns what was kept.
    pub fn stats(&self) -> QuarantineStats {
        self.stats
    }
}

fn item_of(kind: ItemKind, subject: &Subject<'_>, position: u64) -> Item {
    let time = jiff::Timestamp::try_from(subject.now).unwrap_or_default();
    Item {
        kind,
        start: 0,
        end: 0,
        crc: 0,
        position,
        index: None,
        file_offset: None,
        key_bytes: None,
        table: subject.table.map(|table| table.to_string().into()),
        schema: subject.schema.map(Box::from),
        reason: subject.reason.into(),
        time: time.to_string().into(),
    }
}
