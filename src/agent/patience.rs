//! Waiting for room on a disk: what is not written yet is not lost, the log still has it.

use std::{sync::Arc, time::Duration};

use super::report::{REPEAT_INTERVAL, Report};
use crate::{
    checkpoint::{StateError, StateErrorKind},
    schema::live::LiveSchemaError,
    sink::StopSignal,
    telemetry::{AgentState, AgentStatus, Heartbeat, Repeats, Waiting},
};

/// How often it is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// Tries again what failed for want of room, until it works or the agent is asked to stop.
#[derive(Debug)]
pub(super) struct Patience {
    stop: StopSignal,
    status: Arc<AgentStatus>,
    heartbeat: Arc<Heartbeat>,
    told: Repeats,
}

/// An error of which some mean that a disk, a quota or a limit of ours is full.
pub(super) trait WantOfRoom: std::error::Error {
    /// Returns true if the same may work once there is room.
    fn is_want_of_room(&self) -> bool;
}

impl WantOfRoom for StateError {
    fn is_want_of_room(&self) -> bool {
        self.kind() == StateErrorKind::Full
    }
}

impl WantOfRoom for LiveSchemaError {
    fn is_want_of_room(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_want_of_room())
    }
}

impl Patience {
    pub(super) fn new(stop: StopSignal, report: &Report) -> Self {
        Self {
            stop,
            status: Arc::clone(report.status()),
            heartbeat: Arc::clone(report.heartbeat()),
            told: Repeats::new(REPEAT_INTERVAL),
        }
    }

    /// Attempts something until it does not fail for want of room any more.
    pub(super) fn wait_for_room<T, E: WantOfRoom + 'static>(
        &self,
        mut attempt: impl FnMut() -> Result<T, E>,
    ) -> Result<T, E> {
        let mut has_waited = false;
        loop {
            let error = match attempt() {
                Err(error) if error.is_want_of_room() => error,
                other => {
                    if has_waited {
                        self.status.set_state(AgentState::Running, "");
                    }
                    return other;
                }
            };
            let text = crate::error_text::with_causes(&error);
            if let Some(repeated) = self.told.admit() {
                tracing::error!(error = text, repeated, "nothing more can be stored; waiting for room");
            }
            self.status.set_state(AgentState::Blocked, text);
            self.heartbeat.wait_for(Waiting::Person);
            has_waited = true;
            if self.stop.wait(RETRY) {
                return Err(error);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::telemetry::ServiceManager;

    #[test]
    fn what_lacks_room_is_tried_until_there_is_some() {
        let status = Arc::new(AgentStatus::default());
        let report = Report::new(Arc::clone(&status), "p", ServiceManager::new(None, None));
        let patience = Patience::new(StopSignal::default(), &report);
        let full = || StateError::new(StateErrorKind::Full, Path::new("x"), "is full");
        let mut left = 1;
        let done = patience.wait_for_room(|| {
            if left == 0 {
                return Ok(());
            }
            left -= 1;
            Err(full())
        });
        assert!(done.is_ok());
        assert_eq!(status.state(), AgentState::Running);
    }

    #[test]
    fn other_errors_and_a_stop_end_the_waiting() {
        let stop = StopSignal::default();
        let report = Report::new(Arc::default(), "p", ServiceManager::new(None, None));
        let patience = Patience::new(stop.clone(), &report);
        let corrupt: Result<(), _> =
            patience.wait_for_room(|| Err(StateError::new(StateErrorKind::Corrupt, Path::new("x"), "")));
        assert_eq!(corrupt.unwrap_err().kind(), StateErrorKind::Corrupt);
        stop.stop();
        let full: Result<(), _> =
            patience.wait_for_room(|| Err(StateError::new(StateErrorKind::Full, Path::new("x"), "")));
        assert_eq!(full.unwrap_err().kind(), StateErrorKind::Full);
    }
}
