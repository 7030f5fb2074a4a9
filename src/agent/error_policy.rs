//! What the agent does about each kind of error of its sink.

use std::time::{Duration, Instant};

use crate::sink::kafka::{Fences, SinkError, SinkErrorKind};

/// What to do next.
#[derive(Debug)]
pub(super) enum Next {
    /// Connect again after this time, read back what is committed, and go on from there.
    ConnectAgain {
        /// How long to wait before.
        after: Duration,
    },
    /// End: it was asked for.
    Stop,
    /// End: a person must do something.
    Fail(SinkError),
}

/// Remembers what went wrong before, so that it is tried less and less often, and mutual fencing ends.
#[derive(Debug)]
pub(super) struct Recovery {
    in_a_row: u32,
    fences: Fences,
}

const WAIT_FIRST: Duration = Duration::from_millis(100);
const WAIT_MOST: Duration = Duration::from_secs(10);
/// Two agents of one host id shut each other out for ever; after so many times within this time both end.
const FENCES_MAX: usize = 5;
/// A member's peers do it too, less and less often; two members of one host id shut each other out every second.
const MEMBER_FENCES_MAX: usize = 30;
const FENCES_WITHIN: Duration = Duration::from_secs(600);

impl Default for Recovery {
    fn default() -> Self {
        Self { in_a_row: 0, fences: Fences::new(FENCES_MAX, FENCES_WITHIN) }
    }
}

impl Recovery {
    /// The policy of a cluster's member: its peers shut it out whenever they take it for dead, which is as it must be.
    pub(super) fn of_member() -> Self {
        Self { in_a_row: 0, fences: Fences::new(MEMBER_FENCES_MAX, FENCES_WITHIN) }
    }

    /// Decides. `has_committed`: something was committed since the last recovery, so this is a new trouble.
    pub(super) fn next(&mut self, error: SinkError, has_committed: bool, now: Instant) -> Next {
        if has_committed {
            self.in_a_row = 0;
        }
        let after = WAIT_MOST.min(WAIT_FIRST * 2u32.saturating_pow(self.in_a_row));
        self.in_a_row = self.in_a_row.saturating_add(1);
        match error.kind() {
            SinkErrorKind::Restart | SinkErrorKind::Denied | SinkErrorKind::Unavailable => {
                tracing::warn!(%error, wait_ms = after.as_millis() as u64, "kafka: connecting again, then going on from the committed position");
                Next::ConnectAgain { after }
            }
            SinkErrorKind::Fenced if self.fences.note(now) => Next::Fail(error),
            SinkErrorKind::Fenced => {
                tracing::warn!(%error, "kafka: another producer took over, or the transaction took too long; connecting again");
                Next::ConnectAgain { after: after.max(Duration::from_secs(1)) }
            }
            SinkErrorKind::Stopped => Next::Stop,
            SinkErrorKind::TooLarge | SinkErrorKind::Config | SinkErrorKind::State => Next::Fail(error),
        }
    }
}
