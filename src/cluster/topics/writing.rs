//! Plain records: what is said of owners, and changes for other agents.

use std::{
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use rdkafka::{
    ClientContext, Message as _,
    config::RDKafkaLogLevel,
    error::KafkaError,
    message::DeliveryResult,
    producer::{BaseProducer, BaseRecord, Producer as _, ProducerContext},
    types::RDKafkaErrorCode as Code,
};

use super::{
    ClusterTopicsOptions, TopicsError,
    establish::plain,
    relay_limit::{RelayLimit, RelayTooLarge, TOGETHER_BYTES_MAX},
    settings::{BATCH_OVERHEAD, Role},
};
use crate::{
    cluster::record::{OwnersRecord, RECORD_BYTES_MAX},
    sink::kafka::{Context, Meaning, lost, meaning},
};

/// Most bytes, and most records, that wait to be sent; what does not fit is dropped, and repeated by the core.
pub const WRITER_BYTES_MAX: u32 = 16 << 20;
/// See [`WRITER_BYTES_MAX`].
pub const WRITER_RECORDS_MAX: u32 = 2_000;

/// A record that is not there by then is given up: what is repeated meanwhile says the same, or something newer.
const MESSAGE_TIMEOUT_MS: &str = "10000";
/// How often partitions are looked at: they are added when agents join.
const METADATA_INTERVAL_MS: &str = "10000";

/// What became of plain records.
#[derive(Debug, Default)]
pub struct WriterCounters {
    /// Records that Kafka has.
    pub written: AtomicU64,
    /// Records that it has not, as far as is known.
    pub failed: AtomicU64,
    /// Records that found the queue full.
    pub dropped: AtomicU64,
}

/// The producer of plain records, which two threads use: one sends, the other takes in what became of it.
#[derive(Clone)]
pub(super) struct Plain(Arc<RwLock<BaseProducer<Reports>>>);

impl Plain {
    /// Takes in what became of records. To be called now and then; sending does it too.
    pub(super) fn poll(&self) {
        self.0.read().unwrap_or_else(PoisonError::into_inner).poll(Duration::ZERO);
    }
}

/// Sends plain records, and never makes the caller wait. A record may appear late, twice, or not at all.
pub struct PlainWriter {
    options: Arc<ClusterTopicsOptions>,
    counters: Arc<WriterCounters>,
    relay_limit: Arc<RelayLimit>,
    producer: Plain,
    value: Vec<u8>,
}

impl PlainWriter {
    /// Makes one; it connects by itself.
    pub(super) fn new(
        options: Arc<ClusterTopicsOptions>,
        counters: Arc<WriterCounters>,
    ) -> Result<Self, TopicsError> {
        let relay_limit = Arc::new(RelayLimit::new(options.wanted().relay_bytes() - BATCH_OVERHEAD));
        let producer = Plain(Arc::new(RwLock::new(Self::producer(&options, &counters, &relay_limit)?)));
        Ok(Self { options, counters, relay_limit, producer, value: Vec::new() })
    }

    fn producer(
        options: &ClusterTopicsOptions,
        counters: &Arc<WriterCounters>,
        relay_limit: &Arc<RelayLimit>,
    ) -> Result<BaseProducer<Reports>, TopicsError> {
        let mut kafka = plain(&options.kafka);
        kafka.queue_bytes_max = WRITER_BYTES_MAX.max(kafka.record_bytes_max);
        kafka.queue_records_max = WRITER_RECORDS_MAX;
        let mut config = kafka.producer_config();
        config.set("message.timeout.ms", MESSAGE_TIMEOUT_MS);
        config.set("topic.metadata.refresh.interval.ms", METADATA_INTERVAL_MS);
        config.set("delivery.report.only.error", "false");
        let relay_bytes = options.wanted().relay_bytes();
        config.set("message.max.bytes", relay_bytes.to_string());
        config.set("batch.size", TOGETHER_BYTES_MAX.to_string());
        let reports = Reports {
            context: options.context(),
            counters: Arc::clone(counters),
            relay_topic: options.topic(Role::Relay),
            relay_limit: Arc::clone(relay_limit),
        };
        let made = config.create_with_context(reports);
        Ok(made.map_err(|error| lost("connecting", &error, ""))?)
    }

    /// Returns the producer, to be polled.
    pub(super) fn plain(&self) -> Plain {
        self.producer.clone()
    }

    /// Sends a record of the owners topic; one that is too long as several that say the same.
    pub fn write(&mut self, record: OwnersRecord) {
        for part in record.into_parts(RECORD_BYTES_MAX) {
            let mut value = std::mem::take(&mut self.value);
            value.clear();
            part.encode(&mut value);
            self.send(Role::Owners, 0, &value);
            self.value = value;
        }
    }

    /// Sends the bytes of a [`RelayRecord`](crate::cluster::record::RelayRecord) to a host's partition, unless it is larger
    /// than the topic takes.
    pub fn relay(&mut self, partition: i32, bytes: &[u8]) -> Result<(), RelayTooLarge> {
        self.relay_limit.check(bytes.len())?;
        self.send(Role::Relay, partition, bytes);
        Ok(())
    }

    fn send(&self, role: Role, partition: i32, value: &[u8]) {
        let topic = self.options.topic(role);
        let mut record: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(&topic).partition(partition);
        record.payload = Some(value);
        let producer = self.producer.0.read().unwrap_or_else(PoisonError::into_inner);
        producer.poll(Duration::ZERO);
        match producer.send(record) {
            Ok(()) => {}
            Err((KafkaError::MessageProduction(Code::QueueFull), _)) => {
                self.counters.dropped.fetch_add(1, Relaxed);
                tracing::debug!(topic, "too many plain records wait to be sent: one is dropped");
            }
            Err((error, _)) => {
                self.counters.failed.fetch_add(1, Relaxed);
                tracing::warn!(topic, partition, %error, "plain record could not be sent");
                let is_broken = producer.client().fatal_error().is_some();
                drop(producer);
                if is_broken {
                    self.begin_again();
                }
            }
        }
    }

    /// Makes a new producer: one that lost count of its own records takes no more.
    fn begin_again(&self) {
        match Self::producer(&self.options, &self.counters, &self.relay_limit) {
            Ok(producer) => *self.producer.0.write().unwrap_or_else(PoisonError::into_inner) = producer,
            Err(error) => tracing::warn!(%error, "no new producer of plain records"),
        }
    }
}

/// Counts what became of records.
pub(super) struct Reports {
    context: Context,
    counters: Arc<WriterCounters>,
    relay_topic: String,
    relay_limit: Arc<RelayLimit>,
}

impl ClientContext for Reports {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        self.context.log(level, facility, line);
    }

    fn stats_raw(&self, _: &[u8]) {}

    fn error(&self, error: KafkaError, reason: &str) {
        self.context.error(error, reason);
    }
}

impl ProducerContext for Reports {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let (error, message) = match result {
            Ok(_) => {
                self.counters.written.fetch_add(1, Relaxed);
                return;
            }
            Err((error, message)) => (error, message),
        };
        self.counters.failed.fetch_add(1, Relaxed);
        let (topic, partition) = (message.topic(), message.partition());
        let code = error.rdkafka_error_code();
        // Left over when the writer ends.
        if matches!(code, Some(Code::PurgeQueue | Code::PurgeInflight)) {
            return;
        }
        match code.map(meaning) {
            Some(Meaning::TooLarge) if topic == self.relay_topic => {
                self.relay_limit.refused(message.payload_len());
                tracing::info!(topic, partition, %error, bytes = message.payload_len(), "the topic takes no change of this size");
            }
            Some(Meaning::Denied) => tracing::error!(
                topic, partition, %error, "plain record is refused: the agent needs the rights Write and Describe on this topic"
            ),
            Some(Meaning::Passing) => tracing::info!(topic, partition, %error, "plain record did not arrive"),
            _ => tracing::warn!(topic, partition, %error, "plain record did not arrive"),
        }
    }
}
