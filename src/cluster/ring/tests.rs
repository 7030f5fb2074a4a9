mod naive;
mod placing;
mod stored;
mod topologies;

use std::collections::BTreeMap;

use uuid::Uuid;

use super::{Bootstrap, ReplicationOptions, RingNode, Topology};
use crate::cluster::names::HostId;

/// Host ids that are told apart at a glance.
fn host(number: u128) -> HostId {
    HostId(Uuid::from_u128(number))
}

/// Replication options from `class` and the others, in their short form.
fn options(class: &str, others: &[(&str, &str)]) -> ReplicationOptions {
    let others = others.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    ReplicationOptions(others.chain([("class".to_owned(), class.to_owned())]).collect())
}

/// A topology of nodes, numbered from 1: datacenter, rack, tokens.
fn topology(nodes: &[(&str, &str, &[i64])], keyspaces: &[(&str, ReplicationOptions)]) -> Topology {
    let nodes = nodes.iter().zip(1_u128..).map(|((data_center, rack, tokens), number)| {
        let mut tokens = tokens.to_vec();
        tokens.sort_unstable();
        let node = RingNode {
            address: None,
            data_center: (*data_center).into(),
            rack: (*rack).into(),
            release: "5.0.5".into(),
            tokens,
        };
        (host(number), node)
    });
    let keyspaces = keyspaces.iter().map(|(name, options)| ((*name).into(), options.clone()));
    Topology {
        cluster: "test".into(),
        told_by: host(1),
        bootstrap: Bootstrap::Completed,
        nodes: nodes.collect(),
        incomplete: Vec::new(),
        keyspaces: keyspaces.collect::<BTreeMap<_, _>>(),
    }
}

/// `SplitMix64`: numbers that only depend on the seed.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn token(&mut self) -> i64 {
        self.next() as i64
    }
}
