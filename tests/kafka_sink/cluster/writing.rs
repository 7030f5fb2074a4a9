//! Plain records.

use std::{
    sync::atomic::Ordering::Relaxed,
    thread,
    time::{Duration, Instant},
};

use rdkafka::admin::{AdminOptions, AlterConfig, ResourceSpecifier};
use ringtap::cluster::{
    core::Event,
    names::{Generation, Session, TokenRange},
    record::{Claim, OwnersRecord, RECORD_BYTES_MAX},
    topics::{Followed, RelayTooLarge, WRITER_BYTES_MAX},
};

use tokio::runtime::Runtime;

use super::{
    super::broker::shared,
    agents::{Listener, PATIENCE, admin, establish, host, host_record, options, values},
};

fn claims(count: i64) -> Vec<Claim> {
    (0..count)
        .map(|at| Claim {
            keyspace: "k".into(),
            range: TokenRange::new(at * 100, at * 100 + 50).unwrap(),
            generation: Generation(1),
        })
        .collect()
}

#[test]
fn relayed_changes_reach_their_host_alone_from_when_it_listens() {
    let (broker, _used) = shared();
    let mine = options(&broker.address, "relay", 1);
    let init = establish(&mine);
    let mut owner = Listener::begin(&mine, init, [].into());
    let mut auditor = Listener::begin(&options(&broker.address, "relay", 2), init, [].into());
    auditor.topics.relay(0, b"before it listens").unwrap();
    let since = Instant::now();
    while auditor.topics.counters().written.load(Relaxed) < 1 {
        assert!(since.elapsed() < PATIENCE, "nothing is written");
        thread::sleep(Duration::from_millis(5));
    }
    owner.topics.write(host_record(1, 0));
    auditor.topics.write(host_record(2, 1));
    for listener in [&mut owner, &mut auditor] {
        listener.until_event(&Event::OwnersRead(host_record(2, 1)));
        listener.until_ledger_is_read([1, 2]);
    }
    auditor.topics.relay(1, b"for another").unwrap();
    for number in 0..20_u8 {
        auditor.topics.relay(0, &[number]).unwrap();
    }
    let last = |item: &Followed| matches!(item, Followed::Relay { bytes, .. } if bytes[..] == [19]);
    owner.until("the last relayed change", last);
    let relayed: Vec<u64> = owner
        .items
        .iter()
        .filter_map(|item| match item {
            Followed::Relay { bytes, offset, .. } => {
                assert_eq!(bytes.len(), 1, "{bytes:?}");
                Some(offset - u64::from(bytes[0]))
            }
            _ => None,
        })
        .collect();
    assert_eq!(relayed, vec![1; 20], "not each once, in order");
}

#[test]
fn what_is_too_long_for_a_record_of_the_owners_topic_goes_as_several() {
    let (broker, _used) = shared();
    let options = options(&broker.address, "long", 1);
    let mut listener = Listener::begin(&options, establish(&options), [].into());
    listener.topics.write(OwnersRecord::Own {
        host: host(1),
        session: Session(4),
        fenced: vec![(host(2), Session(3))],
        claims: claims(40_000),
    });
    let mut owned = Vec::new();
    while owned.len() < 40_000 {
        let item = listener.until("OWN", |item| {
            matches!(item, Followed::Event(Event::OwnersRead(OwnersRecord::Own { .. })))
        });
        let Followed::Event(Event::OwnersRead(OwnersRecord::Own { host: by, session, fenced, claims })) =
            item
        else {
            panic!("{item:?}")
        };
        assert_eq!((*by, *session, &fenced[..]), (host(1), Session(4), &[(host(2), Session(3))][..]));
        owned.extend(claims.iter().cloned());
    }
    assert!(owned == claims(40_000), "claims are lost or changed");
    listener.until_event(&Event::OwnersAtEnd);
    let values = values(&broker.address, &options.names.owners(), 0);
    assert!(values.len() > 2 && values.iter().all(|value| value.len() <= RECORD_BYTES_MAX));
}

#[test]
fn a_writer_that_reaches_nobody_makes_nobody_wait_and_drops_what_does_not_fit() {
    let (broker, _used) = shared();
    let options = options(&broker.address, "nobody", 1);
    let init = establish(&options);
    let mut unreachable = options.clone();
    // Nobody listens there.
    unreachable.kafka.brokers = "127.0.0.1:1".into();
    let mut listener = Listener::begin(&unreachable, init, [].into());
    let large = vec![7; 1 << 20];
    let since = Instant::now();
    for _ in 0..2 * (WRITER_BYTES_MAX >> 20) {
        listener.topics.relay(0, &large).unwrap();
    }
    assert!(since.elapsed() < Duration::from_secs(5), "it waited for {:?}", since.elapsed());
    let dropped = listener.topics.counters().dropped.load(Relaxed);
    assert!((15..=18).contains(&dropped), "{dropped}");
    let since = Instant::now();
    drop(listener);
    assert!(since.elapsed() < Duration::from_secs(20), "its end took {:?}", since.elapsed());
}

/// Bytes that no compression makes less of.
fn noise(length: usize) -> Vec<u8> {
    let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..length).map(|_| next()).collect()
}

/// Such a change was sent again and again, and the segments that it stood in were never released.
#[test]
fn a_change_that_the_relay_topic_does_not_take_is_refused_before_it_is_sent_again() {
    let (broker, _used) = shared();
    let options = options(&broker.address, "oversize", 1);
    let mut listener = Listener::begin(&options, establish(&options), [].into());
    // Larger than what agents make the topic with.
    let most = 1_048_588 + (1 << 20) - 200;
    assert_eq!(
        listener.topics.relay(0, &noise(most + 1)),
        Err(RelayTooLarge { bytes: most + 1, limit: most })
    );
    let topic = options.names.relay();
    let wait_for = |listener: &Listener, written: u64, failed: u64| {
        let since = Instant::now();
        loop {
            let counters = listener.topics.counters();
            let now = (counters.written.load(Relaxed), counters.failed.load(Relaxed));
            if now == (written, failed) {
                return;
            }
            assert!(since.elapsed() < PATIENCE, "{now:?}, not {written} written and {failed} failed");
            thread::sleep(Duration::from_millis(5));
        }
    };
    listener.topics.relay(0, &noise(most)).unwrap();
    wait_for(&listener, 1, 0);
    // Somebody made it with less.
    let less = AlterConfig::new(ResourceSpecifier::Topic(&topic)).set("max.message.bytes", "300000");
    let done =
        Runtime::new().unwrap().block_on(admin(&broker.address).alter_configs([&less], &AdminOptions::new()));
    done.unwrap()[0].as_ref().unwrap();
    let large = noise(400_000);
    // The broker takes notice of it when it likes.
    let since = Instant::now();
    let mut sent = 0;
    let refused = loop {
        for small in 0..20_u8 {
            listener.topics.relay(0, &[small]).unwrap();
        }
        match listener.topics.relay(0, &large) {
            Ok(()) => sent += 1,
            Err(error) => break error,
        }
        assert!(since.elapsed() < PATIENCE, "it is sent for ever");
        listener.gather(Duration::from_millis(200));
    };
    assert_eq!(refused, RelayTooLarge { bytes: 400_000, limit: 399_999 });
    assert!(sent >= 1);
    listener.topics.relay(0, &noise(200_000)).unwrap();
    let since = Instant::now();
    let is_there = |bytes: usize| {
        let values = values(&broker.address, &topic, 0);
        (values.iter().filter(|value| value.len() == bytes).count(), values.len())
    };
    while is_there(200_000).0 == 0 {
        assert!(since.elapsed() < PATIENCE, "what the topic takes does not arrive");
        listener.gather(Duration::from_millis(100));
    }
    // All that was small arrived, whatever went before and behind it.
    assert_eq!(is_there(1).0, 20 * (sent + 1));
}
