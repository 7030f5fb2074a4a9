//! Placement, by hand and against the naive one.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use super::{
    super::{
        PlacementProblem, ReplicatedRange, ReplicationFactor, Ring, Strategy, Topology, TopologyError, place,
    },
    Numbers, host, naive, options, topology,
};
use crate::cluster::names::{HostId, Keyspace, Token, TokenRange};

const LONG: &str = "org.apache.cassandra.locator.";

fn hosts(numbers: &[u128]) -> Vec<HostId> {
    numbers.iter().map(|number| host(*number)).collect()
}

fn names(names: &[&str]) -> Vec<Box<str>> {
    names.iter().map(|name| (*name).into()).collect()
}

fn ranges_of(topology: &Topology, datacenters: &[&str]) -> Vec<ReplicatedRange> {
    let placements = place(topology, &names(datacenters), |_| true).unwrap();
    assert_eq!(placements.problems, []);
    placements.keyspaces["ks"].ranges().to_vec()
}

fn problem(keyspace: super::ReplicationOptions, datacenters: &[&str]) -> PlacementProblem {
    let two = topology(&[("dc1", "r", &[1]), ("dc2", "r", &[2])], &[("ks", keyspace)]);
    let placements = place(&two, &names(datacenters), |_| true).unwrap();
    assert!(placements.keyspaces.is_empty() && placements.to_core().ranges.is_empty());
    placements.problems[0].clone()
}

#[test]
fn a_token_belongs_to_the_range_that_it_ends() {
    let simple = options("SimpleStrategy", &[("replication_factor", "2")]);
    let three = topology(&[("d", "r", &[-10, 30]), ("d", "r", &[10]), ("d", "r", &[20])], &[("ks", simple)]);
    let ranges: Vec<_> =
        ranges_of(&three, &[]).into_iter().map(|range| (range.range, range.ranked)).collect();
    let range = |after, up_to| TokenRange { after, up_to };
    let expected = [
        (range(i64::MIN, -10), hosts(&[1, 2])),
        (range(-10, 10), hosts(&[2, 3])),
        (range(10, 20), hosts(&[3, 1])),
        (range(20, 30), hosts(&[1, 2])),
        (range(30, i64::MAX), hosts(&[1, 2])),
    ];
    assert_eq!(ranges, expected);
}

#[test]
fn tokens_at_the_ends_leave_no_empty_ranges() {
    let simple = options("SimpleStrategy", &[("replication_factor", "1")]);
    let two = topology(&[("d", "r", &[i64::MIN]), ("d", "r", &[i64::MAX])], &[("ks", simple)]);
    let ranges = ranges_of(&two, &[]);
    assert_eq!(ranges.len(), 1);
    assert_eq!((ranges[0].range, &ranges[0].ranked), (TokenRange::ALL, &hosts(&[2])));
    let one = topology(&[("d", "r", &[i64::MIN])], &[("ks", two.keyspaces["ks"].clone())]);
    assert_eq!(ranges_of(&one, &[])[0].ranked, hosts(&[1]));
}

#[test]
fn racks_get_one_replica_each_before_any_gets_two() {
    let nodes: [(&str, &str, &[i64]); 5] =
        [("d", "a", &[10]), ("d", "a", &[20]), ("d", "a", &[30]), ("d", "b", &[40]), ("d", "c", &[50])];
    let replicas = |factor: &str| {
        let keyspace = options("NetworkTopologyStrategy", &[("d", factor)]);
        ranges_of(&topology(&nodes, &[("ks", keyspace)]), &[])[0].replicas.clone()
    };
    assert_eq!(replicas("1"), hosts(&[1]));
    assert_eq!(replicas("2"), hosts(&[1, 4]));
    assert_eq!(replicas("3"), hosts(&[1, 4, 5]));
    assert_eq!(replicas("4"), hosts(&[1, 2, 4, 5]));
    assert_eq!(replicas("5"), hosts(&[1, 2, 3, 4, 5]));
    assert_eq!(replicas("9"), hosts(&[1, 2, 3, 4, 5]));
    assert_eq!(replicas("3/1"), replicas("3"), "a transient replica counts");
}

#[test]
fn racks_of_one_name_in_two_datacenters_are_two() {
    let nodes: [(&str, &str, &[i64]); 4] =
        [("d", "a", &[10]), ("e", "a", &[20]), ("d", "b", &[30]), ("e", "b", &[40])];
    let keyspace = options("NetworkTopologyStrategy", &[("d", "1"), ("e", "1")]);
    assert_eq!(ranges_of(&topology(&nodes, &[("ks", keyspace)]), &["d"])[0].replicas, hosts(&[1, 2]));
}

#[test]
fn the_first_datacenter_that_replicates_a_keyspace_publishes_it() {
    let nodes: [(&str, &str, &[i64]); 4] =
        [("d", "r", &[10]), ("e", "r", &[20]), ("d", "r", &[30]), ("e", "r", &[40])];
    let both = topology(
        &nodes,
        &[("ks", options("NetworkTopologyStrategy", &[("d", "2"), ("e", "2"), ("f", "3"), ("g", "0")]))],
    );
    let first = |datacenters: &[&str]| ranges_of(&both, datacenters)[0].clone();
    assert_eq!(first(&["d", "e"]).replicas, hosts(&[1, 2, 3, 4]));
    assert_eq!(first(&["d", "e"]).ranked, hosts(&[1, 3]));
    assert_eq!(first(&["e", "d"]).ranked, hosts(&[2, 4]));
    assert_eq!(first(&["x", "f", "g", "e"]).ranked, hosts(&[2, 4]), "f has no nodes, g no replicas");
    let one = topology(&nodes, &[("ks", options("NetworkTopologyStrategy", &[("d", "0"), ("e", "1")]))]);
    assert_eq!(ranges_of(&one, &[])[0].ranked, hosts(&[2]), "there is but one");
}

#[test]
fn simple_strategy_prefers_datacenters_and_leaves_no_range_without_owner() {
    let nodes: [(&str, &str, &[i64]); 4] =
        [("d", "r", &[10]), ("e", "r", &[20]), ("d", "r", &[30]), ("d", "r", &[40])];
    let all = topology(&nodes, &[("ks", options("SimpleStrategy", &[("replication_factor", "2")]))]);
    let ranked = |datacenters: &[&str]| -> Vec<_> {
        ranges_of(&all, datacenters).into_iter().map(|range| range.ranked).collect()
    };
    assert_eq!(ranked(&["e"]), [&[2, 1], &[2, 3], &[3, 4], &[4, 1], &[2, 1]].map(|numbers| hosts(numbers)));
    assert_eq!(ranked(&[]), [&[1, 2], &[2, 3], &[3, 4], &[4, 1], &[1, 2]].map(|numbers| hosts(numbers)));
}

#[test]
fn what_cannot_be_placed_is_told_and_the_rest_is_placed() {
    let keyspace: Keyspace = "ks".into();
    let strategy =
        |class: &str| PlacementProblem::Strategy { keyspace: Arc::clone(&keyspace), class: class.into() };
    for class in ["LocalStrategy", "EverywhereStrategy", "com.acme.SimpleStrategy", ""] {
        assert_eq!(problem(options(class, &[]), &[]), strategy(class));
    }
    let old = format!("{LONG}OldNetworkTopologyStrategy");
    assert_eq!(problem(options(&old, &[]), &[]), strategy(&old));
    for factor in ["", "-1", "3.0", "three", "3/3", "3/4", "/1", "3/-1", "3/1/1", "99999999999999999999"] {
        let problem = problem(options("SimpleStrategy", &[("replication_factor", factor)]), &[]);
        assert!(matches!(problem, PlacementProblem::Option { .. }), "{factor}: {problem}");
    }
    let automatic = options("NetworkTopologyStrategy", &[("replication_factor", "3")]);
    assert!(matches!(problem(automatic, &[]), PlacementProblem::Option { .. }));
    let none = PlacementProblem::NoReplicas { keyspace: Arc::clone(&keyspace) };
    assert_eq!(problem(options("SimpleStrategy", &[("replication_factor", "0")]), &[]), none);
    assert_eq!(problem(options("NetworkTopologyStrategy", &[("dc1", "0"), ("dc9", "3")]), &[]), none);
    let both = options("NetworkTopologyStrategy", &[("dc2", "1"), ("dc1", "1")]);
    let replicated = names(&["dc1", "dc2"]);
    let (name, list) = (Arc::clone(&keyspace), replicated.clone());
    assert_eq!(problem(both.clone(), &[]), PlacementProblem::NotDecided { keyspace: name, replicated: list });
    assert_eq!(problem(both, &["dc3"]), PlacementProblem::NotPublished { keyspace, replicated });

    let good = options(&format!("{LONG}SimpleStrategy"), &[("replication_factor", "1")]);
    let keyspaces =
        [("good", good.clone()), ("bad", options("X", &[])), ("system_auth", good.clone()), ("out", good)];
    let mixed = topology(&[("d", "r", &[1])], &keyspaces);
    let placements = place(&mixed, &[], |name| name != "out").unwrap();
    assert_eq!(placements.keyspaces.keys().map(|name| &**name).collect::<Vec<_>>(), ["good"]);
    assert_eq!(placements.problems.iter().map(|p| &**p.keyspace()).collect::<Vec<_>>(), ["bad"]);
    let empty = place(&topology(&[("d", "r", &[])], &[]), &[], |_| true).unwrap_err();
    assert!(matches!(empty, TopologyError::NoTokens { .. }) && empty.is_transient());
}

/// Racks and datacenters of very different sizes, one to twelve nodes with one to eight tokens.
fn random_topology(numbers: &mut Numbers) -> Topology {
    let count = 1 + numbers.below(12) as usize;
    let (datacenters, racks) = (1 + numbers.below(3), 1 + numbers.below(4));
    let mut all = topology(&vec![("", "", &[] as &[i64]); count], &[]);
    for node in all.nodes.values_mut() {
        node.data_center = format!("dc{}", numbers.below(datacenters)).into();
        // The first rack gets about half.
        node.rack = format!("r{}", numbers.below(racks * 2).saturating_sub(racks)).into();
        node.tokens = (0..=numbers.below(8)).map(|_| numbers.token()).collect();
        node.tokens.sort_unstable();
    }
    all
}

#[test]
fn placement_is_the_naive_one() {
    for seed in 0..200 {
        let numbers = &mut Numbers(seed);
        let all = random_topology(numbers);
        let ring = Ring::new(&all).unwrap();
        let factors: BTreeMap<String, usize> =
            (0..4).map(|index| (format!("dc{index}"), numbers.below(6) as usize)).collect();
        let network = Strategy::NetworkTopology(
            factors
                .iter()
                .map(|(name, count)| (name.as_str().into(), ReplicationFactor(*count as u32)))
                .collect(),
        );
        let simple = ReplicationFactor(numbers.below(6) as u32);
        let tokens: Vec<i64> = all.nodes.values().flat_map(|node| node.tokens.clone()).collect();
        let near = tokens.iter().flat_map(|token| [token.wrapping_sub(1), *token, token.wrapping_add(1)]);
        let far = [i64::MIN, i64::MIN + 1, 0, i64::MAX, numbers.token(), numbers.token()];
        for token in near.chain(far) {
            assert_eq!(
                ring.replicas(&network, Token(token)),
                naive::network_topology(&all, &factors, token),
                "seed {seed}, token {token}, {factors:?}, {all:?}"
            );
            assert_eq!(
                ring.replicas(&Strategy::Simple(simple), Token(token)),
                naive::simple(&all, simple.0 as usize, token),
                "seed {seed}, token {token}, {simple:?}, {all:?}"
            );
        }
    }
}

#[test]
fn ranges_cover_all_tokens_once_and_have_the_replicas_of_their_tokens() {
    for seed in 1000..1200 {
        let numbers = &mut Numbers(seed);
        let mut all = random_topology(numbers);
        let datacenters: Vec<Box<str>> =
            (0..3).map(|index| format!("dc{}", (index + seed) % 3).into()).collect();
        let factor = |numbers: &mut Numbers| numbers.below(5).to_string();
        let counts = [factor(numbers), factor(numbers)];
        let network = options("NetworkTopologyStrategy", &[("dc0", &counts[0]), ("dc1", &counts[1])]);
        let simple = options("SimpleStrategy", &[("replication_factor", "3")]);
        all.keyspaces.insert("network".into(), network.clone());
        all.keyspaces.insert("simple".into(), simple);
        let ring = Ring::new(&all).unwrap();
        let placements = place(&all, &datacenters, |_| true).unwrap();
        assert_eq!(placements.keyspaces.len() + placements.problems.len(), 2);
        for (keyspace, placement) in &placements.keyspaces {
            let strategy = Strategy::parse(keyspace, &all.keyspaces[keyspace]).unwrap();
            let ranges = placement.ranges();
            assert_eq!((ranges[0].range.after, ranges.last().unwrap().range.up_to), (i64::MIN, i64::MAX));
            for pair in ranges.windows(2) {
                assert_eq!(pair[0].range.up_to, pair[1].range.after);
            }
            for range in ranges {
                for token in [range.range.after + 1, range.range.up_to].map(Token) {
                    assert_eq!(placement.of(token), Some(range));
                    assert_eq!(range.replicas, ring.replicas(&strategy, token));
                }
                let publishing = if &**keyspace == "simple" { range.ranked.len() } else { 0 };
                let place_of = |host: &HostId| &all.nodes[host].data_center;
                let first = range.ranked.first().expect("each range has an owner");
                let there = range.replicas.iter().filter(|host| place_of(host) == place_of(first));
                assert_eq!(range.ranked.len(), publishing.max(there.count()));
                assert!(range.ranked.iter().all(|host| range.replicas.contains(host)));
            }
        }
    }
}

/// A hundred nodes with 256 tokens each, in two datacenters of three racks.
fn large_topology() -> Topology {
    let numbers = &mut Numbers(7);
    let mut all = topology(&[("", "", &[] as &[i64]); 100], &[]);
    for (index, node) in all.nodes.values_mut().enumerate() {
        node.data_center = format!("dc{}", index % 2).into();
        node.rack = format!("r{}", index % 3).into();
        node.tokens = (0..256).map(|_| numbers.token()).collect();
        node.tokens.sort_unstable();
    }
    for index in 0..10 {
        let (one, other) = ((1 + index % 5).to_string(), (index / 5 * 2).to_string());
        let keyspace = options("NetworkTopologyStrategy", &[("dc0", &one), ("dc1", &other)]);
        all.keyspaces.insert(format!("ks{index}").into(), keyspace);
    }
    all
}

#[test]
fn many_nodes_and_keyspaces_take_little_time() {
    let all = large_topology();
    let begun = Instant::now();
    let placements = place(&all, &names(&["dc0"]), |_| true).unwrap();
    let placed = begun.elapsed();
    let core = placements.to_core();
    println!("{} ranges placed in {placed:?}, told after {:?}", core.ranges.len(), begun.elapsed());
    assert_eq!(core.ranges.len(), 10 * (100 * 256 + 1));
    // Without optimisation, and on a busy machine; a walk of the whole ring for each range would take minutes.
    assert!(placed.as_secs() < 20, "{placed:?}");
}

/// Walking from token to token until the one of the only node of its rack comes would be 25 600 steps for each range.
#[test]
fn a_rack_with_one_token_and_factors_above_the_number_of_nodes_take_no_longer() {
    let mut all = large_topology();
    all.keyspaces.clear();
    all.keyspaces.insert("racks".into(), options("NetworkTopologyStrategy", &[("dc0", "4")]));
    all.keyspaces.insert("network".into(), options("NetworkTopologyStrategy", &[("dc0", "1000")]));
    all.keyspaces.insert("simple".into(), options("SimpleStrategy", &[("replication_factor", "1000")]));
    let lonely = all.nodes.get_mut(&host(1)).unwrap();
    lonely.rack = "lonely".into();
    lonely.tokens.truncate(1);
    let begun = Instant::now();
    let placements = place(&all, &[], |_| true).unwrap();
    println!("{} keyspaces placed in {:?}", placements.keyspaces.len(), begun.elapsed());
    let replicas = |keyspace: &str| placements.keyspaces[keyspace].ranges()[5].ranked.clone();
    assert!(replicas("racks").contains(&host(1)));
    assert_eq!(["racks", "network", "simple"].map(|keyspace| replicas(keyspace).len()), [4, 50, 100]);
    assert!(begun.elapsed().as_secs() < 20, "{:?}", begun.elapsed());
}
