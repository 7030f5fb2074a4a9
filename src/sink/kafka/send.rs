//! From a batch to librdkafka's queue.

use std::{io, sync::atomic::Ordering::Relaxed, time::Duration};

use rdkafka::{
    error::KafkaError,
    message::OwnedHeaders,
    producer::{BaseRecord, Producer as _},
    types::RDKafkaErrorCode as Code,
};

use super::{
    Delivery, KafkaSink, SinkError, StoredPosition, TooLarge, error::place_text,
    headers::value_without_content, topics::KnownTopic, waiting::Waiting,
};
use crate::{
    cluster::record::{LedgerRecord, RECORD_BYTES_MAX},
    record::RecordPlace,
    sink::{BatchRecord, RecordBatch, Route},
};

/// More bytes than the headers of any record have: only a record that is close to the limit is measured exactly.
const HEADERS_MOST: usize = 512;
/// What a batch of one record needs besides the record: header of the batch, lengths, numbers.
const BATCH_OVERHEAD: usize = 100;

/// Takes a record that is too large.
pub(super) type Quarantine = Box<dyn FnMut(TooLargeRecord<'_>) -> io::Result<()> + Send>;

/// Where an agent writes what it published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerPartition {
    /// The cluster's ledger.
    pub topic: String,
    /// The partition that this agent claimed in the owners topic.
    pub partition: i32,
}

/// A record that is larger than its topic takes.
#[derive(Debug, Clone, Copy)]
pub struct TooLargeRecord<'r> {
    /// Where it was to go.
    pub topic: &'r str,
    /// Which record.
    pub place: RecordPlace,
    /// Its key.
    pub key: &'r [u8],
    /// Its value.
    pub value: Option<&'r [u8]>,
}

impl KafkaSink {
    /// Sends the records of a batch; begins a transaction if none is open. Blocks while librdkafka's queue is full.
    ///
    /// Makes topics that are missing. When it returns, the records are on their way, in order; only
    /// [`commit`](Self::commit) tells that they are there.
    pub fn send(&mut self, batch: &RecordBatch) -> Result<(), SinkError> {
        let sent = self.try_send(batch);
        self.noted(sent)
    }

    fn try_send(&mut self, batch: &RecordBatch) -> Result<(), SinkError> {
        if batch.is_empty() {
            return Ok(());
        }
        // Before the transaction: making topics may take longer than one may last.
        let topics = self.ensure_topics(batch)?;
        self.begin()?;
        for record in batch.records() {
            let Some(topic) = topics.get(record.topic_index()) else { continue };
            self.send_record(batch, record, *topic)?;
        }
        self.producer.poll(Duration::ZERO);
        self.counters.in_flight.store(u64::try_from(self.producer.in_flight_count()).unwrap_or(0), Relaxed);
        self.fail_if_lost()
    }

    /// Returns the batch's topics, in its order.
    fn ensure_topics(&mut self, batch: &RecordBatch) -> Result<Vec<KnownTopic>, SinkError> {
        let names: Vec<&str> = batch.topics().iter().map(|topic| &*topic.name).collect();
        let mut topics = std::mem::take(&mut self.topics);
        let ensured = topics.ensure(&names, &self.tools());
        self.topics = topics;
        ensured?;
        Ok(names.iter().filter_map(|name| self.topics.get(name)).collect())
    }

    fn send_record(
        &mut self,
        batch: &RecordBatch,
        record: &BatchRecord,
        topic: KnownTopic,
    ) -> Result<(), SinkError> {
        let name = batch.topic(record).map_or("", |topic| &*topic.name);
        let (key, value) = (batch.key(record), batch.value(record));
        let bytes = key.len() + value.map_or(0, <[u8]>::len);
        let mut cut = None;
        if bytes + HEADERS_MOST + BATCH_OVERHEAD > topic.record_bytes_max
            && let size = bytes + self.headers.size(&record.headers) + BATCH_OVERHEAD
            && size > topic.record_bytes_max
        {
            cut = self.handle_too_large(name, record, (key, value), size, topic.record_bytes_max)?;
            if cut.is_none() {
                return Ok(());
            }
        }
        let value = cut.as_deref().or(value);
        match record.route {
            Route::Hash(hash) => {
                let partition = hash % topic.partitions.unsigned_abs().max(1);
                self.enqueue(name, partition.cast_signed(), key, value, record)?;
            }
            Route::EveryPartition => {
                for partition in 0..topic.partitions {
                    self.enqueue(name, partition, key, value, record)?;
                }
            }
        }
        Ok(())
    }

    /// Does what the policy says; returns the value to publish instead, `None` if nothing is to be published.
    fn handle_too_large(
        &mut self,
        topic: &str,
        record: &BatchRecord,
        (key, value): (&[u8], Option<&[u8]>),
        bytes: usize,
        limit: usize,
    ) -> Result<Option<Vec<u8>>, SinkError> {
        let place = record.headers.place;
        let instead = match (self.options.too_large, &mut self.quarantine) {
            (TooLarge::KeyOnly, _) => {
                let cut = value_without_content(&record.headers, key, bytes).unwrap_or_default();
                (cut.len() + key.len() + 2 * BATCH_OVERHEAD < limit).then_some(Some(cut))
            }
            (TooLarge::Quarantine, Some(put_aside)) => {
                put_aside(TooLargeRecord { topic, place, key, value })
                    .map_err(|source| SinkError::Quarantine { place: place_text(place), source })?;
                Some(None)
            }
            (TooLarge::Fail | TooLarge::Quarantine, _) => None,
        };
        let Some(instead) = instead else {
            return Err(SinkError::TooLarge { topic: topic.into(), place: place_text(place), bytes, limit });
        };
        self.counters.too_large.fetch_add(1, Relaxed);
        tracing::warn!(topic, place = place_text(place), bytes, limit, "record is too large for its topic");
        Ok(instead)
    }

    fn enqueue(
        &mut self,
        topic: &str,
        partition: i32,
        key: &[u8],
        value: Option<&[u8]>,
        record: &BatchRecord,
    ) -> Result<(), SinkError> {
        let headers = self.headers.headers(&record.headers);
        self.produce(topic, partition, Some(key), value, Some(headers))?;
        self.counters.records.fetch_add(1, Relaxed);
        self.counters.bytes.fetch_add((key.len() + value.map_or(0, <[u8]>::len)) as u64, Relaxed);
        Ok(())
    }

    /// Sends the position of everything that was sent before it.
    pub(super) fn send_position(&mut self, position: &StoredPosition) -> Result<(), SinkError> {
        let value = position.to_json();
        let (topic, key) = (self.options.positions_topic.clone(), self.position_key.clone());
        self.produce(&topic, 0, Some(key.as_bytes()), Some(value.as_bytes()), None)
    }

    /// Sends records of the ledger, in the same transaction as what was sent since the last commit; begins one if none is
    /// open. A record that is too long goes as several that say the same.
    pub fn send_ledger(&mut self, to: &LedgerPartition, records: Vec<LedgerRecord>) -> Result<(), SinkError> {
        let sent = self.try_send_ledger(to, records);
        self.noted(sent)
    }

    fn try_send_ledger(&mut self, to: &LedgerPartition, records: Vec<LedgerRecord>) -> Result<(), SinkError> {
        if self.options.delivery != Delivery::ExactlyOnce {
            let reason = "a ledger is kept in transactions only: it needs `delivery` exactly-once";
            return Err(SinkError::Config(reason.into()));
        }
        self.begin()?;
        let bytes_max = RECORD_BYTES_MAX.min(self.options.record_bytes_max as usize - BATCH_OVERHEAD);
        let mut value = Vec::new();
        for record in records.into_iter().flat_map(|record| record.into_parts(bytes_max)) {
            value.clear();
            record.encode(&mut value);
            self.produce(&to.topic, to.partition, None, Some(&value), None)?;
        }
        self.producer.poll(Duration::ZERO);
        self.fail_if_lost()
    }

    /// Puts one message into the queue; waits for room with the same message, so that order is kept.
    fn produce(
        &self,
        topic: &str,
        partition: i32,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: Option<OwnedHeaders>,
    ) -> Result<(), SinkError> {
        const DOING: &str = "sending";
        let mut message: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(topic).partition(partition);
        message.key = key;
        message.payload = value;
        message.headers = headers;
        let mut waiting: Option<Waiting<'_>> = None;
        loop {
            let error = match self.producer.send(message) {
                Ok(()) => return Ok(()),
                Err((error, back)) => {
                    message = back;
                    error
                }
            };
            if !matches!(error, KafkaError::MessageProduction(Code::QueueFull)) {
                return Err(self.lost(DOING, &error));
            }
            self.counters.queue_full.fetch_add(1, Relaxed);
            let left = self.transaction_left();
            let waiting = waiting.get_or_insert_with(|| Waiting::new(&self.stop, left));
            // Room for one record is there soon, but waking for each costs more than sending it.
            let wanted = self.producer.in_flight_count() / 4 * 3;
            loop {
                self.serve();
                self.fail_if_lost()?;
                waiting.check(DOING)?;
                if self.producer.in_flight_count() <= wanted {
                    break;
                }
            }
        }
    }
}
