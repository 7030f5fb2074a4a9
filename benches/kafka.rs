//! The Kafka sink against a bare librdkafka loop that sends the same bytes: `cargo bench --bench kafka`.
//!
//! Starts a broker with `tests/stack/kafka`, or uses the one in `RINGTAP_BENCH_KAFKA` (`host:port`). Rounds alternate, so
//! that both meet the same machine; the medians are compared. `RINGTAP_BENCH_RECORDS` is how many records a round has.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints, and stops at the first surprise"
)]

use std::{
    env,
    path::Path,
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use cassandra_commitlog::Position;
use rdkafka::{
    ClientConfig,
    error::KafkaError,
    message::{Header, OwnedHeaders},
    producer::{BaseProducer, BaseRecord, Producer as _},
    types::RDKafkaErrorCode,
};
use ringtap::{
    checkpoint::Progress,
    record::{RecordPlace, murmur2, to_positive},
    sink::{
        RecordBatch, RecordHeaders, RecordMarks, Route, StopSignal, Topic,
        kafka::{Delivery, KafkaOptions, KafkaSink, StoredPosition},
    },
};

const PARTITIONS: u16 = 4;
const ROUNDS: usize = 5;
const BATCH_RECORDS: usize = 500;
const COMMIT_RECORDS: usize = 50_000;
const SMALL_TRANSACTIONS: usize = 300;

struct Server {
    address: String,
    is_ours: bool,
}

impl Server {
    fn script() -> Command {
        Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stack/kafka"))
    }

    fn start() -> Self {
        if let Ok(address) = env::var("RINGTAP_BENCH_KAFKA") {
            return Self { address, is_ours: false };
        }
        let output = Self::script().args(["start", "bench", "heap=1G"]).output().unwrap();
        assert!(
            output.status.success(),
            "tests/stack/kafka start: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Self { address: String::from_utf8(output.stdout).unwrap().trim().into(), is_ours: true }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.is_ours {
            let _ = Self::script().args(["remove", "bench"]).status();
        }
    }
}

/// Batches of records as the agent makes them, about 500 bytes each.
fn batches(topic: &Arc<Topic>, records: usize) -> Vec<RecordBatch> {
    let mut batches = Vec::new();
    for start in (0..records).step_by(BATCH_RECORDS) {
        let mut batch = RecordBatch::default();
        for number in start..(start + BATCH_RECORDS).min(records) {
            let key = format!(
                r#"{{"user_id":{},"event_id":"{number:08x}-e663-11f1-bc5c-4974da35d1f0"}}"#,
                number % 5_000
            );
            let partition_key = format!(r#"{{"user_id":{}}}"#, number % 5_000);
            let value = format!(
                r#"{{"op":"insert","ts":{},"key":{key},"row":{{}},"cells":{{"name":{{"value":"user {number} of many"}},"amount":{{"value":{}.{:02}}},"tags":{{"cleared":{{"ts":1700000000000000,"at":1700000000}},"elements":[{{"path":"a{}"}},{{"path":"b"}}]}}}},"source":{{"cluster":"bench","host_id":"f2419411-3222-4518-8862-5817f027e851","keyspace":"shop","table":"events","table_id":"5a1c395e-b41f-11e5-9f22-ba0be0483c18","schema":"0f1e2d3c4b5a6978","segment":1700000000001,"position":{},"index":0}}}}"#,
                1_700_000_000_000_000 + number,
                number % 977,
                number % 100,
                number % 31,
                number * 240,
            );
            let place = RecordPlace {
                position: Position { segment: 1_700_000_000_001, offset: number as u64 * 240 },
                index: 0,
            };
            let headers = RecordHeaders {
                op: "insert",
                timestamp: 1_700_000_000_000_000 + number as i64,
                schema: Some("0f1e2d3c4b5a6978".into()),
                place,
                marks: RecordMarks::default(),
            };
            let route = Route::Hash(to_positive(murmur2(partition_key.as_bytes())));
            batch.push(topic, &key, Some(&value), route, headers);
        }
        batches.push(batch);
    }
    batches
}

fn position(number: usize) -> StoredPosition {
    let mut progress = Progress::default();
    progress.read_to(Position { segment: 1, offset: number as u64 });
    StoredPosition::new(progress)
}

fn sink(address: &str, delivery: Delivery) -> KafkaSink {
    let mut options = KafkaOptions::new(address, "bench", "__bench.positions", "bench");
    options.delivery = delivery;
    options.topics.partitions = Some(PARTITIONS);
    KafkaSink::connect(Arc::new(options), Arc::default(), &StopSignal::new()).unwrap()
}

fn through_sink(sink: &mut KafkaSink, batches: &[RecordBatch]) -> Duration {
    let since = Instant::now();
    let mut waiting = 0;
    for (at, batch) in batches.iter().enumerate() {
        sink.send(batch).unwrap();
        waiting += batch.records().len();
        if waiting >= COMMIT_RECORDS || at + 1 == batches.len() {
            sink.commit(&position(at)).unwrap();
            waiting = 0;
        }
    }
    since.elapsed()
}

/// The same records by the shortest loop there is, with the same settings and headers that are made beforehand of
/// the same values.
fn bare(producer: &BaseProducer, batches: &[RecordBatch]) -> Duration {
    let since = Instant::now();
    for batch in batches {
        for record in batch.records() {
            let Route::Hash(hash) = record.route else { continue };
            let of = &record.headers;
            let headers = OwnedHeaders::new_with_capacity(4)
                .insert(Header { key: "op", value: Some("insert") })
                .insert(Header { key: "ts", value: Some("1700000000000000") })
                .insert(Header { key: "schema", value: of.schema.as_deref() })
                .insert(Header { key: "position", value: Some("1700000000001:24000000:0") });
            let mut message = BaseRecord::to("bench.records")
                .partition((hash % u32::from(PARTITIONS)).cast_signed())
                .key(batch.key(record))
                .headers(headers);
            message.payload = batch.value(record);
            while let Err((error, back)) = producer.send(message) {
                assert!(
                    matches!(error, KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull)),
                    "{error}"
                );
                message = back;
                producer.poll(Duration::from_millis(1));
            }
        }
    }
    while producer.in_flight_count() > 0 {
        producer.poll(Duration::from_millis(1));
    }
    since.elapsed()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    let server = Server::start();
    let records: usize =
        env::var("RINGTAP_BENCH_RECORDS").ok().and_then(|text| text.parse().ok()).unwrap_or(400_000);
    let topic = Arc::new(Topic { name: "bench.records".into() });
    let batches = batches(&topic, records);
    let bytes: usize = batches.iter().map(RecordBatch::bytes).sum();
    println!("{records} records of {} bytes, {PARTITIONS} partitions", bytes / records);

    let mut exactly = sink(&server.address, Delivery::ExactlyOnce);
    let mut at_least = sink(&server.address, Delivery::AtLeastOnce);
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", &server.address)
        .set("enable.idempotence", "true")
        .set("compression.type", "lz4")
        .set("linger.ms", "5")
        .set("batch.size", "1000000")
        .set("queue.buffering.max.kbytes", "32768")
        .set("queue.buffering.max.messages", "50000")
        .set("delivery.report.only.error", "true")
        .create()
        .unwrap();

    through_sink(&mut exactly, &batches[..batches.len() / 4]);
    bare(&producer, &batches[..batches.len() / 4]);
    let mut rates: [Vec<f64>; 3] = Default::default();
    for _ in 0..ROUNDS {
        let times = [
            bare(&producer, &batches),
            through_sink(&mut exactly, &batches),
            through_sink(&mut at_least, &batches),
        ];
        for (rates, time) in rates.iter_mut().zip(times) {
            rates.push(records as f64 / time.as_secs_f64());
        }
    }
    let [bare_rate, exactly_rate, at_least_rate] = rates.map(median);
    for (name, rate) in
        [("bare loop", bare_rate), ("exactly-once", exactly_rate), ("at-least-once", at_least_rate)]
    {
        println!(
            "{name:14} {rate:>9.0} records/s {:>7.1} MB/s  {:.2} of the bare loop",
            rate * bytes as f64 / records as f64 / 1e6,
            rate / bare_rate
        );
    }
    small_transactions(&mut exactly, &batches);
}

/// What one record costs that is committed alone.
fn small_transactions(sink: &mut KafkaSink, batches: &[RecordBatch]) {
    let topic = Arc::clone(&batches[0].topics()[0]);
    let mut times = Vec::new();
    for number in 0..SMALL_TRANSACTIONS {
        let source = &batches[0].records()[number % BATCH_RECORDS];
        let mut batch = RecordBatch::default();
        batch.push(
            &topic,
            str::from_utf8(batches[0].key(source)).unwrap(),
            batches[0].value(source).map(|value| str::from_utf8(value).unwrap()),
            source.route,
            source.headers.clone(),
        );
        let since = Instant::now();
        sink.send(&batch).unwrap();
        sink.commit(&position(number)).unwrap();
        times.push(since.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_unstable_by(f64::total_cmp);
    println!(
        "transactions of one record: p50 {:.1} ms, p99 {:.1} ms",
        times[times.len() / 2],
        times[times.len() * 99 / 100]
    );
}
