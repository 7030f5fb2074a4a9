//! A table's definition: all that records, identities and the fingerprint are made with.

use std::collections::BTreeSet;

use cassandra_commitlog::{
    mutation::ColumnIndex,
    schema::{Column, ColumnKind, DroppedColumn, TableDefinition, TableFlags, TableId, TableSchema},
    types::{ClassName, CqlType},
};
use uuid::Uuid;

use super::super::{
    error::RecordErrorKind,
    wire::{Piece, Reader, Writer},
};
use crate::change::{Action, Change};

const COMPOUND: u8 = 1;
const COUNTER: u8 = 2;
const DENSE: u8 = 4;
const SUPER: u8 = 8;
const CDC: u8 = 16;
const VIEW: u8 = 32;

/// In a column's first byte, beside its kind.
const REVERSED: u8 = 4;
const OWN_NAME: u8 = 8;

/// First byte, position, lengths of the name's bytes and of the type, a type of one letter.
const COLUMN_BYTES_MIN: usize = 5;

/// How a change's columns are numbered in a record: static and regular columns as in the table, then the dropped ones that
/// the change writes to. Others of those are left out.
#[derive(Debug)]
pub(super) struct Columns {
    current: u64,
    dropped: Vec<u32>,
}

impl Columns {
    pub(super) fn of(change: &Change<'_>) -> Self {
        let mut dropped = BTreeSet::new();
        if let Action::Write(write) = &change.action {
            dropped.extend(write.columns.iter().filter_map(|write| match write.column() {
                ColumnIndex::Current(_) => None,
                ColumnIndex::Dropped(at) => Some(at),
            }));
        }
        Self { current: change.table.values().len() as u64, dropped: dropped.into_iter().collect() }
    }

    pub(super) fn number(&self, column: ColumnIndex) -> u64 {
        match column {
            ColumnIndex::Current(at) => u64::from(at),
            ColumnIndex::Dropped(at) => self.current + self.dropped.partition_point(|it| *it < at) as u64,
        }
    }

    /// Returns which column a number means in a table that was read from a record.
    pub(super) fn index(table: &TableSchema, number: u64) -> Option<ColumnIndex> {
        let at = usize::try_from(number).ok()?;
        match at.checked_sub(table.values().len()) {
            None => Some(ColumnIndex::Current(at as u32)),
            Some(at) => (at < table.dropped().len()).then_some(ColumnIndex::Dropped(at as u32)),
        }
    }
}

pub(super) fn write(table: &TableSchema, columns: &Columns, writer: &mut Writer<'_>) {
    writer.u128(table.id().0.as_u128());
    writer.text(table.keyspace());
    writer.text(table.name());
    let flags = table.flags();
    let flag = |bit, is_set| if is_set { bit } else { 0 };
    writer.u8(flag(COMPOUND, flags.compound)
        | flag(COUNTER, flags.counter)
        | flag(DENSE, flags.dense)
        | flag(SUPER, flags.super_column_family)
        | flag(CDC, table.cdc())
        | flag(VIEW, table.is_view()));
    writer.count(table.partition_key().len() + table.clustering().len() + table.values().len());
    for column in table.partition_key().iter().chain(table.clustering()).chain(table.values()) {
        write_column(column, writer);
    }
    let dropped = columns.dropped.iter().filter_map(|at| table.dropped().get(*at as usize));
    writer.count(dropped.clone().count());
    for DroppedColumn { column, dropped_at } in dropped {
        write_column(column, writer);
        writer.i64(*dropped_at);
    }
}

fn write_column(column: &Column, writer: &mut Writer<'_>) {
    let kind = match column.kind {
        ColumnKind::PartitionKey => 0,
        ColumnKind::Clustering => 1,
        ColumnKind::Static => 2,
        ColumnKind::Regular => 3,
    };
    let has_own_name = column.name.as_bytes() != &*column.name_bytes;
    writer.u8(kind | if column.reversed { REVERSED } else { 0 } | if has_own_name { OWN_NAME } else { 0 });
    writer.varint(u64::from(column.position));
    writer.bytes(&column.name_bytes);
    if has_own_name {
        writer.text(&column.name);
    }
    writer.text(&ClassName(&column.ty).to_string());
}

/// Reads a whole definition.
pub(super) fn read(bytes: &[u8]) -> Piece<TableSchema> {
    let mut reader = Reader::new(bytes);
    let id = TableId(Uuid::from_u128(reader.u128()?));
    let (keyspace, name) = (reader.text()?.into(), reader.text()?.into());
    let flags = reader.u8()?;
    if flags & !(COMPOUND | COUNTER | DENSE | SUPER | CDC | VIEW) != 0 {
        return Err(RecordErrorKind::UnknownChoice(flags, "flags of a table"));
    }
    let definition = TableDefinition {
        id,
        keyspace,
        name,
        cdc: flags & CDC != 0,
        is_view: flags & VIEW != 0,
        flags: TableFlags {
            compound: flags & COMPOUND != 0,
            counter: flags & COUNTER != 0,
            dense: flags & DENSE != 0,
            super_column_family: flags & SUPER != 0,
        },
        columns: read_columns(&mut reader)?,
        dropped: read_dropped(&mut reader)?,
    };
    reader.end()?;
    Ok(TableSchema::new(definition))
}

fn read_columns(reader: &mut Reader<'_>) -> Piece<Vec<Column>> {
    let columns = reader.list(COLUMN_BYTES_MIN, read_column)?;
    if columns.is_sorted_by(is_before) { Ok(columns) } else { Err(RecordErrorKind::ColumnOrder) }
}

/// The order that a [`TableSchema`] has and that cells are numbered by.
fn is_before(one: &Column, other: &Column) -> bool {
    let part = |column: &Column| match column.kind {
        ColumnKind::PartitionKey => 0,
        ColumnKind::Clustering => 1,
        ColumnKind::Static | ColumnKind::Regular => 2,
    };
    match part(one).cmp(&part(other)) {
        std::cmp::Ordering::Equal if part(one) == 2 => one.name_bytes < other.name_bytes,
        std::cmp::Ordering::Equal => one.position < other.position,
        order => order.is_lt(),
    }
}

fn read_dropped(reader: &mut Reader<'_>) -> Piece<Vec<DroppedColumn>> {
    let dropped = reader.list(COLUMN_BYTES_MIN + 8, |it| {
        Ok(DroppedColumn { column: read_column(it)?, dropped_at: it.i64()? })
    })?;
    if dropped.is_sorted_by(|one, other| one.column.name_bytes < other.column.name_bytes) {
        Ok(dropped)
    } else {
        Err(RecordErrorKind::ColumnOrder)
    }
}

fn read_column(reader: &mut Reader<'_>) -> Piece<Column> {
    let head = reader.u8()?;
    if head & !(3 | REVERSED | OWN_NAME) != 0 {
        return Err(RecordErrorKind::UnknownChoice(head, "kind of column"));
    }
    let kind = match head & 3 {
        0 => ColumnKind::PartitionKey,
        1 => ColumnKind::Clustering,
        2 => ColumnKind::Static,
        _ => ColumnKind::Regular,
    };
    let position = reader.varint_as("a column's position")?;
    let name_bytes = reader.bytes()?;
    let name = if head & OWN_NAME == 0 {
        str::from_utf8(name_bytes).map_err(|_| RecordErrorKind::NotUtf8)?
    } else {
        reader.text()?
    };
    // The clustering's order is a flag of the column, so that the type never says it.
    let (ty, _) = CqlType::parse_class(reader.text()?)?;
    let (name, name_bytes) = (name.into(), name_bytes.into());
    Ok(Column { name, name_bytes, kind, position, ty, reversed: head & REVERSED != 0 })
}
