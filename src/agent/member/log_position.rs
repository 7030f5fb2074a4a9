//! Where in the log a member reads: one reader, two positions.
//!
//! The *head* is how far the log was read for publishing, the *audit* how far it was compared with the ledger. Mostly they are
//! the same. When too much is unconfirmed, the audit stands and the head goes on alone; when there is room again, reading goes
//! back to where the audit stands, and what the head has passed already is only audited. When the agent got new tokens, the
//! head goes back instead, and what the audit has passed already is only published.

use std::time::{Duration, Instant};

use cassandra_commitlog::Position;

use crate::checkpoint::Progress;

/// The two positions, and which of them reading moves.
#[derive(Debug)]
pub(super) struct LogPosition {
    pub(super) head: Progress,
    pub(super) audit: Progress,
    /// How far the log was read at all.
    pub(super) furthest: Progress,
    /// What is read now is not audited: the audit stands further back.
    audit_stands: bool,
    /// When reading went to where it is.
    since: Instant,
}

/// How long reading stays with one of the positions while the other one waits.
const SLICE: Duration = Duration::from_millis(500);

impl LogPosition {
    /// Begins where the audit has come to.
    pub(super) fn at(audit: Progress) -> Self {
        Self {
            head: audit.clone(),
            furthest: audit.clone(),
            audit,
            audit_stands: false,
            since: Instant::now(),
        }
    }

    /// Returns true if what is read now is not to be audited.
    pub(super) fn audit_stands(&self) -> bool {
        self.audit_stands
    }

    /// Returns true if the entry that ends here is to be looked at by the head.
    pub(super) fn is_head(&self, position: Position) -> bool {
        !self.head.covers(position)
    }

    /// Returns true if it is to be audited.
    pub(super) fn is_audit(&self, position: Position) -> bool {
        !self.audit_stands && !self.audit.covers(position)
    }

    /// Notes that an entry was read, and audited if it was to be.
    pub(super) fn read_to(&mut self, position: Position) {
        self.head.read_to(position);
        self.furthest.read_to(position);
        if !self.audit_stands {
            self.audit.read_to(position);
        }
    }

    /// Notes that a segment was read to its end.
    pub(super) fn finish(&mut self, segment: i64) {
        self.head.finish(segment);
        self.furthest.finish(segment);
        if !self.audit_stands {
            self.audit.finish(segment);
        }
    }

    /// Lets go of a segment that cannot come back.
    pub(super) fn forget(&mut self, segment: i64) {
        for progress in [&mut self.head, &mut self.audit, &mut self.furthest] {
            progress.forget(segment);
        }
    }

    /// Returns true if the head has passed where the audit is.
    pub(super) fn audit_is_behind(&self) -> bool {
        self.audit != self.head && self.head.includes(&self.audit)
    }

    /// Returns true if what is read next was never read.
    pub(super) fn is_at_furthest(&self) -> bool {
        self.audit_stands || !self.audit_is_behind()
    }

    /// There is no room for what is unconfirmed: the audit stands where it is. Returns where reading goes to, if it is not there.
    pub(super) fn stop_audit(&mut self) -> Option<Progress> {
        let is_behind = self.audit_is_behind();
        self.audit_stands = true;
        self.since = Instant::now();
        is_behind.then(|| self.head.clone())
    }

    /// Returns where reading goes to if it is time to do so: back to the audit when there is room again, and in turns while the
    /// log grows faster than it is audited. `is_idle`: everything that is readable was read.
    pub(super) fn turn(&mut self, has_room: bool, is_idle: bool) -> Option<Progress> {
        let is_over = self.since.elapsed() >= SLICE;
        if self.audit_stands {
            if !has_room || !(is_idle || is_over) {
                return None;
            }
            self.audit_stands = false;
            self.since = Instant::now();
            return Some(self.audit.clone());
        }
        if is_over && self.audit_is_behind() {
            return self.stop_audit();
        }
        None
    }

    /// The head goes back to this progress, which the audit covers. Returns where reading goes to.
    pub(super) fn rewind_head(&mut self, to: Progress) -> Progress {
        self.head = to.clone();
        self.audit_stands = false;
        self.since = Instant::now();
        to
    }

    /// The audit goes back to this progress. Returns where reading goes to.
    pub(super) fn rewind_audit(&mut self, to: Progress) -> Progress {
        self.audit = to;
        self.audit_stands = false;
        self.since = Instant::now();
        if self.audit_is_behind() || self.audit == self.head { self.audit.clone() } else { self.head.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(text: &str) -> Progress {
        text.parse().unwrap()
    }

    fn position(segment: i64, offset: u64) -> Position {
        Position { segment, offset }
    }

    #[test]
    fn head_and_audit_move_together() {
        let mut log = LogPosition::at(progress("5=10"));
        let next = position(5, 20);
        assert!(log.is_head(next) && log.is_audit(next));
        log.read_to(next);
        log.finish(5);
        assert_eq!((&log.head, &log.audit), (&progress("5"), &progress("5")));
        assert!(log.is_at_furthest() && log.turn(true, true).is_none());
    }

    #[test]
    fn the_head_goes_on_alone_and_the_audit_follows() {
        let mut log = LogPosition::at(progress("5=10"));
        assert_eq!(log.stop_audit(), None, "reading is there");
        log.read_to(position(5, 20));
        log.finish(5);
        log.read_to(position(6, 10));
        assert_eq!((&log.head, &log.audit), (&progress("5,6=10"), &progress("5=10")));
        assert_eq!(log.turn(false, true), None, "no room yet");
        assert_eq!(log.turn(true, true), Some(progress("5=10")));
        let again = position(5, 20);
        assert!(!log.is_head(again) && log.is_audit(again) && !log.is_at_furthest());
        log.read_to(again);
        // Again no room: the head is where it was.
        assert_eq!(log.stop_audit(), Some(progress("5,6=10")));
        assert_eq!(log.turn(true, true), Some(progress("5=20")));
        log.finish(5);
        log.read_to(position(6, 10));
        assert!(!log.audit_is_behind());
        assert_eq!(log.audit, log.head);
    }

    #[test]
    fn with_new_tokens_the_head_reads_again_what_is_audited() {
        let mut log = LogPosition::at(progress("5=50"));
        log.read_to(position(5, 60));
        assert_eq!(log.rewind_head(progress("5=20")), progress("5=20"));
        assert!(log.is_head(position(5, 30)) && !log.is_audit(position(5, 30)));
        log.read_to(position(5, 60));
        assert!(log.is_audit(position(5, 70)));
        // After the end of a session the audit goes back too, and further.
        assert_eq!(log.rewind_audit(progress("5=10")), progress("5=10"));
        assert!(log.is_audit(position(5, 20)) && !log.is_head(position(5, 20)));
        log.rewind_head(progress("5=10"));
        assert!(log.is_head(position(5, 20)));
    }
}
