//! What changed; and what a node's tables may say.

use super::{
    super::{Bootstrap, TopologyChange, TopologyError},
    host, options, topology,
};

#[test]
fn changes_are_told_one_by_one() {
    let simple = |factor: &str| options("SimpleStrategy", &[("replication_factor", factor)]);
    let before = topology(
        &[("d", "a", &[1, 2]), ("d", "a", &[3]), ("d", "a", &[4])],
        &[("kept", simple("1")), ("altered", simple("1")), ("dropped", simple("1"))],
    );
    assert_eq!(before.changes_since(&before), []);
    let mut after = before.clone();
    let moved = after.nodes.get_mut(&host(1)).unwrap();
    moved.tokens = vec![2, 5, 6];
    moved.address = Some([127, 0, 0, 9].into());
    let replaced = after.nodes.remove(&host(3)).unwrap();
    after.nodes.insert(host(4), replaced);
    let upgraded = after.nodes.get_mut(&host(2)).unwrap();
    (upgraded.rack, upgraded.release) = ("b".into(), "5.1".into());
    after.keyspaces.remove("dropped");
    after.keyspaces.insert("altered".into(), simple("3"));
    after.keyspaces.insert("made".into(), simple("2"));
    after.bootstrap = Bootstrap::Decommissioned;
    let place = |rack: &str| ("d".into(), rack.into());
    let replication = |keyspace: &str, before: Option<&str>, after: Option<&str>| {
        let (before, after) = (before.map(simple), after.map(simple));
        TopologyChange::Replication { keyspace: keyspace.into(), before, after }
    };
    let changes = after.changes_since(&before);
    assert_eq!(
        changes,
        [
            TopologyChange::Tokens { host: host(1), gained: 2, lost: 1 },
            TopologyChange::Place { host: host(2), before: place("a"), after: place("b") },
            TopologyChange::Release { host: host(2), before: "5.0.5".into(), after: "5.1".into() },
            TopologyChange::Left { host: host(3) },
            TopologyChange::Joined { host: host(4), tokens: 1 },
            replication("altered", Some("1"), Some("3")),
            replication("dropped", Some("1"), None),
            replication("made", None, Some("2")),
            TopologyChange::Bootstrap { before: Bootstrap::Completed, after: Bootstrap::Decommissioned },
        ]
    );
    let placed: Vec<bool> = changes.iter().map(TopologyChange::is_of_placement).collect();
    assert_eq!(placed, [true, true, false, true, true, true, true, true, false]);
    let told: Vec<String> = changes.iter().map(ToString::to_string).collect();
    assert!(told[0].ends_with("has 2 other tokens, and lost 1"), "{}", told[0]);
    assert_eq!(
        told[5],
        "keyspace altered has replication {'class': 'SimpleStrategy', 'replication_factor': '3'}"
    );
}

#[test]
fn a_token_of_two_nodes_is_refused() {
    let two = topology(&[("d", "r", &[1, 7]), ("d", "r", &[2, 7])], &[]);
    let error = super::super::Ring::new(&two).unwrap_err();
    assert!(matches!(error, TopologyError::TokenTwice { token: 7, .. }) && error.is_transient(), "{error}");
}

#[test]
fn names_of_bootstrapping_are_cassandras() {
    for state in [Bootstrap::Needed, Bootstrap::InProgress, Bootstrap::Completed, Bootstrap::Decommissioned] {
        assert_eq!(Bootstrap::parse(Some(state.as_str())), Some(state));
    }
    assert_eq!(Bootstrap::parse(None), Some(Bootstrap::Needed));
    assert_eq!(Bootstrap::parse(Some("completed")), None);
}

#[cfg(feature = "agent")]
mod told {
    use std::collections::BTreeMap;

    use uuid::Uuid;

    use super::{
        super::super::{Topology, TopologyError},
        Bootstrap, host,
    };
    use crate::schema::node::{LiveIdentity, Peer};

    fn texts(tokens: &[&str]) -> Vec<Box<str>> {
        tokens.iter().map(|token| (*token).into()).collect()
    }

    fn own() -> LiveIdentity {
        LiveIdentity {
            cluster: "c".into(),
            host_id: Uuid::from_u128(1),
            release: "4.1.9".into(),
            data_center: "d".into(),
            rack: "r".into(),
            partitioner: "org.apache.cassandra.dht.Murmur3Partitioner".into(),
            tokens: texts(&["-5", "-9223372036854775808", "5"]),
            address: Some([127, 0, 0, 1].into()),
            bootstrapped: Some("COMPLETED".into()),
        }
    }

    fn peer(last: u8, tokens: &[&str]) -> Peer {
        Peer {
            address: [127, 0, 0, last].into(),
            host_id: Some(Uuid::from_u128(last.into())),
            data_center: Some("d".into()),
            rack: Some("r".into()),
            release: None,
            tokens: texts(tokens),
        }
    }

    fn assemble(own: LiveIdentity, peers: &[Peer]) -> Result<Topology, TopologyError> {
        Topology::assemble(own, peers.to_vec(), BTreeMap::new())
    }

    #[test]
    fn nodes_are_put_together_and_incomplete_ones_named() {
        let (joining, nameless, placeless) = (peer(4, &[]), peer(5, &["9"]), peer(3, &["8"]));
        let nameless = Peer { host_id: None, ..nameless };
        let placeless = Peer { rack: None, ..placeless };
        let all = assemble(own(), &[peer(2, &["7"]), joining, nameless, placeless]).unwrap();
        assert_eq!(all.nodes.keys().copied().collect::<Vec<_>>(), [host(1), host(2)]);
        assert_eq!(all.own_node().unwrap().tokens, [i64::MIN, -5, 5]);
        assert_eq!(all.incomplete, [3, 4, 5].map(|last| std::net::IpAddr::from([127, 0, 0, last])));
        assert!(all.is_bootstrapped());
        let joining = LiveIdentity { bootstrapped: Some("IN_PROGRESS".into()), ..own() };
        let all = assemble(joining, &[peer(2, &["7"])]).unwrap();
        assert_eq!((all.bootstrap, all.is_bootstrapped()), (Bootstrap::InProgress, false));
        assert!(all.own_node().unwrap().tokens.is_empty(), "its tokens are not on the ring yet");
    }

    #[test]
    fn other_partitioners_are_refused() {
        for class in ["org.apache.cassandra.dht.RandomPartitioner", "ByteOrderedPartitioner", ""] {
            let error = assemble(LiveIdentity { partitioner: class.into(), ..own() }, &[]).unwrap_err();
            assert!(matches!(&error, TopologyError::Partitioner { partitioner } if **partitioner == *class));
            assert!(!error.is_transient());
        }
    }

    #[test]
    fn rows_that_contradict_are_refused_and_those_that_agree_are_one_node() {
        let again = Peer { address: [127, 0, 0, 9].into(), ..peer(2, &["7"]) };
        assert_eq!(assemble(own(), &[peer(2, &["7"]), again.clone()]).unwrap().nodes.len(), 2);
        let other = Peer { tokens: texts(&["8"]), ..again };
        let error = assemble(own(), &[peer(2, &["7"]), other]).unwrap_err();
        assert!(matches!(error, TopologyError::HostTwice { .. }), "{error}");
        // A row of the node's own former address.
        assert_eq!(assemble(own(), &[peer(1, &["3"])]).unwrap().own_node().unwrap().tokens.len(), 3);
        let error = assemble(own(), &[peer(2, &["5"])]).unwrap_err();
        assert!(matches!(error, TopologyError::TokenTwice { token: 5, .. }), "{error}");
        let error = assemble(own(), &[peer(2, &["1.5"])]).unwrap_err();
        assert!(error.to_string().contains("a token of node 00000000"), "{error}");
        let strange = LiveIdentity { bootstrapped: Some("?".into()), ..own() };
        assert!(matches!(assemble(strange, &[]).unwrap_err(), TopologyError::UnknownForm { .. }));
    }
}
