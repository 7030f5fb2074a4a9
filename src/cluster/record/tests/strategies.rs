//! Any record of each topic.

use std::{ops::Range, sync::Arc};

use cassandra_commitlog::{
    Position,
    mutation::{Cell, CellContent, ColumnIndex, Expiration},
    schema::{Column, ColumnKind, DroppedColumn, TableDefinition, TableFlags, TableId, TableSchema},
    types::{CqlType, Frozen, NativeType, UserType, UserTypeField},
};
use proptest::{collection::vec, option, prelude::*, sample::select};
use uuid::Uuid;

use super::super::*;
use crate::{
    change::{Action, Change, Cleared, ColumnWrite, DeletedRange, RangeBound, RowWrite},
    record::RecordPlace,
};

pub(super) fn owners_record() -> impl Strategy<Value = OwnersRecord> {
    let fenced = vec((host(), session()), 0..4);
    prop_oneof![
        (any::<u128>(), any::<u16>(), any::<u64>()).prop_map(|(uuid, identity_version, hash_key)| {
            OwnersRecord::Init { uuid, identity_version, hash_key }
        }),
        (host(), 0..=i32::MAX, any::<u128>(), text()).prop_map(|(host, partition, settings, version)| {
            OwnersRecord::Host { host, partition, settings, version }
        }),
        (text(), 1..=i32::MAX, any::<bool>())
            .prop_map(|(name, partitions, replaces)| { OwnersRecord::Topic { name, partitions, replaces } }),
        (host(), session(), fenced, claims()).prop_map(|(host, session, fenced, claims)| {
            OwnersRecord::Own { host, session, fenced, claims }
        }),
        (host(), session(), claims()).prop_map(|(host, session, claims)| OwnersRecord::Release {
            host,
            session,
            claims
        }),
        (host(), claims()).prop_map(|(host, claims)| OwnersRecord::Want { host, claims }),
    ]
}

pub(super) fn ledger_record() -> impl Strategy<Value = LedgerRecord> {
    // Few minutes and few parts, so that runs come about.
    let minute = prop_oneof![4 => 29_927_830..29_927_834, 1 => any::<i32>()];
    let atoms = vec(any::<u32>(), 0..4);
    let entry = (any::<(u64, u64)>(), minute, atoms).prop_map(|((high, low), minute, atoms)| Entry {
        id: ChangeId { high, low },
        minute,
        atoms,
    });
    let kind = prop_oneof![
        Just(LedgerKind::Hello),
        vec(entry.clone(), 0..60).prop_map(LedgerKind::Published),
        vec(entry, 0..60).prop_map(LedgerKind::Skipped),
        any::<(u64, u64)>().prop_map(|(number, done)| LedgerKind::Beat { number, done }),
    ];
    (session(), kind).prop_map(|(session, kind)| LedgerRecord { session, kind })
}

fn host() -> impl Strategy<Value = HostId> {
    any::<u128>().prop_map(|id| HostId(Uuid::from_u128(id)))
}

fn session() -> impl Strategy<Value = Session> {
    any::<u64>().prop_map(Session)
}

fn text() -> impl Strategy<Value = Box<str>> {
    any::<String>().prop_map(Into::into)
}

fn claims() -> impl Strategy<Value = Vec<Claim>> {
    let range = any::<(i64, i64)>()
        .prop_filter_map("not empty", |(one, other)| TokenRange::new(one.min(other), one.max(other)));
    let claim = (select(&["shop", "audit", ""][..]), range, any::<u32>()).prop_map(
        |(keyspace, range, generation)| Claim {
            keyspace: keyspace.into(),
            range,
            generation: Generation(generation),
        },
    );
    vec(claim, 0..12)
}

const NATIVES: [NativeType; 21] = [
    NativeType::Ascii,
    NativeType::Bigint,
    NativeType::Blob,
    NativeType::Boolean,
    NativeType::Counter,
    NativeType::Date,
    NativeType::Decimal,
    NativeType::Double,
    NativeType::Duration,
    NativeType::Empty,
    NativeType::Float,
    NativeType::Inet,
    NativeType::Int,
    NativeType::Smallint,
    NativeType::Text,
    NativeType::Time,
    NativeType::Timestamp,
    NativeType::Timeuuid,
    NativeType::Tinyint,
    NativeType::Uuid,
    NativeType::Varint,
];

/// A type; all in it is frozen, as Cassandra has it.
fn frozen_type() -> impl Strategy<Value = CqlType> {
    let leaf = prop_oneof![
        6 => select(&NATIVES[..]).prop_map(CqlType::Native),
        1 => select(&["com.example.T", "a.B(x=>y, z)", "org.apache.cassandra.db.marshal.LexicalUUIDType"][..])
            .prop_map(|class| CqlType::Custom(class.into())),
    ];
    leaf.prop_recursive(4, 16, 3, |inner| {
        let some = vec(inner.clone(), 1..4);
        let field = (text(), inner.clone()).prop_map(|(name, ty)| UserTypeField { name, ty });
        prop_oneof![
            inner.clone().prop_map(|ty| CqlType::List(Box::new(ty), Frozen::Yes)),
            inner.clone().prop_map(|ty| CqlType::Set(Box::new(ty), Frozen::Yes)),
            (inner.clone(), inner.clone()).prop_map(|entry| CqlType::Map(Box::new(entry), Frozen::Yes)),
            (inner.clone(), 1_u32..=0x7fff_ffff).prop_map(|(ty, count)| CqlType::Vector(Box::new(ty), count)),
            some.clone().prop_map(|types| CqlType::Tuple(types.into())),
            some.prop_map(|types| CqlType::Composite(types.into())),
            vec((b'a'..=b'z', inner), 1..3).prop_map(|types| CqlType::DynamicComposite(types.into())),
            (text(), vec(field, 0..4)).prop_map(|(name, fields)| {
                let user_type = UserType { keyspace: "Ks_1".into(), name, fields: fields.into() };
                CqlType::UserType(Arc::new(user_type), Frozen::Yes)
            }),
        ]
    })
}

fn column_type() -> impl Strategy<Value = CqlType> {
    (frozen_type(), any::<bool>()).prop_map(|(ty, thaw)| match ty {
        ty if !thaw => ty,
        CqlType::List(element, _) => CqlType::List(element, Frozen::No),
        CqlType::Set(element, _) => CqlType::Set(element, Frozen::No),
        CqlType::Map(entry, _) => CqlType::Map(entry, Frozen::No),
        CqlType::UserType(definition, _) => CqlType::UserType(definition, Frozen::No),
        other => other,
    })
}

/// A column's name, its bytes if they are others, its type, and whether it is reversed.
type ColumnParts = (String, Option<Vec<u8>>, CqlType, bool);

/// Makes a column; its number and kind make its names different from others'.
fn column(at: usize, kind: ColumnKind, (name, bytes, ty, reversed): ColumnParts) -> Column {
    let is_key = matches!(kind, ColumnKind::PartitionKey | ColumnKind::Clustering);
    let own = format!("{at}{kind:?}");
    let name: Box<str> = (name + &own).into();
    let name_bytes =
        bytes.map_or_else(|| name.as_bytes().to_vec(), |bytes| [&bytes, own.as_bytes()].concat());
    let position = if is_key { at as u16 } else { 0 };
    Column { name, name_bytes: name_bytes.into(), kind, position, ty, reversed: reversed && is_key }
}

fn columns(count: Range<usize>, kind: ColumnKind) -> impl Strategy<Value = Vec<Column>> {
    let other_bytes = option::weighted(0.1, vec(any::<u8>(), 0..5));
    vec((any::<String>(), other_bytes, column_type(), any::<bool>()), count).prop_map(move |columns| {
        columns.into_iter().enumerate().map(|(at, parts)| column(at, kind, parts)).collect()
    })
}

fn table() -> impl Strategy<Value = Arc<TableSchema>> {
    let kinds = (
        columns(1..4, ColumnKind::PartitionKey),
        columns(0..4, ColumnKind::Clustering),
        columns(0..3, ColumnKind::Static),
        columns(0..5, ColumnKind::Regular),
        vec(any::<i64>(), 4),
        columns(0..4, ColumnKind::Regular),
    );
    (any::<u128>(), text(), text(), any::<[bool; 6]>(), kinds).prop_map(
        |(id, keyspace, name, flags, kinds)| {
            let (mut columns, clustering, statics, regular, times, dropped) = kinds;
            columns.extend(clustering.into_iter().chain(statics).chain(regular));
            let [compound, counter, dense, super_column_family, cdc, is_view] = flags;
            Arc::new(TableSchema::new(TableDefinition {
                id: TableId(Uuid::from_u128(id)),
                keyspace,
                name,
                cdc,
                is_view,
                flags: TableFlags { compound, counter, dense, super_column_family },
                columns,
                dropped: std::iter::zip(dropped, times)
                    .map(|(column, dropped_at)| DroppedColumn { column, dropped_at })
                    .collect(),
            }))
        },
    )
}

/// Bytes for as long as the test runs: what is read of them borrows them.
fn bytes() -> impl Strategy<Value = &'static [u8]> {
    prop_oneof![
        Just(&[][..]),
        vec(any::<u8>(), 0..20).prop_map(|bytes| &*bytes.leak()),
        vec(any::<u8>(), 120..300).prop_map(|bytes| &*bytes.leak()),
    ]
}

fn expiration() -> impl Strategy<Value = Expiration> {
    any::<(i32, i64)>().prop_map(|(ttl, expires_at)| Expiration { ttl, expires_at })
}

fn cell(timestamp: i64) -> impl Strategy<Value = Cell<'static>> {
    let content = prop_oneof![
        bytes().prop_map(CellContent::Live),
        (bytes(), expiration()).prop_map(|(value, expiration)| CellContent::Expiring(value, expiration)),
        any::<i64>().prop_map(CellContent::Tombstone),
    ];
    (option::of(bytes()), content).prop_map(move |(path, content)| Cell { timestamp, path, content })
}

fn column_write(table: &TableSchema, timestamp: i64) -> impl Strategy<Value = ColumnWrite<'static>> + use<> {
    let current = (0..table.values().len() as u32).map(ColumnIndex::Current);
    let dropped = (0..table.dropped().len() as u32).map(ColumnIndex::Dropped);
    let all: Vec<ColumnIndex> = current.chain(dropped).collect();
    let cleared = any::<(i64, i64)>()
        .prop_map(|(timestamp, local_deletion_time)| Cleared { timestamp, local_deletion_time });
    let complex = (option::of(cleared), vec(cell(timestamp), 0..5));
    prop_oneof![
        (select(all.clone()), cell(timestamp)).prop_map(|(column, cell)| ColumnWrite::Simple(column, cell)),
        (select(all), complex)
            .prop_map(|(column, (cleared, elements))| { ColumnWrite::Complex { column, cleared, elements } }),
    ]
}

fn action(table: &TableSchema, timestamp: i64) -> BoxedStrategy<Action<'static>> {
    let values = || vec(option::of(bytes()), 0..=table.clustering().len());
    let bound = || (values(), any::<bool>()).prop_map(|(values, inclusive)| RangeBound { values, inclusive });
    let columns = if table.values().is_empty() && table.dropped().is_empty() {
        Just(vec![]).boxed()
    } else {
        vec(column_write(table, timestamp), 0..6).boxed()
    };
    let marker = option::of(option::of(expiration()));
    prop_oneof![
        4 => (option::of(values()), marker, columns).prop_map(|(clustering, marker, columns)| {
            Action::Write(RowWrite { clustering, marker, columns })
        }),
        1 => (values(), any::<i64>()).prop_map(|(clustering, local_deletion_time)| {
            Action::DeleteRow { clustering, local_deletion_time }
        }),
        1 => (option::of(bound()), option::of(bound()), any::<i64>()).prop_map(
            |(start, end, local_deletion_time)| {
                Action::DeleteRange(DeletedRange { start, end, local_deletion_time })
            },
        ),
        1 => any::<i64>().prop_map(|local_deletion_time| Action::DeletePartition { local_deletion_time }),
    ]
    .boxed()
}

pub(super) fn relay_record() -> impl Strategy<Value = RelayRecord<'static>> {
    let change = (table(), any::<i64>(), bytes()).prop_flat_map(|(table, timestamp, partition_key)| {
        action(&table, timestamp).prop_map(move |action| Change {
            table: Arc::clone(&table),
            partition_key,
            timestamp,
            action,
        })
    });
    let place = any::<(i64, u64, u32)>()
        .prop_map(|(segment, offset, index)| RecordPlace { position: Position { segment, offset }, index });
    (host(), session(), any::<u32>(), place, change).prop_map(
        |(from, owner_session, generation, place, change)| RelayRecord {
            from,
            owner_session,
            generation: Generation(generation),
            place,
            change,
        },
    )
}
