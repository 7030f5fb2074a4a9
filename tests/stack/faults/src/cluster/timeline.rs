//! When records could be read: latencies, and how long tokens had no publisher.

use std::{collections::HashMap, path::Path, sync::Arc};

use anyhow::Result;
use ringtap::checker::{ChangeView, ConsumedRecord, unique_values};
use serde::Serialize;

use super::{ClusterAct, Publishers};
use crate::{journal::acknowledged_at, latency::share};

/// Times from the acknowledgement of a write until its record could be read.
#[derive(Debug, Default, Clone, Serialize)]
pub struct LatencyFigures {
    /// Records of acknowledged writes.
    pub records: usize,
    /// Half of them are faster.
    pub p50_ms: f64,
    /// 99 of 100 are faster.
    pub p99_ms: f64,
    /// The slowest one.
    pub max_ms: f64,
}

/// How long what an agent had published had no publisher.
#[derive(Debug, Clone, Serialize)]
pub struct TakeOver {
    /// What befell the agent.
    pub act: ClusterAct,
    /// Its host.
    pub victim: String,
    /// When it was killed or held, in milliseconds since 1970.
    pub at_ms: i64,
    /// Until the first record of a partition that it had published last could be read that another agent published; none
    /// if there is no such record.
    pub seconds: Option<f64>,
}

#[derive(Debug)]
struct Event {
    readable_ms: i64,
    partition_key: Arc<str>,
    publisher: Arc<str>,
}

/// When records could be read, and who published them.
#[derive(Debug)]
pub(super) struct Timeline {
    prefix: String,
    acknowledged: HashMap<Box<str>, i64>,
    latencies_ms: Vec<f64>,
    events: Vec<Event>,
    keys: HashMap<String, Arc<str>>,
}

impl Timeline {
    /// Begins with a load's journal and what its values begin with.
    pub(super) fn new(journal: &Path, prefix: &str) -> Result<Self> {
        Ok(Self {
            prefix: prefix.to_owned(),
            acknowledged: acknowledged_at(journal)?,
            latencies_ms: Vec::new(),
            events: Vec::new(),
            keys: HashMap::new(),
        })
    }

    /// Takes a record of a row.
    pub(super) fn observe(
        &mut self,
        record: &ConsumedRecord,
        change: &ChangeView<'_>,
        publishers: &Publishers,
    ) {
        let Some(readable_ms) = publishers.readable_since(record) else { return };
        let values = unique_values(change, &self.prefix).unwrap_or_default();
        if let Some(at) = values.iter().find_map(|value| self.acknowledged.get(&**value)) {
            // What is read before the node has acknowledged it is not late.
            self.latencies_ms.push((readable_ms as f64 - *at as f64 / 1e3).max(0.0));
        }
        let publisher = publishers.publisher(record).cloned();
        if let Some((partition_key, publisher)) = partition_key(record, change).zip(publisher) {
            let partition_key = self.shared(partition_key);
            self.events.push(Event { readable_ms, partition_key, publisher });
        }
    }

    /// Returns the one text of a partition key that all its events have.
    fn shared(&mut self, partition_key: String) -> Arc<str> {
        let text: Arc<str> = partition_key.as_str().into();
        Arc::clone(self.keys.entry(partition_key).or_insert(text))
    }

    /// Returns the latencies.
    pub(super) fn latencies(&mut self) -> LatencyFigures {
        self.latencies_ms.sort_by(f64::total_cmp);
        let of = |part| share(&self.latencies_ms, part);
        LatencyFigures {
            records: self.latencies_ms.len(),
            p50_ms: of(0.5),
            p99_ms: of(0.99),
            max_ms: of(1.0),
        }
    }

    /// Returns how long it took until another agent published for partitions that the victim had published last.
    pub(super) fn take_over_seconds(&mut self, victim: &str, at_ms: i64) -> Option<f64> {
        // Of one millisecond the order of the topic stays.
        self.events.sort_by_key(|event| event.readable_ms);
        let (before, after) =
            self.events.split_at(self.events.partition_point(|event| event.readable_ms <= at_ms));
        let last: HashMap<&str, &str> =
            before.iter().map(|event| (&*event.partition_key, &*event.publisher)).collect();
        let taken = after.iter().find(|event| {
            *event.publisher != *victim && last.get(&*event.partition_key).is_some_and(|last| *last == victim)
        });
        taken.map(|event| (event.readable_ms - at_ms) as f64 / 1e3)
    }
}

/// Returns the table and the partition key of a record; all tables of the load call it `pk`.
fn partition_key(record: &ConsumedRecord, change: &ChangeView<'_>) -> Option<String> {
    let key: serde_json::Value = serde_json::from_str(change.key).ok()?;
    Some(format!("{} {}", record.topic, key.get("pk")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_take_over_is_the_first_record_of_the_victims_partitions_by_somebody_else() {
        let directory = tempfile::tempdir().unwrap();
        let journal = directory.path().join("journal");
        std::fs::write(&journal, "").unwrap();
        let mut timeline = Timeline::new(&journal, "w-").unwrap();
        for (readable_ms, partition_key, publisher) in [
            (1_000, "a", "one"),
            (1_100, "b", "two"),
            (1_900, "b", "two"),
            (2_500, "b", "two"),
            // What the victim had sent before it was killed.
            (2_050, "a", "one"),
            (9_000, "a", "two"),
            (9_500, "a", "three"),
        ] {
            timeline.events.push(Event {
                readable_ms,
                partition_key: partition_key.into(),
                publisher: publisher.into(),
            });
        }
        assert_eq!(timeline.take_over_seconds("one", 2_000), Some(7.0));
        assert_eq!(timeline.take_over_seconds("two", 9_400), Some(0.1));
        assert_eq!(timeline.take_over_seconds("three", 9_600), None);
    }
}
