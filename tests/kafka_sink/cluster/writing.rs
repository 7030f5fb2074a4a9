//! Plain records.

use std::{
    sync::atomic::Ordering::Relaxed,
    thread,
    time::{Duration, Instant},
};

use ringtap::cluster::{
    core::Event,
    names::{Generation, Session, TokenRange},
    record::{Claim, OwnersRecord, RECORD_BYTES_MAX},
    topics::{Followed, WRITER_BYTES_MAX},
};

use super::{
    super::broker::shared,
    agents::{Listener, PATIENCE, establish, host, host_record, options, values},
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
    auditor.topics.relay(0, b"before it listens");
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
    auditor.topics.relay(1, b"for another");
    for number in 0..20_u8 {
        auditor.topics.relay(0, &[number]);
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
        listener.topics.relay(0, &large);
    }
    assert!(since.elapsed() < Duration::from_secs(5), "it waited for {:?}", since.elapsed());
    let dropped = listener.topics.counters().dropped.load(Relaxed);
    assert!((15..=18).contains(&dropped), "{dropped}");
    let since = Instant::now();
    drop(listener);
    assert!(since.elapsed() < Duration::from_secs(20), "its end took {:?}", since.elapsed());
}
