//! Which of the audited changes are on their way with own transactions: they need not be remembered one by one.

use std::collections::VecDeque;

use crate::cluster::record::Entry;

/// Counts the fingerprints that the session has filed and read back: the own partition of the ledger is read in the order in
/// which its transactions were sealed, so with a count all before it is there.
#[derive(Debug, Default)]
pub(super) struct OwnWay {
    filed: u64,
    read_back: u64,
    /// What must have been read back, and the lowest position of what is there then. The counts grow.
    positions: VecDeque<(u64, u64)>,
    /// What was on its way when a session ended, until it is audited again.
    lost: Option<u64>,
}

impl OwnWay {
    /// Counts what goes into the open batch.
    pub(super) fn filed(&mut self, fingerprints: usize) {
        self.filed += fingerprints as u64;
    }

    /// Counts what was read back of this session.
    pub(super) fn read_back(&mut self, entries: &[Entry]) {
        self.read_back += entries.iter().map(|entry| entry.atoms.len() as u64).sum::<u64>();
        while self.positions.front().is_some_and(|(count, _)| *count <= self.read_back) {
            self.positions.pop_front();
        }
    }

    /// Notes a change of which all stands in the ledger when what is filed by now was read back.
    pub(super) fn audited(&mut self, position: u64) {
        match self.positions.back_mut() {
            Some((count, lowest)) if *count == self.filed => *lowest = position.min(*lowest),
            _ => self.positions.push_back((self.filed, position)),
        }
    }

    /// Notes that a position is audited once more.
    pub(super) fn audits(&mut self, position: u64) {
        if self.lost.is_some_and(|lost| position <= lost) {
            self.lost = None;
        }
    }

    /// Returns the lowest position whose change is not in the ledger yet.
    pub(super) fn lowest(&self) -> Option<u64> {
        self.positions.iter().map(|(_, lowest)| *lowest).chain(self.lost).min()
    }

    /// Begins anew with a session. Returns from where the log must be audited again: nobody knows what became of it.
    pub(super) fn begin_session(&mut self, audits_again: bool) -> Option<u64> {
        let lost = self.lowest().filter(|_| audits_again);
        *self = Self { lost, ..Self::default() };
        lost
    }
}
