//! From the configuration to what each part of the agent asks for.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use cassandra_commitlog::{
    limits::Limits,
    segment::{DecoderOptions, KeyProvider},
};

use super::{error::AgentError, sending::Pace};
use crate::{
    checkpoint::StateOwner,
    config::{self, Config, DedupMode, RawOptions, WhenKafkaIsAway},
    dedup::IndexOptions,
    error_text::with_causes,
    record::{Deletes, LateChanges, PartitionBy, TopicNames},
    sink::kafka::{ClusterNames, Delivery, KafkaOptions, TooLarge, TopicOptions},
    source::{Keystore, KeystoreKeys, LiveOptions, ReadAhead, Release, Start},
};

/// Returns where the log is and how it is read.
pub(crate) fn live(config: &Config) -> Result<LiveOptions, AgentError> {
    let source = &config.source;
    let mut options = LiveOptions::new(&source.cdc_raw_directory);
    options.commitlog = Some(source.commitlog_directory.clone());
    options.read_ahead = match source.read_ahead {
        config::ReadAhead::Synced => ReadAhead::Synced,
        config::ReadAhead::Marked => ReadAhead::Marked,
        config::ReadAhead::Written => ReadAhead::Written,
    };
    options.release = match &source.release {
        config::Release::Delete => Release::Delete,
        config::Release::Archive(directory) => Release::Archive(directory.clone()),
        config::Release::Keep => Release::Keep,
    };
    if let WhenKafkaIsAway::Spool { directory, .. } = &source.when_kafka_is_away {
        options.spool = Some(directory.clone());
    }
    options.rescan_interval = Duration::from_millis(source.rescan_interval_ms);
    options.decoder = decoder(config)?;
    Ok(options)
}

fn decoder(config: &Config) -> Result<DecoderOptions, AgentError> {
    let mut limits = Limits::default();
    limits.section_bytes = u32::try_from(config.limits.section_bytes_max).unwrap_or(u32::MAX);
    let keys = match &config.source.keystore {
        None => None,
        Some(keystore) => {
            let password = keystore.password.expose().to_owned();
            let key_password = keystore.key_password.as_ref().map(|password| password.expose().to_owned());
            let store = Keystore::open(&keystore.file, password, key_password)
                .map_err(|error| AgentError::Config(with_causes(&error)))?;
            let keys = KeystoreKeys::new(store, |path, error| {
                tracing::error!(keystore = %path.display(), %error, "a segment's key cannot be had");
            });
            Some(Arc::new(keys) as Arc<dyn KeyProvider>)
        }
    };
    Ok(DecoderOptions { limits, keys, ..DecoderOptions::default() })
}

/// Returns where the first start begins.
pub(super) fn start(config: &Config) -> Start {
    match config.source.start {
        config::Start::Oldest => Start::Oldest,
        config::Start::Now => Start::Now,
    }
}

/// Returns the names of topics.
pub(crate) fn topic_names(config: &Config) -> TopicNames {
    TopicNames::new(config.topic_prefix.clone()).with_schema_changes(config.records.schema_topic.clone())
}

/// Returns what becomes of deletions.
pub(super) fn deletes(config: &Config) -> Deletes {
    match config.records.deletes {
        config::Deletes::EventAndTombstone => Deletes::EventAndTombstone,
        config::Deletes::Event => Deletes::Event,
        config::Deletes::Tombstone => Deletes::Tombstone,
    }
}

/// Returns what decides a record's partition.
pub(super) fn partition_by(config: &Config) -> PartitionBy {
    match config.records.partition_by {
        config::PartitionBy::PartitionKey => PartitionBy::PartitionKey,
        config::PartitionBy::RecordKey => PartitionBy::RecordKey,
    }
}

/// Returns what becomes of changes older than the window.
pub(super) fn late(config: &Config) -> LateChanges {
    match config.dedup.late {
        config::Late::Publish => LateChanges::Publish,
        config::Late::Drop => LateChanges::Drop,
        config::Late::Topic => LateChanges::OwnTopic,
    }
}

/// Returns how Kafka is reached and written to.
pub(crate) fn kafka(config: &Config, node: &StateOwner) -> KafkaOptions {
    let kafka = &config.kafka;
    let names = ClusterNames::new(&node.cluster);
    let mut options = KafkaOptions::new(
        kafka.brokers.clone(),
        names.transactional_id(&node.host_id),
        names.positions(),
        node.host_id.to_string(),
    );
    options.delivery = match kafka.delivery {
        config::Delivery::ExactlyOnce => Delivery::ExactlyOnce,
        config::Delivery::AtLeastOnce => Delivery::AtLeastOnce,
    };
    options.too_large = match kafka.too_large {
        config::TooLarge::Fail => TooLarge::Fail,
        config::TooLarge::KeyOnly => TooLarge::KeyOnly,
        config::TooLarge::Quarantine => TooLarge::Quarantine,
    };
    options.topics = TopicOptions {
        create: kafka.create_topics,
        partitions: u16::try_from(kafka.partitions).ok(),
        replication: kafka.replication,
        configs: owned(&kafka.topic_options),
        ..TopicOptions::default()
    };
    options.transaction_timeout = Duration::from_millis(kafka.transaction_timeout_ms);
    options.record_bytes_max = u32::try_from(kafka.record_bytes_max).unwrap_or(u32::MAX);
    options.queue_bytes_max = u32::try_from(kafka.queue_bytes_max).unwrap_or(u32::MAX);
    let (plain, secrets) = kafka.security_options();
    options.librdkafka = owned(&kafka.options);
    options.librdkafka.extend(plain);
    options.secrets = secrets;
    options.queue_records_max = u32::try_from(kafka.queue_records_max).unwrap_or(u32::MAX);
    options
}

/// Returns when transactions are committed.
pub(super) fn pace(config: &Config) -> Pace {
    Pace {
        interval: Duration::from_millis(config.kafka.commit_interval_ms),
        bytes_max: usize::try_from(config.kafka.transaction_bytes_max).unwrap_or(usize::MAX),
        records_max: usize::try_from(config.kafka.transaction_records_max).unwrap_or(usize::MAX),
    }
}

/// Returns where the dedup index lies and what it may take.
pub(super) fn index(config: &Config, directory: std::path::PathBuf) -> IndexOptions {
    IndexOptions {
        is_enabled: config.dedup.mode != DedupMode::Off,
        window: Duration::from_millis(config.dedup.window_ms),
        memory_bytes_max: config.dedup.memory_bytes_max,
        disk_bytes_max: config.dedup.disk_bytes_max,
        ..IndexOptions::new(directory)
    }
}

fn owned(options: &RawOptions) -> BTreeMap<String, String> {
    options.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}
