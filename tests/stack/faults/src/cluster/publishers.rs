//! Whose agent published a record, and since when it can be read.

use std::{
    collections::{BTreeMap, HashMap},
    ops::ControlFlow,
    path::Path,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, Result};
use ringtap::{
    checker::{ConsumedRecord, TopicReader},
    cluster::record::OwnersRecord,
    sink::kafka::ClusterNames,
};

use super::side_traffic::AGENTS_PREFIX;
use crate::broker_log::{PartitionLog, read_topic};

/// How long a transaction may stay open that a reader waits for.
const STABLE_WITHIN: Duration = Duration::from_secs(60);

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
    pub fn read<'t>(
        brokers: &str,
        data: &Path,
        cluster: &str,
        topics: impl Iterator<Item = &'t Arc<str>>,
    ) -> Result<Self> {
        let names = ClusterNames::new(cluster);
        let mut hosts = HashMap::new();
        let partitions = ledger_partitions(brokers, &names.owners())?;
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

/// Returns the host of each partition of the ledger: the first that claimed it.
fn ledger_partitions(brokers: &str, owners: &str) -> Result<HashMap<i32, Arc<str>>> {
    let mut hosts = HashMap::new();
    let mut unreadable = None;
    let topic: Arc<str> = owners.into();
    let reader = TopicReader::new(brokers, &[]);
    // Agents that work for themselves have none.
    if !reader.topics(AGENTS_PREFIX)?.contains_key(&topic) {
        return Ok(hosts);
    }
    reader.read_to_end(&topic, 1, STABLE_WITHIN, &mut |record| {
        match OwnersRecord::decode(record.value.as_deref().unwrap_or_default()) {
            Ok(OwnersRecord::Host { host, partition, .. }) => {
                hosts.entry(partition).or_insert_with(|| Arc::from(host.to_string()));
            }
            Ok(_) => {}
            Err(error) => unreadable = Some((record.place_text(), error)),
        }
        ControlFlow::Continue(())
    })?;
    match unreadable {
        None => Ok(hosts),
        Some((place, error)) => Err(error).context(place),
    }
}
