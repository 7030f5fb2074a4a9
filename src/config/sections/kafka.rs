//! `[kafka]`: where records go.

use std::{collections::BTreeMap, fmt};

use secrecy::SecretString;

use super::kafka_security::KafkaSecurity;
use crate::config::{
    Secret,
    kafka_options::{self, Verdict},
    problem::Origin,
    secret::MASK,
    setting::word_setting,
    values::{Values, variable_of},
};

/// What a crash may do to records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// Records and positions are one transaction: nothing is there twice.
    ExactlyOnce,
    /// A crash may repeat what was under way.
    AtLeastOnce,
}
word_setting!(pub Delivery { ExactlyOnce = "exactly-once", AtLeastOnce = "at-least-once" });

/// What becomes of a record that is larger than Kafka takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TooLarge {
    /// The agent stops before it and says so.
    Fail,
    /// Its key and headers go out, without the value.
    KeyOnly,
    /// It is put aside.
    Quarantine,
}
word_setting!(pub TooLarge { Fail = "fail", KeyOnly = "key-only", Quarantine = "quarantine" });

/// Options of librdkafka or of topics, by name. Shows those that are secret as `***`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct RawOptions(BTreeMap<String, String>);

impl RawOptions {
    /// Returns all names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Returns the value of an option.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

impl fmt::Debug for RawOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter().map(|(name, value)| (name, shown(name, value)))).finish()
    }
}

fn shown<'v>(name: &str, value: &'v str) -> &'v str {
    if kafka_options::is_secret(name) { MASK } else { value }
}

/// Kafka, and how records go there.
#[derive(Debug, Clone)]
pub struct KafkaConfig {
    /// Brokers to begin with: `host:port`, several with commas between.
    pub brokers: String,
    /// How records are delivered.
    pub delivery: Delivery,
    /// How long a transaction is filled before it is committed, in milliseconds.
    pub commit_interval_ms: u64,
    /// The most bytes of records in a transaction.
    pub transaction_bytes_max: u64,
    /// The most records in a transaction.
    pub transaction_records_max: u64,
    /// After how long the broker aborts a transaction that nobody ends, in milliseconds.
    pub transaction_timeout_ms: u64,
    /// The most bytes that wait in librdkafka's queue.
    pub queue_bytes_max: u64,
    /// The most records that wait there.
    pub queue_records_max: u64,
    /// What becomes of a record that is too large.
    pub too_large: TooLarge,
    /// The largest record that is sent, in bytes.
    pub record_bytes_max: u64,
    /// Whether topics that do not exist are made.
    pub create_topics: bool,
    /// How many partitions a topic that is made has.
    pub partitions: u32,
    /// How many copies a topic that is made has; none for the broker's own default.
    pub replication: Option<u16>,
    /// Settings of topics that are made.
    pub topic_options: RawOptions,
    /// Encryption and login.
    pub security: KafkaSecurity,
    /// Options handed to librdkafka as they are.
    pub options: RawOptions,
    /// Those of them that are secrets; from the environment alone.
    pub secret_options: BTreeMap<String, Secret>,
}

impl KafkaConfig {
    pub(in crate::config) fn take(values: &mut Values) -> Self {
        let brokers = values
            .take_required::<String>("kafka.brokers", "give the brokers, as in \"kafka1:9092,kafka2:9092\"");
        let brokers = brokers.unwrap_or_default();
        check_brokers(values, &brokers);
        let commit_interval_ms = values.take_number("kafka.commit_interval_ms", 100, 1..=60_000);
        let transaction_timeout_ms =
            values.take_number("kafka.transaction_timeout_ms", 30_000, 1_000..=900_000);
        if transaction_timeout_ms < 2 * commit_interval_ms {
            values.unfit(
                "kafka.transaction_timeout_ms",
                format!(
                    "{transaction_timeout_ms} is less than twice kafka.commit_interval_ms, which is {commit_interval_ms}: \
                     the broker would abort good transactions"
                ),
            );
        }
        let delivery = values.take("kafka.delivery", Delivery::ExactlyOnce);
        let (options, secret_options) = take_options(values);
        Self {
            brokers,
            delivery,
            commit_interval_ms,
            transaction_bytes_max: values.take_number(
                "kafka.transaction_bytes_max",
                16 << 20,
                64 << 10..=1 << 30,
            ),
            transaction_records_max: values.take_number(
                "kafka.transaction_records_max",
                100_000,
                1..=10_000_000,
            ),
            transaction_timeout_ms,
            queue_bytes_max: values.take_number("kafka.queue_bytes_max", 32 << 20, 1 << 20..=2 << 30),
            queue_records_max: values.take_number("kafka.queue_records_max", 50_000, 1..=10_000_000),
            too_large: values.take("kafka.too_large", TooLarge::Fail),
            record_bytes_max: values.take_number("kafka.record_bytes_max", 1_000_000, 1_000..=1_000_000_000),
            create_topics: values.take("kafka.create_topics", true),
            partitions: values.take_number("kafka.partitions", 12, 1..=100_000) as u32,
            replication: values
                .take_optional_number("kafka.replication", 1..=100)
                .map(|copies| copies as u16),
            topic_options: take_topic_options(values),
            security: KafkaSecurity::take(values),
            options,
            secret_options,
        }
    }

    /// Returns what librdkafka needs for encryption and login: options that may be shown, and secrets.
    ///
    /// Brokers, the raw options and what decides promises (idempotence, transactions, acks) are not among them.
    pub fn security_options(&self) -> (BTreeMap<String, String>, BTreeMap<String, SecretString>) {
        let (plain, mut secret) = self.security.options();
        secret.extend(self.secret_options.iter().map(|(name, value)| (name.clone(), value.expose().into())));
        (plain, secret)
    }
}

fn check_brokers(values: &mut Values, brokers: &str) {
    if brokers.is_empty() {
        if !values.was_refused("kafka.brokers") {
            values.unfit("kafka.brokers", "is empty: give the brokers, as in \"kafka1:9092,kafka2:9092\"");
        }
        return;
    }
    for broker in brokers.split(',').map(str::trim) {
        let port = broker.rsplit_once(':').and_then(|(host, port)| {
            if host.is_empty() { None } else { port.parse::<u16>().ok().filter(|port| *port > 0) }
        });
        if port.is_none() {
            values
                .unfit("kafka.brokers", format!("{broker:?} is no host with a port, as in \"kafka1:9092\""));
        }
    }
}

fn take_topic_options(values: &mut Values) -> RawOptions {
    let mut options = BTreeMap::new();
    for (name, value, origin) in values.take_table("kafka.topic_options") {
        let key = format!("kafka.topic_options.{name}");
        if name == "cleanup.policy" && value.contains("compact") {
            values.unfit_at(
                &key,
                origin,
                "compaction keeps the last record of a key only, but a record holds what a write changed, not the \
                 whole row: columns would be lost",
            );
            continue;
        }
        values.show_foreign(&key, format!("{value:?}"), origin);
        options.insert(name, value);
    }
    RawOptions(options)
}

fn take_options(values: &mut Values) -> (RawOptions, BTreeMap<String, Secret>) {
    let (mut options, mut secrets) = (BTreeMap::new(), BTreeMap::new());
    for (name, value, origin) in values.take_table("kafka.options") {
        let key = format!("kafka.options.{name}");
        if let Verdict::Refused(message) = kafka_options::judge(&name, &value) {
            values.unfit_at(&key, origin, message);
        } else if !kafka_options::is_secret(&name) {
            values.show_foreign(&key, format!("{value:?}"), origin);
            options.insert(name, value);
        } else if matches!(origin, Origin::Environment(_)) {
            values.show_foreign(&key, MASK.to_owned(), origin);
            secrets.insert(name, Secret::new(value));
        } else {
            let message =
                format!("a secret does not stand in the configuration: give ${}", variable_of(&key));
            values.unfit_at(&key, origin, message);
        }
    }
    (RawOptions(options), secrets)
}
