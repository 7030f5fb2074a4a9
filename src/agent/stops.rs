//! The two ways of ending.

use crate::sink::StopSignal;

/// What asks the agent to end. Clones are the same signals.
#[derive(Debug, Clone, Default)]
pub struct Stops {
    /// Publish what was read, then end.
    pub graceful: StopSignal,
    /// End at once; what is not committed is read again by the next run.
    pub now: StopSignal,
}
