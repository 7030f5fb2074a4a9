//! Decodes a damaged segment and judges what came.

use cassandra_commitlog::segment::{
    Damage, FileState, Input, Poll, SegmentDecoder, SegmentEnd, SegmentError,
};

use crate::segment::{Entry, Segment, options};

#[derive(Debug, Default, PartialEq)]
pub(crate) struct Decoded {
    pub(crate) entries: Vec<(u64, Vec<u8>)>,
    pub(crate) damage: Vec<Damage>,
    pub(crate) end: Option<Result<SegmentEnd, SegmentError>>,
}

/// Reads a final file with the whole of it as the window, or with `surplus` bytes more than asked for.
pub(crate) fn decode_with(file: &[u8], surplus: Option<u64>) -> Decoded {
    let mut decoder = SegmentDecoder::new(options());
    let file_length = file.len() as u64;
    let mut window = surplus.map_or(0..file_length, |_| 0..0);
    let mut decoded = Decoded::default();
    // Each step but those for windows passes over at least a byte, unpacked ones at most 255 times as many.
    for _ in 0..1_000 + 300 * file.len() {
        let input = Input {
            file_length,
            file_state: FileState::Final,
            window_offset: window.start,
            window: &file[window.start as usize..window.end as usize],
        };
        match decoder.poll(input) {
            Ok(Poll::Need(range)) => {
                assert!(!range.is_empty() && range.end <= file_length, "{range:?} of {file_length}");
                window = range.start..(range.end + surplus.unwrap_or(0)).min(file_length);
            }
            Ok(Poll::Header(_)) => {}
            Ok(Poll::Entry(entry)) => decoded.entries.push((entry.position.offset, entry.mutation.to_vec())),
            Ok(Poll::Damage(damage)) => decoded.damage.push(damage),
            Ok(Poll::Wait) => panic!("a final file waits"),
            Ok(Poll::End(end)) => {
                decoded.end = Some(Ok(end));
                return decoded;
            }
            Err(error) => {
                decoded.end = Some(Err(error));
                return decoded;
            }
        }
    }
    panic!("does not end");
}

pub(crate) fn decode(file: &[u8]) -> Decoded {
    decode_with(file, None)
}

impl Segment {
    /// Asserts what must hold of a damaged copy of this segment.
    pub(crate) fn judge(&self, damaged: &[u8], what: &str) {
        let decoded = decode(damaged);
        let what = format!("{}: {what}", self.name);
        let header = ..self.sections[0].file.start;
        if let Some(Err(_)) = &decoded.end {
            assert!(damaged.get(header) != Some(&self.file[header]), "{what}: {:?}", decoded.end);
            assert!(decoded.entries.is_empty(), "{what}");
            return;
        }
        // Nothing is made up, nothing comes twice, and all comes in order.
        let mut expected = self.entries.iter();
        for (position, mutation) in &decoded.entries {
            let found = expected.any(|entry| entry.mutation == *mutation);
            assert!(found, "{what}: an entry at {position} that was not written, or not there, or twice");
        }
        let end_of_chain = self.unwritten_from(damaged);
        for (at, entry) in self.entries.iter().enumerate() {
            if decoded.entries.iter().any(|(_, mutation)| *mutation == entry.mutation) {
                continue;
            }
            if entry.file.end > end_of_chain || entry.file.start >= damaged.len() {
                // A chain that seems to end cleanly can't be told from one that does.
                continue;
            }
            assert!(
                !self.is_intact(entry, damaged),
                "{what}: entry {at} is intact and does not come: {:?}",
                decoded.damage
            );
            assert!(
                decoded.damage.iter().any(|damage| self.covers(damage, entry)),
                "{what}: nothing tells of the loss of entry {at} {:?} {:?}: {:?}",
                entry.file,
                entry.logical,
                decoded.damage
            );
        }
    }

    fn is_intact(&self, entry: &Entry, damaged: &[u8]) -> bool {
        damaged.get(entry.file.clone()) == Some(&self.file[entry.file.clone()])
    }

    /// Returns where damage made zeros of something: from there on the chain may seem to end.
    fn unwritten_from(&self, damaged: &[u8]) -> usize {
        let unwritten = |at: &usize| {
            damaged.get(*at..*at + 8).is_some_and(|word| word == [0; 8]) && self.file[*at..*at + 8] != [0; 8]
        };
        (0..self.file.len().saturating_sub(8)).find(unwritten).unwrap_or(usize::MAX)
    }

    fn covers(&self, damage: &Damage, entry: &Entry) -> bool {
        let file = damage.passed_over.start as usize <= entry.file.start
            && entry.file.start < damage.passed_over.end as usize;
        let section = damage.noticed_at as usize == self.sections[entry.section].file.start;
        damage.is_loss() && (file || section)
    }
}
