//! Changes of the own log that the ledger does not have yet, and when they are relayed.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ops::Range,
};

use foldhash::fast::FixedState;

use crate::{
    cluster::names::{HostId, Keyspace, Session, Token},
    dedup::{ChangeId, Signature},
};

/// A change of the own log that is unconfirmed.
#[derive(Debug)]
pub(super) struct PendingChange {
    pub(super) keyspace: Keyspace,
    pub(super) token: Token,
    pub(super) signature: Signature,
    /// Identities beside its own that it may be confirmed by.
    watched: Vec<ChangeId>,
    pub(super) since_ms: u64,
    pub(super) stage: Stage,
    /// When it is looked at again.
    due_ms: u64,
    /// How often it was sent.
    pub(super) sent: u32,
}

/// What is waited for before it is relayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// That it comes by itself.
    Grace,
    /// That this owner says that it has published all of its log up to a beat after this one.
    Beat { owner: (HostId, Session), after: u64 },
}

/// Unconfirmed changes by their position in the log.
#[derive(Debug, Default)]
pub(super) struct Pending {
    changes: BTreeMap<u64, PendingChange>,
    by_id: HashMap<ChangeId, Vec<u64>, FixedState>,
    due: BTreeSet<(u64, u64)>,
}

impl Pending {
    pub(super) fn len(&self) -> usize {
        self.changes.len()
    }

    pub(super) fn lowest(&self) -> Option<u64> {
        self.changes.keys().next().copied()
    }

    pub(super) fn contains(&self, position: u64) -> bool {
        self.changes.contains_key(&position)
    }

    pub(super) fn any_in(&self, positions: Range<u64>) -> bool {
        self.changes.range(positions).next().is_some()
    }

    pub(super) fn get(&self, position: u64) -> Option<&PendingChange> {
        self.changes.get(&position)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &PendingChange)> {
        self.changes.iter().map(|(position, change)| (*position, change))
    }

    pub(super) fn insert(
        &mut self,
        position: u64,
        (keyspace, token, signature): (&Keyspace, Token, &Signature),
        now_ms: u64,
        due_ms: u64,
    ) {
        for place in &signature.places {
            self.by_id.entry(place.id).or_default().push(position);
        }
        self.due.insert((due_ms, position));
        let change = PendingChange {
            keyspace: Keyspace::clone(keyspace),
            token,
            signature: signature.clone(),
            watched: Vec::new(),
            since_ms: now_ms,
            stage: Stage::Grace,
            due_ms,
            sent: 0,
        };
        self.changes.insert(position, change);
    }

    pub(super) fn remove(&mut self, position: u64) {
        let Some(change) = self.changes.remove(&position) else { return };
        self.due.remove(&(change.due_ms, position));
        let own = change.signature.places.iter().map(|place| place.id);
        for id in own.chain(change.watched) {
            if let Some(positions) = self.by_id.get_mut(&id) {
                positions.retain(|other| *other != position);
                if positions.is_empty() {
                    self.by_id.remove(&id);
                }
            }
        }
    }

    /// Notes identities beside its own by which a change may be confirmed.
    pub(super) fn watch(&mut self, position: u64, ids: Vec<ChangeId>) {
        let Some(change) = self.changes.get_mut(&position) else { return };
        for id in ids {
            if !change.watched.contains(&id) {
                change.watched.push(id);
                self.by_id.entry(id).or_default().push(position);
            }
        }
    }

    /// Returns the positions of what may be confirmed by something that is filed under this identity.
    pub(super) fn with_id(&self, id: ChangeId) -> Vec<u64> {
        self.by_id.get(&id).cloned().unwrap_or_default()
    }

    /// Returns the next change that is to be looked at by now.
    pub(super) fn next_due(&self, now_ms: u64) -> Option<u64> {
        self.due.first().filter(|(due, _)| *due <= now_ms).map(|(_, position)| *position)
    }

    /// Sets what a change waits for, and when it is looked at again.
    pub(super) fn wait(&mut self, position: u64, stage: Stage, due_ms: u64) {
        if let Some(change) = self.changes.get_mut(&position) {
            self.due.remove(&(change.due_ms, position));
            self.due.insert((due_ms, position));
            (change.stage, change.due_ms) = (stage, due_ms);
        }
    }

    /// Takes back that a change was sent.
    pub(super) fn postpone(&mut self, position: u64, due_ms: u64) {
        if let Some(change) = self.changes.get_mut(&position) {
            change.sent = change.sent.saturating_sub(1);
        }
        self.wait(position, Stage::Grace, due_ms);
    }

    /// Counts one more sending.
    pub(super) fn count_sent(&mut self, position: u64) {
        if let Some(change) = self.changes.get_mut(&position) {
            change.sent = change.sent.saturating_add(1);
        }
    }
}
