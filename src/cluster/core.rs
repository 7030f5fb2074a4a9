//! What an agent does for the cluster's protocol: events in, effects out. No I/O, no clock, no randomness.
//!
//! The runtime tells of everything that it reads and hears ([`Event`]), asks for each change of its log what to do with
//! it ([`Core::head`], [`Core::audit`], [`Core::relayed`]), and carries out what the core wants ([`Effect`]). All times are
//! milliseconds of a local monotonic clock, which [`Core::tick`] tells.
//!
//! One log is read at two positions. The *head* reads as early as allowed and publishes what this agent owns. The *audit*
//! reads behind it and looks for each change in the ledger: only what the ledger confirms is done with.

mod event;
mod options;

use std::collections::BTreeMap;

use super::names::{HostId, Keyspace, Token};
use crate::dedup::{KnownParts, Signature};

pub use self::{
    event::{AuditVerdict, Effect, Event, HeadVerdict, Outcome, Placement, RankedRange, Transaction},
    options::{CoreOptions, Rules},
};

/// The protocol's state in one agent. `I` is what the ledger said, as far as it was read: it is looked up and filed by the
/// core alone, and made durable by the runtime together with [`ledger_positions`](Self::ledger_positions).
#[derive(Debug)]
pub struct Core<I> {
    options: CoreOptions,
    rules: Rules,
    index: I,
    ledger: BTreeMap<HostId, u64>,
}

#[allow(unused_variables, clippy::todo, clippy::unused_self, missing_docs)]
impl<I: KnownParts> Core<I> {
    /// Begins, with the index as of these positions of the ledger's partitions (a host that is not named: 0). The first
    /// effect is given by the first tick.
    pub fn new(options: CoreOptions, rules: Rules, index: I, ledger: BTreeMap<HostId, u64>) -> Self {
        Self { options, rules, index, ledger }
    }

    /// Takes in what happened.
    pub fn handle(&mut self, event: Event) -> Result<(), I::Error> {
        todo!()
    }

    /// Tells the time, in milliseconds of a monotonic clock, and does what is due. To be called before other events at that
    /// time, and at least every 100 ms.
    pub fn tick(&mut self, now_ms: u64) -> Result<(), I::Error> {
        todo!()
    }

    /// Returns the next effect.
    pub fn next_effect(&mut self) -> Option<Effect> {
        todo!()
    }

    /// Says what to do with a change that the head reads.
    pub fn head(
        &mut self,
        keyspace: &Keyspace,
        token: Token,
        signature: &Signature,
    ) -> Result<HeadVerdict, I::Error> {
        todo!()
    }

    /// Says what to do with a change that an auditor sent.
    pub fn relayed(
        &mut self,
        keyspace: &Keyspace,
        token: Token,
        signature: &Signature,
    ) -> Result<HeadVerdict, I::Error> {
        todo!()
    }

    /// Instead of [`head`](Self::head) or [`relayed`](Self::relayed), for a change that the settings exclude: where its token
    /// is ours, it is filed as skipped with the open batch.
    pub fn skip(&mut self, keyspace: &Keyspace, token: Token, signature: &Signature) -> Result<(), I::Error> {
        todo!()
    }

    /// Looks for a change of the own log in the ledger. Positions grow from call to call, but after a restart and after
    /// [`AuditVerdict::Full`].
    pub fn audit(
        &mut self,
        position: u64,
        keyspace: &Keyspace,
        token: Token,
        signature: &Signature,
    ) -> Result<AuditVerdict, I::Error> {
        todo!()
    }

    /// Returns the lowest position that was audited and is unconfirmed. `None`: all that was audited is confirmed.
    pub fn audit_low(&self) -> Option<u64> {
        todo!()
    }

    /// Closes the open batch: what was to be published since the last call becomes a transaction, which comes as
    /// [`Effect::Commit`]. To be called when a batch is full or old enough, and when [`wants_seal`](Self::wants_seal); does nothing if there is
    /// nothing to say. Transactions may be sealed while others have not ended.
    pub fn seal(&mut self) {
        todo!()
    }

    /// Returns true if a beat is due: the open batch shall be closed.
    pub fn wants_seal(&self) -> bool {
        todo!()
    }

    /// Returns up to where each partition of the ledger has been read and filed in the index.
    pub fn ledger_positions(&self) -> &BTreeMap<HostId, u64> {
        &self.ledger
    }

    /// Returns the index, to make it durable.
    pub fn index(&mut self) -> &mut I {
        &mut self.index
    }

    /// Returns true if changes of this token are published by this agent now.
    pub fn owns(&self, keyspace: &Keyspace, token: Token) -> bool {
        todo!()
    }
}
