//! A change of a row, range or partition.

use std::sync::Arc;

use cassandra_commitlog::{
    mutation::{Cell, CellContent, Expiration},
    schema::TableSchema,
};

use super::{
    super::{
        error::RecordErrorKind,
        wire::{Piece, Reader, Writer},
    },
    table::Columns,
};
use crate::change::{Action, Change, Cleared, ColumnWrite, DeletedRange, RangeBound, RowWrite};

const WRITE_ROW: u8 = 0;
const WRITE_STATIC_ROW: u8 = 1;
const DELETE_ROW: u8 = 2;
const DELETE_RANGE: u8 = 3;
const DELETE_PARTITION: u8 = 4;

const NO_MARKER: u8 = 0;
const MARKER: u8 = 1;
const EXPIRING_MARKER: u8 = 2;

const SIMPLE: u8 = 0;
const COMPLEX: u8 = 1;
const CLEARED: u8 = 2;

const LIVE: u8 = 0;
const EXPIRING: u8 = 1;
const TOMBSTONE: u8 = 2;
/// Beside what the cell holds.
const PATH: u8 = 4;

const OPEN: u8 = 0;
const EXCLUSIVE: u8 = 1;
const INCLUSIVE: u8 = 2;

/// What it holds, the length of a value.
const CELL_BYTES_MIN: usize = 2;
/// Its number, its form, and a cell or a number of elements.
const COLUMN_BYTES_MIN: usize = 3;

pub(super) fn write(change: &Change<'_>, columns: &Columns, writer: &mut Writer<'_>) {
    writer.bytes(change.partition_key);
    writer.i64(change.timestamp);
    match &change.action {
        Action::Write(RowWrite { clustering, marker, columns: of_columns }) => {
            match clustering {
                Some(values) => {
                    writer.u8(WRITE_ROW);
                    write_values(values, writer);
                }
                None => writer.u8(WRITE_STATIC_ROW),
            }
            write_marker(*marker, writer);
            writer.count(of_columns.len());
            for one in of_columns {
                writer.varint(columns.number(one.column()));
                write_column(one, writer);
            }
        }
        Action::DeleteRow { clustering, local_deletion_time } => {
            writer.u8(DELETE_ROW);
            write_values(clustering, writer);
            writer.i64(*local_deletion_time);
        }
        Action::DeleteRange(DeletedRange { start, end, local_deletion_time }) => {
            writer.u8(DELETE_RANGE);
            write_bound(start.as_ref(), writer);
            write_bound(end.as_ref(), writer);
            writer.i64(*local_deletion_time);
        }
        Action::DeletePartition { local_deletion_time } => {
            writer.u8(DELETE_PARTITION);
            writer.i64(*local_deletion_time);
        }
    }
}

/// Reads a change of this table.
pub(super) fn read<'a>(table: &Arc<TableSchema>, reader: &mut Reader<'a>) -> Piece<Change<'a>> {
    let partition_key = reader.bytes()?;
    let timestamp = reader.i64()?;
    let action = match reader.u8()? {
        WRITE_ROW => {
            let clustering = read_values(table, reader)?;
            Action::Write(read_write(table, Some(clustering), timestamp, reader)?)
        }
        WRITE_STATIC_ROW => Action::Write(read_write(table, None, timestamp, reader)?),
        DELETE_ROW => {
            Action::DeleteRow { clustering: read_values(table, reader)?, local_deletion_time: reader.i64()? }
        }
        DELETE_RANGE => Action::DeleteRange(DeletedRange {
            start: read_bound(table, reader)?,
            end: read_bound(table, reader)?,
            local_deletion_time: reader.i64()?,
        }),
        DELETE_PARTITION => Action::DeletePartition { local_deletion_time: reader.i64()? },
        other => return Err(RecordErrorKind::UnknownChoice(other, "action")),
    };
    Ok(Change { table: Arc::clone(table), partition_key, timestamp, action })
}

fn read_write<'a>(
    table: &TableSchema,
    clustering: Option<Vec<Option<&'a [u8]>>>,
    timestamp: i64,
    reader: &mut Reader<'a>,
) -> Piece<RowWrite<'a>> {
    let marker = read_marker(reader)?;
    let columns = reader.list(COLUMN_BYTES_MIN, |it| read_column(table, timestamp, it))?;
    Ok(RowWrite { clustering, marker, columns })
}

#[expect(clippy::option_option, reason = "a change has it so: no marker, or one that may expire")]
fn write_marker(marker: Option<Option<Expiration>>, writer: &mut Writer<'_>) {
    match marker {
        None => writer.u8(NO_MARKER),
        Some(None) => writer.u8(MARKER),
        Some(Some(expiration)) => {
            writer.u8(EXPIRING_MARKER);
            write_expiration(expiration, writer);
        }
    }
}

#[expect(clippy::option_option, reason = "a change has it so: no marker, or one that may expire")]
fn read_marker(reader: &mut Reader<'_>) -> Piece<Option<Option<Expiration>>> {
    match reader.u8()? {
        NO_MARKER => Ok(None),
        MARKER => Ok(Some(None)),
        EXPIRING_MARKER => Ok(Some(Some(read_expiration(reader)?))),
        other => Err(RecordErrorKind::UnknownChoice(other, "row marker")),
    }
}

fn write_column(write: &ColumnWrite<'_>, writer: &mut Writer<'_>) {
    match write {
        ColumnWrite::Simple(_, cell) => {
            writer.u8(SIMPLE);
            write_cell(cell, writer);
        }
        ColumnWrite::Complex { cleared, elements, .. } => {
            match cleared {
                None => writer.u8(COMPLEX),
                Some(Cleared { timestamp, local_deletion_time }) => {
                    writer.u8(CLEARED);
                    writer.i64(*timestamp);
                    writer.i64(*local_deletion_time);
                }
            }
            writer.count(elements.len());
            for cell in elements {
                write_cell(cell, writer);
            }
        }
    }
}

fn read_column<'a>(table: &TableSchema, timestamp: i64, reader: &mut Reader<'a>) -> Piece<ColumnWrite<'a>> {
    let number = reader.varint()?;
    let column = Columns::index(table, number).ok_or(RecordErrorKind::UnknownColumn(number))?;
    let cleared = match reader.u8()? {
        SIMPLE => return Ok(ColumnWrite::Simple(column, read_cell(timestamp, reader)?)),
        COMPLEX => None,
        CLEARED => Some(Cleared { timestamp: reader.i64()?, local_deletion_time: reader.i64()? }),
        other => return Err(RecordErrorKind::UnknownChoice(other, "form of a column's write")),
    };
    let elements = reader.list(CELL_BYTES_MIN, |it| read_cell(timestamp, it))?;
    Ok(ColumnWrite::Complex { column, cleared, elements })
}

/// A cell's time is the change's.
fn write_cell(cell: &Cell<'_>, writer: &mut Writer<'_>) {
    let content = match cell.content {
        CellContent::Live(_) => LIVE,
        CellContent::Expiring(..) => EXPIRING,
        CellContent::Tombstone(_) => TOMBSTONE,
    };
    writer.u8(content | if cell.path.is_some() { PATH } else { 0 });
    if let Some(path) = cell.path {
        writer.bytes(path);
    }
    match cell.content {
        CellContent::Live(value) => writer.bytes(value),
        CellContent::Expiring(value, expiration) => {
            writer.bytes(value);
            write_expiration(expiration, writer);
        }
        CellContent::Tombstone(deleted_at) => writer.i64(deleted_at),
    }
}

fn read_cell<'a>(timestamp: i64, reader: &mut Reader<'a>) -> Piece<Cell<'a>> {
    let head = reader.u8()?;
    let path = if head & PATH == 0 { None } else { Some(reader.bytes()?) };
    let content = match head & !PATH {
        LIVE => CellContent::Live(reader.bytes()?),
        EXPIRING => {
            let value = reader.bytes()?;
            CellContent::Expiring(value, read_expiration(reader)?)
        }
        TOMBSTONE => CellContent::Tombstone(reader.i64()?),
        _ => return Err(RecordErrorKind::UnknownChoice(head, "kind of cell")),
    };
    Ok(Cell { timestamp, path, content })
}

fn write_expiration(expiration: Expiration, writer: &mut Writer<'_>) {
    writer.i32(expiration.ttl);
    writer.i64(expiration.expires_at);
}

fn read_expiration(reader: &mut Reader<'_>) -> Piece<Expiration> {
    Ok(Expiration { ttl: reader.i32()?, expires_at: reader.i64()? })
}

fn write_bound(bound: Option<&RangeBound<'_>>, writer: &mut Writer<'_>) {
    let Some(RangeBound { values, inclusive }) = bound else {
        return writer.u8(OPEN);
    };
    writer.u8(if *inclusive { INCLUSIVE } else { EXCLUSIVE });
    write_values(values, writer);
}

fn read_bound<'a>(table: &TableSchema, reader: &mut Reader<'a>) -> Piece<Option<RangeBound<'a>>> {
    let inclusive = match reader.u8()? {
        OPEN => return Ok(None),
        EXCLUSIVE => false,
        INCLUSIVE => true,
        other => return Err(RecordErrorKind::UnknownChoice(other, "end of a range")),
    };
    Ok(Some(RangeBound { values: read_values(table, reader)?, inclusive }))
}

/// Values have one more than their length before them; 0 is null.
fn write_values(values: &[Option<&[u8]>], writer: &mut Writer<'_>) {
    writer.count(values.len());
    for value in values {
        match value {
            None => writer.u8(0),
            Some(value) => {
                writer.varint(value.len() as u64 + 1);
                writer.raw(value);
            }
        }
    }
}

fn read_values<'a>(table: &TableSchema, reader: &mut Reader<'a>) -> Piece<Vec<Option<&'a [u8]>>> {
    let values = reader.list(1, |it| match it.varint()?.checked_sub(1) {
        None => Ok(None),
        Some(length) => it.take(length).map(Some),
    })?;
    if values.len() > table.clustering().len() {
        return Err(RecordErrorKind::TooManyClusteringValues);
    }
    Ok(values)
}
