//! Every state of a growing segment: what is told is what the one-shot reader gives, each entry once, and as early as
//! the mode says.

use std::{fs, os::unix::fs::FileExt as _};

use ringtap::source::{LiveLog, LiveOptions, ReadAhead, Start};

use super::node::{Node, Sample, Section, Told};

/// The segments to grow: plain ones of all versions, compressed, encrypted and direct.
const SAMPLES: [(&str, usize); 14] = [
    ("3.11/ops", 0),
    ("3.11/var-lz4", 0),
    ("4.0/var-zstd", 0),
    ("4.1/ops", 1),
    ("4.1/var-kill9", 0),
    ("4.1/var-maxsize", 0),
    ("4.1/var-snappy", 0),
    ("4.1/var-deflate", 0),
    ("4.1/var-encrypted", 0),
    ("4.1/var-kill9+lz4", 0),
    ("5.0/var-direct", 0),
    ("5.0/var-compat-none", 0),
    ("5.0/var-lz4", 0),
    ("6.0/ops", 0),
];

#[test]
fn synced_tells_what_the_index_covers() {
    grow_all(ReadAhead::Synced);
}

#[test]
fn marked_tells_what_the_markers_reach() {
    grow_all(ReadAhead::Marked);
}

#[test]
fn written_tells_whole_entries_before_any_marker() {
    grow_all(ReadAhead::Written);
}

fn grow_all(read_ahead: ReadAhead) {
    crate::golden::for_each(&SAMPLES, |&(set, number)| {
        let mut growth = Growth::new(Sample::of(set, number), read_ahead);
        growth.grow();
        println!("{set}: {} entries, {} states", growth.told.entries.len(), growth.states);
    });
}

/// A segment that is being written, with a log that reads it.
struct Growth {
    sample: Sample,
    node: Node,
    read_ahead: ReadAhead,
    file: fs::File,
    log: LiveLog,
    told: Told,
    /// Logical offset that the index had at most.
    synced: u64,
    /// Logical offset that the markers reach.
    marked: u64,
    /// File offset up to which whole entries were written.
    written: u64,
    states: usize,
}

impl Growth {
    fn new(sample: Sample, read_ahead: ReadAhead) -> Self {
        let node = Node::new();
        let grows = !sample.is_plain() || !sample.content.len().is_multiple_of(1 << 20);
        let file = node.create(&sample.name, if grows { 0 } else { sample.content.len() as u64 });
        let options = LiveOptions { read_ahead, ..sample.options(&node) };
        let mut log = LiveLog::open(options).unwrap();
        log.start(Start::Oldest).unwrap();
        let told = Told::default();
        Self { sample, node, read_ahead, file, log, told, synced: 0, marked: 0, written: 0, states: 0 }
    }

    fn grow(&mut self) {
        let header = self.sample.header.header_bytes;
        for length in 0..=header {
            self.write(0, length);
            if length % 7 == 0 || length == header {
                self.check();
            }
        }
        for section in self.sample.sections() {
            if self.sample.is_plain() {
                self.grow_plain(section);
            } else {
                self.grow_packed(section);
            }
            self.marked = section.logical_end;
            self.check();
            // The index is cut off, written again, and can be seen in between.
            let text = section.logical_end.to_string();
            for length in 0..=text.len() {
                let text = &text[..length];
                self.index(text);
            }
        }
        for text in ["", "1", "x", "12\nCOMP"] {
            self.index(text);
        }
        assert!(self.told.finished.is_empty());
        let all = self.sample.content.len() as u64;
        self.write(0, all);
        self.node.write_index(&self.sample.name, &format!("{all}\nCOMPLETED"));
        self.told.read(&mut self.log);
        assert_eq!(self.told.finished, [self.sample.id]);
        assert_eq!(self.told.started, [self.sample.id]);
        assert_eq!(self.told.damages, 0);
        assert!(self.told.entries == self.sample.entries, "{}", self.sample.name);
    }

    /// Entries first, as threads fill them in, then the marker, word by word.
    fn grow_plain(&mut self, section: Section) {
        let entries: Vec<u64> = self
            .sample
            .entries
            .iter()
            .map(|(position, _)| position.offset)
            .filter(|end| (section.marker + 8..=section.end).contains(end))
            .collect();
        let mut start = section.marker + 8;
        for end in entries {
            for part in [start + 4, start + 9, u64::midpoint(start, end), end - 1] {
                self.write(start, part);
                // An entry whose CRC ends in zeros is whole without them.
                if self.sample.bytes(part, end).iter().any(|byte| *byte != 0) {
                    self.check();
                }
            }
            self.write(start, end);
            self.written = end;
            self.check();
            start = end;
        }
        if self.file.metadata().unwrap().len() < section.end {
            self.file.set_len(section.end).unwrap();
        }
        self.write(section.marker, section.marker + 4);
        self.check();
        self.write(section.marker, section.marker + 6);
        self.check();
        self.write(section.marker, section.marker + 8);
    }

    /// Compressed sections are written from their beginning on, encrypted ones with the marker last.
    fn grow_packed(&mut self, section: Section) {
        let body = section.marker + 12;
        let is_encrypted = self.sample.decoder.keys.is_some();
        let middle = u64::midpoint(body, section.end);
        let cuts = [section.marker + 4, section.marker + 8, body, middle, section.end - 1, section.end];
        for cut in cuts.into_iter().filter(|cut| *cut > section.marker && *cut <= section.end) {
            let from = if is_encrypted { body.min(cut) } else { section.marker };
            self.write(from, cut);
            if cut < section.end {
                self.check();
            }
        }
        if is_encrypted {
            for cut in [section.marker + 4, section.marker + 8] {
                self.write(section.marker, cut);
                self.check();
            }
            self.write(section.marker, body.min(section.end));
        }
    }

    fn write(&self, from: u64, to: u64) {
        self.file.write_all_at(self.sample.bytes(from, to), from).unwrap();
    }

    fn index(&mut self, text: &str) {
        self.node.write_index(&self.sample.name, text);
        if let Ok(offset) = text.parse::<u64>() {
            self.synced = self.synced.max(offset);
        }
        self.check();
    }

    /// Reads, and checks that exactly what this state allows was told.
    fn check(&mut self) {
        self.states += 1;
        let before = self.told.entries.len();
        self.told.read(&mut self.log);
        let reach = match self.read_ahead {
            ReadAhead::Synced => self.synced.min(self.marked),
            ReadAhead::Written if self.sample.is_plain() => self.written.max(self.marked),
            ReadAhead::Marked | ReadAhead::Written => self.marked,
        };
        let entries = &self.sample.entries;
        // Whole sections only.
        let reach = match self.read_ahead {
            ReadAhead::Synced => {
                let ends = self.sample.sections().into_iter().map(|section| section.logical_end);
                ends.filter(|end| *end <= reach).max().unwrap_or(0)
            }
            _ => reach,
        };
        let wanted = entries.partition_point(|(position, _)| position.offset <= reach);
        assert!(
            self.told.entries == entries[..wanted],
            "{}: {} entries told, {wanted} are readable up to {reach}",
            self.sample.name,
            self.told.entries.len()
        );
        for (seen, early) in self.told.entries.iter().zip(&self.told.early).skip(before) {
            assert_eq!(*early, seen.0.offset > self.synced, "{}", seen.0);
        }
    }
}
