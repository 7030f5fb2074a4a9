//! Decoding mutations: bytes and a schema in, rows and cells out (`Mutation.MutationSerializer`; format.md §7).

#![expect(
    clippy::inline_always,
    reason = "measured: a cell is read in a third of the time if the cursor stays in registers"
)]

mod cell;
mod clustering;
mod columns;
mod encoding_stats;
mod error;
mod marker;
mod partition_update;
mod row;
mod tree;
mod visitor;
mod wire;

use std::{collections::HashMap, sync::Arc};

use self::{
    columns::{ColumnsCache, ReadTable},
    wire::{Wire, WireError},
};
pub use self::{
    error::{MutationError, MutationErrorKind},
    visitor::{VisitRow, Visitor},
};
use crate::{
    mutation::Mutation,
    schema::{SchemaLookup, TableId, TableSchema},
    version::{Features, Version},
};

/// Decodes mutations of one commit log version.
///
/// It keeps what repeats from mutation to mutation (which columns a table's updates name), so use one for
/// many mutations. It holds no data of any mutation and notices by itself when a table's schema changes.
#[derive(Debug)]
pub struct MutationDecoder {
    features: &'static Features,
    /// Index by table into `tables`.
    places: HashMap<TableId, usize, foldhash::fast::RandomState>,
    tables: Vec<ReadTable>,
    columns: ColumnsCache,
    /// How many columns the last row of a tree had.
    row_columns: usize,
    /// The table whose update was read last.
    table: TableId,
    /// Its place in `tables`.
    place: usize,
}

impl MutationDecoder {
    /// Makes a decoder for mutations of this version.
    pub fn new(version: Version) -> Self {
        Self {
            features: version.features(),
            places: HashMap::default(),
            tables: Vec::new(),
            columns: ColumnsCache::default(),
            row_columns: 0,
            table: TableId(uuid::Uuid::nil()),
            place: 0,
        }
    }

    /// Decodes a mutation into a tree that borrows from `bytes`.
    ///
    /// All updates of a mutation must be of known tables: an update has no length, so what follows one of
    /// an unknown table can't be read (format.md §7.1).
    pub fn decode<'a>(
        &mut self,
        bytes: &'a [u8],
        schema: &dyn SchemaLookup,
    ) -> Result<Mutation<'a>, MutationError> {
        tree::decode(self, bytes, schema)
    }

    /// Decodes a mutation and tells a visitor of each part as it comes; nothing is allocated.
    ///
    /// An error can come after a part of the mutation was told.
    pub fn visit<'a, V: Visitor<'a>>(
        &mut self,
        bytes: &'a [u8],
        schema: &(impl SchemaLookup + ?Sized),
        visitor: &mut V,
    ) -> Result<(), MutationError> {
        let mut wire = Wire::new(bytes);
        self.mutation(&mut wire, schema, visitor)
            .map_err(|error| MutationError::new(error, bytes.len() - wire.rest().len(), self.table, bytes))
    }

    /// Reads `[flags], count, updates` (format.md §7.1).
    fn mutation<'a, V: Visitor<'a>>(
        &mut self,
        wire: &mut Wire<'a>,
        schema: &(impl SchemaLookup + ?Sized),
        visitor: &mut V,
    ) -> Result<(), WireError> {
        /// "Allow potential transaction conflicts": says nothing of the data.
        const KNOWN_FLAGS: u8 = 0x01;
        if self.features.mutation_flags && wire.u8()? & !KNOWN_FLAGS != 0 {
            return Err(WireError::UnknownFlags);
        }
        let updates = wire.unsigned_vint()?;
        if updates == 0 {
            return Err(WireError::NoUpdates);
        }
        for _ in 0..updates {
            let id = TableId(uuid::Uuid::from_bytes(*wire.array::<16>()?));
            if self.features.epoch {
                wire.unsigned_vint()?;
            }
            self.table = id;
            let table = schema.table(id).ok_or(WireError::UnknownTable)?;
            self.use_table(table);
            let Some(read_table) = self.tables.get_mut(self.place) else {
                return Err(WireError::End);
            };
            partition_update::read(wire, self.features, read_table, &mut self.columns, visitor)?;
        }
        if wire.rest().is_empty() { Ok(()) } else { Err(WireError::TrailingBytes) }
    }

    /// Finds what is remembered of a table; forgets it if the schema is another one by now.
    #[inline]
    fn use_table(&mut self, table: &Arc<TableSchema>) {
        // Neighbouring mutations are often of one table.
        if !self.tables.get(self.place).is_some_and(|known| Arc::ptr_eq(known.schema(), table)) {
            self.switch_to(table);
        }
    }

    fn switch_to(&mut self, table: &Arc<TableSchema>) {
        /// Far above what clusters have; a bound nevertheless.
        const TABLES_MAX: usize = 16_384;
        if self.tables.len() >= TABLES_MAX {
            self.tables.clear();
            self.places.clear();
        }
        let next = self.tables.len();
        self.place = *self.places.entry(table.id()).or_insert(next);
        match self.tables.get_mut(self.place) {
            Some(known) if Arc::ptr_eq(known.schema(), table) => {}
            Some(outdated) => *outdated = ReadTable::new(Arc::clone(table)),
            None => self.tables.push(ReadTable::new(Arc::clone(table))),
        }
    }
}
