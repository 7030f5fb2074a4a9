//! Reading topics up to what they hold, as a `read_committed` consumer sees it.

use std::{
    collections::{BTreeMap, HashMap},
    ops::ControlFlow,
    sync::Arc,
    time::{Duration, Instant},
};

use rdkafka::{
    ClientConfig, Message as _, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    error::KafkaError,
    message::{BorrowedMessage, Headers as _},
    types::RDKafkaErrorCode,
};
use thiserror::Error;

use super::ConsumedRecord;

/// How long one request to the brokers may take.
const REQUEST_MAX: Duration = Duration::from_secs(20);
/// How long one look for a record takes.
const POLL: Duration = Duration::from_millis(100);
/// How long a topic may give nothing at all before its end is reached.
const SILENCE_MAX: Duration = Duration::from_secs(60);
/// How often new topics are looked for by default.
const TOPICS_LOOK: Duration = Duration::from_secs(1);

/// Why topics could not be read.
#[derive(Debug, Error)]
pub enum ReadTopicsError {
    /// Kafka refused or did not answer.
    #[error("{what} failed: is the broker up, and may we read?")]
    Kafka {
        /// What was asked for.
        what: String,
        /// Its answer.
        source: Box<KafkaError>,
    },
    /// A transaction is open and stays so.
    #[error(
        "topic {topic} partition {partition}: a transaction is open at offset {stable} since {seconds} s, the partition goes on to \
         {end}; wait for its producer to end it, or for its time-out"
    )]
    OpenTransaction {
        /// Which topic.
        topic: String,
        /// Which partition.
        partition: i32,
        /// Up to where the partition is readable.
        stable: i64,
        /// Up to where it is written.
        end: i64,
        /// How long it was waited for.
        seconds: u64,
    },
    /// A topic gave nothing more although it has more.
    #[error("topic {topic}: nothing came for {seconds} s, and {left} partitions are not read to their end")]
    Silence {
        /// Which topic.
        topic: String,
        /// How long it was waited for.
        seconds: u64,
        /// Partitions that miss records.
        left: usize,
    },
}

fn kafka(what: impl Into<String>) -> impl FnOnce(KafkaError) -> ReadTopicsError {
    let what = what.into();
    |source| ReadTopicsError::Kafka { what, source: Box::new(source) }
}

/// Reads topics. What aborted transactions hold is not read; what an open one holds is waited for.
#[derive(Debug, Clone)]
pub struct TopicReader {
    config: ClientConfig,
    topics_interval: Duration,
}

impl TopicReader {
    /// Makes a reader. `options` are librdkafka's, for TLS and SASL.
    pub fn new(brokers: &str, options: &[(String, String)]) -> Self {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", brokers);
        config.set("group.id", "ringtap-reader");
        config.set("enable.auto.commit", "false");
        config.set("auto.offset.reset", "error");
        config.set("enable.partition.eof", "true");
        config.set("check.crcs", "true");
        config.set("isolation.level", "read_committed");
        config.set("queued.max.messages.kbytes", "32768");
        config.set("fetch.wait.max.ms", "50");
        for (name, value) in options {
            config.set(name, value);
        }
        Self { config, topics_interval: TOPICS_LOOK }
    }

    /// Looks for new topics that often when it [follows](Self::follow).
    #[must_use]
    pub fn with_topics_interval(mut self, topics_interval: Duration) -> Self {
        self.topics_interval = topics_interval;
        self
    }

    fn consumer(&self, isolation: &str) -> Result<BaseConsumer, ReadTopicsError> {
        let mut config = self.config.clone();
        config.set("isolation.level", isolation);
        config.create().map_err(kafka("making a consumer"))
    }

    /// Returns the topics whose names begin with `prefix` and a dot, with their numbers of partitions.
    pub fn topics(&self, prefix: &str) -> Result<BTreeMap<Arc<str>, i32>, ReadTopicsError> {
        topics_of(&self.consumer("read_committed")?, prefix)
    }

    /// Reads a topic from its first record to the end that it has now; `each` may break it off. Returns the number of records
    /// read.
    ///
    /// The end is what is written, committed or not: where a transaction is open, the reader waits, `stable_within` at most,
    /// until it has ended. Records that come later are not read.
    pub fn read_to_end(
        &self,
        topic: &Arc<str>,
        partitions: i32,
        stable_within: Duration,
        each: &mut impl FnMut(ConsumedRecord) -> ControlFlow<()>,
    ) -> Result<u64, ReadTopicsError> {
        let mut open = self.ends(topic, partitions)?;
        if open.is_empty() {
            return Ok(0);
        }
        self.wait_until_stable(topic, &open, stable_within)?;
        let consumer = self.consumer("read_committed")?;
        let mut assignment = TopicPartitionList::new();
        for partition in open.keys() {
            let added = assignment.add_partition_offset(topic, *partition, Offset::Beginning);
            added.map_err(kafka(format!("topic {topic}")))?;
        }
        consumer.assign(&assignment).map_err(kafka(format!("reading topic {topic}")))?;

        let mut read = 0;
        let mut heard = Instant::now();
        while !open.is_empty() {
            match consumer.poll(POLL) {
                None if heard.elapsed() > SILENCE_MAX => {
                    let (seconds, left) = (SILENCE_MAX.as_secs(), open.len());
                    return Err(ReadTopicsError::Silence { topic: topic.to_string(), seconds, left });
                }
                None => {}
                Some(Ok(message)) => {
                    heard = Instant::now();
                    let (partition, offset) = (message.partition(), message.offset());
                    let Some(end) = open.get(&partition).copied() else { continue };
                    if offset < end {
                        read += 1;
                        if each(owned(topic, &message)).is_break() {
                            return Ok(read);
                        }
                    }
                    if offset + 1 >= end {
                        open.remove(&partition);
                    }
                }
                // All that was written before has been decided, so the end of what is readable is behind our end.
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    heard = Instant::now();
                    open.remove(&partition);
                }
                Some(Err(error)) if is_passing(&error) && heard.elapsed() <= SILENCE_MAX => {}
                Some(Err(error)) => return Err(kafka(format!("reading topic {topic}"))(error)),
            }
        }
        Ok(read)
    }

    /// Returns the end of each partition that holds something, committed or not.
    fn ends(&self, topic: &str, partitions: i32) -> Result<HashMap<i32, i64>, ReadTopicsError> {
        let uncommitted = self.consumer("read_uncommitted")?;
        let mut ends = HashMap::new();
        for partition in 0..partitions {
            let (start, end) = watermarks(&uncommitted, topic, partition)?;
            if end > start {
                ends.insert(partition, end);
            }
        }
        Ok(ends)
    }

    fn wait_until_stable(
        &self,
        topic: &str,
        ends: &HashMap<i32, i64>,
        stable_within: Duration,
    ) -> Result<(), ReadTopicsError> {
        let committed = self.consumer("read_committed")?;
        let started = Instant::now();
        for (partition, end) in ends {
            loop {
                let (_, stable) = watermarks(&committed, topic, *partition)?;
                if stable >= *end {
                    break;
                }
                if started.elapsed() > stable_within {
                    return Err(ReadTopicsError::OpenTransaction {
                        topic: topic.to_owned(),
                        partition: *partition,
                        stable,
                        end: *end,
                        seconds: stable_within.as_secs(),
                    });
                }
                std::thread::sleep(POLL);
            }
        }
        Ok(())
    }

    /// Reads all topics that begin with `prefix` and a dot, also those that come later, until `each` breaks it off.
    ///
    /// `each` is called with `None` when nothing came for a moment.
    pub fn follow(
        &self,
        prefix: &str,
        from: Offset,
        each: &mut impl FnMut(Option<ConsumedRecord>) -> ControlFlow<()>,
    ) -> Result<(), ReadTopicsError> {
        let consumer = self.consumer("read_committed")?;
        let mut known: BTreeMap<Arc<str>, i32> = BTreeMap::new();
        let mut looked = None;
        loop {
            if looked.is_none_or(|at: Instant| at.elapsed() >= self.topics_interval) {
                // A topic that was there at the start is read from where the caller said, a later one whole.
                let start = if looked.is_none() { from } else { Offset::Beginning };
                assign_new(&consumer, &mut known, topics_of(&consumer, prefix)?, start)?;
                looked = Some(Instant::now());
            }
            let next = match consumer.poll(POLL) {
                Some(Ok(message)) => match known.get_key_value(message.topic()) {
                    Some((topic, _)) => each(Some(owned(topic, &message))),
                    None => ControlFlow::Continue(()),
                },
                None | Some(Err(KafkaError::PartitionEOF(_))) => each(None),
                Some(Err(error)) if is_passing(&error) => each(None),
                Some(Err(error)) => return Err(kafka(format!("reading topics {prefix}.*"))(error)),
            };
            if next.is_break() {
                return Ok(());
            }
        }
    }
}

fn topics_of(consumer: &BaseConsumer, prefix: &str) -> Result<BTreeMap<Arc<str>, i32>, ReadTopicsError> {
    let metadata = consumer.fetch_metadata(None, REQUEST_MAX).map_err(kafka("asking for the topics"))?;
    let prefix = format!("{prefix}.");
    let ours = metadata.topics().iter().filter(|topic| topic.name().starts_with(&prefix));
    Ok(ours.map(|topic| (Arc::from(topic.name()), topic.partitions().len() as i32)).collect())
}

fn assign_new(
    consumer: &BaseConsumer,
    known: &mut BTreeMap<Arc<str>, i32>,
    found: BTreeMap<Arc<str>, i32>,
    from: Offset,
) -> Result<(), ReadTopicsError> {
    let mut fresh = TopicPartitionList::new();
    for (topic, partitions) in found {
        let assigned = known.get(&topic).copied().unwrap_or(0);
        for partition in assigned..partitions {
            fresh.add_partition_offset(&topic, partition, from).map_err(kafka(format!("topic {topic}")))?;
        }
        known.insert(topic, partitions.max(assigned));
    }
    if fresh.count() > 0 {
        consumer.incremental_assign(&fresh).map_err(kafka("reading new topics"))?;
    }
    Ok(())
}

fn watermarks(consumer: &BaseConsumer, topic: &str, partition: i32) -> Result<(i64, i64), ReadTopicsError> {
    consumer
        .fetch_watermarks(topic, partition, REQUEST_MAX)
        .map_err(kafka(format!("topic {topic} partition {partition}: asking for its end")))
}

/// Says whether librdkafka goes on by itself after that.
fn is_passing(error: &KafkaError) -> bool {
    let KafkaError::MessageConsumption(code) = error else { return false };
    matches!(
        code,
        RDKafkaErrorCode::BrokerTransportFailure
            | RDKafkaErrorCode::AllBrokersDown
            | RDKafkaErrorCode::OperationTimedOut
            | RDKafkaErrorCode::RequestTimedOut
            | RDKafkaErrorCode::Resolve
            | RDKafkaErrorCode::LeaderNotAvailable
            | RDKafkaErrorCode::NotLeaderForPartition
            | RDKafkaErrorCode::BrokerNotAvailable
            | RDKafkaErrorCode::NetworkException
    )
}

fn owned(topic: &Arc<str>, message: &BorrowedMessage<'_>) -> ConsumedRecord {
    let headers = message.headers().map_or_else(Vec::new, |headers| {
        headers.iter().map(|header| (header.key.into(), header.value.unwrap_or_default().into())).collect()
    });
    ConsumedRecord {
        topic: Arc::clone(topic),
        partition: message.partition(),
        offset: message.offset(),
        timestamp_ms: message.timestamp().to_millis(),
        key: message.key().map(Into::into),
        value: message.payload().map(Into::into),
        headers,
    }
}
