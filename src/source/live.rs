//! The live log of one node: its segments while they are being written, in order, each entry once.

mod chain;
mod checks;
mod choice;
mod directory;
mod error;
mod event;
mod inventory;
mod known;
mod move_file;
mod options;
mod position;
mod reading;
mod release;
mod space;
mod spool;
mod tail;
mod watch;

use std::{
    collections::BTreeSet,
    io,
    ops::Range,
    os::unix::fs::FileExt as _,
    time::{Duration, Instant},
};

use cassandra_commitlog::Position;
use inventory::{Inventory, Place};
use known::Known;
use tail::Tail;
use watch::Watch;

pub use self::{
    error::SourceError,
    event::{CdcSpace, Gap, LiveEvent, ReadOutcome, Released, Spooled, UnreadableReason, WakeReason},
    options::{LiveOptions, ReadAhead, Release, Start},
};
use crate::checkpoint::Progress;

/// Pauses between two looks at a growing segment: while entries came within [`ACTIVE`], and else.
const MARKED_PAUSES: [Duration; 2] = [Duration::from_millis(10), Duration::from_millis(25)];
const WRITTEN_PAUSES: [Duration; 2] = [Duration::from_millis(2), Duration::from_millis(10)];
/// The index is written every few seconds at most, and notified.
const SYNCED_PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(250)];
/// Most bytes of a damaged place that are read.
const BYTES_MAX: u64 = 64 << 20;
/// While a listing is due that can't be done, nobody turns in circles.
const SHORTEST_PAUSE: Duration = Duration::from_millis(2);
/// How long a log counts as active after its last entry.
const ACTIVE: Duration = Duration::from_secs(1);
/// Listing directories takes at most this part of the time.
const SCAN_SHARE: u32 = 20;

/// The live log of one node.
///
/// Segments are read in the order of their ids, each to its end before the next one is begun. What was read is the
/// caller's to note ([`Progress`]); after [`open`](Self::open), [`start`](Self::start) or [`seek`](Self::seek) says where to
/// begin. Then [`read`](Self::read) and [`wait`](Self::wait) take turns, and [`release`](Self::release) removes what is
/// durably done with.
///
/// Files are opened when they are seen and stay open until they are released, so that what is deleted under us is
/// still read; beyond [`open_files_max`](LiveOptions::open_files_max) only the oldest are. Memory does not grow with the
/// number of segments beyond a few words for each. Nothing here blocks but [`wait`](Self::wait).
pub struct LiveLog {
    options: LiveOptions,
    inventory: Inventory,
    watch: Watch,
    tail: Tail,
    known: Known,
    /// Gaps that were told, by their first ids.
    gaps_told: BTreeSet<i64>,
    /// Finished segments that were removed when they had no other name: nothing brings them back.
    gone: BTreeSet<i64>,
    /// When the directories were listed, and how long that took.
    last_scan: Option<(Instant, Duration)>,
    last_entry: Option<Instant>,
}

impl LiveLog {
    /// Opens the log's directories and lists them.
    ///
    /// An error names the directory that is missing, unreadable, or not writable although the options ask to remove
    /// segments from it, and what to do about it.
    pub fn open(options: LiveOptions) -> Result<Self, SourceError> {
        let inventory = Inventory::new(&options);
        checks::check(&options)?;
        let directories = [Place::Commitlog, Place::CdcRaw, Place::Spool];
        let directories = directories
            .into_iter()
            .filter_map(|place| Some(inventory.directory(place)?.to_owned()))
            .collect();
        let mut log = Self {
            tail: Tail::new(&options.decoder),
            watch: Watch::new(directories),
            inventory,
            options,
            known: Known::default(),
            gaps_told: BTreeSet::new(),
            gone: BTreeSet::new(),
            last_scan: None,
            last_entry: None,
        };
        log.scan()?;
        checks::check_sticky(&log.options)?;
        Ok(log)
    }

    /// Begins for the first time, without a stored progress. Returns the progress to begin with: nothing, or all that
    /// can be read now.
    pub fn start(&mut self, start: Start) -> Result<Progress, SourceError> {
        self.scan()?;
        let progress = match start {
            Start::Oldest => Progress::default(),
            Start::Now => self.readable_now()?,
        };
        self.seek(&progress)?;
        Ok(progress)
    }

    /// Goes to right behind a progress: a stored one, or an earlier one after what followed was given up. Segments
    /// that are open stay open.
    ///
    /// Gives an error with [`is_state`](SourceError::is_state) if the progress does not belong to these files: another
    /// id in the header, or a position behind a segment's end. The latter is only a warning if segments are read
    /// ahead of what is on disk, as the node may lose that; then reading goes on with the next segment.
    pub fn seek(&mut self, progress: &Progress) -> Result<(), SourceError> {
        self.tail.leave();
        self.known.seek(progress);
        self.scan()?;
        let begun: Vec<(i64, u64)> = self.known.positions().collect();
        for (id, offset) in begun {
            self.check_position(id, offset)?;
        }
        Ok(())
    }

    /// Sleeps until a notification comes, until it is time to look at the growing segment again (milliseconds,
    /// depending on [`ReadAhead`] and on whether entries came lately), or for `at_most`. After an error of
    /// [`read`](Self::read), wait longer than that.
    pub fn wait(&mut self, at_most: Duration) -> WakeReason {
        let pause = self.pause().min(at_most);
        if self.watch.wait(pause) { WakeReason::Notified } else { WakeReason::Timer }
    }

    fn pause(&self) -> Duration {
        self.look_pause().min(self.scan_pause()).max(SHORTEST_PAUSE)
    }

    /// Returns how long the directories need not be listed.
    fn scan_pause(&self) -> Duration {
        let Some((last, took)) = self.last_scan else {
            return Duration::ZERO;
        };
        // What was notified within the least time between two listings is not notified again.
        let interval =
            if self.watch.names_changed() { took * SCAN_SHARE } else { self.options.rescan_interval };
        interval.min(self.options.rescan_interval).saturating_sub(last.elapsed())
    }

    /// Returns how long the growing segment need not be looked at.
    fn look_pause(&self) -> Duration {
        if self.tail.segment().is_none() {
            return self.options.rescan_interval;
        }
        let [active, idle] = match self.options.read_ahead {
            ReadAhead::Synced => SYNCED_PAUSES,
            ReadAhead::Marked => MARKED_PAUSES,
            ReadAhead::Written => WRITTEN_PAUSES,
        };
        let is_active = self.last_entry.is_some_and(|last| last.elapsed() < ACTIVE);
        if is_active { active } else { idle }
    }

    /// Lists the directories, and opens what is new.
    fn scan(&mut self) -> Result<(), SourceError> {
        let begun = Instant::now();
        // Before the listing: what comes during it is listed again.
        let _ = self.watch.take_names_changed();
        self.inventory.scan()?;
        let known = &self.known;
        self.inventory.hold(|id| known.is_unread(id));
        self.known.list(self.inventory.segments.keys().copied());
        self.last_scan = Some((begun, begun.elapsed()));
        Ok(())
    }

    /// Lists the directories if names in them changed, or if it is time.
    fn scan_if_due(&mut self) -> Result<(), SourceError> {
        let Some((last, took)) = self.last_scan else {
            return self.scan();
        };
        let since = last.elapsed();
        if since >= self.options.rescan_interval {
            self.watch.renew_if_replaced();
            return self.scan();
        }
        // Names that change all the time must not keep us from reading.
        if since >= took * SCAN_SHARE && self.watch.take_names_changed() {
            return self.scan();
        }
        Ok(())
    }
}

impl LiveLog {
    /// Lists the directories if it is time or names in them changed, and opens what is new: for while nothing is read.
    pub fn look(&mut self) -> Result<(), SourceError> {
        self.scan_if_due()
    }

    /// Reads bytes of a segment's file, at most 64 MiB of them: for what damage passed over.
    pub fn bytes(&self, segment: i64, range: Range<u64>) -> io::Result<Vec<u8>> {
        let held = self.inventory.segments.get(&segment).and_then(|segment| segment.held.as_ref());
        let held = held.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        let wanted = range.end.saturating_sub(range.start).min(BYTES_MAX);
        let mut bytes = vec![0; usize::try_from(wanted).unwrap_or(0)];
        let mut read = 0;
        while let Some(rest) = bytes.get_mut(read..).filter(|rest| !rest.is_empty()) {
            match held.file.read_at(rest, range.start + read as u64)? {
                0 => break,
                count => read += count,
            }
        }
        bytes.truncate(read);
        Ok(bytes)
    }

    /// Returns true if the node has said that the entry that ends here is on disk, as far as was looked. A segment that is not
    /// there any more was.
    pub fn is_synced(&self, position: Position) -> bool {
        self.inventory
            .segments
            .get(&position.segment)
            .is_none_or(|segment| segment.completed || position.offset <= segment.synced)
    }

    /// Returns true if a segment is in one of the directories, or held open.
    pub fn has(&self, segment: i64) -> bool {
        self.inventory.segments.contains_key(&segment)
    }
}
