use std::collections::BTreeMap;

use uuid::Uuid;

use super::{
    super::{
        gather::{Beat, Tail},
        ring::RingView,
    },
    *,
};
use crate::cluster::{
    core::OwnersMap,
    names::{Generation, Session, TokenRange, log_keyspace, schema_keyspace},
    record::{Claim, OwnersRecord},
    ring::{Bootstrap, ReplicationOptions, RingNode, Topology},
    topics::Init,
};

const NOW_MS: u64 = 1_000_000_000;

fn host(number: u128) -> HostId {
    HostId(Uuid::from_u128(number))
}

/// Three nodes with one token each, two replicas: tokens up to 0 are of nodes 1 and 2, up to 100 of 2 and 3, others of 3 and 1.
fn ring() -> RingView {
    let nodes = (1..=3).map(|number| {
        let node = RingNode {
            address: Some(format!("127.0.0.{number}").parse().unwrap()),
            data_center: "dc1".into(),
            rack: "r1".into(),
            release: "5.0.5".into(),
            tokens: vec![(number as i64 - 1) * 100],
        };
        (host(number), node)
    });
    let options = [("class", "SimpleStrategy"), ("replication_factor", "2")];
    let options = options.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let topology = Topology {
        cluster: "lab".into(),
        told_by: host(1),
        bootstrap: Bootstrap::Completed,
        nodes: nodes.collect(),
        incomplete: Vec::new(),
        keyspaces: BTreeMap::from([("k".into(), ReplicationOptions(options.into()))]),
    };
    RingView::of(topology, ["k".into()].into(), &[]).unwrap()
}

fn own(number: u128, session: u64, after: i64, up_to: i64) -> OwnersRecord {
    let range = TokenRange::new(after, up_to).unwrap();
    let claims = vec![Claim { keyspace: "k".into(), range, generation: Generation(1) }];
    OwnersRecord::Own { host: host(number), session: Session(session), fenced: Vec::new(), claims }
}

/// Agents 1 and 2 own all tokens, and beat a second ago.
fn gathered(ring: Option<Result<RingView, String>>) -> Gathered {
    let mut map = OwnersMap::default();
    for (number, partition) in [(1, 0), (2, 1)] {
        map.read(&OwnersRecord::Host { host: host(number), partition, settings: 7, version: "v".into() });
    }
    map.read(&own(1, 11, i64::MIN, 0));
    map.read(&own(2, 12, 0, i64::MAX));
    let tail = |session| {
        let at_ms = NOW_MS - 1_000;
        let beat = Some(Beat { number: 5, done: 4, at_ms });
        Tail { session: Session(session), newest_ms: at_ms, beat }
    };
    let extent = Extent { begin: 0, stable_end: 50, end: 50 };
    Gathered {
        cluster: "lab".into(),
        brokers: "b:1".into(),
        now_ms: NOW_MS,
        init: Init { uuid: 1, identity_version: 1, hash_key: 0x000c_a4a7 },
        owners_records: 4,
        map,
        ledger: BTreeMap::from([(0, extent), (1, extent)]),
        ledger_first_ms: BTreeMap::from([(0, NOW_MS - 60_000), (1, NOW_MS - 50_000)]),
        tails: BTreeMap::from([(0, tail(11)), (1, tail(12))]),
        relay: BTreeMap::new(),
        relay_first_ms: BTreeMap::new(),
        topics: Vec::new(),
        window_ms: 3_600_000,
        ring,
    }
}

#[test]
fn a_cluster_that_is_well_has_no_findings() {
    let mut ring = ring();
    ring.topology.nodes.remove(&host(3));
    let report = Report::new(&gathered(Some(Ok(ring))), false);
    assert_eq!(report.findings, [] as [&str; 0]);
    assert_eq!(report.agents[0].node.as_ref().unwrap().address.as_deref(), Some("127.0.0.1"));
    assert!((report.keyspaces[0].with_first_replica_percent.unwrap() - 50.0).abs() < 0.001);
    // Nobody reads of the key of the identities' hash, nor anything that begins with it.
    let json = serde_json::to_string(&report).unwrap();
    assert!(!json.contains(&0x000c_a4a7.to_string()) && !json.contains("hash_key"), "{json}");
}

#[test]
fn a_node_without_agent_is_a_finding_and_so_is_an_owner_that_is_silent() {
    let mut gathered = gathered(Some(Ok(ring())));
    gathered.tails.get_mut(&1).unwrap().newest_ms = NOW_MS - 61_000;
    let findings = Report::new(&gathered, false).findings;
    assert_eq!(findings.len(), 2, "{findings:?}");
    assert!(findings[0].contains("(127.0.0.3) has no agent"), "{findings:?}");
    assert!(findings[1].contains("61 s ago; it owns 1 ranges"), "{findings:?}");
}

#[test]
fn an_agent_whose_node_has_left_matters_only_as_long_as_it_owns_tokens() {
    let mut ring = ring();
    ring.topology.nodes.retain(|it, _| *it == host(1));
    let mut gathered = gathered(Some(Ok(ring)));
    gathered.tails.get_mut(&1).unwrap().newest_ms = 0;
    let findings = Report::new(&gathered, false).findings;
    assert!(findings.iter().any(|it| it.contains("the ring has no such node")), "{findings:?}");
    let Gathered { map, .. } = &mut gathered;
    let range = TokenRange::new(0, i64::MAX).unwrap();
    let claim = |generation| vec![Claim { keyspace: "k".into(), range, generation: Generation(generation) }];
    map.read(&OwnersRecord::Release { host: host(2), session: Session(12), claims: claim(1) });
    map.read(&OwnersRecord::Own { host: host(1), session: Session(11), fenced: vec![], claims: claim(2) });
    assert_eq!(Report::new(&gathered, false).findings, [] as [&str; 0]);
}

#[test]
fn a_ledger_that_forgot_less_than_a_window_ago_is_a_finding() {
    let mut gathered = gathered(None);
    assert_eq!(Report::new(&gathered, false).findings, [] as [&str; 0], "nothing was deleted yet");
    gathered.ledger.get_mut(&0).unwrap().begin = 7;
    let findings = Report::new(&gathered, false).findings;
    assert!(findings.len() == 1 && findings[0].contains("60 s old"), "{findings:?}");
    gathered.window_ms = 50_000;
    assert_eq!(Report::new(&gathered, false).findings, [] as [&str; 0]);
}

#[test]
fn a_keyspace_that_the_ring_does_not_have_any_more_needs_no_owner() {
    let mut ring = ring();
    ring.topology.nodes.remove(&host(3));
    let mut gathered = gathered(Some(Ok(ring)));
    gathered.map.read(&OwnersRecord::Own {
        host: host(1),
        session: Session(11),
        fenced: vec![],
        claims: vec![Claim {
            keyspace: "dropped".into(),
            range: TokenRange::new(0, 10).unwrap(),
            generation: Generation(1),
        }],
    });
    let report = Report::new(&gathered, true);
    assert_eq!(report.findings, [] as [&str; 0]);
    assert_eq!(report.ranges.as_ref().unwrap().len(), 3 + 2);
    let people = report.to_string();
    assert!(people.contains("  dropped: 3 ranges, generations 0 to 1, "), "{people}");
    assert!(people.contains("2 with nobody; it was dropped\n"), "{people}");
}

#[test]
fn what_has_no_token_is_no_keyspace_and_one_without_cdc_needs_no_owner() {
    let mut ring = ring();
    ring.topology.nodes.remove(&host(3));
    let options = ring.topology.keyspaces.values().next().cloned().unwrap();
    ring.topology.keyspaces.insert("quiet".into(), options);
    let ring = RingView::of(ring.topology, ["k".into()].into(), &[]).unwrap();
    let mut gathered = gathered(Some(Ok(ring)));
    let everywhere = |keyspace| Claim { keyspace, range: TokenRange::ALL, generation: Generation(1) };
    gathered.map.read(&OwnersRecord::Own {
        host: host(2),
        session: Session(12),
        fenced: vec![],
        claims: vec![everywhere(schema_keyspace()), everywhere(log_keyspace(host(2)))],
    });
    let report = Report::new(&gathered, true);
    let names: Vec<&str> = report.keyspaces.iter().map(|it| it.keyspace.as_str()).collect();
    assert_eq!(names, ["k", "quiet"]);
    assert_eq!(report.keyspaces[1].has_cdc, Some(false));
    assert_eq!(report.schema_owner, Some(host(2).to_string()));
    assert_eq!(report.findings, [] as [&str; 0]);
    // Half of one keyspace, and nothing of the other.
    let agent = &report.agents[1];
    assert_eq!(agent.owned_ranges, 1);
    assert!((agent.owned_share_percent - 25.0).abs() < 0.001, "{agent:?}");
}
