//! Topics that lost what was to be read.

use std::time::{Duration, Instant};

use rdkafka::{Offset, TopicPartitionList, admin::AdminOptions};
use ringtap::cluster::{
    core::Event,
    names::HostId,
    topics::{ClusterTopics, ClusterTopicsOptions, Followed, TopicsError},
};
use ringtap::sink::{StopSignal, kafka::SinkErrorKind};
use tokio::runtime::Runtime;

use super::{
    super::broker::shared,
    agents::{Ledger, Listener, admin, establish, host, host_record, options},
};

/// Deletes the records before an offset, as retention does.
fn cut(address: &str, topic: &str, partition: i32, before: i64) {
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, partition, Offset::Offset(before)).unwrap();
    let runtime = Runtime::new().unwrap();
    let admin = admin(address);
    runtime.block_on(admin.delete_records(&list, &AdminOptions::new())).unwrap();
}

/// Makes a cluster with one host whose ledger holds beats 1 to 5, each in its transaction, and so ten offsets.
fn with_ledger(address: &str, cluster: &str) -> (ClusterTopicsOptions, Ledger) {
    let options = options(address, cluster, 1);
    let init = establish(&options);
    let mut listener = Listener::begin(&options, init, [].into());
    listener.topics.write(host_record(1, 0));
    listener.until_event(&Event::OwnersRead(host_record(1, 0)));
    let mut ledger = Ledger::connect(&options, 0);
    for number in 1..=5 {
        ledger.commit([number]);
    }
    (options, ledger)
}

fn failure(options: &ClusterTopicsOptions, known: &[(HostId, u64)]) -> TopicsError {
    let init = establish(options);
    let mut listener = Listener::begin(options, init, known.iter().copied().collect());
    listener.until("a failure", |item| matches!(item, Followed::Failed(_)));
    match listener.items.pop() {
        Some(Followed::Failed(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_ledger_that_retention_took_before_it_was_read_is_told_as_a_gap() {
    let (broker, _used) = shared();
    let (options, ledger) = with_ledger(&broker.address, "gap");
    cut(&broker.address, &ledger.to.topic, 0, 6);
    let error = failure(&options, &[(host(1), 2)]);
    assert!(
        matches!(error, TopicsError::LedgerTooLate { host: of, position: 2, begin: 6, partition: 0, .. } if of == host(1)),
        "{error:?}"
    );
    assert_eq!(error.kind(), SinkErrorKind::State);
    // Who needs nothing of what is gone goes on, and who needs all takes what there is.
    for (known, expected) in
        [(vec![(host(1), 6)], vec![4, 5]), (vec![], vec![4, 5]), (vec![(host(1), 10)], vec![])]
    {
        let mut listener = Listener::begin(&options, establish(&options), known.into_iter().collect());
        listener.until_ledger_is_read([1]);
        let numbers: Vec<u64> = listener.beats(host(1)).iter().map(|(number, _)| *number).collect();
        assert_eq!((numbers, listener.position(host(1)).max(10)), (expected, 10));
    }
}

#[test]
fn a_ledger_that_retention_takes_while_it_is_followed_is_told_as_a_gap() {
    let (broker, _used) = shared();
    let (options, mut ledger) = with_ledger(&broker.address, "behind");
    let mut listener = Listener::begin(&options, establish(&options), [(host(1), 10)].into());
    listener.until_ledger_is_read([1]);
    // A transaction that is open keeps the follower from what comes.
    let end = ledger.leave_open(&broker.address, 6..=9);
    assert_eq!(end, 14);
    cut(&broker.address, &ledger.to.topic, 0, 12);
    let item = listener.until("a failure", |item| matches!(item, Followed::Failed(_)));
    assert!(
        matches!(item, Followed::Failed(TopicsError::LedgerTooLate { position: 10, begin: 12, .. })),
        "{item:?}"
    );
}

#[test]
fn a_ledger_that_ends_before_what_was_read_is_told() {
    let (broker, _used) = shared();
    let (options, _ledger) = with_ledger(&broker.address, "ends");
    let error = failure(&options, &[(host(1), 11)]);
    assert!(matches!(error, TopicsError::Shrunk { position: 11, end: 10, partition: 0, .. }), "{error:?}");
}

#[test]
fn an_owners_topic_that_lost_its_begin_stops_all() {
    let (broker, _used) = shared();
    let (options, _ledger) = with_ledger(&broker.address, "cut");
    cut(&broker.address, &options.names.owners(), 0, 1);
    let error = ClusterTopics::establish(&options, None, &StopSignal::new()).unwrap_err();
    assert!(matches!(error, TopicsError::OwnersCut { begin: 1, .. }), "{error:?}");
    assert_eq!(error.kind(), SinkErrorKind::State);
}

#[test]
fn an_owners_topic_that_is_made_anew_while_it_is_followed_stops_the_agent() {
    let (broker, _used) = shared();
    let options = options(&broker.address, "anew", 1);
    let before = establish(&options);
    let mut listener = Listener::begin(&options, before, [].into());
    listener.topics.write(host_record(1, 0));
    listener.until_event(&Event::OwnersRead(host_record(1, 0)));
    listener.until_ledger_is_read([1]);
    let runtime = Runtime::new().unwrap();
    let owners = options.names.owners();
    let deleted = admin(&broker.address);
    runtime.block_on(deleted.delete_topics(&[&owners], &AdminOptions::new())).unwrap()[0].as_ref().unwrap();
    // A new agent knows of nothing and begins anew.
    let after = establish(&options);
    assert_ne!(before.uuid, after.uuid);
    let item = listener.until("a failure", |item| matches!(item, Followed::Failed(_)));
    let Followed::Failed(error) = item else { panic!("{item:?}") };
    assert!(
        // It may have been looked at before its first record was there.
        matches!(error, TopicsError::OtherOwners { expected, found, .. }
            if *expected == before.uuid && found.is_none_or(|found| found == after.uuid)),
        "{error:?}"
    );
    // So do those that come back.
    let error = ClusterTopics::establish(&options, Some(before.uuid), &StopSignal::new()).unwrap_err();
    assert!(matches!(error, TopicsError::OtherOwners { .. }), "{error:?}");
}

/// The reader that looks at the first record must not take another one for it, however slowly it is served: here many look at once.
#[test]
fn looking_at_the_owners_topic_again_and_again_finds_the_same_first_record() {
    let (broker, _used) = shared();
    let mut options = options(&broker.address, "looked-at", 1);
    options.check_interval = Duration::from_millis(1);
    let init = establish(&options);
    let mut listeners: Vec<Listener> = (0..16).map(|_| Listener::begin(&options, init, [].into())).collect();
    for of in 1..=5 {
        listeners[0].topics.write(host_record(of, i32::try_from(of - 1).unwrap()));
    }
    let since = Instant::now();
    while since.elapsed() < Duration::from_secs(10) {
        for listener in &mut listeners {
            if let Some(Followed::Failed(error)) = listener.heard.next(Duration::from_millis(5)) {
                panic!("{error}");
            }
        }
    }
}
