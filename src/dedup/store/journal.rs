//! Journals: what was filed since the last run was begun, batch by batch, each with its mark.
//!
//! ```text
//! "ringtapJ", version u32, number u64, mark (length u32, text), CRC u32     the head: the mark before the first frame
//! length u32, sequence u64, mark length u32, mark, entries, CRC u32         a frame; the length is of all but the CRC
//! ```
//!
//! Numbers are little-endian. A CRC covers all before it (of its frame). Frames are numbered from 0, so that what an older
//! file left on the disk is not taken for one. A journal begins with the mark that the one before it ended with.

use std::{
    fs::{self, File},
    io::{Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
};

use super::{Mark, manifest::journal_path};
use crate::checkpoint::{StateError, StateErrorKind, create_file, open_file};

const MAGIC: &[u8; 8] = b"ringtapJ";
const VERSION: u32 = 1;
/// Length, sequence and mark length.
const FRAME_BYTES_MIN: usize = 4 + 8 + 4;

/// An open journal.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    /// Bytes that are whole frames.
    length: u64,
    next_sequence: u64,
    is_dirty: bool,
    /// After a failed fsync, or when a half-written frame could not be cut off.
    failed: Option<StateErrorKind>,
    frame: Vec<u8>,
}

/// What the journals held.
#[derive(Debug)]
pub(super) struct Replayed<M> {
    /// The last one.
    pub(super) journal: Journal,
    /// Bytes of the others.
    pub(super) old_bytes: u64,
    /// As of which the entries are.
    pub(super) mark: M,
    /// Bytes of a half-written tail that were cut off.
    pub(super) cut_bytes: u64,
}

/// What stands in one journal.
struct Contents<M> {
    mark: M,
    /// Bytes that are whole frames.
    good: usize,
    length: usize,
    next_sequence: u64,
}

/// Opens journals, which follow each other, and tells of the entries of each whole frame. Cuts off what a crash left
/// half-written of the last.
pub(super) fn open_all<M: Mark>(
    directory: &Path,
    numbers: &[u64],
    mut tell: impl FnMut(&[u8]) -> bool,
) -> Result<Replayed<M>, StateError> {
    let Some((last, before)) = numbers.split_last() else {
        let what = format!("its manifest names no journal: {}", super::MOVE_AWAY);
        return Err(StateError::corrupt(directory, what));
    };
    let (mut mark, mut old_bytes) = (None, 0);
    for number in before {
        let path = journal_path(directory, *number);
        let contents: Contents<M> = read_one(&path, *number, mark.as_ref(), &mut tell)?;
        // It was made durable before the next one was begun.
        if contents.good != contents.length {
            return Err(StateError::corrupt(&path, format!("a frame is damaged: {}", super::MOVE_AWAY)));
        }
        old_bytes += contents.length as u64;
        mark = Some(contents.mark);
    }
    let path = journal_path(directory, *last);
    let contents: Contents<M> = read_one(&path, *last, mark.as_ref(), &mut tell)?;
    let journal = Journal::go_on(&path, &contents)?;
    let cut_bytes = (contents.length - contents.good) as u64;
    Ok(Replayed { journal, old_bytes, mark: contents.mark, cut_bytes })
}

/// Reads a journal, which must begin with this mark if there was one before it.
fn read_one<M: Mark>(
    path: &Path,
    number: u64,
    begins_with: Option<&M>,
    tell: &mut impl FnMut(&[u8]) -> bool,
) -> Result<Contents<M>, StateError> {
    let bytes = fs::read(path).map_err(|source| StateError::io(path, "cannot be read", source))?;
    let damaged = |what: &str| StateError::corrupt(path, format!("{what}: {}", super::MOVE_AWAY));
    let (head_bytes, mut mark) = read_head::<M>(&bytes, number).map_err(damaged)?;
    if begins_with.is_some_and(|before| *before != mark) {
        return Err(damaged("it does not go on where the one before it ends"));
    }
    let mut good = head_bytes;
    let mut next_sequence = 0;
    while let Some(frame) = Frame::read(&bytes[good..], next_sequence) {
        // The CRC holds, so this is what was written.
        mark = frame.mark.parse().map_err(|_| damaged("a frame's mark is none"))?;
        if !tell(frame.entries) {
            return Err(damaged("a frame has no whole entries"));
        }
        good += frame.length;
        next_sequence += 1;
    }
    Ok(Contents { mark, good, length: bytes.len(), next_sequence })
}

impl Journal {
    /// Creates a journal, durably but for its name in the directory.
    pub(super) fn create<M: Mark>(path: &Path, number: u64, mark: &M) -> Result<Self, StateError> {
        let mut head = Vec::new();
        head.extend_from_slice(MAGIC);
        head.extend_from_slice(&VERSION.to_le_bytes());
        head.extend_from_slice(&number.to_le_bytes());
        push_mark(mark, &mut head);
        head.extend_from_slice(&crc32fast::hash(&head).to_le_bytes());
        let mut file = create_file(path)?;
        if let Err(source) = file.write_all(&head) {
            let _ = fs::remove_file(path);
            return Err(StateError::io(path, "cannot be written", source));
        }
        file.sync_all().map_err(|source| StateError::sync(path, source))?;
        Ok(Self::new(path, file, head.len() as u64, 0))
    }

    fn new(path: &Path, file: File, length: u64, next_sequence: u64) -> Self {
        Self {
            path: path.into(),
            file,
            length,
            next_sequence,
            is_dirty: false,
            failed: None,
            frame: Vec::new(),
        }
    }

    /// Opens a journal whose contents were read, and cuts off what is no whole frame.
    fn go_on<M>(path: &Path, contents: &Contents<M>) -> Result<Self, StateError> {
        let mut file = open_file(path)?;
        let good = contents.good as u64;
        if contents.length > contents.good {
            file.set_len(good).map_err(|source| StateError::io(path, "cannot be shortened", source))?;
        }
        // What was read is built upon, so it must be on disk, whoever wrote it.
        file.sync_all().map_err(|source| StateError::sync(path, source))?;
        file.seek(SeekFrom::End(0)).map_err(|source| StateError::io(path, "cannot be read", source))?;
        Ok(Self::new(path, file, good, contents.next_sequence))
    }

    /// Appends a batch. It is durable after [`sync`](Self::sync). After an error it is as if it had not been tried.
    pub(super) fn append<M: Mark>(&mut self, mark: &M, entries: &[u8]) -> Result<(), StateError> {
        self.check()?;
        self.frame.clear();
        self.frame.extend_from_slice(&[0; 4]);
        self.frame.extend_from_slice(&self.next_sequence.to_le_bytes());
        push_mark(mark, &mut self.frame);
        self.frame.extend_from_slice(entries);
        let Ok(length) = u32::try_from(self.frame.len()) else {
            let what = "a batch of more than 4 GiB cannot be noted: make batches smaller";
            return Err(StateError::new(StateErrorKind::Full, &self.path, what));
        };
        self.frame[..4].copy_from_slice(&length.to_le_bytes());
        let crc = crc32fast::hash(&self.frame);
        self.frame.extend_from_slice(&crc.to_le_bytes());
        self.is_dirty = true;
        if let Err(source) = self.file.write_all(&self.frame) {
            self.cut_off();
            return Err(StateError::io(&self.path, "cannot be written", source));
        }
        self.length += self.frame.len() as u64;
        self.next_sequence += 1;
        Ok(())
    }

    /// Takes back what a failed write left.
    fn cut_off(&mut self) {
        let cut = self.file.set_len(self.length).and_then(|()| self.file.seek(SeekFrom::End(0)));
        if cut.is_err() {
            self.failed = Some(StateErrorKind::Io);
        }
    }

    /// Makes durable what was appended.
    pub(super) fn sync(&mut self) -> Result<(), StateError> {
        self.check()?;
        if self.is_dirty {
            if let Err(source) = self.file.sync_data() {
                self.failed = Some(StateErrorKind::SyncFailed);
                return Err(StateError::sync(&self.path, source));
            }
            self.is_dirty = false;
        }
        Ok(())
    }

    fn check(&self) -> Result<(), StateError> {
        match self.failed {
            None => Ok(()),
            Some(kind) => {
                Err(StateError::new(kind, &self.path, "is not used any more after an error before"))
            }
        }
    }

    /// Returns its bytes.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Returns its file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

fn push_mark<M: Mark>(mark: &M, out: &mut Vec<u8>) {
    let text = mark.to_string();
    out.extend_from_slice(&(text.len() as u32).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

/// Returns the head's length and mark.
fn read_head<M: Mark>(bytes: &[u8], number: u64) -> Result<(usize, M), &'static str> {
    const DAMAGED: &str = "its head is damaged";
    let (magic, rest) = bytes.split_first_chunk::<8>().ok_or(DAMAGED)?;
    let (version, rest) = rest.split_first_chunk::<4>().ok_or(DAMAGED)?;
    let (own_number, rest) = rest.split_first_chunk::<8>().ok_or(DAMAGED)?;
    let (length, rest) = rest.split_first_chunk::<4>().ok_or(DAMAGED)?;
    let length = u32::from_le_bytes(*length) as usize;
    let (text, rest) = rest.split_at_checked(length).ok_or(DAMAGED)?;
    let (crc, rest) = rest.split_first_chunk::<4>().ok_or(DAMAGED)?;
    let head_bytes = bytes.len() - rest.len();
    let is_whole = crc32fast::hash(&bytes[..head_bytes - 4]) == u32::from_le_bytes(*crc);
    if magic != MAGIC || !is_whole || u64::from_le_bytes(*own_number) != number {
        return Err(DAMAGED);
    }
    if u32::from_le_bytes(*version) != VERSION {
        return Err("a newer release wrote it");
    }
    let mark = str::from_utf8(text).ok().and_then(|text| text.parse().ok()).ok_or(DAMAGED)?;
    Ok((head_bytes, mark))
}

struct Frame<'b> {
    length: usize,
    mark: &'b str,
    entries: &'b [u8],
}

impl<'b> Frame<'b> {
    /// Reads the first frame; `None` if it is not whole, or not the one of this number.
    fn read(bytes: &'b [u8], expected_sequence: u64) -> Option<Self> {
        let length = u32::from_le_bytes(*bytes.first_chunk::<4>()?) as usize;
        if length < FRAME_BYTES_MIN {
            return None;
        }
        let frame = bytes.get(..length)?;
        let crc = bytes.get(length..)?.first_chunk::<4>()?;
        if crc32fast::hash(frame) != u32::from_le_bytes(*crc) {
            return None;
        }
        let (sequence, rest) = frame.get(4..)?.split_first_chunk::<8>()?;
        let (text_length, rest) = rest.split_first_chunk::<4>()?;
        let (text, entries) = rest.split_at_checked(u32::from_le_bytes(*text_length) as usize)?;
        (u64::from_le_bytes(*sequence) == expected_sequence).then_some(Self {
            length: length + 4,
            mark: str::from_utf8(text).ok()?,
            entries,
        })
    }
}
