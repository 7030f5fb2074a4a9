//! What the real broker can't be made to answer.

use std::time::Duration;

use rdkafka::{
    mocking::MockCluster,
    producer::DefaultProducerContext,
    types::{RDKafkaApiKey, RDKafkaRespErr},
};
use ringtap::sink::{
    RecordBatch,
    kafka::{KafkaOptions, KafkaSink, SinkErrorKind},
};

use super::run::{connect, options, position, push, topic};

type Mock = MockCluster<'static, DefaultProducerContext>;

fn mock(name: &str) -> (Mock, KafkaOptions, KafkaSink) {
    let mock = MockCluster::new(1).unwrap();
    let mut options = options(&mock.bootstrap_servers(), name);
    options.transaction_timeout = Duration::from_secs(5);
    // It knows no requests for settings.
    options.topics.check = false;
    mock.create_topic(&options.positions_topic, 1, 1).unwrap();
    mock.create_topic(&topic(name).name, 3, 1).unwrap();
    let mut sink = connect(&options);
    let mut batch = RecordBatch::default();
    push(&mut batch, &topic(name), 1);
    sink.send(&batch).unwrap();
    (mock, options, sink)
}

#[test]
fn an_end_of_a_transaction_that_fails_tells_what_to_do() {
    use RDKafkaRespErr::{
        RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH as EPOCH,
        RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING as MAPPING,
        RD_KAFKA_RESP_ERR_INVALID_TXN_STATE as STATE,
        RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED as DENIED,
        RD_KAFKA_RESP_ERR_UNKNOWN as UNKNOWN,
    };
    for (name, code, kind) in [
        ("mock.epoch", EPOCH, SinkErrorKind::Fenced),
        ("mock.mapping", MAPPING, SinkErrorKind::Restart),
        ("mock.state", STATE, SinkErrorKind::Restart),
        ("mock.denied", DENIED, SinkErrorKind::Denied),
        ("mock.unknown", UNKNOWN, SinkErrorKind::Restart),
    ] {
        let (mock, _, mut sink) = mock(name);
        mock.request_errors(RDKafkaApiKey::EndTxn, &[code]);
        let error = sink.commit(&position(1)).unwrap_err();
        assert_eq!(error.kind(), kind, "{name}: {error}");
    }
}

#[test]
fn an_end_that_nobody_answers_is_an_unknown_outcome() {
    let (mock, options, mut sink) = mock("mock.silent");
    mock.broker_round_trip_time(1, Duration::from_secs(60)).unwrap();
    let since = std::time::Instant::now();
    let error = sink.commit(&position(1)).unwrap_err();
    assert_eq!(error.kind(), SinkErrorKind::Restart, "{error}");
    assert!(since.elapsed() < options.transaction_timeout * 3, "{:?}", since.elapsed());
}
