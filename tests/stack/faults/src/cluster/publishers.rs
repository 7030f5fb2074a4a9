//! Whose agent published a record, and since when it can be read.

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
    sync::Arc,
};

use anyhow::Result;
use ringtap::{checker::ConsumedRecord, sink::kafka::ClusterNames};

use super::ownership::Ownership;
use crate::broker_log::{PartitionLog, read_topic};

/// Whose agent published a record, and since when it can be read.
#[derive(Debug, Default)]
pub struct Publishers {
    /// Hosts by the producer that their agent has; another agent that fences it gets a later epoch of the same.
    hosts: HashMap<i64, Arc<str>>,
    logs: BTreeMap<Arc<str>, BTreeMap<i32, PartitionLog>>,
}

impl Publishers {
    /// Reads the logs of a broker: `data` is its folder, `topics` are those whose records will be asked for. An agent's
    /// producer is the one that writes to its host's partition of the ledger.
    pub(super) fn read<'t>(
        ownership: &Ownership,
        data: &Path,
        cluster: &str,
        topics: impl Iterator<Item = &'t Arc<str>>,
    ) -> Result<Self> {
        let names = ClusterNames::new(cluster);
        let mut hosts = HashMap::new();
        let partitions = ownership.ledger_partitions();
        for (partition, log) in read_topic(data, &names.ledger())? {
            let Some(host) = partitions.get(&partition) else { continue };
            hosts.extend(log.batches.iter().map(|batch| (batch.producer, Arc::clone(host))));
        }
        let logs =
            topics.map(|topic| Ok((Arc::clone(topic), read_topic(data, topic)?))).collect::<Result<_>>()?;
        Ok(Self { hosts, logs })
    }

    fn log_of(&self, record: &ConsumedRecord) -> Option<&PartitionLog> {
        self.logs.get(&record.topic)?.get(&record.partition)
    }

    /// Returns the host whose agent published a record.
    pub fn publisher(&self, record: &ConsumedRecord) -> Option<&Arc<str>> {
        self.hosts.get(&self.log_of(record)?.producer(record.offset)?)
    }

    /// Returns since when consumers of what is committed can read a record, in milliseconds since 1970.
    pub fn readable_since(&self, record: &ConsumedRecord) -> Option<i64> {
        self.log_of(record)?.readable_since(record.offset)
    }
}
