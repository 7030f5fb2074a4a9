//! What Cassandra answered, as `tests/stack/ring_placement` writes it down.

use std::{collections::BTreeMap, fs, net::IpAddr, path::Path, sync::Arc};

use ringtap::cluster::{
    names::{HostId, Keyspace, Token, TokenRange},
    ring::{Placements, Topology, place},
};

pub(crate) struct Answers {
    /// Serialized partition keys, with `token(…)` of them.
    keys: Vec<(Vec<u8>, i64)>,
    /// What `nodetool describering` says: keyspace, begin and end of a range (one of them wraps around), replicas.
    ranges: Vec<(Keyspace, i64, i64, Vec<IpAddr>)>,
    /// What `nodetool getendpoints` says: keyspace, partition key, replicas.
    endpoints: Vec<(Keyspace, Vec<u8>, Vec<IpAddr>)>,
}

impl Answers {
    pub(crate) fn read(folder: &Path) -> Self {
        Self {
            keys: lines(folder, "keys.txt", |words| (unhex(words[0]), words[1].parse().unwrap())),
            ranges: lines(folder, "ranges.txt", |words| {
                (words[0].into(), words[1].parse().unwrap(), words[2].parse().unwrap(), addresses(words[3]))
            }),
            endpoints: lines(folder, "endpoints.txt", |words| {
                (words[0].into(), unhex(words[1]), addresses(words[2]))
            }),
        }
    }

    pub(crate) fn keys(&self) -> usize {
        self.keys.len()
    }

    /// Compares all that was answered with what we say of this topology.
    pub(crate) fn compare(&self, topology: &Topology) {
        self.compare_tokens();
        // Both datacenters replicate some keyspaces: the second publishes those.
        let placements = place(topology, &["dc2".into(), "dc1".into()], |name| name != "keys").unwrap();
        assert_eq!(placements.problems, []);
        self.compare_ranges(topology, &placements);
        self.compare_keys(topology, &placements);
        self.compare_endpoints(topology, &placements);
    }

    fn compare_tokens(&self) {
        assert!(self.keys.len() >= 500, "{} keys", self.keys.len());
        for (key, token) in &self.keys {
            assert_eq!(Token::of_key(key).0, *token, "{key:02x?}");
        }
    }

    /// Both have the same ranges, but that none of ours wraps around, and the same replicas in the same order.
    fn compare_ranges(&self, topology: &Topology, placements: &Placements) {
        let mut expected: BTreeMap<(Keyspace, TokenRange), Vec<IpAddr>> = BTreeMap::new();
        for (keyspace, begin, end, replicas) in &self.ranges {
            let parts = if begin < end {
                [TokenRange::new(*begin, *end), None]
            } else {
                [TokenRange::new(*begin, i64::MAX), TokenRange::new(i64::MIN, *end)]
            };
            for range in parts.into_iter().flatten() {
                let twice = expected.insert((Arc::clone(keyspace), range), replicas.clone());
                assert_eq!(twice, None, "{keyspace} {range}");
            }
        }
        let mut ours = BTreeMap::new();
        for (keyspace, placement) in &placements.keyspaces {
            for range in placement.ranges() {
                ours.insert((Arc::clone(keyspace), range.range), addresses_of(topology, &range.replicas));
            }
        }
        assert_eq!(ours.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
        for ((keyspace, range), replicas) in &expected {
            assert_eq!(&ours[&(Arc::clone(keyspace), *range)], replicas, "{keyspace} {range}");
        }
    }

    /// Looks for each key as Cassandra would: the range may wrap around.
    fn compare_keys(&self, topology: &Topology, placements: &Placements) {
        for (key, token) in &self.keys {
            for (keyspace, begin, end, replicas) in &self.ranges {
                let is_in =
                    if begin < end { begin < token && token <= end } else { begin < token || token <= end };
                if is_in {
                    let ours = placements.keyspaces[keyspace].of(Token::of_key(key)).unwrap();
                    assert_eq!(&addresses_of(topology, &ours.replicas), replicas, "{keyspace} {key:02x?}");
                }
            }
        }
    }

    fn compare_endpoints(&self, topology: &Topology, placements: &Placements) {
        assert!(!self.endpoints.is_empty());
        for (keyspace, key, replicas) in &self.endpoints {
            let ours = placements.keyspaces[keyspace].of(Token::of_key(key)).unwrap();
            assert_eq!(&addresses_of(topology, &ours.replicas), replicas, "{keyspace} {key:02x?}");
        }
    }
}

fn lines<T>(folder: &Path, name: &str, parse: impl Fn(&[&str]) -> T) -> Vec<T> {
    let path = folder.join(name);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines().map(|line| parse(&line.split(' ').collect::<Vec<_>>())).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn addresses(text: &str) -> Vec<IpAddr> {
    text.split(',').filter(|word| !word.is_empty()).map(|word| word.parse().unwrap()).collect()
}

fn addresses_of(topology: &Topology, hosts: &[HostId]) -> Vec<IpAddr> {
    hosts.iter().map(|host| topology.nodes[host].address.unwrap()).collect()
}
