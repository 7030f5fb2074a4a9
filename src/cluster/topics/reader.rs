//! A consumer of committed records that is told its partitions, and knows how far it is.

use std::{collections::BTreeMap, time::Duration};

use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    error::{KafkaError, KafkaResult},
    message::BorrowedMessage,
    metadata::Metadata,
    types::RDKafkaErrorCode as Code,
};

use super::{ClusterTopicsOptions, ends::ask_offsets, settings::Role};
use crate::sink::kafka::{Context, Meaning, meaning};

/// A partition of one of the topics.
pub(super) type Place = (Role, i32);

/// What the reader is set up with, besides what all readers of ringtap's have. Memory: what is fetched waits in one queue.
const SETTINGS: [(&str, &str); 12] = [
    // A position that is gone is not another position.
    ("auto.offset.reset", "error"),
    ("enable.partition.eof", "false"),
    ("fetch.message.max.bytes", "1048576"),
    ("fetch.max.bytes", "4194304"),
    ("queued.max.messages.kbytes", "8192"),
    ("queued.min.messages", "1000"),
    // The broker answers when there is something; this long it may keep a question.
    ("fetch.wait.max.ms", "500"),
    // A full queue is soon empty again.
    ("fetch.queue.backoff.ms", "10"),
    ("fetch.error.backoff.ms", "100"),
    // Partitions that were added are seen.
    ("topic.metadata.refresh.interval.ms", "10000"),
    // No group is joined; a full queue may keep us from polling for long.
    ("max.poll.interval.ms", "86400000"),
    ("reconnect.backoff.max.ms", "2000"),
];

/// Reads partitions from given offsets.
pub(super) struct Reader<'o> {
    options: &'o ClusterTopicsOptions,
    consumer: BaseConsumer<Context>,
}

/// What polling gives.
pub(super) enum Polled<'r> {
    /// A record of this partition.
    Record(Place, BorrowedMessage<'r>),
    /// Nothing for now.
    Nothing,
    /// What was asked for is not there, or a topic is not: to be looked at.
    Gone(KafkaError),
    /// The reader is of no more use.
    Broken(KafkaError),
}

impl<'o> Reader<'o> {
    /// Makes one that reads nothing yet.
    pub(super) fn new(options: &'o ClusterTopicsOptions, context: Context) -> KafkaResult<Self> {
        let mut config = options.kafka.reader_config("read_committed");
        for (option, value) in SETTINGS {
            config.set(option, value);
        }
        Ok(Self { options, consumer: config.create_with_context(context)? })
    }

    /// Reads these partitions too.
    pub(super) fn add(&self, from: &BTreeMap<Place, u64>) -> KafkaResult<()> {
        let mut list = TopicPartitionList::new();
        for ((role, partition), position) in from {
            let offset = Offset::Offset(i64::try_from(*position).unwrap_or(i64::MAX));
            list.add_partition_offset(&self.options.topic(*role), *partition, offset)?;
        }
        self.consumer.incremental_assign(&list)
    }

    /// Returns what the brokers say of a topic.
    pub(super) fn metadata(&self, topic: &str, timeout: Duration) -> KafkaResult<Metadata> {
        self.consumer.fetch_metadata(Some(topic), timeout)
    }

    /// Waits for a record, this long at most.
    pub(super) fn poll(&self, wait: Duration) -> Polled<'_> {
        match self.consumer.poll(wait) {
            None => Polled::Nothing,
            Some(Ok(message)) => match self.place_of(&message) {
                Some(place) => Polled::Record(place, message),
                None => Polled::Nothing,
            },
            Some(Err(error)) => sorted(error),
        }
    }

    fn place_of(&self, message: &BorrowedMessage<'_>) -> Option<Place> {
        use rdkafka::Message as _;
        let role = self.options.role_of(message.topic())?;
        Some((role, message.partition()))
    }

    /// Returns the last stable offsets as they are after this call began: up to there committed records can be read now.
    pub(super) fn stable_ends(&self, places: &[Place]) -> KafkaResult<BTreeMap<Place, u64>> {
        ask_offsets(&self.consumer, self.options, places, Offset::End)
    }

    /// Returns where each partition is read next. Ends of transactions and what was aborted count as read: librdkafka takes
    /// them from the same queue as records, when it is polled.
    pub(super) fn positions(&self) -> KafkaResult<BTreeMap<Place, u64>> {
        let list = self.consumer.position()?;
        let mut positions = BTreeMap::new();
        for element in list.elements() {
            let role = self.options.role_of(element.topic());
            if let (Some(role), Offset::Offset(offset)) = (role, element.offset()) {
                positions.insert((role, element.partition()), offset.unsigned_abs());
            }
        }
        Ok(positions)
    }
}

fn sorted<'r>(error: KafkaError) -> Polled<'r> {
    let code = match &error {
        KafkaError::MessageConsumption(code) => *code,
        KafkaError::MessageConsumptionFatal(_) => return Polled::Broken(error),
        _ => return Polled::Nothing,
    };
    match code {
        Code::AutoOffsetReset
        | Code::OffsetOutOfRange
        | Code::LogTruncation
        | Code::UnknownTopicOrPartition
        | Code::UnknownTopicId
        | Code::UnknownTopic
        | Code::UnknownPartition => Polled::Gone(error),
        // Said for the group, which is never joined.
        Code::GroupAuthorizationFailed => Polled::Nothing,
        // It goes on by itself; what it is about stands in the log.
        code if meaning(code) == Meaning::Passing => Polled::Nothing,
        _ => Polled::Broken(error),
    }
}
