//! One record of each kind, and what all three topics' records can do.

use std::sync::Arc;

use cassandra_commitlog::{
    Position,
    mutation::{Cell, CellContent, ColumnIndex, Expiration},
    schema::{Column, ColumnKind, DroppedColumn, TableDefinition, TableFlags, TableId, TableSchema},
    types::{CqlType, Frozen, NativeType, UserType, UserTypeField},
};
use uuid::Uuid;

use super::super::*;
use crate::{
    change::{Action, Change, Cleared, ColumnWrite, DeletedRange, RangeBound, RowWrite},
    record::RecordPlace,
};

/// A record of any topic.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Record<'a> {
    Owners(OwnersRecord),
    Ledger(LedgerRecord),
    Relay(RelayRecord<'a>),
}

impl Record<'_> {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Self::Owners(record) => record.encode(&mut out),
            Self::Ledger(record) => record.encode(&mut out),
            Self::Relay(record) => record.encode(&mut out),
        }
        out
    }

    /// Reads bytes as a record of the same topic.
    pub(super) fn decode_alike<'b>(&self, bytes: &'b [u8]) -> Result<Record<'b>, RecordError> {
        match self {
            Self::Owners(_) => OwnersRecord::decode(bytes).map(Record::Owners),
            Self::Ledger(_) => LedgerRecord::decode(bytes).map(Record::Ledger),
            Self::Relay(_) => RelayRecord::decode(bytes).map(Record::Relay),
        }
    }
}

pub(super) const ALICE: HostId = HostId(Uuid::from_u128(0xa1a1_a1a1_0000_4000_8000_0000_0000_0001));
pub(super) const BOB: HostId = HostId(Uuid::from_u128(0xb0b0_b0b0_0000_4000_8000_0000_0000_0002));

pub(super) fn claim(keyspace: &str, after: i64, up_to: i64, generation: u32) -> Claim {
    Claim {
        keyspace: keyspace.into(),
        range: TokenRange::new(after, up_to).unwrap(),
        generation: Generation(generation),
    }
}

pub(super) fn entry(id: u128, minute: i32, atoms: &[u32]) -> Entry {
    Entry { id: id.into(), minute, atoms: atoms.to_vec() }
}

/// Returns one record of each kind with its name.
pub(super) fn samples() -> Vec<(&'static str, Record<'static>)> {
    let mut samples: Vec<_> =
        owners().into_iter().map(|(name, record)| (name, Record::Owners(record))).collect();
    samples.extend(ledger().into_iter().map(|(name, record)| (name, Record::Ledger(record))));
    samples.extend(relays().into_iter().map(|(name, record)| (name, Record::Relay(record))));
    samples
}

fn owners() -> Vec<(&'static str, OwnersRecord)> {
    let claims = vec![
        claim("shop", -9_000_000_000_000_000_000, -1, 1),
        claim("shop", 5, i64::MAX, 300),
        claim("audit", i64::MIN, i64::MAX, 2),
    ];
    vec![
        (
            "init",
            OwnersRecord::Init {
                uuid: 0x0f0e_0d0c_0b0a_4908_8706_0504_0302_0100,
                identity_version: 1,
                hash_key: 0xfeed_beef_dead_cafe,
            },
        ),
        (
            "host",
            OwnersRecord::Host {
                host: ALICE,
                partition: 7,
                settings: u128::MAX - 1,
                version: "0.2.0".into(),
            },
        ),
        ("topic", OwnersRecord::Topic { name: "shop.shop.orders".into(), partitions: 12, replaces: true }),
        (
            "own",
            OwnersRecord::Own {
                host: ALICE,
                session: Session(0x1122_3344_5566_7788),
                fenced: vec![(BOB, Session(9))],
                claims: claims.clone(),
            },
        ),
        ("release", OwnersRecord::Release { host: BOB, session: Session(9), claims: claims[..1].to_vec() }),
        ("want", OwnersRecord::Want { host: ALICE, claims: claims[2..].to_vec() }),
    ]
}

fn ledger() -> Vec<(&'static str, LedgerRecord)> {
    let record = |kind| LedgerRecord { session: Session(0x1122_3344_5566_7788), kind };
    let entries = vec![
        entry(0x0001_0203_0405_0607_0809_0a0b_0c0d_0e0f, 29_927_834, &[0xaabb_ccdd, 1]),
        entry(0x1011_1213_1415_1617_1819_1a1b_1c1d_1e1f, 29_927_834, &[3, 4]),
        entry(0x2021_2223_2425_2627_2829_2a2b_2c2d_2e2f, 29_927_833, &[5]),
    ];
    vec![
        ("hello", record(LedgerKind::Hello)),
        ("published", record(LedgerKind::Published(entries))),
        ("skipped", record(LedgerKind::Skipped(vec![entry(u128::MAX, -5, &[])]))),
        ("beat", record(LedgerKind::Beat { number: 70_000, done: 69_999 })),
    ]
}

fn native(native: NativeType) -> CqlType {
    CqlType::Native(native)
}

fn column(name: &str, kind: ColumnKind, position: u16, ty: CqlType) -> Column {
    Column { name: name.into(), name_bytes: name.as_bytes().into(), kind, position, ty, reversed: false }
}

/// A table with a column of each kind of type.
pub(super) fn table() -> Arc<TableSchema> {
    let address = Arc::new(UserType {
        keyspace: "shop".into(),
        name: "Address of".into(),
        fields: [
            UserTypeField { name: "city".into(), ty: native(NativeType::Text) },
            UserTypeField {
                name: "n\u{f6}".into(),
                ty: CqlType::Set(Box::new(native(NativeType::Inet)), Frozen::Yes),
            },
        ]
        .into(),
    });
    let frozen_address = CqlType::UserType(Arc::clone(&address), Frozen::Yes);
    let regular = |name: &str, ty| column(name, ColumnKind::Regular, 0, ty);
    let mut c2 = column("c2", ColumnKind::Clustering, 1, native(NativeType::Decimal));
    c2.reversed = true;
    let mut thrift = regular("thrift", native(NativeType::Blob));
    thrift.name_bytes = [0xff, 0].into();
    let dropped = |name: &str| DroppedColumn {
        column: regular(name, CqlType::Tuple([native(NativeType::Int), native(NativeType::Uuid)].into())),
        dropped_at: 1_700_000_000_000_000,
    };
    Arc::new(TableSchema::new(TableDefinition {
        id: TableId(Uuid::from_u128(0x773e_7a10_e663_11f1_bc5c_4974_da35_d1f0)),
        keyspace: "shop".into(),
        name: "orders".into(),
        cdc: true,
        is_view: false,
        flags: TableFlags::CQL,
        columns: vec![
            column("k", ColumnKind::PartitionKey, 0, native(NativeType::Int)),
            column("c1", ColumnKind::Clustering, 0, native(NativeType::Text)),
            c2,
            column("s", ColumnKind::Static, 0, native(NativeType::Varint)),
            regular("a_duration", native(NativeType::Duration)),
            regular("b_custom", CqlType::Custom("com.example.MyType(x=>y)".into())),
            regular("c_vector", CqlType::Vector(Box::new(native(NativeType::Float)), 3)),
            regular("d_map", CqlType::Map(Box::new((native(NativeType::Text), frozen_address)), Frozen::No)),
            regular("e_type", CqlType::UserType(address, Frozen::No)),
            regular("f_composite", CqlType::Composite([native(NativeType::Bigint)].into())),
            regular("g_dynamic", CqlType::DynamicComposite([(b'a', native(NativeType::Date))].into())),
            thrift,
        ],
        dropped: vec![dropped("gone_a"), dropped("gone_b"), dropped("gone_c")],
    }))
}

/// A table with a key and nothing else.
fn small_table() -> Arc<TableSchema> {
    let mut c2 = column("c2", ColumnKind::Clustering, 1, native(NativeType::Decimal));
    c2.reversed = true;
    Arc::new(TableSchema::new(TableDefinition {
        id: TableId(Uuid::from_u128(0x773e_7a10_e663_11f1_bc5c_4974_da35_d1f0)),
        keyspace: "shop".into(),
        name: "seen".into(),
        cdc: true,
        is_view: false,
        flags: TableFlags::CQL,
        columns: vec![
            column("k", ColumnKind::PartitionKey, 0, native(NativeType::Int)),
            column("c1", ColumnKind::Clustering, 0, native(NativeType::Text)),
            c2,
        ],
        dropped: vec![],
    }))
}

fn cell(path: Option<&'static [u8]>, content: CellContent<'static>) -> Cell<'static> {
    Cell { timestamp: 1_700_000_001_000_000, path, content }
}

fn row_write() -> RowWrite<'static> {
    let expiration = Expiration { ttl: 60, expires_at: 1_700_000_061 };
    let current = ColumnIndex::Current;
    RowWrite {
        clustering: Some(vec![Some(b""), None]),
        marker: Some(Some(expiration)),
        columns: vec![
            ColumnWrite::Simple(current(0), cell(None, CellContent::Live(b"\x02\x04\x06"))),
            ColumnWrite::Simple(current(1), cell(None, CellContent::Expiring(b"any", expiration))),
            ColumnWrite::Simple(current(2), cell(None, CellContent::Tombstone(1_700_000_001))),
            ColumnWrite::Complex {
                column: current(3),
                cleared: Some(Cleared {
                    timestamp: 1_700_000_000_999_999,
                    local_deletion_time: 1_700_000_001,
                }),
                elements: vec![
                    cell(Some(b"home"), CellContent::Live(b"\0\0\0\x01x\xff\xff\xff\xff")),
                    cell(Some(b""), CellContent::Tombstone(-1)),
                ],
            },
            ColumnWrite::Complex {
                column: current(4),
                cleared: None,
                elements: vec![cell(Some(b"\0\0"), CellContent::Expiring(b"Bonn", expiration))],
            },
            ColumnWrite::Simple(ColumnIndex::Dropped(1), cell(None, CellContent::Live(b""))),
        ],
    }
}

fn relays() -> Vec<(&'static str, RelayRecord<'static>)> {
    let record = |table: Arc<TableSchema>, action| RelayRecord {
        from: BOB,
        owner_session: Session(0x1122_3344_5566_7788),
        generation: Generation(300),
        place: RecordPlace { position: Position { segment: 1_795_344_995_342, offset: 94_701 }, index: 2 },
        change: Change { table, partition_key: b"\0\0\0\x02", timestamp: 1_700_000_001_000_000, action },
    };
    let local_deletion_time = 1_700_000_001;
    let bound = |values, inclusive| Some(RangeBound { values, inclusive });
    let (start, end) = (bound(vec![Some(&b"a"[..])], true), bound(vec![Some(&b"b"[..]), None], false));
    let range = |start, end| Action::DeleteRange(DeletedRange { start, end, local_deletion_time });
    let static_write = RowWrite {
        clustering: None,
        marker: None,
        columns: vec![ColumnWrite::Simple(ColumnIndex::Current(8), cell(None, CellContent::Live(b"\x05")))],
    };
    let insert = RowWrite { marker: Some(None), columns: vec![], ..row_write() };
    vec![
        ("relay_write", record(table(), Action::Write(row_write()))),
        ("relay_insert", record(small_table(), Action::Write(insert))),
        ("relay_static", record(table(), Action::Write(static_write))),
        (
            "relay_delete_row",
            record(
                small_table(),
                Action::DeleteRow { clustering: vec![None, Some(b"\0\0\0\x01\x0a")], local_deletion_time },
            ),
        ),
        ("relay_delete_range", record(small_table(), range(start.clone(), end))),
        ("relay_delete_range_open", record(small_table(), range(None, start))),
        ("relay_delete_partition", record(small_table(), Action::DeletePartition { local_deletion_time })),
    ]
}
