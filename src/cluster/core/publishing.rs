//! What the owner publishes, and what its transactions say (R1, R2, R7).

use super::{
    Core, Effect, HeadVerdict, Transaction,
    in_flight::{Sealed, SealedTransactions},
    owners::Ownership,
};
use crate::{
    cluster::{
        names::{Keyspace, Token},
        record::{LedgerKind, LedgerRecord},
    },
    dedup::{Atom, ChangeId, KnownParts, Part, Signature},
};

/// Transactions, beats, and passes over the log: what may be said to be done.
#[derive(Debug, Default)]
pub(super) struct Passes {
    /// Number of the last transaction; grows over sessions.
    last_transaction: u64,
    sealed: SealedTransactions,
    /// The session's last beat, and when it was sealed.
    beat: u64,
    pub(super) beat_ms: u64,
    /// The last beat that had been sealed when the pass in hand began.
    pass: Option<u64>,
    /// What the last pass did, to be told when the open batch is committed.
    passed: Option<u64>,
    /// All that the log held at this beat is published.
    done: u64,
    /// When a pass last ended.
    pub(super) pass_ended_ms: Option<u64>,
    /// Tokens that were ours by this record of the owners topic are begun with.
    known_owners: u64,
}

impl Passes {
    /// Returns what holds over sessions.
    pub(super) fn of_new_session(&self) -> Self {
        Self { last_transaction: self.last_transaction, ..Self::default() }
    }

    pub(super) fn next_transaction(&mut self) -> u64 {
        self.last_transaction += 1;
        self.last_transaction
    }

    pub(super) fn sealed(&mut self, number: u64, done: Option<u64>) {
        self.sealed.push_back(Sealed { number, done });
    }

    pub(super) fn is_outstanding(&self, number: u64) -> bool {
        self.sealed.iter().any(|sealed| sealed.number == number)
    }

    pub(super) fn committed(&mut self, up_to: u64) {
        while let Some(sealed) = self.sealed.front().filter(|sealed| sealed.number <= up_to) {
            self.done = self.done.max(sealed.done.unwrap_or(0));
            self.sealed.pop_front();
        }
    }

    /// Returns true if the outcome of all transactions up to this one is known.
    pub(super) fn has_ended(&self, number: u64) -> bool {
        // One that is still the open batch has not.
        number <= self.last_transaction && self.sealed.front().is_none_or(|sealed| sealed.number > number)
    }

    pub(super) fn last_transaction(&self) -> u64 {
        self.last_transaction
    }

    /// Begins anew with the log: what was read before says nothing of new tokens.
    pub(super) fn forget_pass(&mut self) {
        (self.pass, self.passed, self.pass_ended_ms) = (None, None, None);
    }
}

/// Whether all of a change is known.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// It is.
    All,
    /// It is not, and may be when something is filed under one of the change's identities or of these.
    NotAll {
        /// Under which bounds of known ranges are still to come.
        awaited: Vec<ChangeId>,
    },
}

impl<I: KnownParts> Core<I> {
    /// Says what to do with a change that the head reads, or that an auditor sent: an owner answers each of these by publishing
    /// it, unless it is known.
    pub fn head(
        &mut self,
        keyspace: &Keyspace,
        token: Token,
        signature: &Signature,
    ) -> Result<HeadVerdict, I::Error> {
        self.decide(keyspace, token, signature, false)
    }

    /// Instead of [`head`](Self::head), for a change that the settings exclude: where its token
    /// is ours, it is filed as skipped with the open batch.
    pub fn skip(&mut self, keyspace: &Keyspace, token: Token, signature: &Signature) -> Result<(), I::Error> {
        if self.rules.answer_skipped {
            self.decide(keyspace, token, signature, true)?;
        }
        Ok(())
    }

    fn decide(
        &mut self,
        keyspace: &Keyspace,
        token: Token,
        signature: &Signature,
        is_skipped: bool,
    ) -> Result<HeadVerdict, I::Error> {
        if !self.owns(keyspace, token) {
            return Ok(HeadVerdict::NotOwned);
        }
        self.look_up(signature, self.rules.in_flight_is_known)?;
        let parts = new_parts(signature, &self.looked_up);
        if !parts.contains(&true) {
            return Ok(HeadVerdict::Known);
        }
        let own = self.looked_up.first().map_or(&[][..], Vec::as_slice);
        let filed = self.in_flight.file(signature, &parts, own, is_skipped);
        self.own_way.filed(filed);
        Ok(HeadVerdict::Publish { parts })
    }

    /// Looks up what is known at each of a change's places: in the ledger, and on its way there.
    /// Returns under which identities bounds of known ranges are still to come.
    pub(super) fn look_up(
        &mut self,
        signature: &Signature,
        with_in_flight: bool,
    ) -> Result<Vec<ChangeId>, I::Error> {
        let (index, in_flight) = (&mut self.index, &self.in_flight);
        signature.look_up(&mut self.looked_up, |place, atoms| {
            index.look_up(place, atoms)?;
            if with_in_flight {
                atoms.extend_from_slice(in_flight.get(place));
            }
            Ok(())
        })
    }

    /// Says whether all of a change is known.
    pub(super) fn known(&mut self, signature: &Signature, with_in_flight: bool) -> Result<Known, I::Error> {
        let awaited = self.look_up(signature, with_in_flight)?;
        Ok(if all_are_known(signature, &self.looked_up) { Known::All } else { Known::NotAll { awaited } })
    }

    /// Returns true if changes of this token are published by this agent now.
    pub fn owns(&self, keyspace: &Keyspace, token: Token) -> bool {
        let held = self.owners.get(keyspace, token);
        (self.is_ours(&held) && !self.releasing.has(keyspace, token, &held))
            || self.take_over.as_ref().is_some_and(|it| it.is_assumed(keyspace, token))
    }

    /// R1: read back as the first of its generation, and the map, read to the end, still says so.
    pub(super) fn is_ours(&self, held: &Ownership) -> bool {
        self.session().is_some_and(|session| held.owner == Some((self.options.me, session)))
            && !held.is_released
            && self.owners.is_confirmed(held)
    }

    /// Closes the open batch: what was to be published since the last call becomes a transaction, which comes as
    /// [`Effect::Commit`]. To be called when a batch is full or old enough, and when [`wants_seal`](Self::wants_seal); does
    /// nothing if there is nothing to say. Transactions may be sealed while others have not ended.
    pub fn seal(&mut self) {
        let Some(session) = self.session() else { return };
        let is_beat_due = self.is_beat_due();
        if self.in_flight.is_batch_empty() && !is_beat_due {
            return;
        }
        let number = self.passes.next_transaction();
        let (published, skipped) = self.in_flight.take_batch();
        let mut records = Vec::new();
        let mut push = |kind| records.push(LedgerRecord { session, kind });
        if !published.is_empty() {
            push(LedgerKind::Published(published));
        }
        if !skipped.is_empty() {
            push(LedgerKind::Skipped(skipped));
        }
        if is_beat_due {
            self.passes.beat += 1;
            self.passes.beat_ms = self.now_ms;
            push(LedgerKind::Beat { number: self.passes.beat, done: self.passes.done });
        }
        let done = self.passes.passed.take();
        self.passes.sealed(number, done);
        self.effects.push_back(Effect::Commit(Transaction { number, session, records }));
    }

    /// Returns true if a beat is due, or the outcome of what was published is waited for: the open batch shall be closed.
    pub fn wants_seal(&self) -> bool {
        self.session().is_some()
            && (self.is_beat_due() || self.releasing.waits() && !self.in_flight.is_batch_empty())
    }

    fn is_beat_due(&self) -> bool {
        self.passes.beat == 0 || self.now_ms >= self.passes.beat_ms + self.options.beat_interval_ms
    }

    pub(super) fn pass_begun(&mut self) {
        self.passes.pass = Some(self.passes.beat);
    }

    /// What the log held at the last beat before the pass is in the open batch, or before it.
    pub(super) fn pass_ended(&mut self) {
        let Some(beat) = self.passes.pass.take() else { return };
        self.passes.pass_ended_ms = Some(self.now_ms);
        if !self.in_flight.is_batch_empty() {
            self.passes.passed = Some(beat);
            return;
        }
        match self.passes.sealed.back_mut() {
            Some(last) => last.done = Some(beat),
            None => self.passes.done = self.passes.done.max(beat),
        }
    }

    /// When new tokens are ours, all that is unconfirmed is read again: nobody may have published it.
    pub(super) fn tokens_may_be_ours(&mut self) {
        if let Some(take_over) = &mut self.take_over {
            take_over.drop_decided(&self.owners);
        }
        let known = self.passes.known_owners;
        let is_news =
            self.owners.of(self.options.me).any(|(_, _, held)| held.said_by > known && self.is_ours(held));
        self.passes.known_owners = self.owners.count();
        if is_news {
            self.begin_with_new_tokens();
        }
    }

    pub(super) fn begin_with_new_tokens(&mut self) {
        self.passes.forget_pass();
        if self.rules.rewind_after_take_over {
            self.effects.push_back(Effect::RewindHead);
        }
    }
}

/// Says for each part of a change whether none of its filings is known.
pub(crate) fn new_parts(signature: &Signature, known: &[Vec<Atom>]) -> Vec<bool> {
    signature.parts.iter().map(|part| !is_part_known(part, known)).collect()
}

fn all_are_known(signature: &Signature, known: &[Vec<Atom>]) -> bool {
    signature.parts.iter().all(|part| is_part_known(part, known))
}

fn is_part_known(part: &Part, known: &[Vec<Atom>]) -> bool {
    let mut filings = part.looked_up.iter();
    filings.any(|(place, atom)| known.get(place as usize).is_some_and(|atoms| atoms.contains(&atom)))
}
