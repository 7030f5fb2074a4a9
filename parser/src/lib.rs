//! Reads Apache Cassandra commit log segments: bytes in, typed values out.
//!
//! The crate does no I/O and has no clock: the caller hands over bytes of a segment and is told of entries, of
//! damage, or of which bytes are needed next. Three layers can be used one without the other:
//!
//! * [`segment`]: from the bytes of a file to entries whose CRCs hold, through compression and encryption;
//! * [`decode`]: from an entry's bytes and the [`schema`] to a [`mutation`], as a borrowing tree or told to a visitor;
//! * [`types`]: from a value's bytes and its CQL type to a typed view, JSON, or a CQL literal.
//!
//! [`keystore`] reads the keys of encrypted segments from Java key stores.
//!
//! # From a file to entries
//!
//! ```
//! use cassandra_commitlog::{
//!     Position,
//!     segment::{DecoderOptions, FileState, Input, Poll, SegmentDecoder, SegmentError},
//! };
//!
//! /// Returns where each entry of a segment ends, and how many bytes its mutation has.
//! fn entries(file: &[u8]) -> Result<Vec<(Position, usize)>, SegmentError> {
//!     let mut decoder = SegmentDecoder::new(DecoderOptions::default());
//!     // The whole file is one window here; for a large or growing file, read what `Poll::Need` asks for.
//!     let input =
//!         Input { file_length: file.len() as u64, file_state: FileState::Final, window_offset: 0, window: file };
//!     let mut entries = Vec::new();
//!     loop {
//!         match decoder.poll(input)? {
//!             Poll::Entry(entry) => entries.push((entry.position, entry.mutation.len())),
//!             Poll::Damage(damage) => eprintln!("passed over: {damage}"),
//!             Poll::Header(_) => {}
//!             Poll::End(_) | Poll::Need(_) | Poll::Wait => return Ok(entries),
//!         }
//!     }
//! }
//!
//! assert!(entries(b"not a segment").is_err());
//! ```
//!
//! # From an entry to values
//!
//! A mutation names tables by id and columns by name; what they mean stands in the schema of the moment of writing,
//! which the caller provides ([`schema::SchemaLookup`]).
//!
//! ```
//! use std::{collections::HashMap, sync::Arc};
//!
//! use cassandra_commitlog::{
//!     Version,
//!     decode::MutationDecoder,
//!     mutation::{ColumnData, Unfiltered},
//!     schema::{Column, ColumnKind, TableDefinition, TableFlags, TableId, TableSchema},
//!     types::{CqlType, Dialect, NativeType, write_json},
//! };
//! use uuid::uuid;
//!
//! // CREATE TABLE va.plain (k int PRIMARY KEY, v text)
//! let column = |name: &str, kind, ty| Column {
//!     name: name.into(),
//!     name_bytes: name.as_bytes().into(),
//!     kind,
//!     position: 0,
//!     ty: CqlType::Native(ty),
//!     reversed: false,
//! };
//! let table = Arc::new(TableSchema::new(TableDefinition {
//!     id: TableId(uuid!("7773bae0-e663-11f1-bc5c-4974da35d1f0")),
//!     keyspace: "va".into(),
//!     name: "plain".into(),
//!     cdc: false,
//!     is_view: false,
//!     flags: TableFlags::CQL,
//!     columns: vec![
//!         column("k", ColumnKind::PartitionKey, NativeType::Int),
//!         column("v", ColumnKind::Regular, NativeType::Text),
//!     ],
//!     dropped: vec![],
//! }));
//! let schema = HashMap::from([(table.id(), table)]);
//!
//! // An entry that Cassandra 5.0 logged for: INSERT INTO va.plain (k, v) VALUES (1, '16') USING TIMESTAMP …
//! let entry = b"\x01\x77\x73\xba\xe0\xe6\x63\x11\xf1\xbc\x5c\x49\x74\xda\x35\xd1\xf0\x04\x00\x00\x00\x01\
//!               \x10\xfc\xe9\xd9\xa5\xde\xc0\xb0\x00\x00\x01\x01v\x01\x24\x00\x08\x02\x31\x36\x01";
//! let mutation = MutationDecoder::new(Version::V7).decode(entry, &schema)?;
//!
//! let update = &mutation.updates[0];
//! assert_eq!(update.partition_key, 1_i32.to_be_bytes());
//! let Unfiltered::Row(row) = &update.unfiltereds[0] else { panic!("a row") };
//! let ColumnData::Simple(index, cell) = &row.columns[0] else { panic!("a simple column") };
//! let column = update.column(*index).expect("a column of this update");
//! let mut json = String::new();
//! write_json(&column.ty, cell.value().expect("a value"), Dialect::Cassandra4, &mut json)?;
//! assert_eq!((&*column.name, &*json, cell.timestamp), ("v", "\"16\"", 1_700_001_000_014_000));
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! # Guarantees
//!
//! * No `unsafe`, and no panic on any input.
//! * No allocation and no loop that a length or count in the input alone decides; nesting is bounded ([`limits`],
//!   [`types::DEPTH_MAX`]).
//! * Incomplete, corrupt and unsupported are three different answers ([`segment::Poll::Need`] and
//!   [`segment::Poll::Wait`], [`segment::Poll::Damage`], [`segment::SegmentError`]). Nothing is passed over without
//!   being told, and reading goes on at the next entry or marker whose CRCs hold.
//! * Values borrow from the caller's window, or from one buffer for a compressed or encrypted section.
//!
//! # Versions
//!
//! [`Version`] says which releases write which commit log version. 6 to 8 (Cassandra 3.0 to 5.0) are tested against
//! what Cassandra's own reader gives; 9 against segments of 6.0-alpha2, whose format may still change. Newer ones are
//! refused ([`segment::SegmentErrorKind`]).
//!
//! # Features
//!
//! * `zstd` (default): segments compressed with `ZstdCompressor`. It is the only dependency that is C.
#![forbid(unsafe_code)]
#![deny(clippy::indexing_slicing, clippy::expect_used, clippy::panic)]

mod crc;
pub mod decode;
pub mod deletion;
pub mod keystore;
pub mod limits;
pub mod mutation;
mod position;
pub mod schema;
pub mod segment;
pub mod types;
mod version;
mod vint;

pub use self::{
    position::{Position, PositionParseError},
    version::{Features, Version},
};
