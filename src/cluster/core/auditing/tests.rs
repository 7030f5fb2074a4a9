use std::{
    collections::{BTreeMap, HashMap},
    convert::Infallible,
    sync::Arc,
};

use cassandra_commitlog::schema::{SchemaLookup as _, TableId, TableSchema};
use uuid::Uuid;

use super::*;
use crate::{
    change::{Action, Change, DeletedRange, RangeBound},
    cluster::{
        core::{CoreOptions, Event, HeadVerdict, Rules},
        names::{Generation, TokenRange},
        record::{Claim, Entry, LedgerKind, LedgerRecord, OwnersRecord},
    },
    dedup::{Atom, Place, signature},
    schema::{Catalogue, Seed, cql},
};

const OWNER: HostId = HostId(Uuid::from_u128(1));
const AUDITOR: HostId = HostId(Uuid::from_u128(2));
const SESSION: Session = Session(7);
const TOKEN: Token = Token(5);

/// What the ledger said.
#[derive(Debug, Default)]
struct Index(HashMap<ChangeId, Vec<Atom>>);

impl KnownParts for Index {
    type Error = Infallible;

    fn look_up(&mut self, place: Place, found: &mut Vec<Atom>) -> Result<(), Infallible> {
        found.extend(self.0.get(&place.id).into_iter().flatten());
        Ok(())
    }

    fn file(&mut self, place: Place, atoms: &[Atom]) -> Result<(), Infallible> {
        self.0.entry(place.id).or_default().extend(atoms);
        Ok(())
    }
}

/// An agent.
struct Agent {
    core: Core<Index>,
    /// Up to where the owner's partition was read.
    read: u64,
}

impl Agent {
    fn new(me: HostId) -> Self {
        let options = CoreOptions {
            me,
            settings: 1,
            version: "test".into(),
            suspect_after_ms: 1000,
            stuck_after_ms: 10_000,
            grace_ms: 100,
            beat_interval_ms: 100,
            repeat_interval_ms: 100,
            hand_back_after_ms: 1000,
            pending_max: 10,
        };
        let mut it =
            Self { core: Core::new(options, Rules::ALL, Index::default(), BTreeMap::new()), read: 0 };
        for (partition, host) in (0..).zip([OWNER, AUDITOR]) {
            let record = OwnersRecord::Host { host, partition, settings: 1, version: "test".into() };
            it.tell(Event::OwnersRead(record));
        }
        it.tell(Event::OwnersAtEnd);
        it
    }

    /// One that publishes all.
    fn owner() -> Self {
        let mut it = Self::new(OWNER);
        it.core.tick(0);
        it.tell(Event::Initialised { session: SESSION });
        it.read(LedgerKind::Hello);
        let claim = Claim { keyspace: keyspace(), range: TokenRange::ALL, generation: Generation(1) };
        let record = OwnersRecord::Own { host: OWNER, session: SESSION, fenced: vec![], claims: vec![claim] };
        it.tell(Event::OwnersRead(record));
        it.tell(Event::OwnersAtEnd);
        while it.core.next_effect().is_some() {}
        it
    }

    fn tell(&mut self, event: Event) {
        let Ok(()) = self.core.handle(event);
    }

    /// Reads the next record of the owner's partition.
    fn read(&mut self, kind: LedgerKind) {
        self.read += 1;
        let record = LedgerRecord { session: SESSION, kind };
        self.tell(Event::LedgerRead { host: OWNER, position: self.read, record });
    }

    fn head(&mut self, change: &Change<'_>) -> HeadVerdict {
        let Ok(verdict) = self.core.head(&keyspace(), TOKEN, &signature(change));
        verdict
    }

    fn audit(&mut self, position: u64, change: &Change<'_>) -> AuditVerdict {
        let Ok(verdict) = self.core.audit(position, &keyspace(), TOKEN, &signature(change));
        verdict
    }

    /// Ends the open batch. Returns what it says to the ledger.
    fn seal(&mut self) -> Vec<Entry> {
        self.core.seal();
        let Some(Effect::Commit(transaction)) = self.core.next_effect() else { panic!("nothing to commit") };
        let entries = transaction.records.into_iter().filter_map(|record| match record.kind {
            LedgerKind::Published(entries) | LedgerKind::Skipped(entries) => Some(entries),
            LedgerKind::Hello | LedgerKind::Beat { .. } => None,
        });
        entries.flatten().collect()
    }
}

fn keyspace() -> Keyspace {
    Keyspace::from("k")
}

fn table() -> Arc<TableSchema> {
    let id = "00000000-0000-0000-0000-0000000000aa";
    let script = format!(
        "CREATE KEYSPACE k WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': 1}};\
         CREATE TABLE k.t (a int, c int, v int, PRIMARY KEY (a, c)) WITH ID = {id} AND cdc = true;"
    );
    let mut keyspaces = cql::Keyspaces::new();
    cql::Script::parse(&script).unwrap().execute(&mut keyspaces).unwrap();
    let mut catalogue = Catalogue::new();
    catalogue.seed(&Seed::new(keyspaces));
    Arc::clone(catalogue.table(TableId(id.parse().unwrap())).unwrap())
}

/// The deletion of the rows from one to another.
fn range<'a>(table: &Arc<TableSchema>, from: &'a [u8; 4], to: &'a [u8; 4]) -> Change<'a> {
    let bound = |value: &'a [u8; 4]| Some(RangeBound { values: vec![Some(&value[..])], inclusive: true });
    let range = DeletedRange { start: bound(from), end: bound(to), local_deletion_time: 1 };
    let action = Action::DeleteRange(range);
    Change { table: Arc::clone(table), partition_key: b"\0\0\0\x01", timestamp: 60_000_000, action }
}

const ROW: [[u8; 4]; 6] = [[0; 4], [0, 0, 0, 1], [0, 0, 0, 2], [0, 0, 0, 3], [0, 0, 0, 4], [0, 0, 0, 5]];

/// What the owner says of the deletion of rows 1 to 4.
fn published(table: &Arc<TableSchema>) -> Vec<Entry> {
    let mut owner = Agent::owner();
    assert!(matches!(owner.head(&range(table, &ROW[1], &ROW[4])), HeadVerdict::Publish { .. }));
    let entries = owner.seal();
    assert_eq!(entries.len(), 2, "its fingerprints, its bounds");
    entries
}

#[test]
fn a_range_cut_anew_is_confirmed_by_what_was_read_before_it() {
    let table = table();
    let mut auditor = Agent::new(AUDITOR);
    auditor.read(LedgerKind::Published(published(&table)));
    assert_eq!(auditor.audit(1, &range(&table, &ROW[3], &ROW[4])), AuditVerdict::Confirmed);
    assert_eq!(auditor.audit(2, &range(&table, &ROW[3], &ROW[5])), AuditVerdict::Pending);
    assert_eq!(auditor.core.audit_low(), Some(2));
}

#[test]
fn a_range_cut_anew_that_waits_is_confirmed_by_what_comes() {
    let table = table();
    let mut auditor = Agent::new(AUDITOR);
    assert_eq!(auditor.audit(1, &range(&table, &ROW[3], &ROW[4])), AuditVerdict::Pending);
    assert_eq!(auditor.audit(2, &range(&table, &ROW[3], &ROW[5])), AuditVerdict::Pending);
    auditor.read(LedgerKind::Skipped(published(&table)));
    assert!(!auditor.core.has_pending(1..2));
    assert!(auditor.core.has_pending(2..3));
}

/// Where it waited for the identity of the ranges alone, it waited for ever if the bounds came last.
#[test]
fn bounds_and_fingerprints_may_stand_in_two_records_in_either_order() {
    let table = table();
    let (first, second) = (range(&table, &ROW[3], &ROW[4]), range(&table, &ROW[2], &ROW[3]));
    for is_turned in [false, true] {
        let mut records = published(&table);
        if is_turned {
            records.reverse();
        }
        let mut auditor = Agent::new(AUDITOR);
        assert_eq!(auditor.audit(1, &first), AuditVerdict::Pending);
        auditor.read(LedgerKind::Published(records.split_off(1)));
        assert_eq!(auditor.audit(2, &second), AuditVerdict::Pending);
        auditor.read(LedgerKind::Published(records));
        assert_eq!(auditor.core.pending_count(), 0);
        // And nothing is left of what was waited for.
        assert_eq!(auditor.audit(3, &first), AuditVerdict::Confirmed);
    }
}

#[test]
fn what_the_owner_has_on_its_way_covers_too() {
    let table = table();
    let mut owner = Agent::owner();
    assert!(matches!(owner.head(&range(&table, &ROW[1], &ROW[4])), HeadVerdict::Publish { .. }));
    owner.core.audit_published(1);
    let cut = range(&table, &ROW[3], &ROW[4]);
    assert_eq!(owner.head(&cut), HeadVerdict::Known);
    assert_eq!(owner.audit(2, &cut), AuditVerdict::OnItsWay);
    let touching = range(&table, &ROW[4], &ROW[5]);
    assert_eq!(owner.head(&touching), HeadVerdict::Publish { parts: vec![true, true] });
    owner.core.audit_published(3);
    assert_eq!(owner.head(&range(&table, &ROW[2], &ROW[5])), HeadVerdict::Known);
    let entries = owner.seal();
    assert_eq!(entries.len(), 4);
    assert_eq!(owner.core.audit_low(), Some(1));
    // All that was counted as filed comes back, whatever record it is in.
    for (at, entry) in entries.iter().enumerate() {
        assert!(owner.core.audit_low().is_some(), "before entry {at}");
        owner.read(LedgerKind::Published(vec![entry.clone()]));
    }
    assert_eq!(owner.core.audit_low(), None);
    assert_eq!(owner.head(&cut), HeadVerdict::Known);
    assert_eq!(owner.audit(4, &cut), AuditVerdict::Confirmed);
}

#[test]
fn a_range_that_is_skipped_answers_for_its_parts() {
    let table = table();
    let mut owner = Agent::owner();
    let Ok(()) = owner.core.skip(&keyspace(), TOKEN, &signature(&range(&table, &ROW[1], &ROW[4])));
    let entries = owner.seal();
    let mut auditor = Agent::new(AUDITOR);
    auditor.read(LedgerKind::Skipped(entries));
    assert_eq!(auditor.audit(1, &range(&table, &ROW[2], &ROW[3])), AuditVerdict::Confirmed);
}
