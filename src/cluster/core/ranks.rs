//! Which hosts hold which tokens, by rank.

use std::{collections::BTreeMap, sync::Arc};

use super::{Placement, range_map::RangeMap};
use crate::cluster::names::{HostId, Keyspace, Token, TokenRange};

/// Replicas in ring order.
pub(super) type Replicas = Arc<[HostId]>;

/// The placement, made to be asked.
#[derive(Debug, Default)]
pub(super) struct Ranks {
    keyspaces: BTreeMap<Keyspace, RangeMap<Replicas>>,
}

impl Ranks {
    pub(super) fn set(&mut self, placement: Placement) {
        self.keyspaces.clear();
        for ranked in placement.ranges {
            let map =
                self.keyspaces.entry(ranked.keyspace).or_insert_with(|| RangeMap::new(Arc::from(Vec::new())));
            let replicas: Replicas = ranked.hosts.into();
            map.change(ranked.range, |_| Some(Arc::clone(&replicas)));
        }
    }

    /// Returns a token's replicas.
    pub(super) fn replicas(&self, keyspace: &Keyspace, token: Token) -> Replicas {
        let found = self.keyspaces.get(keyspace).and_then(|map| map.get(token));
        found.map_or_else(|| Arc::from(Vec::new()), Arc::clone)
    }

    /// Returns the ranges that a host holds, with their replicas.
    pub(super) fn of(&self, host: HostId) -> Vec<(Keyspace, TokenRange, Replicas)> {
        let mut held = Vec::new();
        for (keyspace, map) in &self.keyspaces {
            for (range, replicas) in map.parts(TokenRange::ALL) {
                if replicas.contains(&host) {
                    held.push((Keyspace::clone(keyspace), range, Arc::clone(replicas)));
                }
            }
        }
        held
    }

    /// Returns the parts of a range with their replicas.
    pub(super) fn parts(&self, keyspace: &Keyspace, range: TokenRange) -> Vec<(TokenRange, Replicas)> {
        match self.keyspaces.get(keyspace) {
            Some(map) => map.parts(range).map(|(part, replicas)| (part, Arc::clone(replicas))).collect(),
            None => vec![(range, Arc::from(Vec::new()))],
        }
    }
}
