//! Waiting within limits.

use std::time::{Duration, Instant};

use super::SinkError;
use crate::sink::StopSignal;

/// How long a commit that is under way may still take after the stop signal.
const STOP_GRACE: Duration = Duration::from_secs(5);

/// A time limit, cut short by the stop signal.
pub(super) struct Waiting<'w> {
    stop: &'w StopSignal,
    since: Instant,
    most: Duration,
    stopped: Option<Instant>,
}

impl<'w> Waiting<'w> {
    pub(super) fn new(stop: &'w StopSignal, most: Duration) -> Self {
        Self { stop, since: Instant::now(), most, stopped: None }
    }

    /// Returns an error when the time is over, or the stop signal was set a while ago.
    pub(super) fn check(&mut self, doing: &'static str) -> Result<(), SinkError> {
        if self.since.elapsed() > self.most {
            let reason = "the transaction's time limit is over".into();
            return Err(SinkError::Restart { doing, reason });
        }
        if self.stop.is_stopped() && self.stopped.get_or_insert_with(Instant::now).elapsed() > STOP_GRACE {
            return Err(SinkError::Stopped { doing });
        }
        Ok(())
    }
}
