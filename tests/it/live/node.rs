//! A node's directories, written to as Cassandra does it, and what a live log tells of them.

use std::{
    fs::{self, File, OpenOptions},
    ops::ControlFlow,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use cassandra_commitlog::{
    Position,
    keystore::{SecretKey, find_secret_key},
    segment::{
        DecoderOptions, Descriptor, KeyProvider, SectionEncoding, SegmentFileName,
        sync_marker::{MarkerCrc, SyncMarker},
    },
};
use ringtap::{
    checkpoint::Progress,
    source::{
        Event, Gap, LiveEvent, LiveLog, LiveOptions, ReadError, ReadOutcome, SegmentReader, SourceError,
    },
};
use tempfile::TempDir;
use xxhash_rust::xxh3::xxh3_64;

use crate::golden;

/// A position with the hash of the mutation there.
pub(super) type Seen = (Position, u64);

/// A node's directories.
pub(super) struct Node {
    directory: TempDir,
}

impl Node {
    pub(super) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        for name in ["commitlog", "cdc_raw", "spool", "archive"] {
            fs::create_dir(directory.path().join(name)).unwrap();
        }
        Self { directory }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(super) fn in_commitlog(&self, name: &str) -> PathBuf {
        self.path("commitlog").join(name)
    }

    pub(super) fn in_cdc_raw(&self, name: &str) -> PathBuf {
        self.path("cdc_raw").join(name)
    }

    /// Makes a segment's file with its link, as a node does it from 4.0 on.
    pub(super) fn create(&self, name: &str, length: u64) -> File {
        let path = self.in_commitlog(name);
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path).unwrap();
        file.set_len(length).unwrap();
        fs::hard_link(&path, self.in_cdc_raw(name)).unwrap();
        file
    }

    /// Makes a segment with its content, as a node that still has it.
    pub(super) fn create_with(&self, name: &str, content: &[u8]) -> File {
        let file = self.create(name, content.len() as u64);
        file.write_all_at(content, 0).unwrap();
        file
    }

    /// Lets a node discard a segment that holds changes of CDC tables.
    pub(super) fn discard(&self, name: &str) {
        fs::remove_file(self.in_commitlog(name)).unwrap();
    }

    /// Writes a segment's index as a node does it: cut off, then written.
    pub(super) fn write_index(&self, name: &str, content: &str) {
        let name = SegmentFileName::parse(name).unwrap();
        fs::write(self.in_cdc_raw(&name.cdc_index()), content).unwrap();
    }

    pub(super) fn options(&self) -> LiveOptions {
        // Directories are listed with each call, so that nothing depends on when notifications come.
        LiveOptions {
            commitlog: Some(self.path("commitlog")),
            rescan_interval: Duration::ZERO,
            ..LiveOptions::new(self.path("cdc_raw"))
        }
    }
}

/// What was told.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) entries: Vec<Seen>,
    pub(super) early: Vec<bool>,
    pub(super) started: Vec<i64>,
    pub(super) finished: Vec<i64>,
    pub(super) unreadable: Vec<String>,
    pub(super) gaps: Vec<Gap>,
    pub(super) out_of_order: Vec<i64>,
    pub(super) damages: usize,
    pub(super) progress: Progress,
}

impl Told {
    /// Notes an event, as the agent would.
    pub(super) fn note(&mut self, event: &LiveEvent<'_>) {
        match event {
            LiveEvent::SegmentStarted { header, .. } => self.started.push(header.id),
            LiveEvent::Entry { entry, early } => {
                self.entries.push((entry.position, xxh3_64(entry.mutation)));
                self.early.push(*early);
                self.progress.read_to(entry.position);
            }
            LiveEvent::Damage(_) => self.damages += 1,
            LiveEvent::SegmentFinished { segment, .. } => {
                self.finished.push(*segment);
                self.progress.finish(*segment);
            }
            LiveEvent::SegmentUnreadable { reason, .. } => self.unreadable.push(reason.to_string()),
            LiveEvent::Gap(gap) => {
                if let Gap::Definite { segment, .. } = gap {
                    self.progress.finish(*segment);
                }
                self.gaps.push(*gap);
            }
            LiveEvent::OutOfOrder { segment, .. } => self.out_of_order.push(*segment),
        }
    }

    /// Reads all that is there now.
    pub(super) fn read(&mut self, log: &mut LiveLog) {
        self.try_read(log).unwrap();
    }

    pub(super) fn try_read(&mut self, log: &mut LiveLog) -> Result<(), SourceError> {
        let outcome = log.read::<SourceError>(u64::MAX, |event| {
            self.note(&event);
            Ok(ControlFlow::Continue(()))
        })?;
        assert_eq!(outcome, ReadOutcome::Idle);
        Ok(())
    }
}

/// A segment that a real node wrote.
pub(super) struct Sample {
    pub(super) name: String,
    pub(super) id: i64,
    pub(super) content: Vec<u8>,
    pub(super) decoder: DecoderOptions,
    /// What the one-shot reader gives.
    pub(super) entries: Vec<Seen>,
    pub(super) header: Descriptor,
}

/// A section of a segment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Section {
    pub(super) marker: u64,
    pub(super) end: u64,
    pub(super) logical_end: u64,
}

struct Keys(Vec<u8>);

impl KeyProvider for Keys {
    fn key(&self, alias: &str) -> Option<SecretKey> {
        find_secret_key(&self.0, alias, "cassandra", None).ok()
    }
}

impl Sample {
    /// Returns a segment of a golden set, such as `4.1/ops`, by its number in the order of ids, of `cdc_raw` and
    /// `commitlog` together.
    pub(super) fn of(set: &str, number: usize) -> Self {
        let set = golden::sets().iter().find(|candidate| candidate.name == set).unwrap();
        let segments = ringtap::source::find_segments([&set.directory]).unwrap();
        let segment = segments.get(number).unwrap();
        let mut decoder = DecoderOptions::default();
        if let Some(keystore) = set.keystore() {
            decoder.keys = Some(Arc::new(Keys(fs::read(keystore).unwrap())));
        }
        Self::new(&segment.path, decoder)
    }

    fn new(path: &Path, decoder: DecoderOptions) -> Self {
        let content = fs::read(path).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let header = Descriptor::parse(&content).unwrap().unwrap();
        let entries = one_shot(path, &decoder);
        Self { id: header.id, name, content, decoder, entries, header }
    }

    /// Returns true if sections hold entries as they are.
    pub(super) fn is_plain(&self) -> bool {
        self.header.encoding == SectionEncoding::Plain
    }

    /// Returns the sections by the chain of markers.
    pub(super) fn sections(&self) -> Vec<Section> {
        let crc = MarkerCrc::new(self.id);
        let (mut at, mut logical) = (self.header.header_bytes, self.header.header_bytes);
        let mut sections = Vec::new();
        while let Some(bytes) = self.content.get(at as usize..at as usize + 8) {
            let (_, marker) = SyncMarker::parse(bytes).unwrap();
            if marker.crc != crc.at(at) {
                break;
            }
            let end = u64::from(marker.end);
            logical = if self.is_plain() {
                end
            } else {
                let length = self.content[at as usize + 8..][..4].try_into().unwrap();
                logical + 8 + u64::from(u32::from_be_bytes(length))
            };
            sections.push(Section { marker: at, end, logical_end: logical });
            at = end;
        }
        sections
    }

    /// Returns the bytes of a range of the file.
    pub(super) fn bytes(&self, from: u64, to: u64) -> &[u8] {
        &self.content[from as usize..to as usize]
    }

    /// Returns the options for a node's log with this segment's keys.
    pub(super) fn options(&self, node: &Node) -> LiveOptions {
        LiveOptions { decoder: self.decoder.clone(), ..node.options() }
    }
}

/// Reads a final file at once.
pub(super) fn one_shot(path: &Path, decoder: &DecoderOptions) -> Vec<Seen> {
    let mut entries = Vec::new();
    let name = SegmentFileName::parse(path.file_name().unwrap().to_str().unwrap());
    SegmentReader::new(decoder.clone())
        .read::<ReadError>(path, name, |event| {
            if let Event::Entry(entry) = event {
                entries.push((entry.position, xxh3_64(entry.mutation)));
            }
            Ok(())
        })
        .unwrap();
    entries
}

/// Makes a small plain segment with these mutations, one section for each list.
pub(super) fn segment(id: i64, sections: &[&[&[u8]]]) -> Vec<u8> {
    let mut bytes = header(id);
    for mutations in sections {
        let marker = bytes.len();
        bytes.extend([0; 8]);
        for mutation in *mutations {
            bytes.extend(cassandra_commitlog::segment::entry::frame(mutation));
        }
        let end = bytes.len() as u32;
        bytes[marker..marker + 4].copy_from_slice(&end.to_be_bytes());
        bytes[marker + 4..marker + 8].copy_from_slice(&MarkerCrc::new(id).at(marker as u64).to_be_bytes());
    }
    bytes.extend([0; 64]);
    bytes
}

/// Makes the header of a plain segment of version 7.
fn header(id: i64) -> Vec<u8> {
    let mut bytes = 7_i32.to_be_bytes().to_vec();
    bytes.extend(id.to_be_bytes());
    bytes.extend([0, 2, b'{', b'}']);
    let mut crc = crc32fast::Hasher::new();
    for word in [7, id as i32, (id >> 32) as i32, 2] {
        crc.update(&word.to_be_bytes());
    }
    crc.update(b"{}");
    bytes.extend(crc.finalize().to_be_bytes());
    bytes
}

/// Makes a mutation that no decoder will take for one.
pub(super) fn mutation(number: u8) -> Vec<u8> {
    vec![number; 40]
}
