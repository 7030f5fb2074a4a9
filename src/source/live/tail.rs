//! Reading one segment while it grows, and to its end.

mod ahead;

use std::{
    fs::File,
    io,
    ops::{ControlFlow, Range},
    os::unix::fs::FileExt as _,
    sync::Arc,
    time::{Duration, Instant},
};

use cassandra_commitlog::segment::{
    Damage, DecoderOptions, Descriptor, FileState, Input, Poll, SegmentDecoder, SegmentEnd,
    entry::FRAME_BYTES,
};

use super::{
    chain::{Chain, Head, read_head},
    error::SourceError,
    event::{LiveEvent, UnreadableReason},
    inventory::Held,
};
use crate::source::SegmentFile;

/// How much is read at once; the window grows for what needs more.
const WINDOW_BYTES: u64 = 256 << 10;
/// A window that grew larger than this is given back with the segment.
const KEPT_WINDOW_BYTES: usize = 4 << 20;
/// What looks damaged in a growing file is read again after this time: writes to it need not appear in their order
/// (direct I/O). What then still looks so, is.
const SETTLE: Duration = Duration::from_secs(1);

/// Reads segments one after the other.
pub(super) struct Tail {
    decoder: SegmentDecoder,
    mutation_bytes_max: u32,
    window: Vec<u8>,
    current: Option<Current>,
    ahead: ahead::Buffer,
}

/// The segment that is being read.
struct Current {
    segment: SegmentFile,
    file: Arc<File>,
    /// True once nobody writes to it any more.
    is_final: bool,
    /// How far the markers of a growing segment reach.
    chain: Option<Chain>,
    /// What the decoder is told as the file's length: what may be read.
    limit: u64,
    /// What the window holds.
    window_offset: u64,
    window_bytes: usize,
    /// Where reading began: what the progress covered.
    begun_at: u64,
    /// Logical end of the last entry that was told, or `begun_at`.
    read_to: u64,
    /// True once the segment's beginning was told.
    is_told: bool,
    /// Damages that this pass through the segment came by.
    damages_seen: usize,
    /// Damages that were told; a new pass does not tell them again.
    damages_told: usize,
    doubt: Option<Doubt>,
}

/// Something looked damaged while the file grew.
#[derive(Debug, Clone, Copy)]
struct Doubt {
    since: Instant,
    /// What lies before this file offset is believed once the doubt has lasted.
    until: u64,
}

/// Why reading of a segment paused.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Run {
    /// There is nothing more now.
    Waits,
    /// The segment turned out to be over, or another one comes first.
    GoesOn,
    /// The budget is spent.
    BudgetSpent,
    /// `tell` broke off.
    Stopped,
    /// All has been read.
    Ended(SegmentEnd),
    /// The segment can't be read.
    Unreadable(UnreadableReason),
}

impl Tail {
    pub(super) fn new(options: &DecoderOptions) -> Self {
        Self {
            decoder: SegmentDecoder::new(options.clone()),
            mutation_bytes_max: options.limits.mutation_bytes,
            window: Vec::new(),
            current: None,
            ahead: ahead::Buffer::default(),
        }
    }

    /// Begins with a segment; entries up to the logical offset `read_to` are passed over.
    pub(super) fn begin(&mut self, held: &Held, read_to: u64) {
        self.decoder.reset(Some(held.segment.name));
        self.current = Some(Current {
            segment: held.segment.clone(),
            file: Arc::clone(&held.file),
            is_final: false,
            chain: None,
            limit: 0,
            window_offset: 0,
            window_bytes: 0,
            begun_at: read_to,
            read_to,
            is_told: false,
            damages_seen: 0,
            damages_told: 0,
            doubt: None,
        });
    }

    /// Leaves the segment in hand. Returns how far it was read.
    pub(super) fn leave(&mut self) -> Option<(i64, u64)> {
        if self.window.len() > KEPT_WINDOW_BYTES {
            self.window = Vec::new();
        }
        self.ahead.shrink();
        self.current.take().map(|current| (current.segment.name.id, current.read_to))
    }

    /// Returns the id of the segment in hand.
    pub(super) fn segment(&self) -> Option<i64> {
        self.current.as_ref().map(|current| current.segment.name.id)
    }

    /// Returns the file of the segment in hand.
    pub(super) fn file(&self) -> Option<&SegmentFile> {
        self.current.as_ref().map(|current| &current.segment)
    }

    /// Returns true if the segment in hand is read to its end for good.
    pub(super) fn is_final(&self) -> bool {
        self.current.as_ref().is_some_and(|current| current.is_final)
    }

    /// Returns the logical offset at which reading of the segment in hand began.
    pub(super) fn begun_at(&self) -> u64 {
        self.current.as_ref().map_or(0, |current| current.begun_at)
    }

    /// Returns how many bytes of the segment in hand its markers reach, or its file's length, beyond what was read.
    pub(super) fn unread_bytes(&self) -> u64 {
        let Some(current) = &self.current else {
            return 0;
        };
        current.limit.saturating_sub(current.window_offset)
    }

    /// Notes that nobody writes to the segment in hand any more: whatever it has now is read, to its end.
    pub(super) fn finalize(&mut self) -> Result<(), SourceError> {
        let Some(current) = &mut self.current else {
            return Ok(());
        };
        current.is_final = true;
        current.doubt = None;
        current.limit = current.length()?;
        // Nothing behind the last marker that was seen may be taken from the old window.
        current.window_bytes = 0;
        Ok(())
    }

    /// Looks how far the markers of the segment in hand reach, but not beyond a logical offset.
    pub(super) fn extend(&mut self, logical_bound: u64) -> Result<Result<(), UnreadableReason>, SourceError> {
        let Some(current) = self.current.as_mut().filter(|current| !current.is_final) else {
            return Ok(Ok(()));
        };
        if current.chain.is_none() {
            match read_head(&current.file).map_err(|source| current.error(0, source))? {
                Head::Whole(header) => {
                    if let Some(reason) = current.other_id(&header) {
                        return Ok(Err(reason));
                    }
                    current.chain = Some(Chain::new(&header));
                }
                Head::Unsure => return Ok(Ok(())),
                Head::Unsupported(error) => return Ok(Err(UnreadableReason::Segment(error))),
            }
        }
        if let Some(chain) = &mut current.chain {
            let advanced = chain.advance(&current.file, logical_bound);
            current.limit = chain.file_end;
            advanced.map_err(|source| current.error(current.limit, source))?;
        }
        Ok(Ok(()))
    }

    /// Tells what is readable of the segment in hand. `synced` is the logical offset up to which it is on disk.
    pub(super) fn run<E: From<SourceError>>(
        &mut self,
        budget: &mut u64,
        synced: u64,
        tell: &mut impl FnMut(LiveEvent<'_>) -> Result<ControlFlow<()>, E>,
    ) -> Result<Run, E> {
        let Self { decoder, window, current: Some(current), .. } = self else {
            return Ok(Run::Waits);
        };
        if !current.is_final && (current.chain.is_none() || current.is_in_doubt()) {
            return Ok(Run::Waits);
        }
        while *budget > 0 {
            let input = current.input(window);
            let poll = match decoder.poll(input) {
                Ok(poll) => poll,
                Err(error) => return Ok(Run::Unreadable(UnreadableReason::Segment(error))),
            };
            let flow = match poll {
                Poll::Need(range) => {
                    current.fill(window, range)?;
                    continue;
                }
                Poll::Header(header) => {
                    if let Some(reason) = current.other_id(header) {
                        return Ok(Run::Unreadable(reason));
                    }
                    if std::mem::replace(&mut current.is_told, true) {
                        continue;
                    }
                    tell(LiveEvent::SegmentStarted { file: &current.segment, header })?
                }
                Poll::Entry(entry) => {
                    *budget = budget.saturating_sub(entry.mutation.len() as u64 + FRAME_BYTES);
                    let end = entry.position.offset;
                    if end <= current.read_to {
                        continue;
                    }
                    current.read_to = end;
                    tell(LiveEvent::Entry { entry: &entry, early: !current.is_final && end > synced })?
                }
                Poll::Damage(damage) => match current.judge(&damage) {
                    Judgement::Doubtful => {
                        current.start_over();
                        decoder.reset(Some(current.segment.name));
                        return Ok(Run::Waits);
                    }
                    Judgement::Known => continue,
                    Judgement::New => tell(LiveEvent::Damage(&damage))?,
                },
                Poll::Wait => return Ok(Run::Waits),
                Poll::End(end) => return Ok(Run::Ended(end)),
            };
            if flow.is_break() {
                return Ok(Run::Stopped);
            }
        }
        Ok(Run::BudgetSpent)
    }
}

enum Judgement {
    /// It may be a write that is not all there yet: look again later.
    Doubtful,
    /// It was told before, or the progress covers it.
    Known,
    New,
}

impl Current {
    fn error(&self, offset: u64, source: io::Error) -> SourceError {
        SourceError::Read { path: self.segment.path.clone(), offset, source }
    }

    fn length(&self) -> Result<u64, SourceError> {
        self.file.metadata().map(|metadata| metadata.len()).map_err(|source| self.error(0, source))
    }

    fn input<'w>(&self, window: &'w [u8]) -> Input<'w> {
        Input {
            file_length: self.limit,
            file_state: if self.is_final { FileState::Final } else { FileState::Growing },
            window_offset: self.window_offset,
            window: window.get(..self.window_bytes).unwrap_or_default(),
        }
    }

    fn other_id(&self, header: &Descriptor) -> Option<UnreadableReason> {
        let name = self.segment.name.id;
        (header.id != name).then_some(UnreadableReason::HeaderId { header: header.id, name })
    }

    /// Reads a range of the file, and what follows, into the window.
    fn fill(&mut self, window: &mut Vec<u8>, range: Range<u64>) -> Result<(), SourceError> {
        let left = self.limit.saturating_sub(range.start);
        let wanted = (range.end - range.start).max(WINDOW_BYTES).min(left) as usize;
        (self.window_offset, self.window_bytes) = (range.start, 0);
        if window.len() < wanted {
            window.resize(wanted, 0);
        }
        match self.file.read_exact_at(window.get_mut(..wanted).unwrap_or_default(), range.start) {
            Ok(()) => self.window_bytes = wanted,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                // Somebody cut the file: go on with what is left of it, and tell it as damage.
                let length = self.length()?;
                if length >= self.limit {
                    return Err(self.error(range.start, error));
                }
                self.limit = length;
            }
            Err(error) => return Err(self.error(range.start, error)),
        }
        Ok(())
    }

    fn is_in_doubt(&self) -> bool {
        self.doubt.is_some_and(|doubt| doubt.since.elapsed() < SETTLE)
    }

    fn judge(&mut self, damage: &Damage) -> Judgement {
        if self.damages_seen < self.damages_told {
            self.damages_seen += 1;
            return Judgement::Known;
        }
        if !self.is_final && self.doubt.is_none_or(|doubt| damage.noticed_at >= doubt.until) {
            self.doubt = Some(Doubt { since: Instant::now(), until: self.limit });
            return Judgement::Doubtful;
        }
        self.damages_seen += 1;
        self.damages_told += 1;
        let lost_to = damage.lost_logical.end;
        if lost_to > 0 && lost_to <= self.begun_at { Judgement::Known } else { Judgement::New }
    }

    /// Reads the segment from its beginning again; what was told is not told again.
    fn start_over(&mut self) {
        self.window_bytes = 0;
        self.damages_seen = 0;
    }
}
