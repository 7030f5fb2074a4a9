//! A small agent: numbers instead of a log, and what an agent does about errors.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use cassandra_commitlog::Position;
use ringtap::{
    checkpoint::Progress,
    record::{RecordPlace, murmur2, to_positive},
    sink::{
        RecordBatch, RecordHeaders, RecordMarks, Route, StopSignal, Topic,
        kafka::{Backoff, KafkaOptions, KafkaSink, SinkCounters, SinkErrorKind, StoredPosition},
    },
};

/// Records in a batch, batches in a transaction.
pub(crate) const BATCH: u64 = 20;
const BATCHES: u64 = 2;

/// Shows the log with the output of tests that fail.
pub(crate) fn show_log() {
    let _ = tracing_subscriber::fmt().with_test_writer().with_max_level(tracing::Level::DEBUG).try_init();
}

pub(crate) fn options(address: &str, name: &str) -> KafkaOptions {
    KafkaOptions::new(address, format!("tests.{name}"), format!("__tests.{name}.positions"), "host")
}

pub(crate) fn connect(options: &KafkaOptions) -> KafkaSink {
    show_log();
    KafkaSink::connect(Arc::new(options.clone()), Arc::default(), &StopSignal::new()).unwrap()
}

/// Returns the position behind the record of this number.
pub(crate) fn position(number: u64) -> StoredPosition {
    let mut progress = Progress::default();
    progress.read_to(Position { segment: 1, offset: number });
    StoredPosition::new(progress)
}

pub(crate) fn topic(name: &str) -> Arc<Topic> {
    Arc::new(Topic { name: format!("tests.{name}").into() })
}

pub(crate) fn headers(number: u64) -> RecordHeaders {
    let place = RecordPlace { position: Position { segment: 1, offset: number }, index: 0 };
    RecordHeaders {
        op: "insert",
        timestamp: 5,
        schema: Some("feed".into()),
        place,
        marks: RecordMarks::default(),
    }
}

pub(crate) fn route(key: &str) -> Route {
    Route::Hash(to_positive(murmur2(key.as_bytes())))
}

/// Appends a record that tells its number; there are seven keys.
pub(crate) fn push(batch: &mut RecordBatch, topic: &Arc<Topic>, number: u64) {
    let key = format!("{{\"pk\":{}}}", number % 7);
    let value = number.to_string();
    batch.push(topic, &key, Some(&value), route(&key), headers(number));
}

/// What happened to a run.
#[derive(Debug, Default)]
pub(crate) struct Run {
    /// Records committed so far.
    pub(crate) committed: AtomicU64,
    pub(crate) counters: Arc<SinkCounters>,
    pub(crate) stop: StopSignal,
}

impl Run {
    /// Publishes the numbers up to `last`, from where the committed position says, whatever happens to Kafka, unless
    /// it is stopped.
    pub(crate) fn publish(&self, options: &KafkaOptions, topic: &Arc<Topic>, last: u64) {
        show_log();
        let mut backoff = Backoff::default();
        loop {
            match self.attempt(options, topic, last) {
                Ok(()) => return,
                Err(error) if error.kind() == SinkErrorKind::Stopped => return,
                Err(error) => {
                    tracing::warn!(kind = error.kind().as_str(), %error, "publishing");
                    assert!(
                        matches!(
                            error.kind(),
                            SinkErrorKind::Restart | SinkErrorKind::Fenced | SinkErrorKind::Denied
                        ),
                        "{error}"
                    );
                    std::thread::sleep(backoff.next_wait().min(Duration::from_secs(1)));
                }
            }
        }
    }

    fn attempt(
        &self,
        options: &KafkaOptions,
        topic: &Arc<Topic>,
        last: u64,
    ) -> Result<(), ringtap::sink::kafka::SinkError> {
        let mut sink = KafkaSink::connect(Arc::new(options.clone()), Arc::clone(&self.counters), &self.stop)?;
        let committed = sink.committed()?;
        let mut next =
            committed.and_then(|position| position.progress.newest()).map_or(1, |(_, read)| match read {
                ringtap::checkpoint::SegmentProgress::ReadTo(number) => number + 1,
                ringtap::checkpoint::SegmentProgress::Finished => panic!("never finished"),
            });
        let mut batch = RecordBatch::default();
        while next <= last && !self.stop.is_stopped() {
            for _ in 0..BATCHES {
                batch.clear();
                for number in next..(next + BATCH).min(last + 1) {
                    push(&mut batch, topic, number);
                }
                sink.send(&batch)?;
                next = (next + BATCH).min(last + 1);
            }
            sink.commit(&position(next - 1))?;
            self.committed.store(next - 1, Relaxed);
        }
        sink.close();
        Ok(())
    }
}

/// Checks that a topic holds each number once, in order for each key.
pub(crate) fn assert_each_once(seen: &[super::broker::Seen], last: u64) {
    let mut numbers: Vec<u64> =
        seen.iter().map(|record| record.value.as_deref().unwrap().parse().unwrap()).collect();
    assert_in_order(seen);
    numbers.sort_unstable();
    let expected: Vec<u64> = (1..=last).collect();
    assert_eq!(numbers.len(), expected.len(), "records lost or repeated");
    assert_eq!(numbers, expected);
}

/// Checks that no key's numbers go back, but for repetitions of what comes next again.
pub(crate) fn assert_in_order(seen: &[super::broker::Seen]) {
    let mut newest = std::collections::HashMap::new();
    for record in seen {
        let number: u64 = record.value.as_deref().unwrap().parse().unwrap();
        let before = newest.insert(&record.key, number);
        assert!(before.is_none_or(|before| before < number), "{number} after {before:?}");
    }
}
