//! How well the agent itself is: only who is may own tokens.

use std::time::Instant;

/// What the agent knows of itself.
#[derive(Debug, Default)]
pub(super) struct Standing {
    /// Since when the node does not answer, and why.
    pub(super) node_down: Option<(Instant, String)>,
    /// Why the log can't be read now.
    pub(super) source_error: Option<String>,
    /// Whether the core was told that it may own tokens.
    pub(super) is_able: bool,
    /// Why it may not.
    pub(super) not_able_because: Option<String>,
    /// As of when, in the ledger's time, everything that was readable was read and audited.
    pub(super) audited_ms: u64,
    /// Everything that is readable is published, by whomever, and the ledger says so.
    pub(super) is_caught_up: bool,
    /// A segment was read to its end since the last checkpoint: with the next one it may be released.
    pub(super) has_finished: bool,
}
