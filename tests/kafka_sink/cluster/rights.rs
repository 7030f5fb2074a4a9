//! Rights that are missing at first.

use std::time::Duration;

use ringtap::cluster::{
    core::Event,
    record::OwnersRecord,
    topics::{ClusterTopicsOptions, Followed},
};
use secrecy::SecretString;

use super::{
    super::broker::{Broker, shared},
    agents::{Ledger, Listener, establish, host, host_record, options, values},
};

const PASSWORD: &str = "canary-fence-password";

/// Returns the options of an agent that logs in as this user, who is made, without any rights.
fn secure(broker: &Broker, cluster: &str, user: &str) -> ClusterTopicsOptions {
    let mut secure = options(&broker.secure, cluster, 1);
    for (option, value) in [
        ("security.protocol", "SASL_PLAINTEXT"),
        ("sasl.mechanism", "SCRAM-SHA-512"),
        ("sasl.username", user),
    ] {
        secure.kafka.librdkafka.insert(option.into(), value.into());
    }
    secure.kafka.secrets.insert("sasl.password".into(), SecretString::from(PASSWORD));
    broker.set_password(user, PASSWORD);
    secure
}

#[test]
fn a_follower_that_may_not_read_a_topic_goes_on_when_it_may_and_tells_nothing_twice() {
    let (broker, _used) = shared();
    let init = establish(&options(&broker.address, "unread", 1));
    let secure = secure(broker, "unread", "follower");
    for topic in [secure.names.owners(), secure.names.relay()] {
        broker.allow("follower", &["--operation", "All", "--topic", &topic]);
    }
    broker.allow("follower", &["--operation", "Describe", "--topic", &secure.names.ledger()]);
    let mut ledger = Ledger::connect(&options(&broker.address, "unread", 2), 0);
    ledger.commit([1, 2, 3]);
    let mut listener = Listener::begin(&secure, init, [].into());
    listener.topics.write(host_record(2, 0));
    listener.until_event(&Event::OwnersRead(host_record(2, 0)));
    let from = listener.items.len();
    // Some attempts: each is a new reader that is told where to go on.
    for _ in 0..5 {
        listener.topics.write(OwnersRecord::Want { host: host(2), claims: vec![] });
        listener.gather(Duration::from_millis(600));
    }
    assert_eq!(listener.beats(host(2)), []);
    assert_eq!(
        listener.count(from, &Event::LedgerAtEnd { host: host(2) }),
        0,
        "an end is told that nobody can have read"
    );
    broker.allow("follower", &["--operation", "Read", "--topic", &secure.names.ledger()]);
    listener.until_ledger_is_read([2]);
    listener.until_event(&Event::OwnersAtEnd);
    let numbers: Vec<u64> = listener.beats(host(2)).iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, [1, 2, 3]);
    let told = listener.items.iter().filter_map(|item| match item {
        Followed::Event(Event::OwnersRead(record)) => Some(record),
        _ => None,
    });
    let there = values(&broker.address, &secure.names.owners(), 0);
    let there: Vec<_> = there.iter().map(|value| OwnersRecord::decode(value).unwrap()).collect();
    assert_eq!(told.cloned().collect::<Vec<_>>(), there);
    assert!(there.len() >= 7, "{there:?}");
}

#[test]
fn a_fence_that_is_refused_holds_up_no_other_and_is_tried_until_it_is_allowed() {
    let (broker, _used) = shared();
    let init = establish(&options(&broker.address, "rights", 1));
    let secure = secure(broker, "rights", "fencer");
    broker.allow("fencer", &["--operation", "All", "--topic", "*"]);
    let id = |of| secure.names.transactional_id(host(of));
    broker
        .allow("fencer", &["--operation", "Write", "--operation", "Describe", "--transactional-id", &id(3)]);

    let mut refused = Ledger::connect(&options(&broker.address, "rights", 2), 1);
    let mut listener = Listener::begin(&secure, init, [].into());
    listener.topics.fence(1, host(2));
    listener.topics.fence(1, host(3));
    listener.until_event(&Event::Fenced { attempt: 1, host: host(3) });
    refused.commit([1]);
    let from = listener.gather(Duration::from_secs(1));
    assert_eq!(listener.count(from, &Event::Fenced { attempt: 1, host: host(2) }), 0);
    broker
        .allow("fencer", &["--operation", "Write", "--operation", "Describe", "--transactional-id", &id(2)]);
    listener.until_event(&Event::Fenced { attempt: 1, host: host(2) });
    refused.send([2]);
    refused.sink.commit_without_position().unwrap_err();
}
