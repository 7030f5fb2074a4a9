//! The sections of the configuration, one file each.

mod agent;
mod cassandra;
mod cluster;
mod kafka;
mod kafka_security;
mod records;
mod source;

pub(super) use self::records::check_topic_prefix;
pub use self::{
    agent::{DedupConfig, DedupMode, HttpConfig, Late, LimitsConfig, LogConfig, LogFormat, QuarantineConfig},
    cassandra::{CassandraConfig, CassandraTls},
    cluster::ClusterConfig,
    kafka::{Delivery, KafkaConfig, RawOptions, TooLarge},
    kafka_security::{KafkaSecurity, SaslMechanism, SecurityProtocol},
    records::{Deletes, PartitionBy, RecordsConfig, TablePattern, TablesConfig},
    source::{KeystoreConfig, ReadAhead, Release, SourceConfig, SpaceThresholds, Start, WhenKafkaIsAway},
};
