//! How often what happened: faults, and branches of the protocol as they show from outside.

/// Makes the kinds and their names.
macro_rules! kinds {
    ($($kind:ident $text:literal)*) => {
        /// What is counted.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[allow(missing_docs, reason = "named as they are printed")]
        pub enum Kind { $($kind),* }

        /// All of them with their names, in the order of the table.
        pub const KINDS: &[(Kind, &str)] = &[$((Kind::$kind, $text)),*];
    };
}

kinds! {
    Write "writes"
    WriteExcluded "writes that the settings exclude"
    Logged "row changes logged"
    LoggedTwice "row changes logged again by the same node"
    LoggedPart "parts of row changes logged"
    Dropped "copies dropped on their way"
    Hinted "copies hinted"
    Alone "writes that only one replica logged"
    Topology "changes of who replicates what"
    NodeDown "nodes down"
    Crash "agents crashed"
    CrashAtEffect "agents crashed amid an effect"
    Died "agents that died for good with a transaction open"
    OldCheckpoint "restarts from the checkpoint before"
    LostIndex "restarts without an index"
    Pause "agents paused"
    Cut "agents cut off"
    Outage "outages of the brokers"
    Stall "readers stalled"
    Left "agents that left politely"
    LeaveTimedOut "agents that were killed while leaving"
    Unable "agents unable to own"
    ProducerLost "producers reported as lost"
    RequestSlow "requests slow"
    RequestLost "requests lost"
    RequestRepeated "requests repeated"
    TransactionTimedOut "transactions timed out by the coordinator"
    Initialised "sessions"
    Committed "transactions committed"
    Aborted "transactions aborted by their producer"
    FencedOutcome "transactions of fenced producers"
    UnknownCommitted "unknown outcomes: had committed"
    UnknownOpen "unknown outcomes: under way"
    UnknownNot "unknown outcomes: had not begun"
    UnknownLater "unknown outcomes: committed afterwards"
    FenceSent "fences asked for"
    WokenAtFence "agents that woke while others fenced them"
    FenceAborted "fences and initialisations that aborted a transaction"
    FenceAbortedGone "fences that ended a dead agent's transaction, which would not have timed out"
    LedgerAtStableEnd "ends of a ledger hidden by an open transaction, all before it read"
    OwnFirst "taken: nobody owned it"
    OwnReleased "taken: released"
    OwnFenced "taken: owner fenced"
    OwnFencedBefore "taken: an OWN says that the owner was fenced"
    OwnOwnSession "taken: owned by an older session of the same host"
    OwnOtherSession "taken: the ledger shows another session of the owner"
    OwnLost "claims that came too late"
    OwnRepeated "claims repeated"
    Release "releases that count"
    ReleaseVoid "releases that are void"
    Want "wishes"
    RelaySent "relays sent"
    RelayPublished "relays answered: published"
    RelayPartly "relays answered: published in part"
    RelayKnown "relays answered: known"
    RelayNotOwned "relays answered: not the owner"
    RelaySkipped "relays answered: skipped"
    HeadPublished "changes published"
    HeadPartly "changes published in part"
    HeadKnown "changes known at the head"
    HeadInFlight "changes known only from own transactions"
    HeadNotOwned "changes of others' tokens"
    HeadSkipped "changes skipped"
    AuditConfirmed "changes confirmed at once"
    AuditPending "changes unconfirmed at first"
    AuditOnItsWay "changes on their way with own transactions"
    AuditFull "changes that had to wait"
    AuditAgain "audits begun again after a session"
    Rewind "heads rewound"
    Checkpoint "checkpoints"
    Released "row changes released"
    Converged "schedules that came right"
}

/// The counts.
#[derive(Debug, Clone)]
pub struct Tally {
    counts: [u64; KINDS.len()],
}

impl Default for Tally {
    fn default() -> Self {
        Self { counts: [0; KINDS.len()] }
    }
}

impl Tally {
    /// Counts one.
    pub fn count(&mut self, kind: Kind) {
        self.counts[kind as usize] += 1;
    }

    /// Returns how many there were.
    pub fn get(&self, kind: Kind) -> u64 {
        self.counts[kind as usize]
    }

    /// Adds others.
    pub fn add(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(other.counts) {
            *count += more;
        }
    }

    /// Returns lines of a table.
    pub fn lines(&self) -> impl Iterator<Item = (&'static str, u64)> {
        KINDS.iter().map(|(kind, name)| (*name, self.get(*kind)))
    }
}
