//! How a keyspace is replicated.

use std::{collections::BTreeMap, sync::Arc};

use super::{PlacementProblem, ReplicationOptions};
use crate::cluster::names::Keyspace;

/// The package of Cassandra's own strategies, which CQL lets one leave out.
const PACKAGE: &str = "org.apache.cassandra.locator.";

/// The option that names the class.
const CLASS: &str = "class";

/// `SimpleStrategy`'s one option. `NetworkTopologyStrategy` of 4.0 and later takes it in statements, but what is stored
/// names the datacenters.
const REPLICATION_FACTOR: &str = "replication_factor";

/// How many replicas there are.
///
/// Of *transient* replication (`3/1`: three replicas, one of them transient; experimental since 4.0) the sum counts: a
/// transient replica gets a write, and logs it, when a full one does not answer, so it must audit. Cassandra places the
/// transient ones last, so that one is an owner only if all agents beside full ones are gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReplicationFactor(pub u32);

/// A keyspace's replication strategy.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Strategy {
    /// `SimpleStrategy`: the next nodes of the ring, wherever they are.
    Simple(ReplicationFactor),
    /// `NetworkTopologyStrategy`: so many in each datacenter, on as many racks as possible.
    NetworkTopology(BTreeMap<Box<str>, ReplicationFactor>),
}

impl ReplicationFactor {
    /// Reads `3`, or `3/1`.
    fn parse(text: &str) -> Option<Self> {
        let (all, transient) = match text.split_once('/') {
            Some((all, transient)) => (all, transient.parse::<u32>().ok()?),
            None => (text, 0),
        };
        let all: u32 = all.parse().ok()?;
        (transient == 0 || transient < all).then_some(Self(all))
    }
}

impl Strategy {
    /// Reads a keyspace's options as `system_schema.keyspaces` has them.
    pub fn parse(keyspace: &Keyspace, options: &ReplicationOptions) -> Result<Self, PlacementProblem> {
        let class = options.0.get(CLASS).map_or("", |class| class);
        match class.strip_prefix(PACKAGE).unwrap_or(class) {
            "SimpleStrategy" => simple(keyspace, options),
            "NetworkTopologyStrategy" => network_topology(keyspace, options),
            _ => Err(PlacementProblem::Strategy { keyspace: Arc::clone(keyspace), class: class.into() }),
        }
    }
}

fn simple(keyspace: &Keyspace, options: &ReplicationOptions) -> Result<Strategy, PlacementProblem> {
    let text = options.0.get(REPLICATION_FACTOR).map_or("", |text| text);
    let factor = ReplicationFactor::parse(text).ok_or_else(|| invalid(keyspace, REPLICATION_FACTOR, text))?;
    Ok(Strategy::Simple(factor))
}

fn network_topology(keyspace: &Keyspace, options: &ReplicationOptions) -> Result<Strategy, PlacementProblem> {
    let mut datacenters = BTreeMap::new();
    for (name, text) in options.0.iter().filter(|(name, _)| *name != CLASS) {
        let factor =
            ReplicationFactor::parse(text).filter(|_| !name.eq_ignore_ascii_case(REPLICATION_FACTOR));
        let factor = factor.ok_or_else(|| invalid(keyspace, name, text))?;
        datacenters.insert(name.as_str().into(), factor);
    }
    Ok(Strategy::NetworkTopology(datacenters))
}

fn invalid(keyspace: &Keyspace, option: &str, value: &str) -> PlacementProblem {
    PlacementProblem::Option { keyspace: Arc::clone(keyspace), option: option.into(), value: value.into() }
}
