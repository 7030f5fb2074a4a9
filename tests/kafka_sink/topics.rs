//! Topics: made, looked at, changed under way.

use std::time::Duration;

use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, ResourceSpecifier, TopicReplication},
    client::DefaultClientContext,
};
use ringtap::sink::{
    RecordBatch, Topic,
    kafka::{SinkErrorKind, TopicWarning},
};
use tokio::runtime::Runtime;

use super::{
    broker::shared,
    run::{connect, options, position, push, topic},
};

fn admin(address: &str) -> AdminClient<DefaultClientContext> {
    ClientConfig::new().set("bootstrap.servers", address).create().unwrap()
}

fn setting(address: &str, topic: &str, name: &str) -> String {
    let described = Runtime::new()
        .unwrap()
        .block_on(admin(address).describe_configs(&[ResourceSpecifier::Topic(topic)], &AdminOptions::new()))
        .unwrap();
    described[0].as_ref().unwrap().get(name).unwrap().value.clone().unwrap()
}

#[test]
fn missing_topics_are_made_with_their_settings() {
    let (broker, _used) = shared();
    let mut options = options(&broker.address, "made");
    options.topics.partitions = Some(5);
    options.topics.configs.insert("retention.ms".into(), "123456789".into());
    let mut sink = connect(&options);
    let topic = topic("made.a");
    let mut batch = RecordBatch::default();
    push(&mut batch, &topic, 1);
    sink.send(&batch).unwrap();
    sink.commit(&position(1)).unwrap();
    assert_eq!(sink.take_warnings(), []);
    assert_eq!(setting(&broker.address, &topic.name, "retention.ms"), "123456789");
    assert_eq!(setting(&broker.address, &topic.name, "cleanup.policy"), "delete");
    assert_eq!(setting(&broker.address, &options.positions_topic, "cleanup.policy"), "compact");
    let metadata =
        admin(&broker.address).inner().fetch_metadata(Some(&topic.name), Duration::from_secs(5)).unwrap();
    assert_eq!(metadata.topics()[0].partitions().len(), 5);
}

#[test]
fn a_missing_topic_that_may_not_be_made_is_told() {
    let (broker, _used) = shared();
    let mut options = options(&broker.address, "unmade");
    connect(&options).close();
    options.topics.create = false;
    let mut sink = connect(&options);
    let mut batch = RecordBatch::default();
    push(&mut batch, &topic("unmade.a"), 1);
    let error = sink.send(&batch).unwrap_err();
    assert_eq!(error.kind(), SinkErrorKind::Config);
    assert!(error.to_string().contains("tests.unmade.a"), "{error}");
}

#[test]
fn a_compacted_topic_and_a_changed_number_of_partitions_are_reported() {
    let (broker, _used) = shared();
    let (runtime, admin) = (Runtime::new().unwrap(), admin(&broker.address));
    let topic = topic("changed.a");
    let new = NewTopic::new(&topic.name, 2, TopicReplication::Fixed(1)).set("cleanup.policy", "compact");
    runtime.block_on(admin.create_topics(&[new], &AdminOptions::new())).unwrap()[0].as_ref().unwrap();

    let mut options = options(&broker.address, "changed");
    options.topic_check_interval = Duration::ZERO;
    let mut sink = connect(&options);
    let mut batch = RecordBatch::default();
    push(&mut batch, &topic, 1);
    sink.send(&batch).unwrap();
    sink.commit(&position(1)).unwrap();
    assert_eq!(sink.take_warnings(), [TopicWarning::Compacted { topic: topic.name.to_string() }]);

    let more = NewPartitions::new(&topic.name, 6);
    runtime.block_on(admin.create_partitions(&[more], &AdminOptions::new())).unwrap()[0].as_ref().unwrap();
    batch.clear();
    (2..100).for_each(|number| push(&mut batch, &topic, number));
    sink.send(&batch).unwrap();
    sink.commit(&position(100)).unwrap();
    let changed = TopicWarning::PartitionsChanged { topic: topic.name.to_string(), before: 2, now: 6 };
    assert_eq!(sink.take_warnings(), [changed]);
    let seen = super::broker::read_committed(&broker.address, &topic.name);
    assert!(seen.iter().any(|record| record.partition > 1) && seen.len() == 99);
}

#[test]
fn positions_are_not_kept_where_kafka_forgets_them() {
    let (broker, _used) = shared();
    let options = options(&broker.address, "forgets");
    let new = NewTopic::new(&options.positions_topic, 1, TopicReplication::Fixed(1))
        .set("cleanup.policy", "delete");
    let admin = admin(&broker.address);
    let made = admin.create_topics([&new], &AdminOptions::new());
    Runtime::new().unwrap().block_on(made).unwrap()[0].as_ref().unwrap();
    let connected = ringtap::sink::kafka::KafkaSink::connect(
        options.into(),
        std::sync::Arc::default(),
        &ringtap::sink::StopSignal::new(),
    );
    let error = connected.err().unwrap();
    assert_eq!(error.kind(), SinkErrorKind::Config, "{error}");
}

#[test]
fn names_that_kafka_refuses_are_told_before_anything_is_sent() {
    let (broker, _used) = shared();
    let options = options(&broker.address, "names");
    let mut batch = RecordBatch::default();
    for (one, other) in [("tests.names.a", "tests.names_a"), ("tests names", "tests.names.b")] {
        let mut sink = connect(&options);
        batch.clear();
        for name in [one, other] {
            push(&mut batch, &Topic { name: name.into() }.into(), 1);
        }
        let error = sink.send(&batch).unwrap_err();
        assert_eq!(error.kind(), SinkErrorKind::Config, "{error}");
    }
}

#[test]
fn a_broker_that_takes_less_than_we_allow_decides_what_is_too_large() {
    let (broker, _used) = shared();
    let mut options = options(&broker.address, "small");
    options.topics.configs.insert("max.message.bytes".into(), "5000".into());
    let mut sink = connect(&options);
    let topic = topic("small.a");
    let value = "x".repeat(6_000);
    let mut batch = RecordBatch::default();
    batch.push(&topic, "{}", Some(&value), super::run::route("{}"), super::run::headers(1));
    assert_eq!(sink.send(&batch).unwrap_err().kind(), SinkErrorKind::TooLarge);
}
