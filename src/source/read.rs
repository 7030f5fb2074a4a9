//! Reading segment files that nobody writes any more.

use std::{
    fs::File,
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use cassandra_commitlog::segment::{
    Damage, DecoderOptions, Descriptor, Entry, FileState, Input, Poll, SegmentDecoder, SegmentEnd,
    SegmentError, SegmentFileName,
};

use crate::quarantine::QuarantineError;

/// How much is read at once. Larger reads gain nothing here; the window grows for what needs more.
const WINDOW_BYTES: usize = 256 << 10;

/// What stands in a segment.
#[derive(Debug)]
pub enum Event<'a> {
    /// The segment's header was read; comes before all entries.
    Header(&'a Descriptor),
    /// An entry.
    Entry(&'a Entry<'a>),
    /// Something was passed over.
    Damage(&'a Damage),
}

/// Why a segment could not be read (to its end).
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file could not be read.
    #[error("{path}: reading at offset {offset} failed")]
    Io {
        /// Which file.
        path: PathBuf,
        /// Where.
        offset: u64,
        /// Why.
        source: io::Error,
    },
    /// The segment is damaged beyond use, or not supported.
    #[error("{path}")]
    Segment {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: SegmentError,
    },
    /// What is noted beside a quarantined segment can't be read.
    #[error(transparent)]
    Quarantine(#[from] QuarantineError),
}

/// Reads segments one after the other, with one window on the file at a time.
pub struct SegmentReader {
    decoder: SegmentDecoder,
    window: Vec<u8>,
}

impl SegmentReader {
    /// Makes a reader; the options' file name is set anew for each file.
    pub fn new(options: DecoderOptions) -> Self {
        Self { decoder: SegmentDecoder::new(options), window: Vec::new() }
    }

    /// Returns the header of the segment that is, or was last, read.
    pub fn descriptor(&self) -> Option<&Descriptor> {
        self.decoder.descriptor()
    }

    /// Reads a whole file and hands over each event; `tell` ends it early by an
    /// error of its own.
    ///
    /// Returns how far the segment goes.
    pub fn read<E: From<ReadError>>(
        &mut self,
        path: &Path,
        name: Option<SegmentFileName>,
        mut tell: impl FnMut(Event<'_>) -> Result<(), E>,
    ) -> Result<SegmentEnd, E> {
        let io = |offset| move |source| ReadError::Io { path: path.into(), offset, source };
        let file = File::open(path).map_err(io(0))?;
        let file_length = file.metadata().map_err(io(0))?.len();
        self.decoder.reset(name);
        let (mut window_offset, mut window_bytes) = (0, 0);
        loop {
            let window = self.window.get(..window_bytes).unwrap_or_default();
            let input = Input { file_length, file_state: FileState::Final, window_offset, window };
            match self
                .decoder
                .poll(input)
                .map_err(|source| ReadError::Segment { path: path.into(), source })?
            {
                Poll::Header(header) => tell(Event::Header(header))?,
                Poll::Entry(entry) => tell(Event::Entry(&entry))?,
                Poll::Damage(damage) => tell(Event::Damage(&damage))?,
                Poll::Need(range) => {
                    window_offset = range.start;
                    let wanted =
                        (range.end - range.start).max(WINDOW_BYTES as u64).min(file_length - range.start);
                    window_bytes = wanted as usize;
                    if self.window.len() < window_bytes {
                        self.window.resize(window_bytes, 0);
                    }
                    let window = self.window.get_mut(..window_bytes).unwrap_or_default();
                    file.read_exact_at(window, window_offset).map_err(io(window_offset))?;
                }
                Poll::End(end) => return Ok(end),
                Poll::Wait => return Err(ReadError::from_wait(path, file_length).into()),
            }
        }
    }
}

impl ReadError {
    /// A final file never waits; should it ever, this is better than turning for ever.
    fn from_wait(path: &Path, offset: u64) -> Self {
        Self::Io { path: path.into(), offset, source: io::ErrorKind::UnexpectedEof.into() }
    }
}
