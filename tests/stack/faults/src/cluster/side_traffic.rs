//! What the agents' own topics hold: the price of each change once.

use std::{collections::BTreeMap, ops::ControlFlow, path::Path, sync::Arc, time::Duration};

use anyhow::Result;
use ringtap::{
    checker::{Findings, TopicReader},
    cluster::record::{LedgerKind, LedgerRecord, OwnersRecord},
    sink::kafka::ClusterNames,
};
use serde::Serialize;

use crate::broker_log::{PartitionLog, read_topic};

/// How long a transaction may stay open that a reader waits for.
const STABLE_WITHIN: Duration = Duration::from_secs(60);
/// What the names of all topics of agents begin with, up to a dot.
pub(super) const AGENTS_PREFIX: &str = "__ringtap";

/// What the agents' own topics hold.
#[derive(Debug, Default, Clone, Serialize)]
pub struct SideTraffic {
    /// Bytes on the broker's disk, all overhead included.
    pub owners_bytes: u64,
    /// As above.
    pub ledger_bytes: u64,
    /// As above.
    pub relay_bytes: u64,
    /// Committed records of the ledger, by kind.
    pub ledger_records: BTreeMap<&'static str, u64>,
    /// Bytes of their values, by kind.
    pub ledger_value_bytes: BTreeMap<&'static str, u64>,
    /// Records of the owners topic, by kind.
    pub owners_records: BTreeMap<&'static str, u64>,
    /// Changes that were sent to their owner.
    pub relays: u64,
    /// Records that cannot be read.
    pub unreadable: Findings,
}

impl SideTraffic {
    /// Reads the topics of a cluster; `data` is the broker's folder.
    pub fn read(brokers: &str, data: &Path, cluster: &str) -> Result<Self> {
        let names = ClusterNames::new(cluster);
        let bytes = |topic: &str| -> Result<u64> {
            Ok(read_topic(data, topic)?.values().map(PartitionLog::bytes).sum())
        };
        let mut found = Self {
            owners_bytes: bytes(&names.owners())?,
            ledger_bytes: bytes(&names.ledger())?,
            relay_bytes: bytes(&names.relay())?,
            relays: read_topic(data, &names.relay())?.values().map(PartitionLog::records).sum(),
            ..Self::default()
        };
        let reader = TopicReader::new(brokers, &[]);
        let topics = reader.topics(AGENTS_PREFIX)?;
        for (topic, is_ledger) in [(names.owners(), false), (names.ledger(), true)] {
            let topic: Arc<str> = topic.into();
            let Some(partitions) = topics.get(&topic) else { continue };
            reader.read_to_end(&topic, *partitions, STABLE_WITHIN, &mut |record| {
                let value = record.value.as_deref().unwrap_or_default();
                let counted = if is_ledger { found.count_ledger(value) } else { found.count_owners(value) };
                if let Err(words) = counted {
                    found.unreadable.add(|| format!("{}: {words}", record.place_text()));
                }
                ControlFlow::Continue(())
            })?;
        }
        Ok(found)
    }

    /// Returns all of its bytes.
    pub fn bytes(&self) -> u64 {
        self.owners_bytes + self.ledger_bytes + self.relay_bytes
    }

    fn count_ledger(&mut self, value: &[u8]) -> Result<(), String> {
        let kind = match LedgerRecord::decode(value).map_err(|error| error.to_string())?.kind {
            LedgerKind::Hello => "hello",
            LedgerKind::Published(_) => "published",
            LedgerKind::Skipped(_) => "skipped",
            LedgerKind::Beat { .. } => "beat",
        };
        *self.ledger_records.entry(kind).or_default() += 1;
        *self.ledger_value_bytes.entry(kind).or_default() += value.len() as u64;
        Ok(())
    }

    fn count_owners(&mut self, value: &[u8]) -> Result<(), String> {
        let kind = match OwnersRecord::decode(value).map_err(|error| error.to_string())? {
            OwnersRecord::Init { .. } => "init",
            OwnersRecord::Host { .. } => "host",
            OwnersRecord::Topic { .. } => "topic",
            OwnersRecord::Own { .. } => "own",
            OwnersRecord::Release { .. } => "release",
            OwnersRecord::Want { .. } => "want",
        };
        *self.owners_records.entry(kind).or_default() += 1;
        Ok(())
    }
}
