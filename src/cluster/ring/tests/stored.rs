//! The file with the topology.
#![cfg(feature = "agent")]

use std::fs;

use super::{
    super::{Bootstrap, Topology, TopologyError},
    host, options, topology,
};
use crate::checkpoint::StateErrorKind;

/// As version 1 wrote it.
const GOLDEN: &str = include_str!("topology-1");

fn known() -> Topology {
    let keyspace = options("org.apache.cassandra.locator.SimpleStrategy", &[("replication_factor", "1")]);
    let mut known = topology(&[("d", "a", &[i64::MIN, 5]), ("e", "ü \"b", &[])], &[("ks", keyspace)]);
    known.nodes.get_mut(&host(1)).unwrap().address = Some([127, 0, 0, 1].into());
    known.incomplete.push("fe80::1".parse().unwrap());
    known.bootstrap = Bootstrap::InProgress;
    known
}

#[test]
fn the_file_is_what_version_1_wrote() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("topology");
    assert_eq!(Topology::load(&path).unwrap(), None);
    known().store(&path).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), GOLDEN);
    assert_eq!(Topology::load(&path).unwrap(), Some(known()));
}

#[test]
fn damage_is_noticed_at_every_byte() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("topology");
    for at in 0..GOLDEN.len() {
        let mut changed = GOLDEN.as_bytes().to_vec();
        changed[at] ^= 1;
        for bytes in [&changed[..], &GOLDEN.as_bytes()[..at]] {
            fs::write(&path, bytes).unwrap();
            let error = Topology::load(&path).unwrap_err();
            let TopologyError::State(error) = error else { panic!("{at}: {error}") };
            assert!(
                matches!(error.kind(), StateErrorKind::Corrupt | StateErrorKind::TooNew),
                "{at}: {error}"
            );
        }
    }
}

#[test]
fn a_body_that_is_no_topology_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("topology");
    let body = GOLDEN.split_once('\n').unwrap().1;
    let changes = [
        ("Murmur3Partitioner", "RandomPartitioner"),
        ("IN_PROGRESS", "DONE"),
        ("00000000-0000-0000-0000-000000000002", "two"),
        ("\"5\"", "\"five\""),
        ("\"cluster\"", "\"clutter\""),
        ("\"tokens\":[]", "\"tokens\":[\"5\"]"),
    ];
    let kind = crate::checkpoint::SealedKind { name: "topology", upgrades: &[] };
    for (from, to) in changes {
        assert!(body.contains(from), "{from}");
        kind.write(&path, body.replace(from, to).as_bytes()).unwrap();
        assert!(Topology::load(&path).is_err(), "{to}");
    }
}
