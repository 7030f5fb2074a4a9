//! Files that are being written.

use cassandra_commitlog::segment::{FileState, Input, Poll, SegmentDecoder};

use crate::segment::{Segment, all, options};

/// A reader of a growing file, and what it has seen so far.
struct Reader {
    decoder: SegmentDecoder,
    entries: Vec<(u64, Vec<u8>)>,
}

impl Reader {
    fn new() -> Self {
        Self { decoder: SegmentDecoder::new(options()), entries: Vec::new() }
    }

    /// Reads until there is nothing more now. Any damage is wrong, as the file is not.
    fn read(&mut self, file: &[u8], file_state: FileState, what: &str) {
        loop {
            let input = Input { file_length: file.len() as u64, file_state, window_offset: 0, window: file };
            match self.decoder.poll(input).unwrap_or_else(|error| panic!("{what}: {error}")) {
                Poll::Entry(entry) => self.entries.push((entry.position.offset, entry.mutation.to_vec())),
                Poll::Header(_) => {}
                Poll::Wait if file_state == FileState::Growing => return,
                Poll::End(_) => return,
                other => panic!("{what}: {other:?}"),
            }
        }
    }

    fn finish(mut self, segment: &Segment) {
        self.read(&segment.file, FileState::Final, &segment.name);
        let expected: Vec<_> =
            segment.entries.iter().map(|entry| (entry.logical.end, entry.mutation.clone())).collect();
        assert!(self.entries == expected, "{}", segment.name);
    }
}

#[test]
fn a_file_that_grows_byte_by_byte_gives_each_entry_once_and_no_damage() {
    for segment in all() {
        let mut reader = Reader::new();
        let step = if cfg!(debug_assertions) && segment.file.len() > 6000 { 17 } else { 1 };
        for length in (0..=segment.file.len()).step_by(step) {
            reader.read(
                &segment.file[..length],
                FileState::Growing,
                &format!("{} at {length}", segment.name),
            );
        }
        reader.finish(&segment);
    }
}

/// A mapped file has its full length from the start; the marker of a section comes behind its entries, its words in
/// any order.
#[test]
fn a_mapped_file_is_read_up_to_its_markers_whatever_word_of_them_comes_first() {
    for segment in all().into_iter().filter(|segment| segment.is_plain) {
        for words in [[0..4, 4..8], [4..8, 0..4]] {
            let mut file = vec![0; segment.file.len()];
            let mut reader = Reader::new();
            let what = format!("{} {words:?}", segment.name);
            let header = ..segment.sections[0].file.start;
            file[header].copy_from_slice(&segment.file[header]);
            for (number, section) in segment.sections.iter().enumerate() {
                let before = reader.entries.len();
                let content = section.file.start + 8..section.file.end;
                for at in content {
                    file[at] = segment.file[at];
                    reader.read(&file, FileState::Growing, &what);
                }
                for word in &words {
                    assert_eq!(reader.entries.len(), before, "{what}: read before its marker was whole");
                    for at in word.clone().map(|at| section.file.start + at) {
                        file[at] = segment.file[at];
                    }
                    reader.read(&file, FileState::Growing, &what);
                }
                let in_section = segment.entries.iter().filter(|entry| entry.section == number).count();
                assert_eq!(reader.entries.len(), before + in_section, "{what}");
            }
            reader.finish(&segment);
        }
    }
}

/// Encrypted sections come with twelve zeros first, which are the marker and the length afterwards (format.md §2.4).
#[test]
fn an_encrypted_section_whose_marker_comes_last_waits() {
    for segment in all().into_iter().filter(|segment| segment.name.contains("encrypted")) {
        let mut reader = Reader::new();
        for section in &segment.sections {
            for length in section.file.clone() {
                let mut file = segment.file[..length].to_vec();
                file.iter_mut().skip(section.file.start).take(12).for_each(|byte| *byte = 0);
                reader.read(&file, FileState::Growing, &segment.name);
            }
        }
        reader.finish(&segment);
    }
}
