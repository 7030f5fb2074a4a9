//! A running cluster.

use std::{env, path::PathBuf};

use ringtap::{
    cluster::ring::{Bootstrap, Topology},
    schema::node::{CassandraNode, NodeOptions},
};

use crate::answers::Answers;

/// Asks each node of `RINGTAP_RING_NODES` (addresses, with commas between them) and compares with the answers in the folder
/// `RINGTAP_RING_ANSWERS`, where the first node's topology is stored.
#[test]
#[ignore = "tests/stack/ring_placement starts the cluster that it needs"]
fn live() {
    let variable = |name: &str| env::var(name).unwrap_or_else(|_| panic!("{name} is not set"));
    let (nodes, folder) = (variable("RINGTAP_RING_NODES"), PathBuf::from(variable("RINGTAP_RING_ANSWERS")));
    let answers = Answers::read(&folder);
    let topologies: Vec<Topology> = nodes.split(',').map(fetch).collect();
    let first = &topologies[0];
    for topology in &topologies {
        assert_eq!(topology.changes_since(first), [], "all nodes say the same");
        assert_eq!((topology.bootstrap, topology.incomplete.len()), (Bootstrap::Completed, 0));
        assert_eq!(topology.nodes.len(), topologies.len());
        answers.compare(topology);
    }
    let path = folder.join("topology");
    first.store(&path).unwrap();
    assert_eq!(Topology::load(&path).unwrap().as_ref(), Some(first));
    println!("{} nodes say of {} keys and all ranges what Cassandra says", topologies.len(), answers.keys());
}

fn fetch(address: &str) -> Topology {
    let node = CassandraNode::connect(&NodeOptions::new(address, 9042)).unwrap();
    let topology = Topology::fetch(&node).unwrap();
    assert_eq!(topology.own_node().unwrap().address, Some(address.parse().unwrap()));
    topology
}
