//! Order: one Cassandra partition in one Kafka partition, as the node logged it.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use foldhash::fast::RandomState;
use serde::Serialize;
use xxhash_rust::xxh3::xxh3_128;

use super::{
    ChangeView, ConsumedRecord, Findings, KeyShapes, Place, kafka_partition, key_shape::partition_key_part,
};
use crate::record::RecordPlace;

/// Checks the order of records and where they are. Records come in the order of their offsets.
#[derive(Debug, Default)]
pub struct OrderCheck {
    shapes: KeyShapes,
    partitions_of: HashMap<Arc<str>, i32>,
    /// By topic and partition key: the Kafka partition, and the last place of each host.
    keys: HashMap<u128, KeyState, RandomState>,
    hosts: Vec<Box<str>>,
    places: HashSet<(u32, Place), RandomState>,
    log: Option<HashSet<(u32, Place), RandomState>>,
    report: OrderReport,
}

#[derive(Debug)]
struct KeyState {
    partition: i32,
    last: Vec<(u32, Place)>,
}

/// What [`OrderCheck`] found.
#[derive(Debug, Default, Clone, Serialize)]
pub struct OrderReport {
    /// Records looked at, without Kafka tombstones.
    pub records: u64,
    /// Cassandra partitions among them.
    pub partition_keys: u64,
    /// Records of a key that come before one that the node logged earlier.
    pub out_of_order: Findings,
    /// Records of a key in another Kafka partition than its other records.
    pub scattered: Findings,
    /// Records in another Kafka partition than Java's default partitioner gives.
    pub misplaced: Findings,
    /// Places of the log of which a record came twice.
    pub repeated: Findings,
    /// Records of a place that the log does not have.
    pub not_in_log: Findings,
    /// Places of the log without a record: copies that were recognised as such.
    pub only_in_log: u64,
    /// Records that another node's agent published than that of the node whose log they are of.
    pub relayed: u64,
    /// Records whose key has another form than their table's definition says.
    pub malformed_keys: Findings,
}

impl OrderReport {
    /// Returns true if everything is in order.
    pub fn is_clean(&self) -> bool {
        [
            &self.out_of_order,
            &self.scattered,
            &self.misplaced,
            &self.repeated,
            &self.not_in_log,
            &self.malformed_keys,
        ]
        .iter()
        .all(|findings| findings.is_empty())
    }
}

impl OrderCheck {
    /// Starts with the number of Kafka partitions of each topic. Without a topic's number, where its records should be is
    /// not checked.
    pub fn new(partitions_of: HashMap<Arc<str>, i32>) -> Self {
        Self { partitions_of, ..Self::default() }
    }

    /// Gives the shapes of keys, for tables of which no record of a schema change comes first.
    pub fn set_shapes(&mut self, shapes: KeyShapes) {
        self.shapes = shapes;
    }

    /// Gives a place of the node's log, as `ringtap replay` of the same segments names it: then records of other places are
    /// findings. All of them have to be given before the first record.
    pub fn expect(&mut self, host_id: Option<&str>, place: Place) {
        let host = self.host(host_id);
        self.log.get_or_insert_default().insert((host, place));
    }

    /// Looks at a record; one without a value only counts where its deletion counts.
    pub fn observe(&mut self, record: &ConsumedRecord, change: &ChangeView<'_>) {
        self.observe_published_by(record, change, None);
    }

    /// Looks at a record of which the host is known whose agent published it. What an agent was sent by another one comes
    /// when it comes, so it is not compared with the order of the log that it is of.
    pub fn observe_published_by(
        &mut self,
        record: &ConsumedRecord,
        change: &ChangeView<'_>,
        publisher: Option<&str>,
    ) {
        let is_relayed = publisher.is_some_and(|publisher| change.host_id.as_deref() != Some(publisher));
        self.report.relayed += u64::from(is_relayed);
        self.report.records += 1;
        let host = self.host(change.host_id.as_deref());
        if let Some(ddl) = change.ddl {
            self.shapes.learn(&change.keyspace, &change.table, ddl);
        }
        self.check_log(record, host, change.place);
        // A copy of it goes to every partition, so it has no place of its own.
        if change.op == "truncate" {
            return;
        }
        if !self.places.insert((host, change.place)) {
            self.report.repeated.add(|| format!("{} again at {}", change.place, record.place_text()));
        }
        let key = record.key.as_deref().unwrap_or_default();
        let part = if change.op == "ddl" {
            Some(key.to_vec())
        } else {
            let columns = self.shapes.get(&change.keyspace, &change.table);
            columns.map_or_else(|| Some(key.to_vec()), |columns| partition_key_part(key, columns))
        };
        let Some(part) = part else {
            self.report.malformed_keys.add(|| record.place_text());
            return;
        };
        let is_part = change.op == "ddl" || self.shapes.get(&change.keyspace, &change.table).is_some();
        if is_part && let Some(partitions) = self.partitions_of.get(&record.topic) {
            let right = kafka_partition(&part, *partitions);
            if right != record.partition {
                self.report.misplaced.add(|| format!("{} belongs to partition {right}", record.place_text()));
            }
        }
        self.check_key(record, (!is_relayed).then_some(host), change.place, &part);
    }

    fn check_log(&mut self, record: &ConsumedRecord, host: u32, place: Place) {
        if place.index >= RecordPlace::TOLD_BY_NODE {
            return;
        }
        if self.log.as_ref().is_some_and(|log| !log.contains(&(host, place))) {
            self.report.not_in_log.add(|| format!("{place} at {}", record.place_text()));
        }
    }

    /// `host` is none where the order of its log doesn't bind.
    fn check_key(&mut self, record: &ConsumedRecord, host: Option<u32>, place: Place, part: &[u8]) {
        let mut name = record.topic.as_bytes().to_vec();
        name.push(0);
        name.extend_from_slice(part);
        let state = self.keys.entry(xxh3_128(&name)).or_insert_with(|| {
            self.report.partition_keys += 1;
            KeyState { partition: record.partition, last: Vec::new() }
        });
        if state.partition != record.partition {
            self.report.scattered.add(|| {
                format!("{}: others of its key are in partition {}", record.place_text(), state.partition)
            });
        }
        let Some(host) = host else { return };
        match state.last.iter_mut().find(|(known, _)| *known == host) {
            None => state.last.push((host, place)),
            Some((_, last)) if place > *last => *last = place,
            Some((_, last)) if place < *last => {
                self.report
                    .out_of_order
                    .add(|| format!("{place} comes after {last} at {}", record.place_text()));
            }
            Some(_) => {}
        }
    }

    fn host(&mut self, host_id: Option<&str>) -> u32 {
        let host_id = host_id.unwrap_or_default();
        let known = self.hosts.iter().position(|known| **known == *host_id).unwrap_or_else(|| {
            self.hosts.push(host_id.into());
            self.hosts.len() - 1
        });
        known as u32
    }

    /// Returns what was found, given that all records came.
    pub fn report(&self) -> OrderReport {
        let mut report = self.report.clone();
        if let Some(log) = &self.log {
            report.only_in_log = log.difference(&self.places).count() as u64;
        }
        report
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Made {
        key: &'static str,
        op: &'static str,
        position: u64,
        index: u32,
        partition: i32,
    }

    fn made(key: &'static str, position: u64, partition: i32) -> Made {
        Made { key, op: "update", position, index: 0, partition }
    }

    fn record(made: &Made, offset: usize) -> ConsumedRecord {
        let value = format!(
            r#"{{"op":"{}","ts":1,"key":{{}},"source":{{"host_id":"h","keyspace":"k","table":"t","segment":9,"position":{},"index":{}}}}}"#,
            made.op, made.position, made.index
        );
        ConsumedRecord {
            topic: "p.k.t".into(),
            partition: made.partition,
            offset: offset as i64,
            timestamp_ms: None,
            key: Some(made.key.as_bytes().into()),
            value: Some(value.as_bytes().into()),
            headers: Vec::new(),
        }
    }

    fn check(records: &[Made], mut check: OrderCheck) -> OrderReport {
        check.shapes.set("k", "t", 1);
        for (offset, made) in records.iter().enumerate() {
            let record = record(made, offset);
            check.observe(&record, &ChangeView::of(&record).unwrap().unwrap());
        }
        check.report()
    }

    const A1: &str = r#"{"a":1,"b":1}"#;
    const A1_WIDE: &str = r#"{"a":1,"b":null}"#;
    const A2: &str = r#"{"a":2,"b":1}"#;

    #[test]
    fn the_order_of_the_log_in_one_partition_is_clean() {
        let records = [made(A1, 10, 0), made(A2, 5, 1), made(A1_WIDE, 11, 0), made(A2, 12, 1)];
        let report = check(&records, OrderCheck::default());
        assert!(report.is_clean(), "{report:?}");
        assert_eq!((report.records, report.partition_keys), (4, 2));
    }

    #[test]
    fn a_key_that_goes_back_in_the_log_is_out_of_order() {
        let report = check(&[made(A1, 10, 0), made(A1_WIDE, 9, 0)], OrderCheck::default());
        assert_eq!(report.out_of_order.count, 1);
        assert!(!report.is_clean());
    }

    #[test]
    fn a_key_in_two_kafka_partitions_is_scattered() {
        let report = check(&[made(A1, 10, 0), made(A1_WIDE, 11, 1)], OrderCheck::default());
        assert_eq!(report.scattered.count, 1);
        assert!(!report.is_clean());
    }

    #[test]
    fn a_place_of_the_log_that_comes_twice_is_a_repetition() {
        let report = check(&[made(A1, 10, 0), made(A1, 10, 0)], OrderCheck::default());
        assert_eq!(report.repeated.count, 1);
        assert!(!report.is_clean());
        let second_part = Made { index: 1, ..made(A1, 10, 0) };
        assert!(check(&[made(A1, 10, 0), second_part], OrderCheck::default()).is_clean());
    }

    #[test]
    fn what_another_agent_published_is_not_bound_by_the_log_that_it_is_of() {
        let published = |publishers: [&str; 2]| {
            let mut order = OrderCheck::default();
            order.shapes.set("k", "t", 1);
            for (position, publisher) in [10, 9].into_iter().zip(publishers) {
                let record = record(&made(A1, position, 0), 0);
                let change = ChangeView::of(&record).unwrap().unwrap();
                order.observe_published_by(&record, &change, Some(publisher));
            }
            order.report()
        };
        let report = published(["h", "other"]);
        assert!(report.is_clean(), "{report:?}");
        assert_eq!(report.relayed, 1);
        assert_eq!(published(["h", "h"]).out_of_order.count, 1);
    }

    #[test]
    fn another_partition_than_the_partitioner_gives_is_misplaced() {
        let partitions = HashMap::from([(Arc::from("p.k.t"), 16)]);
        let right = kafka_partition(br#"{"a":1}"#, 16);
        assert!(check(&[made(A1, 1, right)], OrderCheck::new(partitions.clone())).is_clean());
        let report = check(&[made(A1, 1, (right + 1) % 16)], OrderCheck::new(partitions));
        assert_eq!(report.misplaced.count, 1);
        assert!(!report.is_clean());
    }

    #[test]
    fn a_truncation_has_a_copy_in_every_partition() {
        let copy = |partition| Made { op: "truncate", ..made(r#"{"a":null,"b":null}"#, 10, partition) };
        assert!(check(&[copy(0), copy(1), copy(2)], OrderCheck::default()).is_clean());
    }

    #[test]
    fn what_the_log_does_not_have_is_found_and_what_is_missing_counted() {
        let place = |position| Place { segment: 9, position, index: 0 };
        let mut log = OrderCheck::default();
        log.expect(Some("h"), place(10));
        log.expect(Some("h"), place(11));
        let report = check(&[made(A1, 10, 0), made(A1, 12, 0)], log);
        assert_eq!((report.not_in_log.count, report.only_in_log), (1, 1));
        assert!(!report.is_clean());
    }

    #[test]
    fn what_the_node_told_is_not_looked_for_in_the_log() {
        let mut log = OrderCheck::default();
        log.expect(Some("h"), Place { segment: 9, position: 10, index: 0 });
        let told = Made { op: "ddl", index: 1 << 20, ..made(A1, 9, 0) };
        let report = check(&[told, made(A1, 10, 0)], log);
        assert_eq!((report.not_in_log.count, report.only_in_log), (0, 0));
    }

    #[test]
    fn a_key_without_its_columns_is_malformed() {
        let report = check(&[made("[1", 10, 0)], OrderCheck::default());
        assert_eq!(report.malformed_keys.count, 1);
        assert!(!report.is_clean());
    }
}
