//! Who has committed what.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use rdkafka::{
    ClientConfig,
    producer::{BaseProducer, BaseRecord, Producer as _},
};
use ringtap::sink::{
    RecordBatch, StopSignal,
    kafka::{KafkaSink, SinkErrorKind},
};

use super::{
    broker::{read_committed, shared},
    run::{assert_each_once, connect, options, position, push, topic},
};

#[test]
fn an_older_producer_is_shut_out_and_nothing_of_it_appears() {
    let (broker, _used) = shared();
    let options = options(&broker.address, "fence");
    let topic = topic("fence.a");
    let mut batch = RecordBatch::default();
    let mut old = connect(&options);
    push(&mut batch, &topic, 99);
    old.send(&batch).unwrap();

    let mut new = connect(&options);
    assert_eq!(new.committed().unwrap(), None);
    let error = old.commit(&position(99)).unwrap_err();
    // On a busy machine its record may not have been at the broker before: then it is refused as one of no transaction.
    assert!(matches!(error.kind(), SinkErrorKind::Fenced | SinkErrorKind::Restart), "{error}");
    batch.clear();
    push(&mut batch, &topic, 1);
    new.send(&batch).unwrap();
    new.commit(&position(1)).unwrap();
    drop(old);
    assert_each_once(&read_committed(&broker.address, &topic.name), 1);
    assert_eq!(new.committed().unwrap(), Some(position(1)));
}

#[test]
fn the_committed_position_is_found_behind_an_open_transaction_of_another_agent() {
    let (broker, _used) = shared();
    let options = options(&broker.address, "behind");
    let mut sink = connect(&options);
    sink.commit(&position(1)).unwrap();

    let other: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", &broker.address)
        .set("transactional.id", "tests.behind.other")
        .create()
        .unwrap();
    other.init_transactions(Duration::from_secs(20)).unwrap();
    other.begin_transaction().unwrap();
    other.send(BaseRecord::to(&options.positions_topic).key("other").payload("{}")).unwrap();
    other.flush(Duration::from_secs(10)).unwrap();

    sink.commit(&position(2)).unwrap();
    let open = Duration::from_secs(1);
    let ending = thread::spawn(move || {
        thread::sleep(open);
        other.abort_transaction(Duration::from_secs(10)).unwrap();
    });
    let since = Instant::now();
    assert_eq!(sink.committed().unwrap(), Some(position(2)));
    assert!(since.elapsed() >= open, "it was read before it could be known");
    ending.join().unwrap();
}

#[test]
fn a_position_of_a_later_version_stops_instead_of_being_guessed_at() {
    let (broker, _used) = shared();
    let options = options(&broker.address, "later");
    let mut sink = connect(&options);
    let other: BaseProducer = ClientConfig::new().set("bootstrap.servers", &broker.address).create().unwrap();
    let value = r#"{"format":2,"progress":"1=5"}"#;
    other.send(BaseRecord::to(&options.positions_topic).key("host").payload(value)).unwrap();
    other.flush(Duration::from_secs(10)).unwrap();
    let error = sink.committed().unwrap_err();
    assert_eq!(error.kind(), SinkErrorKind::State, "{error}");
}

#[test]
fn waiting_for_a_broker_that_is_away_ends_with_the_stop_signal() {
    // A port of the range that nobody listens on.
    let options = options("127.0.0.1:19199", "away");
    let stop = StopSignal::new();
    let (stopping, counters) = (stop.clone(), Arc::default());
    let ending = thread::spawn(move || {
        thread::sleep(Duration::from_millis(500));
        stopping.stop();
    });
    let since = Instant::now();
    let error = KafkaSink::connect(Arc::new(options.clone()), Arc::clone(&counters), &stop).err().unwrap();
    assert_eq!(error.kind(), SinkErrorKind::Stopped);
    assert!(since.elapsed() < Duration::from_secs(5), "{:?}", since.elapsed());
    ending.join().unwrap();

    let mut limited = options;
    limited.connect_timeout = Some(Duration::ZERO);
    let error = KafkaSink::connect(Arc::new(limited), counters, &StopSignal::new()).err().unwrap();
    assert_eq!(error.kind(), SinkErrorKind::Unavailable, "{error}");
}
