//! The answers that are kept.

use std::path::Path;

use ringtap::cluster::ring::Topology;

use crate::answers::Answers;

fn compare(version: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/ring").join(version);
    let topology = Topology::load(&folder.join("topology")).unwrap().expect("a topology is kept");
    Answers::read(&folder).compare(&topology);
}

#[test]
fn tokens_and_replicas_are_those_of_cassandra_4_1() {
    compare("4.1");
}

#[test]
fn tokens_and_replicas_are_those_of_cassandra_5_0() {
    compare("5.0");
}
