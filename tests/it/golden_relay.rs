//! Changes of real logs that are relayed to another agent: there they give the same records and are known by the same parts.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use cassandra_commitlog::{
    mutation::ColumnIndex,
    schema::{Column, TableSchema},
    segment::KeyProvider,
    types::{CqlType, Frozen},
};
use ringtap::{
    change::{Action, Change, ColumnWrite, changes},
    cluster::{
        names::{Generation, HostId, Session},
        record::{RelayDecoder, RelayRecord},
    },
    dedup::{SeenChanges, Verdict},
    node_log::{LogEvent, NodeLog},
    record::{JsonRecords, Node, RecordPlace},
    schema::{Catalogue, Fingerprint},
    source::{Keystore, KeystoreKeys, ReadError, find_segments},
};

use crate::golden::{self, GoldenSet};

#[test]
fn every_change_of_every_golden_set_is_the_same_after_a_relay() {
    let sets: Vec<&GoldenSet> = golden::sets().iter().collect();
    let found = golden::for_each(&sets, |set| {
        let mut relay = Relay::default();
        for paths in logs(set) {
            relay.log(&set.name, &paths, keys(set));
        }
        relay.met
    });
    let mut met: BTreeMap<&str, usize> = BTreeMap::new();
    for (what, times) in found.into_iter().flatten() {
        *met.entry(what).or_default() += times;
    }
    println!("{met:#?}");
    assert_eq!(met.remove(CHANGE), Some(CHANGES));
    assert_eq!(met.into_keys().collect::<Vec<_>>(), MET);
}

const CHANGE: &str = "change";

/// All changes of all sets, those of system tables included.
const CHANGES: usize = 158_573;

/// What they have: of all that a change can have these logs lack only cells of columns that were dropped before, nulls in a
/// clustering, and types that no table of CQL has.
const MET: [&str; 46] = [
    "DESC",
    "ascii",
    "bigint",
    "blob",
    "boolean",
    "cleared",
    "cleared and written",
    "compact table",
    "counter",
    "date",
    "decimal",
    "deleted partition",
    "deleted range from a bound",
    "deleted range to a bound",
    "deleted range with both bounds",
    "deleted row",
    "double",
    "duration",
    "empty",
    "float",
    "frozen list",
    "frozen map",
    "frozen set",
    "frozen user-defined type",
    "inet",
    "int",
    "list",
    "map",
    "partition key of several columns",
    "row marker",
    "row marker that expires",
    "set",
    "smallint",
    "static compact table",
    "text",
    "time",
    "timestamp",
    "timeuuid",
    "tinyint",
    "tuple",
    "user-defined type",
    "uuid",
    "varint",
    "vector",
    "write to a row",
    "write to a static row",
];

/// Returns the directories of each log in a set.
fn logs(set: &GoldenSet) -> Vec<[PathBuf; 2]> {
    let of = |directory: PathBuf| ["cdc_raw", "commitlog"].map(|name| directory.join(name));
    if set.path("node1").exists() {
        return ["node1", "node2", "node3"].map(|node| of(set.path(node))).into();
    }
    vec![of(set.directory.clone())]
}

fn keys(set: &GoldenSet) -> Option<Arc<dyn KeyProvider>> {
    let keystore = Keystore::open(&set.keystore()?, "cassandra".into(), None).unwrap();
    Some(Arc::new(KeystoreKeys::new(keystore, |path, error| panic!("{}: {error}", path.display()))))
}

/// Sends each change to itself.
struct Relay {
    decoder: RelayDecoder,
    sent: JsonRecords,
    received: JsonRecords,
    /// What was sent, then received, and the other way round.
    seen: [SeenChanges; 2],
    buffer: Vec<u8>,
    texts: [(String, String); 2],
    met: BTreeMap<&'static str, usize>,
}

impl Default for Relay {
    fn default() -> Self {
        Self {
            decoder: RelayDecoder::new(),
            sent: JsonRecords::new(Node::default()),
            received: JsonRecords::new(Node::default()),
            seen: [SeenChanges::new(), SeenChanges::new()],
            buffer: Vec::new(),
            texts: [(String::new(), String::new()), (String::new(), String::new())],
            met: BTreeMap::new(),
        }
    }
}

impl Relay {
    fn log(&mut self, name: &str, paths: &[PathBuf], keys: Option<Arc<dyn KeyProvider>>) {
        let segments = find_segments(paths).unwrap();
        let mut log = NodeLog::new(segments, keys, Catalogue::new());
        log.read(|_, event| {
            if let LogEvent::Mutation(logged) = event {
                for (index, change) in changes(&logged.mutation).into_iter().enumerate() {
                    let place = RecordPlace { position: logged.position, index: index as u32 };
                    self.change(name, change, place);
                }
            }
            Ok::<(), ReadError>(())
        })
        .unwrap();
    }

    fn change(&mut self, name: &str, change: Change<'_>, place: RecordPlace) {
        let record = RelayRecord {
            from: HostId(uuid::Uuid::from_u128(7)),
            owner_session: Session(8),
            generation: Generation(9),
            place,
            change,
        };
        let mut bytes = std::mem::take(&mut self.buffer);
        bytes.clear();
        record.encode(&mut bytes);
        let received =
            self.decoder.decode(&bytes).unwrap_or_else(|error| panic!("{name} {place:?}: {error:?}"));
        let mut again = Vec::with_capacity(bytes.len());
        received.encode(&mut again);
        assert!(again == bytes, "{name} {place:?}: other bytes the second time");
        assert_eq!(
            (record.from, record.owner_session, record.generation, record.place, record.token()),
            (received.from, received.owner_session, received.generation, received.place, received.token())
        );
        let (sent, received) = (record.change, received.change);
        assert_eq!(Fingerprint::of(&sent.table), Fingerprint::of(&received.table), "{name} {place:?}");
        let [(sent_key, sent_value), (received_key, received_value)] = &mut self.texts;
        for text in [&mut *sent_key, sent_value, received_key, received_value] {
            text.clear();
        }
        let wrote = self.sent.write(&sent, place, sent_key, sent_value);
        let wrote_received = self.received.write(&received, place, received_key, received_value);
        assert_eq!((wrote, wrote_received), (Ok(()), Ok(())), "{name} {place:?}");
        assert!(sent_key == received_key, "{name} {place:?}: {sent_key} or {received_key}");
        assert!(sent_value == received_value, "{name} {place:?}: {sent_value} or {received_value}");
        self.count(&sent);
        let [one, other] = &mut self.seen;
        one.note(sent.clone());
        assert_eq!(one.note(received.clone()), Verdict::Duplicate, "{name} {place:?}");
        other.note(received);
        assert_eq!(other.note(sent), Verdict::Duplicate, "{name} {place:?}");
        self.buffer = bytes;
    }

    fn count(&mut self, change: &Change<'_>) {
        let mut met = |what| *self.met.entry(what).or_default() += 1;
        met(CHANGE);
        let schema: &TableSchema = &change.table;
        if schema.flags().is_static_compact() {
            met("static compact table");
        } else if schema.flags().is_compact() {
            met("compact table");
        }
        if schema.clustering().iter().any(|column| column.reversed) {
            met("DESC");
        }
        if schema.partition_key().len() > 1 {
            met("partition key of several columns");
        }
        match &change.action {
            Action::Write(write) => {
                met(if write.clustering.is_some() { "write to a row" } else { "write to a static row" });
                match write.marker {
                    None => {}
                    Some(None) => met("row marker"),
                    Some(Some(_)) => met("row marker that expires"),
                }
                if write.clustering.iter().flatten().any(Option::is_none) {
                    met("null in the clustering");
                }
                for column in &write.columns {
                    if let ColumnWrite::Complex { cleared: Some(_), elements, .. } = column {
                        met(if elements.is_empty() { "cleared" } else { "cleared and written" });
                    }
                    if matches!(column.column(), ColumnIndex::Dropped(_)) {
                        met("cell of a dropped column");
                    }
                    met(kind_of(change.column(column.column()).unwrap()));
                }
            }
            Action::DeleteRow { .. } => met("deleted row"),
            Action::DeleteRange(range) => met(match (&range.start, &range.end) {
                (Some(_), Some(_)) => "deleted range with both bounds",
                (Some(_), None) => "deleted range from a bound",
                (None, Some(_)) => "deleted range to a bound",
                (None, None) => "deleted range without bounds",
            }),
            Action::DeletePartition { .. } => met("deleted partition"),
        }
    }
}

fn kind_of(column: &Column) -> &'static str {
    match &column.ty {
        CqlType::Native(native) => native.cql_name(),
        CqlType::List(_, Frozen::No) => "list",
        CqlType::Set(_, Frozen::No) => "set",
        CqlType::Map(_, Frozen::No) => "map",
        CqlType::UserType(_, Frozen::No) => "user-defined type",
        CqlType::List(..) => "frozen list",
        CqlType::Set(..) => "frozen set",
        CqlType::Map(..) => "frozen map",
        CqlType::UserType(..) => "frozen user-defined type",
        CqlType::Tuple(_) => "tuple",
        CqlType::Vector(..) => "vector",
        CqlType::Composite(_) => "composite",
        CqlType::DynamicComposite(_) => "dynamic composite",
        CqlType::Custom(_) => "custom",
        _ => "another type",
    }
}
