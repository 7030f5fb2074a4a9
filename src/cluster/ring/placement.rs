//! Which replicas publish, and in which order they take over.

use std::{collections::BTreeMap, sync::Arc};

use super::{PlacementProblem, Ring, Strategy, Topology, TopologyError, natural::Member};
use crate::{
    cluster::{
        core::{Placement, RankedRange},
        names::{HostId, Keyspace, Token, TokenRange},
    },
    schema::is_system_keyspace,
};

/// The replicas of all keyspaces.
#[derive(Debug, Clone, Default)]
pub struct Placements {
    /// By keyspace.
    pub keyspaces: BTreeMap<Keyspace, KeyspacePlacement>,
    /// Keyspaces that have no owners, and why.
    pub problems: Vec<PlacementProblem>,
}

/// The replicas of a keyspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyspacePlacement {
    /// In order, covering all tokens. Shared by keyspaces that are replicated alike.
    ranges: Arc<[ReplicatedRange]>,
}

/// The replicas of the tokens between two neighbouring ones of the ring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplicatedRange {
    /// The tokens.
    pub range: TokenRange,
    /// All replicas, in ring order. All of them audit.
    pub replicas: Vec<HostId>,
    /// Those of the publishing datacenter, by rank: the first is the preferred owner.
    pub ranked: Vec<HostId>,
}

/// Places all keyspaces that are wanted, Cassandra's own apart.
///
/// Of a keyspace with `NetworkTopologyStrategy` the replicas of one datacenter publish: the first of `datacenters` that
/// replicates it, or the only one that does, if none is given. `SimpleStrategy` knows no datacenters, and may place all
/// replicas of a range in any: there all replicas publish, those of the first of `datacenters` first.
pub fn place(
    topology: &Topology,
    datacenters: &[Box<str>],
    is_wanted: impl Fn(&str) -> bool,
) -> Result<Placements, TopologyError> {
    let ring = Ring::new(topology)?;
    let mut placements = Placements::default();
    let mut placed: BTreeMap<Strategy, KeyspacePlacement> = BTreeMap::new();
    for (keyspace, options) in &topology.keyspaces {
        if is_system_keyspace(keyspace) || !is_wanted(keyspace) {
            continue;
        }
        let publishers = Strategy::parse(keyspace, options)
            .and_then(|strategy| Ok((publishers(&ring, keyspace, &strategy, datacenters)?, strategy)));
        let (publishers, strategy) = match publishers {
            Ok(decided) => decided,
            Err(problem) => {
                placements.problems.push(problem);
                continue;
            }
        };
        let placement =
            placed.entry(strategy).or_insert_with_key(|strategy| place_one(&ring, strategy, &publishers));
        placements.keyspaces.insert(Arc::clone(keyspace), placement.clone());
    }
    Ok(placements)
}

impl Placements {
    /// Returns what the protocol's core is told.
    pub fn to_core(&self) -> Placement {
        let mut ranges = Vec::new();
        for (keyspace, placement) in &self.keyspaces {
            ranges.extend(placement.ranges.iter().map(|range| RankedRange {
                keyspace: Arc::clone(keyspace),
                range: range.range,
                hosts: range.ranked.clone(),
            }));
        }
        Placement { ranges }
    }
}

impl KeyspacePlacement {
    /// Returns the ranges in order.
    pub fn ranges(&self) -> &[ReplicatedRange] {
        &self.ranges
    }

    /// Returns the range of a token.
    pub fn of(&self, token: Token) -> Option<&ReplicatedRange> {
        let index = self.ranges.partition_point(|range| range.range.up_to < token.0);
        self.ranges.get(index).filter(|range| range.range.contains(token))
    }

    /// Returns the ranges of which a node is a replica.
    pub fn ranges_of(&self, host: HostId) -> impl Iterator<Item = &ReplicatedRange> {
        self.ranges.iter().filter(move |range| range.replicas.contains(&host))
    }
}

/// Which replicas publish.
enum Publishers<'d> {
    /// Those of this datacenter.
    Of(Box<str>),
    /// All, in order of their datacenters, those of others last.
    Preferring(&'d [Box<str>]),
}

fn publishers<'d>(
    ring: &Ring,
    keyspace: &Keyspace,
    strategy: &Strategy,
    datacenters: &'d [Box<str>],
) -> Result<Publishers<'d>, PlacementProblem> {
    let mut replicated = ring.replicated_datacenters(strategy);
    let keyspace = Arc::clone(keyspace);
    if replicated.is_empty() {
        return Err(PlacementProblem::NoReplicas { keyspace });
    }
    if matches!(strategy, Strategy::Simple(_)) {
        return Ok(Publishers::Preferring(datacenters));
    }
    if let Some(first) = datacenters.iter().find(|name| replicated.contains(name)) {
        return Ok(Publishers::Of(first.clone()));
    }
    if !datacenters.is_empty() {
        return Err(PlacementProblem::NotPublished { keyspace, replicated });
    }
    match replicated.pop() {
        Some(only) if replicated.is_empty() => Ok(Publishers::Of(only)),
        last => {
            replicated.extend(last);
            Err(PlacementProblem::NotDecided { keyspace, replicated })
        }
    }
}

fn place_one(ring: &Ring, strategy: &Strategy, publishers: &Publishers<'_>) -> KeyspacePlacement {
    let mut ranges = Vec::new();
    ring.each_range_backwards(strategy, |range, indices| {
        let members = indices.iter().filter_map(|index| ring.members.get(*index));
        let replicas: Vec<&Member> = members.collect();
        let ranked = publishers.rank(ring, &replicas);
        let replicas = replicas.iter().map(|member| member.host).collect();
        ranges.push(ReplicatedRange { range, replicas, ranked });
    });
    ranges.reverse();
    KeyspacePlacement { ranges: ranges.into() }
}

impl Publishers<'_> {
    fn rank(&self, ring: &Ring, replicas: &[&Member]) -> Vec<HostId> {
        match self {
            Self::Of(datacenter) => {
                let there = replicas.iter().filter(|member| ring.datacenter_of(member) == &**datacenter);
                there.map(|member| member.host).collect()
            }
            Self::Preferring(datacenters) => {
                let mut replicas = replicas.to_vec();
                // Stable: in ring order within a datacenter.
                replicas.sort_by_key(|member| {
                    let name = ring.datacenter_of(member);
                    datacenters.iter().position(|datacenter| &**datacenter == name).unwrap_or(usize::MAX)
                });
                replicas.iter().map(|member| member.host).collect()
            }
        }
    }
}
