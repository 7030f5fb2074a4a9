//! Where partitions begin and end.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use rdkafka::{
    Message as _, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    error::{KafkaError, KafkaResult},
    types::RDKafkaErrorCode as Code,
};

use super::{ClusterTopicsOptions, reader::Place, settings::Role};
use crate::sink::kafka::Context;

/// How long one question may take.
const ASK_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a single record is waited for.
const RECORD_TIMEOUT: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(100);

/// Asks as a reader of uncommitted records: others are told of the last stable offset instead of the high watermark, and
/// committed records may stand behind it.
pub(super) struct Ends<'o> {
    options: &'o ClusterTopicsOptions,
    consumer: BaseConsumer<Context>,
}

impl<'o> Ends<'o> {
    pub(super) fn new(options: &'o ClusterTopicsOptions, context: Context) -> KafkaResult<Self> {
        Self::with_isolation(options, context, "read_uncommitted")
    }

    /// Makes one for which partitions end where their open transactions begin.
    pub(super) fn of_committed(options: &'o ClusterTopicsOptions, context: Context) -> KafkaResult<Self> {
        Self::with_isolation(options, context, "read_committed")
    }

    fn with_isolation(
        options: &'o ClusterTopicsOptions,
        context: Context,
        isolation: &str,
    ) -> KafkaResult<Self> {
        let mut config = options.kafka.reader_config(isolation);
        config.set("auto.offset.reset", "error");
        Ok(Self { options, consumer: config.create_with_context(context)? })
    }

    /// Returns the high watermarks as they are after this call began; an answer for all partitions, or an error. It is one
    /// question to each broker, whatever the number of partitions.
    pub(super) fn high_watermarks(&self, places: &[Place]) -> KafkaResult<BTreeMap<Place, u64>> {
        self.ask(places, Offset::End)
    }

    /// Returns the first offsets that there are.
    pub(super) fn begins(&self, places: &[Place]) -> KafkaResult<BTreeMap<Place, u64>> {
        self.ask(places, Offset::Beginning)
    }

    fn ask(&self, places: &[Place], what: Offset) -> KafkaResult<BTreeMap<Place, u64>> {
        // Takes in what librdkafka has to tell.
        let _ = self.consumer.poll(Duration::ZERO);
        let asked = ask_offsets(&self.consumer, self.options, places, what);
        if let Err(error) = &asked
            && matches!(
                error.rdkafka_error_code(),
                Some(Code::UnknownPartition | Code::UnknownTopic | Code::UnknownTopicOrPartition)
            )
        {
            self.look_again(places);
        }
        asked
    }

    /// Partitions are added when agents join. librdkafka answers from what it remembers of a topic, for minutes, unless it is
    /// made to look.
    fn look_again(&self, places: &[Place]) {
        let roles: BTreeSet<Role> = places.iter().map(|(role, _)| *role).collect();
        for role in roles {
            // Whoever asks for the offsets again sees what is wrong.
            let _ = self.consumer.fetch_metadata(Some(&self.options.topic(role)), ASK_TIMEOUT);
        }
    }

    /// Returns the bytes of the record at the owners topic's begin, `None` if there is none.
    pub(super) fn first_of_owners(&self) -> KafkaResult<Option<Vec<u8>>> {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&self.options.topic(Role::Owners), 0, Offset::Offset(0))?;
        self.consumer.assign(&list)?;
        let first = self.first_record();
        self.consumer.unassign()?;
        first
    }

    fn first_record(&self) -> KafkaResult<Option<Vec<u8>>> {
        let place = (Role::Owners, 0);
        let since = Instant::now();
        while since.elapsed() < RECORD_TIMEOUT {
            // Not by way of `ask`, whose poll may take the very record that is wanted here, and drop it.
            let ends = ask_offsets(&self.consumer, self.options, &[place], Offset::End)?;
            if ends.get(&place) == Some(&0) {
                return Ok(None);
            }
            match self.consumer.poll(POLL) {
                Some(Ok(message)) => return Ok(Some(message.payload().unwrap_or_default().to_vec())),
                Some(Err(KafkaError::MessageConsumption(code))) if code == Code::AutoOffsetReset => {
                    return Err(KafkaError::MessageConsumption(code));
                }
                Some(Err(_)) | None => {}
            }
        }
        Err(KafkaError::MessageConsumption(Code::OperationTimedOut))
    }
}

/// Asks for an offset of each of these partitions: an answer for all, or an error. The end is one for readers of this
/// consumer's kind.
///
/// Kafka's request for offsets by time (`ListOffsets`) knows two special times: those of the end, and of the begin. They are
/// the numbers that librdkafka has for these offsets.
pub(super) fn ask_offsets(
    consumer: &BaseConsumer<Context>,
    options: &ClusterTopicsOptions,
    places: &[Place],
    what: Offset,
) -> KafkaResult<BTreeMap<Place, u64>> {
    let mut answers = BTreeMap::new();
    if places.is_empty() {
        return Ok(answers);
    }
    let mut list = TopicPartitionList::with_capacity(places.len());
    for (role, partition) in places {
        list.add_partition_offset(&options.topic(*role), *partition, what)?;
    }
    let list = consumer.offsets_for_times(list, ASK_TIMEOUT)?;
    for element in list.elements() {
        element.error()?;
        if let (Some(role), Offset::Offset(offset)) = (options.role_of(element.topic()), element.offset()) {
            answers.insert((role, element.partition()), offset.unsigned_abs());
        }
    }
    if places.iter().all(|place| answers.contains_key(place)) {
        return Ok(answers);
    }
    Err(KafkaError::OffsetFetch(Code::UnknownPartition))
}
