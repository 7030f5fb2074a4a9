//! The limit of any publisher: a loop that hands ready records to librdkafka.

use std::{
    collections::BTreeMap,
    ops::ControlFlow,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use rdkafka::{
    ClientConfig, ClientContext, Message as _,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    error::KafkaError,
    message::{DeliveryResult, Header, OwnedHeaders},
    producer::{BaseProducer, BaseRecord, Producer as _, ProducerContext},
    types::RDKafkaErrorCode,
};
use ringtap::checker::{ConsumedRecord, TopicReader};
use serde::Serialize;

use crate::process::usage;

/// How long a transaction that is open at the end of the topics may stay so.
const STABLE_WITHIN: Duration = Duration::from_secs(90);
/// How long the last records may take to be confirmed.
const FLUSH_MAX: Duration = Duration::from_secs(120);

/// What the loop did.
#[derive(Debug, Clone, Serialize)]
pub struct BareReport {
    /// Records that the broker confirmed.
    pub records: u64,
    /// Bytes of their keys and values.
    pub bytes: u64,
    /// From the first record to the last confirmation.
    pub seconds: f64,
    /// Processor time of this process in that time.
    pub cpu_seconds: f64,
}

struct Confirmations {
    good: Arc<AtomicU64>,
    bad: Arc<AtomicU64>,
}

impl ClientContext for Confirmations {}

impl ProducerContext for Confirmations {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let counter = match result {
            Ok(message) if message.offset() >= 0 => &self.good,
            _ => &self.bad,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// Reads all records of the topics under `from` into memory, then sends the same bytes to topics under `to`, to the same
/// partitions with the same headers. Only the sending is measured.
///
/// `options` are librdkafka's, to be those of the publisher that is compared.
pub async fn send_again(
    brokers: &str,
    from: &str,
    to: &str,
    options: &[(String, String)],
    records_max: usize,
) -> Result<BareReport> {
    let reader = TopicReader::new(brokers, &[]);
    let topics = reader.topics(from)?;
    let mut records = Vec::new();
    for (topic, partitions) in &topics {
        reader.read_to_end(topic, *partitions, STABLE_WITHIN, &mut |record| {
            records.push(record);
            if records.len() < records_max { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
    }
    if records.is_empty() {
        bail!("no records in topics {from}.*");
    }
    // In the order in which a publisher sees them: by time, not topic by topic.
    records.sort_by_key(|record| record.timestamp_ms);
    let names = create_topics(brokers, from, to, &topics).await?;
    let brokers = brokers.to_owned();
    let options = options.to_vec();
    tokio::task::spawn_blocking(move || send(&brokers, &names, &records, &options)).await?
}

async fn create_topics(
    brokers: &str,
    from: &str,
    to: &str,
    topics: &BTreeMap<Arc<str>, i32>,
) -> Result<BTreeMap<Arc<str>, String>> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers);
    let admin: AdminClient<DefaultClientContext> = config.create()?;
    let mut names = BTreeMap::new();
    for (topic, partitions) in topics {
        let name = format!("{to}{}", topic.strip_prefix(from).unwrap_or(topic));
        let topic_of_ours = NewTopic::new(&name, *partitions, TopicReplication::Fixed(1));
        for result in admin.create_topics([&topic_of_ours], &AdminOptions::new()).await? {
            match result {
                Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                Err((name, code)) => bail!("topic {name} cannot be created: {code}"),
            }
        }
        names.insert(Arc::clone(topic), name);
    }
    Ok(names)
}

fn send(
    brokers: &str,
    names: &BTreeMap<Arc<str>, String>,
    records: &[ConsumedRecord],
    options: &[(String, String)],
) -> Result<BareReport> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers);
    config.set("enable.idempotence", "true");
    config.set("message.timeout.ms", "120000");
    for (name, value) in options {
        config.set(name, value);
    }
    let (good, bad) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let context = Confirmations { good: Arc::clone(&good), bad: Arc::clone(&bad) };
    let producer: BaseProducer<Confirmations> = config.create_with_context(context)?;
    // Connections and metadata are there before the clock starts.
    producer.client().fetch_metadata(None, Duration::from_secs(20)).context("broker")?;

    let pid = std::process::id();
    let (cpu_before, started) = (usage(pid)?.cpu_seconds, Instant::now());
    let mut bytes = 0;
    for record in records {
        let name = names.get(&record.topic).context("a topic without a name")?;
        bytes += record.key.as_ref().map_or(0, |key| key.len())
            + record.value.as_ref().map_or(0, |value| value.len());
        send_one(&producer, name, record)?;
    }
    producer.flush(FLUSH_MAX)?;
    let report = BareReport {
        records: good.load(Ordering::Relaxed),
        bytes: bytes as u64,
        seconds: started.elapsed().as_secs_f64(),
        cpu_seconds: usage(pid)?.cpu_seconds - cpu_before,
    };
    if bad.load(Ordering::Relaxed) > 0 || report.records != records.len() as u64 {
        bail!("{} of {} records were confirmed", report.records, records.len());
    }
    Ok(report)
}

fn send_one(producer: &BaseProducer<Confirmations>, name: &str, record: &ConsumedRecord) -> Result<()> {
    let mut headers = OwnedHeaders::new_with_capacity(record.headers.len());
    for (name, value) in &record.headers {
        headers = headers.insert(Header { key: name, value: Some(&**value) });
    }
    let mut message: BaseRecord<'_, [u8], [u8]> =
        BaseRecord::to(name).partition(record.partition).headers(headers);
    message.key = record.key.as_deref();
    message.payload = record.value.as_deref();
    loop {
        match producer.send(message) {
            Ok(()) => {
                producer.poll(Duration::ZERO);
                return Ok(());
            }
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                producer.poll(Duration::from_millis(5));
                message = back;
            }
            Err((error, _)) => return Err(error).context("sending a record"),
        }
    }
}
