use std::{collections::BTreeMap, convert::Infallible};

use uuid::Uuid;

use super::*;
use crate::{
    cluster::{
        core::{CoreOptions, Event, Rules},
        names::Generation,
        record::{LedgerKind, LedgerRecord, OwnersRecord},
    },
    dedup::{Atom, Place},
};

/// Nothing is known.
#[derive(Debug)]
struct NoIndex;

impl KnownParts for NoIndex {
    type Error = Infallible;

    fn look_up(&mut self, _: Place, _: &mut Vec<Atom>) -> Result<(), Infallible> {
        Ok(())
    }

    fn file(&mut self, _: Place, _: &[Atom]) -> Result<(), Infallible> {
        Ok(())
    }
}

const ME: HostId = HostId(Uuid::from_u128(1));
const OWNER: HostId = HostId(Uuid::from_u128(2));
const OTHER: HostId = HostId(Uuid::from_u128(3));
const SUSPECT_AFTER_MS: u64 = 1000;

fn core() -> Core<NoIndex> {
    let options = CoreOptions {
        me: ME,
        settings: 1,
        version: "test".into(),
        suspect_after_ms: SUSPECT_AFTER_MS,
        stuck_after_ms: 10_000,
        grace_ms: 100,
        beat_interval_ms: 100,
        repeat_interval_ms: 100,
        hand_back_after_ms: 1000,
        pending_max: 10,
    };
    let mut core = Core::new(options, Rules::ALL, NoIndex, BTreeMap::new());
    for (partition, host) in [ME, OWNER, OTHER].into_iter().enumerate() {
        let partition = i32::try_from(partition).unwrap();
        let record = OwnersRecord::Host { host, partition, settings: 1, version: "test".into() };
        tell(&mut core, Event::OwnersRead(record));
    }
    core
}

fn tell(core: &mut Core<NoIndex>, event: Event) {
    let Ok(()) = core.handle(event);
}

fn keyspace() -> Keyspace {
    Keyspace::from("shop")
}

/// The owner says that it owns all, in this session.
fn own(core: &mut Core<NoIndex>, session: u64) -> Ownership {
    let claim = Claim { keyspace: keyspace(), range: TokenRange::ALL, generation: Generation(1) };
    let record =
        OwnersRecord::Own { host: OWNER, session: Session(session), fenced: vec![], claims: vec![claim] };
    tell(core, Event::OwnersRead(record));
    let parts = core.owners.parts(&keyspace(), TokenRange::ALL);
    assert_eq!(parts.len(), 1);
    parts[0].1
}

fn hello(core: &mut Core<NoIndex>, host: HostId, session: u64, position: u64) {
    let record = LedgerRecord { session: Session(session), kind: LedgerKind::Hello };
    tell(core, Event::LedgerRead { host, position, record });
}

#[test]
fn another_session_in_the_ledger_spares_the_fence_only_if_it_was_read_behind_the_own() {
    let mut core = core();
    let at_end = |core: &mut _, host| tell(core, Event::LedgerAtEnd { host });
    // What is read of an earlier session says nothing: that of the OWN may stand behind it.
    hello(&mut core, OWNER, 5, 1);
    at_end(&mut core, OWNER);
    let held = own(&mut core, 6);
    let must_be_fenced = |core: &Core<NoIndex>| core.must_be_fenced(&held, (OWNER, Session(6)));
    assert!(must_be_fenced(&core));
    // Nor do ends of other partitions, nor last stable offsets.
    for _ in 0..5 {
        at_end(&mut core, OTHER);
        tell(&mut core, Event::LedgerAtStableEnd { host: OWNER });
    }
    assert!(must_be_fenced(&core));
    // The first end may have been asked for before the OWN was read.
    at_end(&mut core, OWNER);
    assert!(must_be_fenced(&core));
    hello(&mut core, OWNER, 6, 2);
    at_end(&mut core, OWNER);
    assert!(must_be_fenced(&core), "it is the session itself that stands there");
    hello(&mut core, OWNER, 7, 3);
    assert!(!must_be_fenced(&core));
}

/// An agent in whose open transaction a host's end is hidden was suspected by nobody until the broker timed it out.
#[test]
fn who_hides_behind_an_open_transaction_is_silent_and_who_is_unread_is_not() {
    let mut core = core();
    let _ = own(&mut core, 6);
    hello(&mut core, OWNER, 6, 1);
    core.suspicion.well_since_ms = Some(0);
    let silent = |core: &Core<NoIndex>| [OWNER, OTHER].map(|host| core.is_silent(host, 0, 0));
    for now_ms in (0..=SUSPECT_AFTER_MS).step_by(100) {
        core.now_ms = now_ms;
        tell(&mut core, Event::LedgerAtStableEnd { host: OWNER });
        assert_eq!(silent(&core), [false, false], "at {now_ms}");
    }
    // What was asked for when the time was over is read.
    core.now_ms += 100;
    tell(&mut core, Event::LedgerAtStableEnd { host: OWNER });
    assert_eq!(silent(&core), [true, false]);
    core.suspicion.well_since_ms = Some(100);
    assert_eq!(silent(&core), [false, false]);
    core.suspicion.well_since_ms = None;
    assert_eq!(silent(&core), [false, false], "who is not well suspects nobody");
    core.suspicion.well_since_ms = Some(0);
    // However late it is: of the other one nothing was read.
    core.now_ms += 1_000_000;
    assert_eq!(silent(&core), [true, false]);
}
