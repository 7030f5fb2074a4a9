//! What a follower tells, and when.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use ringtap::{
    cluster::{
        core::Event,
        record::{Entry, LedgerKind, LedgerRecord, OwnersRecord},
        topics::{Followed, new_session},
    },
    dedup::ChangeId,
    sink::{
        RecordBatch, StopSignal,
        kafka::{Delivery, KafkaSink, LedgerPartition, SinkErrorKind},
    },
};

use super::{
    super::{
        broker::{exclusive, read_committed, shared},
        run::{push, topic},
    },
    agents::{
        Ledger, Listener, PATIENCE, establish, high_watermark, host, host_record, options, stable_offset,
        values,
    },
};

/// Returns a listener that knows the hosts 1 to `hosts`, each with the partition below its number.
fn listener(address: &str, cluster: &str, hosts: u128) -> Listener {
    let options = options(address, cluster, 1);
    let init = establish(&options);
    let mut listener = Listener::begin(&options, init, [].into());
    for of in 1..=hosts {
        listener.topics.write(host_record(of, i32::try_from(of - 1).unwrap()));
    }
    let last = Event::OwnersRead(host_record(hosts, i32::try_from(hosts - 1).unwrap()));
    listener.until_event(&last);
    listener
}

#[test]
fn what_is_committed_is_told_in_order_and_what_is_aborted_moves_the_position_alone() {
    let (broker, _used) = shared();
    let mut listener = listener(&broker.address, "order", 3);
    let mut ledgers: Vec<Ledger> = (1..=3)
        .map(|of| Ledger::connect(&options(&broker.address, "order", of), i32::try_from(of - 1).unwrap()))
        .collect();
    for round in 0..5 {
        for ledger in &mut ledgers {
            ledger.commit([round * 2, round * 2 + 1]);
        }
    }
    // The second one aborts, goes on, and aborts again: its last records are never seen.
    let second = options(&broker.address, "order", 2);
    for (aborted, committed) in [(100, Some(10)), (101, None)] {
        ledgers[1].leave_open(&broker.address, [aborted]);
        // The next producer of this host ends what is open.
        ledgers[1] = Ledger::connect(&second, 1);
        if let Some(number) = committed {
            ledgers[1].commit([number]);
        }
    }
    listener.until_ledger_is_read(1..=3);
    for (of, expected) in [(1, 0..10), (2, 0..11), (3, 0..10)] {
        let ledger = &ledgers[usize::try_from(of - 1).unwrap()];
        let numbers: Vec<u64> = listener.beats(host(of)).iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers, expected.collect::<Vec<_>>(), "host {of}");
        assert_eq!(listener.position(host(of)), high_watermark(&broker.address, &ledger.to), "host {of}");
    }
    let is_now = |ms: i64| (1_700_000_000_000..4_000_000_000_000).contains(&ms);
    let read = |item: &&Followed| matches!(item, Followed::LedgerRead { .. });
    assert!(
        listener
            .items
            .iter()
            .filter(read)
            .all(|item| matches!(item, Followed::LedgerRead { timestamp_ms, .. } if is_now(*timestamp_ms)))
    );
    let positions: Vec<u64> = listener.beats(host(2)).iter().map(|(_, position)| *position).collect();
    assert!(positions.is_sorted_by(|one, next| one < next), "{positions:?}");
    assert!(listener.position(host(2)) > positions[10] + 1, "what is behind the last record was not told");

    // From what was told, a later follower goes on.
    let of_first = listener.beats(host(1))[6].1;
    let known: BTreeMap<_, _> =
        [(host(1), of_first), (host(2), listener.position(host(2)))].into_iter().collect();
    let options = options(&broker.address, "order", 3);
    let mut later = Listener::begin(&options, establish(&options), known);
    later.until_ledger_is_read(1..=3);
    let numbers = |of| later.beats(host(of)).iter().map(|(number, _)| *number).collect::<Vec<_>>();
    assert_eq!((numbers(1), numbers(2)), ((7..10).collect(), vec![]));
    assert_eq!(numbers(3), (0..10).collect::<Vec<_>>(), "a host that is not known is read from its begin");
}

#[test]
fn records_of_data_and_of_the_ledger_appear_together_or_not_at_all() {
    let (broker, _used) = shared();
    let options = options(&broker.address, "together", 1);
    establish(&options);
    let data = topic("ledger.together.a");
    for (number, is_committed) in [(1, true), (2, false), (3, true)] {
        let mut ledger = Ledger::connect(&options, 0);
        let mut batch = RecordBatch::default();
        push(&mut batch, &data, number);
        ledger.sink.send(&batch).unwrap();
        ledger.send([number]);
        if is_committed {
            ledger.sink.commit(&super::super::run::position(number)).unwrap();
            assert_eq!(ledger.sink.committed().unwrap(), Some(super::super::run::position(number)));
        } else {
            ledger.sink.close();
        }
    }
    let seen: Vec<_> =
        read_committed(&broker.address, &data.name).into_iter().filter_map(|record| record.value).collect();
    assert_eq!(seen.len(), 2);
    assert!(seen.contains(&"1".into()) && seen.contains(&"3".into()), "{seen:?}");
    let ledger: Vec<_> = values(&broker.address, &options.names.ledger(), 0)
        .iter()
        .map(|value| LedgerRecord::decode(value).unwrap().kind)
        .collect();
    assert_eq!(ledger, [1, 3].map(|number| LedgerKind::Beat { number, done: 0 }));
}

/// All waited for the partition of a dead host, so nobody found it silent until the broker timed its transaction out.
#[test]
fn an_open_transaction_holds_back_the_end_of_its_partition_alone_until_a_fence_ends_it() {
    let (broker, _used) = shared();
    let mut listener = listener(&broker.address, "open", 2);
    let theirs = options(&broker.address, "open", 2);
    let mut dead = Ledger::connect(&theirs, 1);
    dead.commit([1]);
    let high = dead.leave_open(&broker.address, [2, 3]);
    assert!(stable_offset(&broker.address, &dead.to) < high);
    let [end_of_living, end_of_dead] = [1, 2].map(|of| Event::LedgerAtEnd { host: host(of) });
    let stable = [1, 2].map(|of| Event::LedgerAtStableEnd { host: host(of) });
    // What was asked for before may still be reached.
    listener.gather(Duration::from_secs(1));
    let from = listener.gather(Duration::from_secs(4));
    assert_eq!(listener.count(from, &end_of_dead), 0, "the end is told with records behind it");
    assert!(listener.count(from, &Event::OwnersAtEnd) >= 2, "the owners topic waits for the ledger");
    assert!(listener.count(from, &end_of_living) >= 2, "one host's ledger waits for another's");
    let told = stable.map(|event| listener.count(from, &event));
    assert!(told[0] == 0 && told[1] >= 2, "{told:?}");
    assert_eq!(listener.position(host(2)), stable_offset(&broker.address, &dead.to));

    // The high watermark, not the last stable offset.
    listener.topics.ask_high_watermarks(5, vec![host(1), host(2)]);
    let answer = listener
        .until("high watermarks", |item| matches!(item, Followed::Event(Event::HighWatermarks { .. })));
    let Followed::Event(Event::HighWatermarks { attempt: 5, positions }) = answer else {
        panic!("{answer:?}")
    };
    assert_eq!(positions[..], [(host(1), 0), (host(2), high)]);

    let from = listener.items.len();
    let since = Instant::now();
    listener.topics.hurry(true);
    listener.topics.fence(5, host(2));
    listener.until_event(&Event::Fenced { attempt: 5, host: host(2) });
    let fenced = since.elapsed();
    listener.topics.ask_high_watermarks(5, vec![host(2)]);
    listener.until("high watermarks", |item| matches!(item, Followed::Event(Event::HighWatermarks { .. })));
    listener.until_ledger_is_read(1..=2);
    println!("fenced after {fenced:?}, ledger at its end {:?} after the effect", since.elapsed());
    assert!(listener.items[from..].iter().all(|item| !matches!(item, Followed::LedgerRead { .. })));
    assert_eq!(listener.position(host(2)), high_watermark(&broker.address, &dead.to));

    // Whoever was fenced commits nothing more.
    dead.sink.commit_without_position().unwrap_err();
    listener.until_ledger_is_read(1..=2);
    let numbers: Vec<u64> = listener.beats(host(2)).iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, [1]);
}

#[test]
fn an_open_transaction_holds_the_end_back_until_it_is_committed() {
    let (broker, _used) = shared();
    let mut listener = listener(&broker.address, "late", 2);
    let mut slow = Ledger::connect(&options(&broker.address, "late", 2), 1);
    slow.leave_open(&broker.address, [1]);
    listener.gather(Duration::from_secs(1));
    let from = listener.gather(Duration::from_secs(1));
    let end = Event::LedgerAtEnd { host: host(2) };
    assert_eq!(listener.count(from, &end), 0);
    slow.sink.commit_without_position().unwrap();
    listener.until_event(&end);
    assert_eq!(listener.beats(host(2)).len(), 1, "the end was told before the record");
}

#[test]
fn a_ledger_is_kept_in_transactions_only() {
    let (broker, _used) = shared();
    let mut options = options(&broker.address, "plain", 1);
    establish(&options);
    options.kafka.delivery = Delivery::AtLeastOnce;
    let mut ledger = Ledger::connect(&options, 0);
    let error = ledger.sink.send_ledger(&ledger.to, vec![ledger.beat(1)]).unwrap_err();
    assert_eq!(error.kind(), SinkErrorKind::Config, "{error}");
}

#[test]
fn a_record_of_the_ledger_that_is_too_long_goes_as_several_in_one_transaction() {
    let (broker, _used) = shared();
    let options = options(&broker.address, "large", 1);
    let init = establish(&options);
    let mut ledger = Ledger::connect(&options, 0);
    let entries: Vec<Entry> = (0..100_000)
        .map(|at| Entry { id: ChangeId { high: at, low: !at }, minute: 7, atoms: vec![1, 2] })
        .collect();
    let record = LedgerRecord { session: ledger.session, kind: LedgerKind::Published(entries.clone()) };
    ledger.sink.send_ledger(&ledger.to, vec![record]).unwrap();
    ledger.sink.commit_without_position().unwrap();
    let mut listener = Listener::begin(&options, init, [].into());
    listener.topics.write(host_record(1, 0));
    listener.until_event(&Event::OwnersRead(host_record(1, 0)));
    listener.until_ledger_is_read([1]);
    let mut read = Vec::new();
    for item in &listener.items {
        if let Followed::LedgerRead { record, .. } = item {
            let LedgerKind::Published(entries) = &record.kind else { panic!("{record:?}") };
            assert!(entries.len() < 50_000 && record.session == ledger.session);
            read.extend(entries.iter().cloned());
        }
    }
    assert!(read == entries, "entries are lost or changed");
}

/// Commits beats of growing numbers, whatever happens to the broker; one whose outcome is not known is never sent again.
fn beat_on(
    options: &ringtap::cluster::topics::ClusterTopicsOptions,
    committed: &AtomicU64,
    stop: &AtomicBool,
    kafka_stop: &StopSignal,
) {
    let to = LedgerPartition { topic: options.names.ledger(), partition: 0 };
    let mut number = 0;
    while !stop.load(Relaxed) {
        let sink = KafkaSink::connect(Arc::new(options.kafka.clone()), Arc::default(), kafka_stop);
        let Ok(mut sink) = sink else { continue };
        let session = new_session().unwrap();
        while !stop.load(Relaxed) {
            number += 1;
            let record = LedgerRecord { session, kind: LedgerKind::Beat { number, done: 0 } };
            let sent = sink.send_ledger(&to, vec![record]).and_then(|()| sink.commit_without_position());
            if let Err(error) = sent {
                tracing::info!(%error, number, "beating");
                break;
            }
            committed.store(number, Relaxed);
        }
    }
}

#[test]
fn a_broker_that_is_killed_while_it_is_followed_costs_nothing_but_time() {
    let (broker, _used) = exclusive();
    let mut listener = listener(&broker.address, "killed", 1);
    let (committed, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let beating = {
        let (options, committed, stop) =
            (options(&broker.address, "killed", 1), Arc::clone(&committed), Arc::clone(&stop));
        thread::spawn(move || beat_on(&options, &committed, &stop, &StopSignal::new()))
    };
    let wait_for = |listener: &mut Listener, number: u64| {
        let since = Instant::now();
        while committed.load(Relaxed) < number {
            assert!(since.elapsed() < PATIENCE * 2, "nothing is committed any more");
            listener.gather(Duration::from_millis(20));
        }
    };
    wait_for(&mut listener, 50);
    for _ in 0..2 {
        broker.kill();
        listener.gather(Duration::from_millis(700));
        broker.restart();
        // So that the plain records have something to get through, too.
        listener.topics.write(OwnersRecord::Want { host: host(1), claims: vec![] });
        let so_far = committed.load(Relaxed);
        wait_for(&mut listener, so_far + 50);
    }
    stop.store(true, Relaxed);
    beating.join().unwrap();
    // A last one ends what is open.
    let mut ledger = Ledger::connect(&options(&broker.address, "killed", 1), 0);
    ledger.commit([u64::MAX]);
    listener.until_ledger_is_read([1]);
    let told: Vec<u64> = listener.beats(host(1)).iter().map(|(number, _)| *number).collect();
    let there: Vec<u64> = values(&broker.address, &ledger.to.topic, 0)
        .iter()
        .map(|value| match LedgerRecord::decode(value).unwrap().kind {
            LedgerKind::Beat { number, .. } => number,
            other => panic!("{other:?}"),
        })
        .collect();
    assert!(there.len() > 100 && there.is_sorted_by(|one, next| one < next), "{there:?}");
    assert_eq!(told, there, "told {}, there {}", told.len(), there.len());
    assert_eq!(listener.position(host(1)), high_watermark(&broker.address, &ledger.to));
}
