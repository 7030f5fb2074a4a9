//! Publishing while all is well.

use std::sync::Arc;

use ringtap::sink::{
    RecordBatch, RecordHeaders, RecordMarks, Route, StopSignal,
    kafka::{Delivery, KafkaSink, SinkCounters, SinkErrorKind, SinkState, TooLarge},
};

use super::{
    broker::{Seen, read_committed, shared},
    run::{Run, assert_each_once, connect, headers, options, position, push, route, topic},
};

#[test]
fn records_and_their_position_appear_together_when_they_are_committed() {
    let (broker, _used) = shared();
    let options = options(&broker.address, "together");
    let mut sink = connect(&options);
    assert_eq!(sink.committed().unwrap(), None);
    let topic = topic("together.a");
    let mut batch = RecordBatch::default();
    (1..=50).for_each(|number| push(&mut batch, &topic, number));
    sink.send(&batch).unwrap();
    assert!(sink.open_for().is_some());
    assert!(read_committed(&broker.address, &topic.name).is_empty());
    sink.commit(&position(50)).unwrap();
    assert_each_once(&read_committed(&broker.address, &topic.name), 50);
    assert_eq!(sink.committed().unwrap(), Some(position(50)));
    // The newest of several, and one without records.
    sink.commit(&position(51)).unwrap();
    assert_eq!(sink.committed().unwrap(), Some(position(51)));
    sink.set_position_key("another");
    assert_eq!(sink.committed().unwrap(), None);
}

#[test]
fn partitions_headers_and_tombstones_are_as_the_batch_says() {
    let (broker, _used) = shared();
    let mut options = options(&broker.address, "shape");
    options.topics.partitions = Some(4);
    let mut sink = connect(&options);
    let topic = topic("shape.a");
    let mut batch = RecordBatch::default();
    let early = RecordHeaders { marks: RecordMarks::early(true), op: "delete", ..headers(7) };
    let key = r#"{"pk":1}"#;
    batch.push(&topic, key, Some("v"), route(key), early.clone());
    batch.push(&topic, key, None, route(key), early);
    let everywhere = RecordHeaders { op: "truncate", schema: None, ..headers(8) };
    batch.push(&topic, "{}", Some("t"), Route::EveryPartition, everywhere);
    sink.send(&batch).unwrap();
    sink.commit(&position(8)).unwrap();

    let seen = read_committed(&broker.address, &topic.name);
    let Route::Hash(hash) = route(key) else { panic!() };
    let of_key: Vec<&Seen> = seen.iter().filter(|record| record.key == key).collect();
    let texts = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect::<Vec<(String, String)>>()
    };
    assert_eq!(of_key.len(), 2);
    assert_eq!((of_key[0].value.as_deref(), of_key[1].value.as_deref()), (Some("v"), None));
    for record in of_key {
        assert_eq!(record.partition, (hash % 4).cast_signed());
        let expected =
            [("op", "delete"), ("ts", "5"), ("schema", "feed"), ("position", "1:7:0"), ("early", "true")];
        assert_eq!(record.headers, texts(&expected));
    }
    let mut partitions: Vec<i32> =
        seen.iter().filter(|record| record.key == "{}").map(|record| record.partition).collect();
    partitions.sort_unstable();
    assert_eq!(partitions, [0, 1, 2, 3]);
    let truncation = seen.iter().find(|record| record.key == "{}").unwrap();
    assert_eq!(truncation.headers, texts(&[("op", "truncate"), ("ts", "5"), ("position", "1:8:0")]));
}

#[test]
fn at_least_once_publishes_in_order_and_keeps_positions() {
    let (broker, _used) = shared();
    let mut options = options(&broker.address, "least");
    options.delivery = Delivery::AtLeastOnce;
    let (run, topic) = (Run::default(), topic("least.a"));
    run.publish(&options, &topic, 500);
    assert_each_once(&read_committed(&broker.address, &topic.name), 500);
    assert_eq!(connect(&options).committed().unwrap(), Some(position(500)));
    // Begun again, it goes on behind what it had.
    run.publish(&options, &topic, 600);
    assert_each_once(&read_committed(&broker.address, &topic.name), 600);
}

#[test]
fn closing_lets_go_of_what_was_not_committed() {
    let (broker, _used) = shared();
    let options = options(&broker.address, "close");
    let mut sink = connect(&options);
    let topic = topic("close.a");
    let mut batch = RecordBatch::default();
    push(&mut batch, &topic, 1);
    sink.send(&batch).unwrap();
    sink.close();
    // Another agent's record behind it can be read at once, although the transaction could have lasted 30 s.
    let mut other = options.clone();
    other.transactional_id = "tests.close.other".into();
    let mut sink = connect(&other);
    batch.clear();
    push(&mut batch, &topic, 2);
    sink.send(&batch).unwrap();
    sink.commit(&position(2)).unwrap();
    let values: Vec<_> =
        read_committed(&broker.address, &topic.name).into_iter().filter_map(|record| record.value).collect();
    assert_eq!(values, ["2"]);
}

#[test]
fn a_full_queue_holds_the_sender_back_and_loses_nothing() {
    let (broker, _used) = shared();
    let mut options = options(&broker.address, "full");
    options.queue_records_max = 10;
    let counters = Arc::new(SinkCounters::default());
    let mut sink =
        KafkaSink::connect(Arc::new(options.clone()), Arc::clone(&counters), &StopSignal::new()).unwrap();
    let topic = topic("full.a");
    let mut batch = RecordBatch::default();
    (1..=2_000).for_each(|number| push(&mut batch, &topic, number));
    sink.send(&batch).unwrap();
    sink.commit(&position(2_000)).unwrap();
    assert!(counters.queue_full.load(std::sync::atomic::Ordering::Relaxed) > 0);
    assert_eq!(counters.state(), (SinkState::Publishing, None));
    assert_each_once(&read_committed(&broker.address, &topic.name), 2_000);
}

#[test]
fn a_record_that_is_too_large_goes_where_the_policy_says() {
    let (broker, _used) = shared();
    let topic = topic("large.a");
    let mut batch = RecordBatch::default();
    push(&mut batch, &topic, 1);
    let large = "x".repeat(20_000);
    batch.push(&topic, r#"{"pk":9}"#, Some(&large), route(r#"{"pk":9}"#), headers(2));
    push(&mut batch, &topic, 3);
    let connect_with = |too_large| {
        let mut options = options(&broker.address, "large");
        options.record_bytes_max = 10_000;
        options.too_large = too_large;
        // Larger batches than the topic takes would be refused with small records too.
        options.librdkafka.insert("batch.size".into(), "9000".into());
        connect(&options)
    };

    let mut sink = connect_with(TooLarge::Fail);
    let error = sink.send(&batch).unwrap_err();
    assert_eq!(error.kind(), SinkErrorKind::TooLarge);
    assert!(error.to_string().contains("1:2:0") && error.to_string().contains("tests.large.a"), "{error}");
    sink.close();

    let mut sink = connect_with(TooLarge::KeyOnly);
    sink.send(&batch).unwrap();
    sink.commit(&position(3)).unwrap();
    let seen = read_committed(&broker.address, &topic.name);
    let cut = seen.iter().find(|record| record.key == r#"{"pk":9}"#).unwrap();
    let value: serde_json::Value = serde_json::from_str(cut.value.as_deref().unwrap()).unwrap();
    assert_eq!((&value["key"]["pk"], &value["source"]["position"]), (&9.into(), &2.into()));
    assert!(value["too_large"]["bytes"].as_u64().unwrap() > 20_000);
    assert_eq!(seen.len(), 3);

    let mut sink = connect_with(TooLarge::Quarantine);
    let (aside, put_aside) = std::sync::mpsc::channel();
    sink.quarantine_with(move |record| {
        aside.send((record.topic.to_owned(), record.place, record.value.map(<[u8]>::len))).unwrap();
        Ok(())
    });
    sink.send(&batch).unwrap();
    sink.commit(&position(3)).unwrap();
    assert_eq!(put_aside.try_recv().unwrap(), ("tests.large.a".into(), headers(2).place, Some(20_000)));
    assert_eq!(read_committed(&broker.address, &topic.name).len(), 5);
}
