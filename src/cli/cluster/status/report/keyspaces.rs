//! Who owns how much of each keyspace.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde::Serialize;

use super::super::gather::Gathered;
use crate::cluster::{
    core::OwnedRange,
    names::{HostId, Keyspace, Session, TokenRange, is_of_tables, schema_keyspace},
};

/// A keyspace.
#[derive(Debug, Clone, Serialize)]
pub(in super::super) struct KeyspaceReport {
    pub(in super::super) keyspace: String,
    /// Whether it is there, by the node that told of the ring; none if nobody told.
    pub(in super::super) is_in_ring: Option<bool>,
    /// Whether it has a table with CDC that is wanted; none if nobody told.
    pub(in super::super) has_cdc: Option<bool>,
    pub(in super::super) ranges: u64,
    pub(in super::super) owners: Vec<OwnerReport>,
    /// Tokens that nobody publishes: never owned, or given back.
    pub(in super::super) unowned_ranges: u64,
    pub(in super::super) unowned_share_percent: f64,
    /// Of these, given back.
    pub(in super::super) released_ranges: u64,
    /// Owned by a session that is over: its agent has another, or was shut out.
    pub(in super::super) stale_ranges: u64,
    pub(in super::super) stale_share_percent: f64,
    /// Asked for by another agent.
    pub(in super::super) wanted_ranges: u64,
    /// Owned by the first of its replicas; none if the ring is not known.
    pub(in super::super) with_first_replica_percent: Option<f64>,
    pub(in super::super) generation_min: u32,
    pub(in super::super) generation_max: u32,
}

/// An owner of tokens of a keyspace.
#[derive(Debug, Clone, Serialize)]
pub(in super::super) struct OwnerReport {
    pub(in super::super) host_id: String,
    pub(in super::super) ranges: u64,
    pub(in super::super) share_percent: f64,
}

/// A range of tokens.
#[derive(Debug, Clone, Serialize)]
pub(in super::super) struct RangeReport {
    pub(in super::super) keyspace: String,
    /// The token before the first. As texts: readers of JSON in other languages have no integers of 64 bits.
    pub(in super::super) after: String,
    /// The last token.
    pub(in super::super) up_to: String,
    pub(in super::super) owner: Option<String>,
    pub(in super::super) session: Option<String>,
    pub(in super::super) generation: u32,
    pub(in super::super) is_released: bool,
    pub(in super::super) is_stale: bool,
    pub(in super::super) wanted_by: Option<String>,
}

/// All ranges of all keyspaces.
pub(super) struct Owned {
    keyspaces: BTreeMap<Keyspace, Vec<Part>>,
}

struct Part {
    range: OwnedRange,
    is_stale: bool,
}

impl Owned {
    pub(super) fn of(gathered: &Gathered) -> Self {
        let agents = gathered.map.agents();
        let is_over = |owner: (HostId, Session)| {
            let partition = agents.get(&owner.0).map(|agent| agent.partition);
            let tail = partition.and_then(|partition| gathered.tails.get(&partition));
            gathered.map.is_fenced(owner) || tail.is_some_and(|tail| tail.session != owner.1)
        };
        let mut names: BTreeSet<&Keyspace> = gathered.map.keyspaces().collect();
        if let Some(Ok(view)) = &gathered.ring {
            names.extend(view.placements.keyspaces.keys());
        }
        let keyspaces = names.into_iter().map(|keyspace| {
            let parts = gathered.map.parts(keyspace, TokenRange::ALL).into_iter();
            let parts = parts.map(|range| Part { is_stale: range.publisher().is_some_and(is_over), range });
            (Arc::clone(keyspace), parts.collect())
        });
        Self { keyspaces: keyspaces.collect() }
    }

    /// Returns how many ranges a host owns, and which share that is of all tokens, in percent.
    pub(super) fn of_host(&self, host: HostId) -> (u64, f64) {
        let parts = self.of_tables().flat_map(|(_, parts)| parts).filter(|part| part.is_of(host));
        let (ranges, share) = sum(parts);
        (ranges, share / self.of_tables().count().max(1) as f64)
    }

    pub(super) fn keyspaces(&self, gathered: &Gathered) -> Vec<KeyspaceReport> {
        self.of_tables().map(|(keyspace, parts)| report(gathered, keyspace, parts)).collect()
    }

    /// Returns who publishes changes of the schema.
    pub(super) fn schema_owner(&self) -> Option<HostId> {
        let parts = self.keyspaces.get(&schema_keyspace())?;
        parts.iter().find_map(|part| part.range.publisher()).map(|(host, _)| host)
    }

    /// What has no token has a keyspace of its own, which is none.
    fn of_tables(&self) -> impl Iterator<Item = (&Keyspace, &Vec<Part>)> {
        self.keyspaces.iter().filter(|(keyspace, _)| is_of_tables(keyspace))
    }

    pub(super) fn ranges(&self) -> Vec<RangeReport> {
        let mut ranges = Vec::new();
        for (keyspace, parts) in &self.keyspaces {
            ranges.extend(parts.iter().map(|part| part.report(keyspace)));
        }
        ranges
    }
}

impl Part {
    fn is_of(&self, host: HostId) -> bool {
        self.range.publisher().is_some_and(|(owner, _)| owner == host)
    }

    fn report(&self, keyspace: &Keyspace) -> RangeReport {
        let OwnedRange { range, owner, generation, is_released, wanted_by } = &self.range;
        RangeReport {
            keyspace: keyspace.to_string(),
            after: range.after.to_string(),
            up_to: range.up_to.to_string(),
            owner: owner.map(|(host, _)| host.to_string()),
            session: owner.map(|(_, session)| session.to_string()),
            generation: generation.0,
            is_released: *is_released,
            is_stale: self.is_stale,
            wanted_by: wanted_by.map(|host| host.to_string()),
        }
    }
}

/// Returns the share of all tokens, in percent.
fn percent(range: TokenRange) -> f64 {
    (i128::from(range.up_to) - i128::from(range.after)) as f64 / 2_f64.powi(64) * 100.0
}

fn sum<'p>(parts: impl Iterator<Item = &'p Part>) -> (u64, f64) {
    parts.fold((0, 0.0), |(count, share), part| (count + 1, share + percent(part.range.range)))
}

fn report(gathered: &Gathered, keyspace: &Keyspace, parts: &[Part]) -> KeyspaceReport {
    let hosts: BTreeSet<HostId> =
        parts.iter().filter_map(|part| part.range.publisher()).map(|(host, _)| host).collect();
    let owners = hosts.into_iter().map(|host| {
        let (ranges, share_percent) = sum(parts.iter().filter(|part| part.is_of(host)));
        OwnerReport { host_id: host.to_string(), ranges, share_percent }
    });
    let (unowned_ranges, unowned_share_percent) =
        sum(parts.iter().filter(|part| part.range.publisher().is_none()));
    let (stale_ranges, stale_share_percent) = sum(parts.iter().filter(|part| part.is_stale));
    let count =
        |is_it: fn(&OwnedRange) -> bool| parts.iter().filter(|part| is_it(&part.range)).count() as u64;
    let generations = || parts.iter().map(|part| part.range.generation.0);
    let view = gathered.ring.as_ref().and_then(|ring| ring.as_ref().ok());
    KeyspaceReport {
        keyspace: keyspace.to_string(),
        is_in_ring: view.map(|view| view.topology.keyspaces.contains_key(keyspace)),
        has_cdc: view.map(|view| view.with_cdc.contains(keyspace)),
        ranges: parts.len() as u64,
        owners: owners.collect(),
        unowned_ranges,
        unowned_share_percent,
        released_ranges: count(|range| range.is_released),
        stale_ranges,
        stale_share_percent,
        wanted_ranges: count(|range| range.wanted_by.is_some()),
        with_first_replica_percent: with_first_replica(gathered, keyspace),
        generation_min: generations().min().unwrap_or(0),
        generation_max: generations().max().unwrap_or(0),
    }
}

/// Returns which share of the tokens the first of its replicas owns, in percent.
fn with_first_replica(gathered: &Gathered, keyspace: &Keyspace) -> Option<f64> {
    let view = gathered.ring.as_ref()?.as_ref().ok()?;
    let placement = view.placements.keyspaces.get(keyspace)?;
    let mut share = 0.0;
    for placed in placement.ranges() {
        let first = placed.ranked.first();
        for part in gathered.map.parts(keyspace, placed.range) {
            if part.publisher().is_some_and(|(owner, _)| Some(&owner) == first) {
                share += percent(part.range);
            }
        }
    }
    Some(share)
}
