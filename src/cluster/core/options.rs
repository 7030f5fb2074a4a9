//! What the core may decide by itself, and how long it waits.

use crate::cluster::names::HostId;

/// Who the core works for, and its times in milliseconds. None of the times carries safety.
#[derive(Debug, Clone)]
pub struct CoreOptions {
    /// Our node.
    pub me: HostId,
    /// Digest of the settings that must agree between agents.
    pub settings: u128,
    /// Version of the program.
    pub version: Box<str>,
    /// An owner of whom nothing was read for this long, once more for each rank, may be taken over from.
    pub suspect_after_ms: u64,
    /// An owner whose beats say that its log stands still for this long, while changes are unconfirmed, may be too.
    pub stuck_after_ms: u64,
    /// How long a change that the ledger does not have is waited for, once more for each rank, before it is relayed.
    pub grace_ms: u64,
    /// How often an agent writes a beat.
    pub beat_interval_ms: u64,
    /// How often a record of the owners topic is written again that was not read back.
    pub repeat_interval_ms: u64,
    /// How long an agent must have been up with its log before it wants tokens back.
    pub hand_back_after_ms: u64,
    /// How many changes may be unconfirmed before reading waits for them.
    pub pending_max: usize,
}

/// The rules that carry safety, and some without which all would stand still. Each can be left out for one purpose alone: to
/// show that the simulation notices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each is a rule that a weakened variant lacks")]
pub struct Rules {
    /// R1: publish only when the own `OWN` was read back as the first of its generation.
    pub read_back: bool,
    /// R2: what own transactions hold that were not yet read back is known.
    pub in_flight_is_known: bool,
    /// R3: fence the owner before its tokens are taken.
    pub fence: bool,
    /// R3: read the ledger up to its high watermarks before tokens are taken.
    pub read_to_high_watermark: bool,
    /// R3: ask for the high watermarks after fencing, not before.
    pub fence_before_high_watermark: bool,
    /// R3: the high watermarks of all that ever owned tokens, not of the owner alone.
    pub all_former_owners: bool,
    /// R3: who died amid a transaction, and so hides its end of the ledger, is fenced too.
    pub fence_who_hides: bool,
    /// R3: of two claims of one generation the first counts.
    pub first_of_generation: bool,
    /// R4: forget what was owned after an outcome that is not known.
    pub new_session_after_unknown: bool,
    /// R4: no `OWN` before the session's `HELLO` is committed and the own partition was read to its end.
    pub hello_before_own: bool,
    /// R5: only what stands in the ledger is confirmed: no relay confirms.
    pub confirm_from_ledger: bool,
    /// R5: what is unconfirmed holds up the release of its segment.
    pub release_behind_audit: bool,
    /// R5: what was on its way with a session that ended is audited again.
    pub audit_again: bool,
    /// R6: release only when the outcome of the last transaction is known.
    pub release_after_outcome: bool,
    /// R6: a release of another session or generation is void.
    pub void_releases: bool,
    /// With new tokens, all that is unconfirmed in the log is read again from the audit position.
    pub rewind_after_take_over: bool,
    /// R7: what the settings exclude is answered too.
    pub answer_skipped: bool,
}

impl Rules {
    /// All of them: what an agent follows.
    pub const ALL: Self = Self {
        read_back: true,
        in_flight_is_known: true,
        fence: true,
        read_to_high_watermark: true,
        fence_before_high_watermark: true,
        all_former_owners: true,
        fence_who_hides: true,
        first_of_generation: true,
        new_session_after_unknown: true,
        hello_before_own: true,
        confirm_from_ledger: true,
        release_behind_audit: true,
        audit_again: true,
        release_after_outcome: true,
        void_releases: true,
        rewind_after_take_over: true,
        answer_skipped: true,
    };
}
