//! What a live node says of its schema over CQL is what its log says.
//!
//! Starts real nodes (tests/stack/cassandra), one after the other: those of `RINGTAP_NODE_VERSIONS`
//! (`3.11,4.0,4.1,5.0`), without it 5.0 alone.
#![cfg(feature = "agent")]
#![expect(clippy::unwrap_used, reason = "a test")]

mod certificates;
mod log;
mod node;
mod statements;

use std::{
    collections::BTreeMap,
    net::TcpListener,
    time::{Duration, Instant},
};

use cassandra_commitlog::schema::SchemaLookup as _;
use ringtap::schema::{
    Catalogue, Fingerprint,
    node::{CassandraNode, NodeError, NodeOptions, TlsOptions},
};

use self::{
    certificates::Certificates,
    log::{Log, Read},
    node::RunningNode,
};

#[test]
fn a_live_node_and_its_log_say_the_same() {
    let versions = std::env::var("RINGTAP_NODE_VERSIONS").unwrap_or_else(|_| "5.0".into());
    for version in versions.split(',') {
        let start = Instant::now();
        let node = RunningNode::start(version);
        println!("{version}: up after {:?}", start.elapsed());
        logins_and_certificates(&node);
        the_identity_is_that_of_the_log(&node);
        println!("{version}: logins and identity after {:?}", start.elapsed());
        let tables = the_schema_is_that_of_the_log(&node);
        println!("{version}: schema after {:?}", start.elapsed());
        let from_now = a_backlog_is_read_with_the_schema_of_now(&node);
        println!("{version}: {tables} tables the same; {from_now}; {:?}", start.elapsed());
    }
}

/// Who may ask, and how a refusal is told.
fn logins_and_certificates(node: &RunningNode) {
    let refused = |options: &NodeOptions| CassandraNode::connect(options).err().expect("it is refused");
    let mut options = node::options();
    options.login = None;
    assert!(matches!(refused(&options), NodeError::Authentication { .. }), "{:?}", refused(&options));
    let options = node::login_options("wrong");
    let error = refused(&options);
    assert!(matches!(error, NodeError::Authentication { .. }), "{error:?}");
    assert!(!error.is_transient() && !format!("{error:?} {options:?}").contains("wrong"));

    let tls = |certificates: &Certificates, verify_address| {
        let tls = TlsOptions { ca_file: certificates.ca_file(), client: None, verify_address };
        NodeOptions { tls: Some(tls), ..node::options() }
    };
    let another_authority = Certificates::make(node::ADDRESS);
    for verify_address in [true, false] {
        let encrypted = CassandraNode::connect(&tls(node.certificates(), verify_address)).unwrap();
        encrypted.schema_version().unwrap();
        let error = refused(&tls(&another_authority, verify_address));
        assert!(matches!(error, NodeError::Tls { .. }), "another authority: {error:?}");
    }
    let mut options = tls(&another_authority, true);
    options.tls.as_mut().unwrap().ca_file = "/nowhere".into();
    assert!(matches!(refused(&options), NodeError::TlsFile { .. }));
}

/// A node that is down, or hangs, is told within the time-out.
#[test]
fn a_node_that_does_not_answer_is_told_in_time() {
    let mut options = NodeOptions::new("127.0.30.251", 9042);
    options.connect_timeout = Duration::from_millis(500);
    let start = Instant::now();
    let error = CassandraNode::connect(&options).err().unwrap();
    assert!(matches!(error, NodeError::Unreachable { .. }), "{error:?}");
    assert!(error.is_transient());
    // Somebody listens and says nothing.
    let silent = TcpListener::bind("127.0.30.251:0").unwrap();
    options.port = silent.local_addr().unwrap().port();
    let error = CassandraNode::connect(&options).err().unwrap();
    assert!(matches!(error, NodeError::TimedOut { .. } | NodeError::Unreachable { .. }), "{error:?}");
    // Somebody ends each connection: plain text where TLS is wanted, say.
    let closing = TcpListener::bind("127.0.30.251:0").unwrap();
    options.port = closing.local_addr().unwrap().port();
    std::thread::spawn(move || closing.incoming().for_each(drop));
    let error = CassandraNode::connect(&options).err().unwrap();
    assert!(matches!(error, NodeError::Closed { .. }), "{error:?}");
    options.address = "no-such-host.invalid".into();
    let error = CassandraNode::connect(&options).err().unwrap();
    assert!(matches!(error, NodeError::TimedOut { .. } | NodeError::Unreachable { .. }), "{error:?}");
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

fn the_identity_is_that_of_the_log(node: &RunningNode) {
    let identity = node::connect().identity().unwrap();
    let log = Log::copy_of(node);
    let logged = log.identity();
    assert_eq!(logged.cluster.as_deref(), Some(&*identity.cluster));
    assert_eq!(logged.host_id.as_deref(), Some(&*identity.host_id.to_string()));
    assert_eq!(logged.release.as_deref(), Some(&*identity.release));
    assert!(identity.release.starts_with(node.version()));
    assert_eq!((&*identity.data_center, &*identity.rack), ("datacenter1", "rack1"));
    assert!(identity.partitioner.ends_with("Murmur3Partitioner"));
    assert_eq!(identity.tokens.len(), 8);
}

/// Makes tables of all kinds, writes to them, and compares definitions, write times, fingerprints and records.
fn the_schema_is_that_of_the_log(node: &RunningNode) -> usize {
    for set in ["types", "ops"] {
        node.run_all(&statements::of_set(node.version(), set));
    }
    node.run_all(&statements::more_tables(node.version()));
    node.run_all(&statements::writes(node.version()));
    node.mark();
    let seed = node::connect().schema().unwrap();
    let log = Log::copy_of(node);
    let mut followed = Catalogue::new();
    let truth = log.read_following(&mut followed);
    assert!(truth.undecodable.is_empty(), "{:?}", truth.undecodable);

    let mut seeded = Catalogue::new();
    seeded.seed(&seed);
    let logged = followed.to_seed();
    for (name, keyspace) in &seed.keyspaces {
        assert_eq!(logged.keyspaces.get(name), Some(keyspace), "{}", node.version());
    }
    assert_eq!(seed.keyspaces.len(), logged.keyspaces.len());
    assert_same_export(&seeded, &followed, node.version());
    let mut compared = 0;
    for (keyspace, table) in seeded.tables() {
        let id = table.id.unwrap();
        let (ours, theirs) = (seeded.table(id).unwrap(), followed.table(id).unwrap());
        assert_eq!(Fingerprint::of(ours), Fingerprint::of(theirs), "{keyspace}.{}", table.name);
        assert_eq!(ours, theirs, "{keyspace}.{}", table.name);
        compared += 1;
    }
    assert!(seeded.agrees_with(&logged) && followed.agrees_with(&seed));
    assert_eq!(seeded.unreadable(), []);

    // The same bytes with the node's word alone: nothing of the log's schema is looked at.
    let with_seed = log.read_with(&seeded);
    assert!(truth.records.len() > 40, "{}", truth.records.len());
    assert_eq!(with_seed.records, truth.records);
    compared
}

/// Both as JSON, but for where they were read. 3.11 does not tell the write times of types.
fn assert_same_export(seeded: &Catalogue, followed: &Catalogue, version: &str) {
    let lines = |catalogue: &Catalogue| -> Vec<String> {
        let mut json: serde_json::Value = serde_json::from_str(&catalogue.export(false)).unwrap();
        json.as_object_mut().unwrap().remove("position");
        if version == "3.11" {
            for keyspace in json["keyspaces"].as_array_mut().unwrap() {
                for of_type in keyspace["types"].as_array_mut().unwrap() {
                    of_type.as_object_mut().unwrap().remove("write_time");
                }
            }
        }
        serde_json::to_string_pretty(&json).unwrap().lines().map(str::to_owned).collect()
    };
    let (seeded, followed) = (lines(seeded), lines(followed));
    let differing = seeded.iter().zip(&followed).position(|(ours, theirs)| ours != theirs);
    let around = |lines: &[String]| differing.map(|at| lines[at.saturating_sub(30)..=at].join("\n"));
    assert_eq!(around(&seeded), around(&followed), "{version}");
    assert_eq!(seeded.len(), followed.len());
}

/// Changes the schema in all ways with writes in between; then reads the log from each change on, starting with the
/// schema that the node has at the end.
fn a_backlog_is_read_with_the_schema_of_now(node: &RunningNode) -> String {
    for statement in statements::of_set(node.version(), "ddl") {
        node.run(&statement);
        node.run_what_works(&statements::probes());
    }
    node.mark();
    let seed = node::connect().schema().unwrap();
    let log = Log::copy_of(node);
    let mut followed = Catalogue::new();
    let truth = log.read_following(&mut followed);
    assert!(truth.undecodable.is_empty(), "{:?}", truth.undecodable);
    let mut now = Catalogue::new();
    now.seed(&seed);
    let from_start = log.read_following(&mut now);
    assert_eq!(from_start.records, truth.records, "the log has its beginning");
    assert!(from_start.undecodable.is_empty());

    let mut differences = Differences::default();
    let changes = log.schema_changes();
    // The reading is slow without optimization: from each place only when somebody asked for the versions.
    let step = if std::env::var_os("RINGTAP_NODE_VERSIONS").is_some() { 1 } else { 5 };
    for cut in changes.iter().step_by(step) {
        let mut catalogue = Catalogue::new();
        catalogue.seed(&seed);
        let read = log.read_from(*cut, &mut catalogue);
        differences.add(&truth, &read);
        assert!(catalogue.agrees_with(&seed), "from {cut}: the end is the end");
    }
    assert_eq!(differences.wrong, Vec::<String>::new());
    format!(
        "{} records, from {} places: {} the same, {} by other names, {} of tables that are gone, {} by the cdc flag",
        truth.records.len(),
        changes.len().div_ceil(step),
        differences.same,
        differences.other_names,
        differences.of_gone_tables,
        differences.by_flag
    )
}

fn is_the_same_later(ours: &str, record: &str) -> bool {
    log::without_later_names(ours) == log::without_later_names(record)
}

/// How records from a log without its beginning differ from those of the whole log.
#[derive(Default)]
struct Differences {
    same: usize,
    /// The schema's fingerprint, names of renamed columns and fields, fields that were added.
    other_names: usize,
    /// The table was dropped before the seed: the entry cannot be decoded, and is told.
    of_gone_tables: usize,
    /// Whether the table was captured then, only a later mutation of it tells.
    by_flag: usize,
    wrong: Vec<String>,
}

impl Differences {
    fn add(&mut self, truth: &Read, read: &Read) {
        let undecodable: BTreeMap<_, _> = read.undecodable.iter().copied().collect();
        for (place, record) in truth.records.iter().filter(|((position, _), _)| *position > read.from) {
            match read.records.get(place) {
                Some(ours) if ours == record => self.same += 1,
                Some(ours) if is_the_same_later(ours, record) => self.other_names += 1,
                None if undecodable.contains_key(&place.0) => self.of_gone_tables += 1,
                None if record.contains(r#""table":"tog""#) || record.contains(r#""table":"off""#) => {
                    self.by_flag += 1;
                }
                ours => self.wrong.push(format!("from {}: {record}\n  {ours:?}", read.from)),
            }
        }
        for (place, record) in read.records.iter().filter(|(place, _)| !truth.records.contains_key(place)) {
            let by_flag = record.contains(r#""table":"tog""#) || record.contains(r#""table":"off""#);
            if by_flag {
                self.by_flag += 1;
            } else {
                self.wrong.push(format!("from {}, not in the truth: {place:?} {record}", read.from));
            }
        }
    }
}
