//! How to reach Kafka, and how to write to it.

use std::{collections::BTreeMap, time::Duration};

use rdkafka::{ClientConfig, config::RDKafkaLogLevel};
use secrecy::{ExposeSecret as _, SecretString};

use super::{
    error::{SinkError, lost},
    refused::check_options,
};
use crate::record::{TopicNameError, check_topic_name};

/// What is promised of delivery.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Delivery {
    /// Records and position are one Kafka transaction.
    #[default]
    ExactlyOnce,
    /// The producer is idempotent, the position follows when all records before it are there: a crash may repeat what
    /// was sent since the last commit.
    AtLeastOnce,
}

/// What is done with a record that is larger than its topic takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TooLarge {
    /// Stops with an error that names the record.
    #[default]
    Fail,
    /// Publishes `op`, `ts`, `key` and where the change stands in the log, but none of what it wrote.
    KeyOnly,
    /// Puts it aside, by what [`KafkaSink::quarantine_with`](super::KafkaSink::quarantine_with) was given.
    Quarantine,
}

/// How topics are made that are missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicOptions {
    /// Whether to make them at all.
    pub create: bool,
    /// Whether to look at the settings of topics that are there. It takes the right `DescribeConfigs`; without it, a
    /// look tells nothing.
    pub check: bool,
    /// Partitions of a data topic; `None`: what the brokers have for default.
    pub partitions: Option<u16>,
    /// Replicas of all topics; `None`: what the brokers have for default.
    pub replication: Option<u16>,
    /// Further settings of data topics. `cleanup.policy` is `delete` if it is not among them: records hold changes, not
    /// rows, so compaction would lose columns.
    pub configs: BTreeMap<String, String>,
}

impl Default for TopicOptions {
    fn default() -> Self {
        Self { create: true, check: true, partitions: None, replication: None, configs: BTreeMap::new() }
    }
}

/// How to reach Kafka, and how to write to it. Its `Debug` shows no secrets.
#[derive(Debug, Clone)]
pub struct KafkaOptions {
    /// `host:port,…` of the first brokers to ask.
    pub brokers: String,
    /// What is promised.
    pub delivery: Delivery,
    /// Names this agent to Kafka: the same after a restart, and no other agent's. Not used with at-least-once.
    pub transactional_id: String,
    /// Topic of the positions: compacted, one partition, shared by the agents of a cluster.
    pub positions_topic: String,
    /// Whether positions are kept there. Without it the topic is only looked at to see whether the brokers answer, and must be there.
    pub keeps_positions: bool,
    /// Key of this agent's records there.
    pub position_key: String,
    /// How missing topics are made.
    pub topics: TopicOptions,
    /// How long a transaction may stay open before the broker aborts it. Until then others may not see what comes
    /// behind it.
    pub transaction_timeout: Duration,
    /// What is done with a record that is too large.
    pub too_large: TooLarge,
    /// Largest record in bytes of key, value and headers. The topic's `max.message.bytes` counts too.
    pub record_bytes_max: u32,
    /// Most bytes of values that wait in librdkafka's queue.
    pub queue_bytes_max: u32,
    /// Most records that wait there; each costs about half a kilobyte besides its value.
    pub queue_records_max: u32,
    /// How often topics are looked at for a changed number of partitions.
    pub topic_check_interval: Duration,
    /// How long to try to reach Kafka; `None`: until it is stopped.
    pub connect_timeout: Option<Duration>,
    /// Passed through to librdkafka, unless they break a promise (see [`check_options`]).
    pub librdkafka: BTreeMap<String, String>,
    /// Options of librdkafka that are secrets, such as `sasl.password`.
    pub secrets: BTreeMap<String, SecretString>,
}

/// librdkafka's shortest and the longest sensible transaction.
const TRANSACTION_TIMEOUT_RANGE: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(900);

/// Smallest limit for records, and largest that librdkafka knows.
const RECORD_BYTES_RANGE: std::ops::RangeInclusive<u32> = 1_000..=1_000_000_000;

impl KafkaOptions {
    /// Makes the default options.
    pub fn new(
        brokers: impl Into<String>,
        transactional_id: impl Into<String>,
        positions_topic: impl Into<String>,
        position_key: impl Into<String>,
    ) -> Self {
        Self {
            brokers: brokers.into(),
            delivery: Delivery::default(),
            transactional_id: transactional_id.into(),
            positions_topic: positions_topic.into(),
            keeps_positions: true,
            position_key: position_key.into(),
            topics: TopicOptions::default(),
            transaction_timeout: Duration::from_secs(30),
            too_large: TooLarge::default(),
            record_bytes_max: 1_000_000,
            queue_bytes_max: 32 << 20,
            queue_records_max: 50_000,
            topic_check_interval: Duration::from_secs(60),
            connect_timeout: None,
            librdkafka: BTreeMap::new(),
            secrets: BTreeMap::new(),
        }
    }

    /// Checks all that can be checked without Kafka.
    pub fn check(&self) -> Result<(), SinkError> {
        let config = |text: &str| Err(SinkError::Config(text.into()));
        check_options(&self.librdkafka).map_err(|refused| SinkError::Config(refused.to_string()))?;
        if self.brokers.trim().is_empty() {
            return config("no Kafka brokers are given");
        }
        if self.delivery == Delivery::ExactlyOnce && self.transactional_id.is_empty() {
            return config("a transactional id is needed");
        }
        if !TRANSACTION_TIMEOUT_RANGE.contains(&self.transaction_timeout) {
            return config("the transaction's time limit must be 1 s to 15 min");
        }
        if !RECORD_BYTES_RANGE.contains(&self.record_bytes_max) {
            return config("the largest record must be allowed 1,000 bytes to 1,000,000,000");
        }
        if self.queue_bytes_max < self.record_bytes_max || self.queue_records_max == 0 {
            return config("the queue must have room for the largest record");
        }
        if let Some(option) = self.secrets.keys().find(|option| self.librdkafka.contains_key(*option)) {
            return config(&format!("librdkafka option `{option}` is given twice"));
        }
        check_topic_name(&self.positions_topic).map_err(TopicNameError::into_sink)?;
        // librdkafka knows its own options best.
        self.producer_config().create_native_config().map_err(|error| lost("checking", &error, ""))?;
        Ok(())
    }

    /// Returns the configuration of anything that talks to the brokers.
    fn base_config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set_log_level(RDKafkaLogLevel::Info);
        config.set("client.id", "ringtap");
        // What is passed through comes first: nothing below can be overridden.
        for (option, value) in &self.librdkafka {
            config.set(option, value);
        }
        for (option, value) in &self.secrets {
            config.set(option, value.expose_secret());
        }
        config.set("bootstrap.servers", &self.brokers);
        config.set("allow.auto.create.topics", "false");
        config
    }

    /// Returns the configuration of short-lived clients that make and look at topics.
    pub(crate) fn admin_config(&self) -> ClientConfig {
        let mut config = self.base_config();
        for option in PRODUCER_ONLY {
            config.remove(option);
        }
        config
    }

    /// Returns the configuration of a reader that reads a few records once, such as that of positions.
    pub(crate) fn reader_config(&self, isolation: &str) -> ClientConfig {
        let mut config = self.admin_config();
        // No group is ever joined; librdkafka wants a name for it all the same.
        config.set("group.id", format!("ringtap.{}", self.positions_topic));
        config.set("isolation.level", isolation);
        config.set("enable.auto.commit", "false");
        config.set("enable.partition.eof", "true");
        config.set("auto.offset.reset", "earliest");
        // A position is small; a small fetch keeps the reader small.
        config.set("fetch.message.max.bytes", "1048576");
        config.set("queued.max.messages.kbytes", "4096");
        // It reads a few records once, to the end: librdkafka's pauses are made for those that stay.
        let pauses = [
            ("fetch.wait.max.ms", "10"),
            ("fetch.error.backoff.ms", "20"),
            ("retry.backoff.ms", "20"),
            ("topic.metadata.refresh.fast.interval.ms", "20"),
        ];
        for (option, value) in pauses {
            if !self.librdkafka.contains_key(option) {
                config.set(option, value);
            }
        }
        config
    }

    /// Returns the configuration of the producer.
    pub(crate) fn producer_config(&self) -> ClientConfig {
        let mut config = self.base_config();
        let defaults = [
            ("compression.type", "lz4"),
            ("linger.ms", "5"),
            ("batch.size", "1000000"),
            ("batch.num.messages", "10000"),
            // A burst of one second's retries fills no log and starves no broker.
            ("reconnect.backoff.max.ms", "5000"),
        ];
        for (option, value) in defaults {
            if !self.librdkafka.contains_key(option) {
                config.set(option, value);
            }
        }
        config.set("enable.idempotence", "true");
        config.set("acks", "all");
        // Delivered records need no report: that none is left, and none has failed, is known without.
        config.set("delivery.report.only.error", "true");
        config.set("message.max.bytes", self.record_bytes_max.to_string());
        config.set("queue.buffering.max.kbytes", (self.queue_bytes_max >> 10).max(1).to_string());
        config.set("queue.buffering.max.messages", self.queue_records_max.to_string());
        match self.delivery {
            Delivery::ExactlyOnce => {
                let timeout = self.transaction_timeout.as_millis().to_string();
                config.set("transactional.id", &self.transactional_id);
                config.set("transaction.timeout.ms", &timeout);
                // A record is given up only when its transaction is lost anyway.
                config.set("message.timeout.ms", &timeout);
                if !self.librdkafka.contains_key("socket.timeout.ms") {
                    let socket = (self.transaction_timeout.as_millis() / 3).clamp(500, 60_000);
                    config.set("socket.timeout.ms", socket.to_string());
                }
            }
            Delivery::AtLeastOnce => {
                config.set("message.timeout.ms", "0");
            }
        }
        config
    }
}

/// Options that mean nothing to other clients than producers, which would say so in the log.
const PRODUCER_ONLY: [&str; 13] = [
    "compression.type",
    "compression.codec",
    "compression.level",
    "linger.ms",
    "queue.buffering.max.ms",
    "batch.size",
    "batch.num.messages",
    "queue.buffering.backpressure.threshold",
    "sticky.partitioning.linger.ms",
    "retry.backoff.ms",
    "retry.backoff.max.ms",
    "request.timeout.ms",
    "max.in.flight.requests.per.connection",
];

impl TopicNameError {
    fn into_sink(self) -> SinkError {
        SinkError::TopicName(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> KafkaOptions {
        KafkaOptions::new("localhost:9092", "ringtap.c.h", "__ringtap.c.positions", "h")
    }

    #[test]
    fn the_defaults_are_valid_and_cannot_be_undermined() {
        let mut options = options();
        options.check().unwrap();
        options.librdkafka.insert("linger.ms".into(), "0".into());
        options.librdkafka.insert("compression.type".into(), "none".into());
        options.check().unwrap();
        let config = options.producer_config();
        assert_eq!((config.get("linger.ms"), config.get("compression.type")), (Some("0"), Some("none")));
        assert_eq!((config.get("acks"), config.get("enable.idempotence")), (Some("all"), Some("true")));
        assert_eq!(config.get("message.timeout.ms"), config.get("transaction.timeout.ms"));
        options.delivery = Delivery::AtLeastOnce;
        let config = options.producer_config();
        assert_eq!((config.get("message.timeout.ms"), config.get("transactional.id")), (Some("0"), None));
    }

    #[test]
    fn what_cannot_work_is_told_before_connecting() {
        type Change = fn(&mut KafkaOptions);
        let changes: [Change; 8] = [
            |options| options.brokers.clear(),
            |options| options.transactional_id.clear(),
            |options| options.transaction_timeout = Duration::ZERO,
            |options| options.record_bytes_max = 10,
            |options| options.queue_bytes_max = 1,
            |options| options.positions_topic = "a/b".into(),
            |options| drop(options.librdkafka.insert("acks".into(), "1".into())),
            |options| drop(options.librdkafka.insert("no.such.option".into(), "1".into())),
        ];
        for (at, change) in changes.iter().enumerate() {
            let mut options = options();
            change(&mut options);
            let error = options.check().unwrap_err();
            assert_eq!(error.kind(), super::super::SinkErrorKind::Config, "{at}: {error}");
        }
    }

    #[test]
    fn debug_output_shows_no_secrets() {
        let mut options = options();
        options.secrets.insert("sasl.password".into(), SecretString::from("hunter2"));
        let text = format!("{options:?}");
        assert!(text.contains("sasl.password") && !text.contains("hunter2"), "{text}");
    }
}
