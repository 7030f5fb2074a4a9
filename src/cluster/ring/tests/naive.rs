//! Placement in the plainest way, written from what the strategies promise and not from how Cassandra loops: for each token
//! the nodes of the ring in order, and from them by rule.

use std::collections::{BTreeMap, BTreeSet};

use super::super::Topology;
use crate::cluster::names::HostId;

/// The nodes that one meets from a token on, each at its first place.
fn order(topology: &Topology, token: i64) -> Vec<HostId> {
    let mut points: Vec<(i64, HostId)> = Vec::new();
    for (host, node) in &topology.nodes {
        points.extend(node.tokens.iter().map(|point| (*point, *host)));
    }
    // Those before the token come around last.
    points.sort_by_key(|(point, _)| (*point < token, *point));
    let mut met = Vec::new();
    for (_, host) in points {
        if !met.contains(&host) {
            met.push(host);
        }
    }
    met
}

/// `SimpleStrategy`: the first so many.
pub(super) fn simple(topology: &Topology, factor: usize, token: i64) -> Vec<HostId> {
    order(topology, token).into_iter().take(factor).collect()
}

/// `NetworkTopologyStrategy`, each datacenter by itself. Of its nodes in order, some are the first of their rack. The firsts are
/// replicas, as many as are wanted; if more are wanted than there are racks, the earliest of the other nodes make up for it.
pub(super) fn network_topology(
    topology: &Topology,
    factors: &BTreeMap<String, usize>,
    token: i64,
) -> Vec<HostId> {
    let order = order(topology, token);
    let mut chosen = BTreeSet::new();
    for (datacenter, factor) in factors {
        let there: Vec<HostId> =
            order.iter().copied().filter(|host| *topology.nodes[host].data_center == **datacenter).collect();
        let mut racks = BTreeSet::new();
        let (firsts, others): (Vec<HostId>, Vec<HostId>) =
            there.into_iter().partition(|host| racks.insert(topology.nodes[host].rack.clone()));
        let repeats = factor.saturating_sub(firsts.len());
        chosen.extend(firsts.into_iter().take(*factor));
        chosen.extend(others.into_iter().take(repeats));
    }
    order.into_iter().filter(|host| chosen.contains(host)).collect()
}
