//! Topics and the first record, made by several at once.

use std::{thread, time::Duration};

use rdkafka::{
    admin::{AdminOptions, NewTopic, ResourceSpecifier, TopicReplication},
    producer::{BaseProducer, BaseRecord, Producer as _},
};
use ringtap::{
    cluster::{
        core::Event,
        record::OwnersRecord,
        topics::{ClusterTopics, TopicsError},
    },
    sink::{StopSignal, kafka::SinkErrorKind},
};
use tokio::runtime::Runtime;

use super::{
    super::broker::shared,
    agents::{IDENTITY_VERSION, Listener, admin, establish, host_record, options, values},
};

fn settings(address: &str, topic: &str, names: &[&str]) -> Vec<String> {
    let runtime = Runtime::new().unwrap();
    let specifiers = [ResourceSpecifier::Topic(topic)];
    let described =
        runtime.block_on(admin(address).describe_configs(&specifiers, &AdminOptions::new())).unwrap();
    let topic = described[0].as_ref().unwrap();
    names.iter().map(|name| topic.get(name).unwrap().value.clone().unwrap()).collect()
}

fn partitions(address: &str, topic: &str) -> usize {
    let metadata = admin(address).inner().fetch_metadata(Some(topic), Duration::from_secs(10)).unwrap();
    metadata.topics()[0].partitions().len()
}

fn make(address: &str, topic: &str, settings: &[(&str, &str)]) {
    let new = settings
        .iter()
        .fold(NewTopic::new(topic, 1, TopicReplication::Fixed(1)), |new, (name, value)| new.set(name, value));
    let runtime = Runtime::new().unwrap();
    let admin = admin(address);
    runtime.block_on(admin.create_topics(&[new], &AdminOptions::new())).unwrap()[0].as_ref().unwrap();
}

fn write(address: &str, topic: &str, record: &OwnersRecord) {
    let producer: BaseProducer =
        rdkafka::ClientConfig::new().set("bootstrap.servers", address).create().unwrap();
    let mut value = Vec::new();
    record.encode(&mut value);
    let mut message: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(topic).partition(0);
    message.payload = Some(&value);
    producer.send(message).map_err(|(error, _)| error).unwrap();
    producer.flush(Duration::from_secs(20)).unwrap();
}

#[test]
fn agents_that_begin_at_the_same_time_agree_on_the_first_record() {
    let (broker, _used) = shared();
    let agents: Vec<_> = (1..=4)
        .map(|me| {
            let options = options(&broker.address, "begin", me);
            thread::spawn(move || establish(&options))
        })
        .collect();
    let inits: Vec<_> = agents.into_iter().map(|agent| agent.join().unwrap()).collect();
    assert!(inits.windows(2).all(|pair| pair[0] == pair[1]), "{inits:?}");
    assert_eq!(inits[0].identity_version, IDENTITY_VERSION);

    let options = options(&broker.address, "begin", 9);
    let wanted = ["cleanup.policy", "retention.ms", "retention.bytes", "unclean.leader.election.enable"];
    for (topic, retention, count) in [
        (options.names.owners(), "-1", 1),
        (options.names.ledger(), "86400000", 6),
        (options.names.relay(), "3600000", 6),
    ] {
        assert_eq!(
            settings(&broker.address, &topic, &wanted),
            ["delete", retention, "-1", "false"],
            "{topic}"
        );
        assert_eq!(partitions(&broker.address, &topic), count, "{topic}");
    }
    // Whoever comes later finds it, whatever else of its kind was written since.
    let another = OwnersRecord::Init { uuid: 3, identity_version: 99, hash_key: 5 };
    write(&broker.address, &options.names.owners(), &another);
    assert_eq!(establish(&options), inits[0]);
    let known = ClusterTopics::establish(&options, Some(inits[0].uuid), &StopSignal::new());
    assert_eq!(known.unwrap(), inits[0]);
    let text = format!("{:?}", inits[0]);
    assert!(!text.contains(&inits[0].hash_key.to_string()), "{text} tells the key");
}

#[test]
fn another_owners_topic_than_the_one_that_is_remembered_stops_the_agent() {
    let (broker, _used) = shared();
    let options = options(&broker.address, "other", 1);
    let error = ClusterTopics::establish(&options, Some(77), &StopSignal::new()).unwrap_err();
    assert!(matches!(error, TopicsError::OtherOwners { expected: 77, found: None, .. }), "{error:?}");
    assert_eq!(
        values(&broker.address, &options.names.owners(), 0),
        Vec::<Vec<u8>>::new(),
        "nothing is written"
    );

    let init = establish(&options);
    let error = ClusterTopics::establish(&options, Some(77), &StopSignal::new()).unwrap_err();
    assert!(
        matches!(error, TopicsError::OtherOwners { expected: 77, found: Some(found), .. } if found == init.uuid)
    );
    assert_eq!(error.kind(), SinkErrorKind::State);
    assert!(error.to_string().contains("Stop all agents"), "{error}");
}

#[test]
fn agents_that_tell_changes_apart_in_another_way_do_not_join() {
    let (broker, _used) = shared();
    let mut options = options(&broker.address, "version", 1);
    establish(&options);
    options.identity_version += 1;
    let error = ClusterTopics::establish(&options, None, &StopSignal::new()).unwrap_err();
    assert!(matches!(error, TopicsError::IdentityVersion { found: IDENTITY_VERSION, .. }), "{error:?}");
    assert_eq!(error.kind(), SinkErrorKind::Config);
}

#[test]
fn topics_that_break_a_promise_are_refused() {
    let (broker, _used) = shared();
    for (cluster, is_owners, setting, value) in [
        ("expires", true, "retention.ms", "604800000"),
        ("compacts", true, "cleanup.policy", "compact"),
        ("short", false, "retention.ms", "3600000"),
        ("unclean", false, "unclean.leader.election.enable", "true"),
    ] {
        let options = options(&broker.address, cluster, 1);
        let topic = if is_owners { options.names.owners() } else { options.names.ledger() };
        make(&broker.address, &topic, &[("retention.ms", "-1"), (setting, value)]);
        let error = ClusterTopics::establish(&options, None, &StopSignal::new()).unwrap_err();
        assert_eq!(error.kind(), SinkErrorKind::Config, "{error}");
        let text = error.to_string();
        assert!(text.contains(&topic) && text.contains(setting), "{text}");
    }
}

#[test]
fn missing_topics_and_partitions_that_may_not_be_made_are_told() {
    let (broker, _used) = shared();
    let mut options = options(&broker.address, "unmade", 1);
    options.kafka.topics.create = false;
    let error = ClusterTopics::establish(&options, None, &StopSignal::new()).unwrap_err();
    assert_eq!(error.kind(), SinkErrorKind::Config, "{error}");
    assert!(error.to_string().contains(&options.names.owners()), "{error}");
}

#[test]
fn a_host_that_claims_a_partition_beyond_the_last_gets_it() {
    let (broker, _used) = shared();
    let mut options = options(&broker.address, "grows", 1);
    options.ledger_partitions = 1;
    let init = establish(&options);
    let mut listener = Listener::begin(&options, init, [].into());
    listener.topics.write(host_record(1, 4));
    listener.until_event(&Event::OwnersRead(host_record(1, 4)));
    listener.until_ledger_is_read([1]);
    for topic in [options.names.ledger(), options.names.relay()] {
        assert_eq!(partitions(&broker.address, &topic), 5, "{topic}");
    }
    let mut ledger = super::agents::Ledger::connect(&options, 4);
    ledger.commit([1, 2]);
    listener.until_ledger_is_read([1]);
    let numbers: Vec<u64> = listener.beats(options.me).iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, [1, 2]);
}

/// What the others' clients remembered of the topic had no such partition, and they asked for nothing newer for minutes.
#[test]
fn a_partition_that_is_added_for_one_host_is_soon_read_by_the_others() {
    let (broker, _used) = shared();
    let mut options = [1, 2].map(|me| options(&broker.address, "grows-later", me));
    for options in &mut options {
        options.ledger_partitions = 1;
    }
    let init = establish(&options[0]);
    let mut other = Listener::begin(&options[0], init, [].into());
    other.topics.write(host_record(1, 0));
    other.until_event(&Event::OwnersRead(host_record(1, 0)));
    other.until_ledger_is_read([1]);
    let mut joining = Listener::begin(&options[1], init, [].into());
    joining.topics.write(host_record(2, 1));
    other.until_event(&Event::OwnersRead(host_record(2, 1)));
    other.until_ledger_is_read([1, 2]);
    joining.until_ledger_is_read([1, 2]);
}
