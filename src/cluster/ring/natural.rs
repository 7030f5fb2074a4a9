//! The replicas of each range, as Cassandra places them.
//!
//! Sources: `SimpleStrategy` and `NetworkTopologyStrategy` (`calculateNaturalEndpoints` in 3.11,
//! `calculateNaturalReplicas` in 4.0 to 5.0; both place alike) and `TokenMetadata.ringIterator`.

use std::collections::BTreeMap;

use super::{ReplicationFactor, Strategy, Topology, TopologyError};
use crate::cluster::names::{HostId, Token, TokenRange};

/// The tokens in order, each with its node.
#[derive(Debug, Clone)]
pub struct Ring {
    points: Vec<Point>,
    pub(super) members: Vec<Member>,
    datacenters: Vec<Datacenter>,
}

#[derive(Debug, Clone, Copy)]
struct Point {
    token: i64,
    member: usize,
}

/// A node that has tokens.
#[derive(Debug, Clone)]
pub(super) struct Member {
    pub(super) host: HostId,
    /// Index of its datacenter.
    datacenter: usize,
    /// Number of its rack, which is another one in each datacenter.
    rack: usize,
}

#[derive(Debug, Clone)]
struct Datacenter {
    name: Box<str>,
    nodes: usize,
    racks: usize,
}

impl Ring {
    /// Returns the ring of the nodes that have tokens.
    pub fn new(topology: &Topology) -> Result<Self, TopologyError> {
        topology.check_tokens()?;
        let mut ring = Self { points: Vec::new(), members: Vec::new(), datacenters: Vec::new() };
        let mut datacenters: BTreeMap<&str, usize> = BTreeMap::new();
        let mut racks: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        for (host, node) in topology.nodes.iter().filter(|(_, node)| !node.tokens.is_empty()) {
            let known = datacenters.len();
            let datacenter = *datacenters.entry(&node.data_center).or_insert_with(|| {
                ring.datacenters.push(Datacenter { name: node.data_center.clone(), nodes: 0, racks: 0 });
                known
            });
            let known_racks = racks.len();
            let rack = *racks.entry((&node.data_center, &node.rack)).or_insert(known_racks);
            if let Some(datacenter) = ring.datacenters.get_mut(datacenter) {
                datacenter.nodes += 1;
                datacenter.racks += usize::from(racks.len() > known_racks);
            }
            let member = ring.members.len();
            ring.members.push(Member { host: *host, datacenter, rack });
            ring.points.extend(node.tokens.iter().map(|token| Point { token: *token, member }));
        }
        if ring.points.is_empty() {
            return Err(TopologyError::NoTokens { cluster: topology.cluster.clone() });
        }
        ring.points.sort_unstable_by_key(|point| point.token);
        Ok(ring)
    }

    /// Returns the replicas of a token, in ring order: the first is the one that Cassandra calls primary.
    pub fn replicas(&self, strategy: &Strategy, token: Token) -> Vec<HostId> {
        let from = self.points.partition_point(|point| point.token < token.0);
        let mut replicas = Vec::new();
        Placer::new(self, strategy).place(self, &self.order(from), &mut replicas);
        replicas.iter().filter_map(|member| self.members.get(*member)).map(|member| member.host).collect()
    }

    /// Tells each range between neighbouring tokens, the last first, with the indices of its replicas. The ranges cover all
    /// tokens; the one that wraps around is two.
    ///
    /// From a point to the one before it, the order in which nodes are met only changes by that point's node, which comes
    /// first then. So a range costs as many steps as there are nodes at most, however the tokens lie.
    pub(super) fn each_range_backwards(
        &self,
        strategy: &Strategy,
        mut tell: impl FnMut(TokenRange, &[usize]),
    ) {
        let mut placer = Placer::new(self, strategy);
        let mut replicas = Vec::new();
        let mut place = |range: Option<TokenRange>, order: &[usize]| {
            if let Some(range) = range {
                replicas.clear();
                placer.place(self, order, &mut replicas);
                tell(range, &replicas);
            }
        };
        let mut order = self.order(0);
        let mut up_to = i64::MAX;
        for point in self.points.iter().rev() {
            place(TokenRange::new(point.token, up_to), &order);
            let met_at = order.iter().position(|member| *member == point.member);
            if let Some(until_met) = met_at.and_then(|at| order.get_mut(..=at)) {
                until_met.rotate_right(1);
            }
            up_to = point.token;
        }
        place(TokenRange::new(i64::MIN, up_to), &order);
    }

    /// Returns the nodes in the order in which one meets them from a point on, once around; from the first if there is no
    /// such point.
    fn order(&self, from: usize) -> Vec<usize> {
        let (before, behind) = self.points.split_at(from.min(self.points.len()));
        let mut order = Vec::with_capacity(self.members.len());
        for point in behind.iter().chain(before) {
            if order.len() == self.members.len() {
                break;
            }
            if !order.contains(&point.member) {
                order.push(point.member);
            }
        }
        order
    }

    /// Returns the names of the datacenters that get replicas, in order.
    pub(super) fn replicated_datacenters(&self, strategy: &Strategy) -> Vec<Box<str>> {
        let names = self.datacenters.iter().filter(|datacenter| match strategy {
            Strategy::Simple(factor) => factor.0 > 0,
            Strategy::NetworkTopology(factors) => {
                factors.get(&datacenter.name).is_some_and(|factor| factor.0 > 0)
            }
        });
        let mut names: Vec<_> = names.map(|datacenter| datacenter.name.clone()).collect();
        names.sort_unstable();
        names
    }

    pub(super) fn datacenter_of(&self, member: &Member) -> &str {
        self.datacenters.get(member.datacenter).map_or("", |datacenter| &datacenter.name)
    }
}

/// Places the replicas of one range after the other.
#[derive(Debug)]
enum Placer {
    Simple { replicas: usize },
    NetworkTopology(NetworkTopology),
}

impl Placer {
    fn new(ring: &Ring, strategy: &Strategy) -> Self {
        match strategy {
            Strategy::Simple(factor) => Self::Simple { replicas: count(*factor) },
            Strategy::NetworkTopology(factors) => Self::NetworkTopology(NetworkTopology::new(ring, factors)),
        }
    }

    /// Appends the replicas of a range from its end on, where nodes are met in this order.
    fn place(&mut self, ring: &Ring, order: &[usize], replicas: &mut Vec<usize>) {
        match self {
            Self::Simple { replicas: wanted } => replicas.extend(order.iter().take(*wanted)),
            Self::NetworkTopology(placer) => placer.place(ring, order, replicas),
        }
    }
}

/// What a datacenter still gets.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    /// Replicas.
    replicas: usize,
    /// How many of them may be on a rack that has one already: as many as there are fewer racks than replicas.
    rack_repeats: usize,
}

#[derive(Debug)]
struct NetworkTopology {
    /// By index of the datacenter.
    begin: Vec<Wanted>,
    wanted: Vec<Wanted>,
    racks: Vec<usize>,
}

impl NetworkTopology {
    fn new(ring: &Ring, factors: &BTreeMap<Box<str>, ReplicationFactor>) -> Self {
        let wanted = ring.datacenters.iter().map(|datacenter| {
            let replicas = factors.get(&datacenter.name).copied().map_or(0, count);
            Wanted {
                replicas: replicas.min(datacenter.nodes),
                rack_repeats: replicas.saturating_sub(datacenter.racks),
            }
        });
        Self { begin: wanted.collect(), wanted: Vec::new(), racks: Vec::new() }
    }

    fn place(&mut self, ring: &Ring, order: &[usize], replicas: &mut Vec<usize>) {
        self.wanted.clone_from(&self.begin);
        self.racks.clear();
        let mut missing: usize = self.wanted.iter().map(|wanted| wanted.replicas).sum();
        for index in order {
            if missing == 0 {
                return;
            }
            let Some(member) = ring.members.get(*index) else { continue };
            let Some(wanted) = self.wanted.get_mut(member.datacenter) else { continue };
            if wanted.replicas == 0 {
                continue;
            }
            if !self.racks.contains(&member.rack) {
                self.racks.push(member.rack);
            } else if wanted.rack_repeats > 0 {
                wanted.rack_repeats -= 1;
            } else {
                continue;
            }
            wanted.replicas -= 1;
            missing -= 1;
            replicas.push(*index);
        }
    }
}

fn count(factor: ReplicationFactor) -> usize {
    usize::try_from(factor.0).unwrap_or(usize::MAX)
}
