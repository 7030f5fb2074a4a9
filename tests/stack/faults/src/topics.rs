//! Counting and deleting topics.

use std::{ops::ControlFlow, time::Duration};

use anyhow::{Result, bail};
use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions},
    client::DefaultClientContext,
    types::RDKafkaErrorCode,
};
use ringtap::checker::TopicReader;
use serde::Serialize;

/// How long a transaction that is open at the end of the topics may stay so.
const STABLE_WITHIN: Duration = Duration::from_secs(90);

/// What is committed in the topics of a prefix.
#[derive(Debug, Default, Clone, Serialize)]
pub struct TopicCount {
    /// Topics.
    pub topics: u64,
    /// Records.
    pub records: u64,
    /// Records of the topics of tables alone.
    pub table_records: u64,
    /// Bytes of keys and values.
    pub bytes: u64,
}

/// Counts what is committed in the topics of a prefix.
pub fn count(brokers: &str, prefix: &str) -> Result<TopicCount> {
    let reader = TopicReader::new(brokers, &[]);
    let mut total = TopicCount::default();
    for (topic, partitions) in reader.topics(prefix)? {
        let read = reader.read_to_end(&topic, partitions, STABLE_WITHIN, &mut |record| {
            let lengths =
                [&record.key, &record.value].map(|bytes| bytes.as_ref().map_or(0, |bytes| bytes.len()));
            total.bytes += lengths.iter().sum::<usize>() as u64;
            ControlFlow::Continue(())
        })?;
        total.topics += 1;
        total.records += read;
        if !topic.ends_with(".schema-changes") {
            total.table_records += read;
        }
    }
    Ok(total)
}

/// Deletes the topics of a prefix; returns how many.
pub async fn delete(brokers: &str, prefix: &str) -> Result<usize> {
    let topics = TopicReader::new(brokers, &[]).topics(prefix)?;
    let names: Vec<&str> = topics.keys().map(|topic| &**topic).collect();
    if names.is_empty() {
        return Ok(0);
    }
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers);
    let admin: AdminClient<DefaultClientContext> = config.create()?;
    for result in admin.delete_topics(&names, &AdminOptions::new()).await? {
        match result {
            Ok(_) | Err((_, RDKafkaErrorCode::UnknownTopicOrPartition)) => {}
            Err((name, code)) => bail!("topic {name} cannot be deleted: {code}"),
        }
    }
    Ok(names.len())
}
