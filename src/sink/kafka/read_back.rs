//! Reading the positions topic back.

use std::time::{Duration, Instant};

use rdkafka::{
    ClientConfig, Message as _, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    error::KafkaError,
    types::RDKafkaErrorCode as Code,
};

use super::{
    context::Context,
    error::{Meaning, SinkError, lost, meaning},
    options::KafkaOptions,
    position::StoredPosition,
};
use crate::sink::StopSignal;

/// How long one question to the broker may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the reader waits for records at a time, between looks at the stop signal.
const POLL: Duration = Duration::from_millis(200);
/// How often to look whether transactions of others have ended.
const STABLE_INTERVAL: Duration = Duration::from_millis(50);
/// How long the reading may take without any progress.
const PROGRESS_TIMEOUT: Duration = Duration::from_secs(60);

const DOING: &str = "reading the committed position";
/// The positions topic has one partition.
const PARTITION: i32 = 0;

/// Reads positions of one topic.
pub(super) struct ReadBack<'r> {
    pub(super) options: &'r KafkaOptions,
    pub(super) context: &'r Context,
    pub(super) stop: &'r StopSignal,
}

impl ReadBack<'_> {
    /// Returns the newest committed position of a key.
    ///
    /// The end is asked for as a reader of uncommitted records, since others are told of the last stable offset alone;
    /// then it is waited until everything up to there is either committed or aborted. Our own transactions have ended
    /// before: making a producer with our transactional id does that.
    pub(super) fn newest(&self, key: &str) -> Result<Option<StoredPosition>, SinkError> {
        let topic = self.options.positions_topic.as_str();
        let end = self.watermarks(&self.consumer("read_uncommitted")?)?.1;
        let reader = self.consumer("read_committed")?;
        let waited = Instant::now();
        let start = loop {
            let (start, stable) = self.watermarks(&reader)?;
            if stable >= end {
                break start;
            }
            if waited.elapsed() > self.options.transaction_timeout + PROGRESS_TIMEOUT {
                let reason = format!("{topic}: a transaction of another agent does not end");
                return Err(SinkError::Restart { doing: DOING, reason });
            }
            self.pause(STABLE_INTERVAL)?;
        };
        if start >= end {
            return Ok(None);
        }
        let value = self.newest_value(&reader, key, end)?;
        let parse = |value: Vec<u8>| {
            StoredPosition::from_json(&value).map_err(|source| SinkError::Position {
                topic: topic.into(),
                key: key.into(),
                source,
            })
        };
        value.map(parse).transpose()
    }

    /// Reads all records before `end`, and returns the value of the last one with this key.
    fn newest_value(
        &self,
        reader: &BaseConsumer<Context>,
        key: &str,
        end: i64,
    ) -> Result<Option<Vec<u8>>, SinkError> {
        let mut assignment = TopicPartitionList::new();
        assignment
            .add_partition_offset(&self.options.positions_topic, PARTITION, Offset::Beginning)
            .and_then(|()| reader.assign(&assignment))
            .map_err(|error| self.error(&error))?;
        let mut newest = None;
        let mut progress = Instant::now();
        loop {
            match reader.poll(POLL) {
                Some(Ok(message)) => {
                    progress = Instant::now();
                    if message.offset() >= end {
                        return Ok(newest);
                    }
                    if message.key() == Some(key.as_bytes()) {
                        newest = message.payload().map(<[u8]>::to_vec);
                    }
                }
                // The end as it is now, at or behind the one that was asked for.
                Some(Err(KafkaError::PartitionEOF(_))) => return Ok(newest),
                // Others are told for the group, which is never joined, or pass.
                Some(Err(error)) if !is_final(&error) => {}
                Some(Err(error)) => return Err(self.error(&error)),
                None => {}
            }
            if progress.elapsed() > PROGRESS_TIMEOUT {
                return Err(self.context.why_silent(DOING));
            }
            self.pause(Duration::ZERO)?;
        }
    }

    fn watermarks(&self, consumer: &BaseConsumer<Context>) -> Result<(i64, i64), SinkError> {
        let topic = &self.options.positions_topic;
        let since = Instant::now();
        loop {
            match consumer.fetch_watermarks(topic, PARTITION, REQUEST_TIMEOUT) {
                Ok(watermarks) => return Ok(watermarks),
                Err(error) if is_final(&error) => return Err(self.error(&error)),
                Err(_) if since.elapsed() > PROGRESS_TIMEOUT => return Err(self.context.why_silent(DOING)),
                Err(_) => self.pause(STABLE_INTERVAL)?,
            }
        }
    }

    fn consumer(&self, isolation: &str) -> Result<BaseConsumer<Context>, SinkError> {
        let config: ClientConfig = self.options.reader_config(isolation);
        config.create_with_context(self.context.clone()).map_err(|error| self.error(&error))
    }

    fn error(&self, error: &KafkaError) -> SinkError {
        lost(DOING, error, &self.options.transactional_id)
    }

    fn pause(&self, time: Duration) -> Result<(), SinkError> {
        if self.stop.wait(time) { Err(SinkError::Stopped { doing: DOING }) } else { Ok(()) }
    }
}

/// Returns true if trying again is of no use.
fn is_final(error: &KafkaError) -> bool {
    match error.rdkafka_error_code() {
        Some(Code::GroupAuthorizationFailed) => false,
        Some(code) => meaning(code) != Meaning::Passing,
        None => true,
    }
}
