//! The log as it stands: one JSON line for each partition update, every field.
//!
//! The lines are those that a reader built on Cassandra's own `CommitLogReader` prints, values rendered as
//! the version that wrote the log renders them. What Cassandra's reader leaves out is left out here too:
//! cells of dropped columns written before the drop (`DeserializationHelper.isDropped`).

mod json_text;
mod values;

use std::fmt::Write as _;

use cassandra_commitlog::{
    deletion::DeletionTime,
    mutation::{
        Cell, CellContent, ColumnData, ColumnIndex, ComplexColumn, Expiration, PartitionUpdate,
        RangeTombstoneMarker, Row, Unfiltered,
    },
    segment::SegmentFileName,
    types::{CqlType, Dialect},
};

use self::{
    json_text::push_string,
    values::{push_bytes, push_cell_values, push_json_of, push_key_json, push_path},
};

/// Where an update stands, and whose text its values are written in.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// Name of the segment's file.
    pub segment: SegmentFileName,
    /// Logical end of the entry.
    pub position: u64,
    /// Bytes of the mutation.
    pub size: usize,
    /// Number of the mutation in its segment, from 0; counts those that could be decoded.
    pub mutation: u64,
    /// Whose text.
    pub dialect: Dialect,
}

/// Appends the line of an update to `out`, without a line break.
pub fn write_line(place: &Place, update: &PartitionUpdate<'_>, out: &mut String) {
    Line { place, update, out }.write();
}

struct Line<'l, 'a> {
    place: &'l Place,
    update: &'l PartitionUpdate<'a>,
    out: &'l mut String,
}

impl Line<'_, '_> {
    fn write(&mut self) {
        let (place, update) = (self.place, self.update);
        let table = &update.table;
        let Place { segment, position, size, mutation, .. } = place;
        self.push(format_args!(
            r#"{{"segment":"{segment}","pos":{position},"size":{size},"mutation":{mutation},"keyspace":"#
        ));
        push_string(table.keyspace(), self.out);
        self.out.push_str(r#","table":"#);
        push_string(table.name(), self.out);
        self.push(format_args!(r#","table_id":"{}","cdc":{},"key":"#, table.id(), table.cdc()));
        push_bytes(update.partition_key, self.out);
        self.out.push_str(r#","key_json":["#);
        push_key_json(update.partition_key, table.partition_key(), place.dialect, self.out);
        self.out.push(']');
        if let Some(deletion) = update.deletion {
            self.out.push_str(r#","partition_deletion":"#);
            self.deletion_time(deletion);
        }
        if let Some(row) = &update.static_row
            && self.has_content(row)
        {
            self.out.push_str(r#","static":{"#);
            self.row_body(row, false);
            self.out.push('}');
        }
        self.unfiltereds();
        self.out.push('}');
    }

    fn push(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a String does not fail.
        let _ = self.out.write_fmt(text);
    }

    fn unfiltereds(&mut self) {
        let update = self.update;
        self.out.push_str(r#","rows":["#);
        let mut is_first = true;
        for unfiltered in &update.unfiltereds {
            // Cassandra's reader passes over rows of which nothing is left.
            if matches!(unfiltered, Unfiltered::Row(row) if !self.has_content(row)) {
                continue;
            }
            if !std::mem::take(&mut is_first) {
                self.out.push(',');
            }
            match unfiltered {
                Unfiltered::Row(row) => {
                    self.out.push_str(r#"{"type":"row","#);
                    self.clustering(&row.clustering);
                    self.out.push(',');
                    self.row_body(row, true);
                    self.out.push('}');
                }
                Unfiltered::Marker(marker) => self.marker(marker),
            }
        }
        self.out.push(']');
    }

    fn clustering(&mut self, values: &[Option<&[u8]>]) {
        let update = self.update;
        self.out.push_str(r#""clustering":["#);
        for (at, value) in values.iter().enumerate() {
            self.comma(at);
            match value {
                Some(value) => push_bytes(value, self.out),
                None => self.out.push_str("null"),
            }
        }
        self.out.push_str(r#"],"clustering_json":["#);
        for (at, (value, column)) in values.iter().zip(update.table.clustering()).enumerate() {
            self.comma(at);
            match value {
                Some(value) => push_json_of(&column.ty, value, self.place.dialect, self.out),
                None => self.out.push_str("null"),
            }
        }
        self.out.push(']');
    }

    fn comma(&mut self, at: usize) {
        if at > 0 {
            self.out.push(',');
        }
    }

    fn marker(&mut self, marker: &RangeTombstoneMarker<'_>) {
        self.push(format_args!(r#"{{"type":"marker","kind":"{}","#, marker.kind.name()));
        self.clustering(&marker.clustering);
        for (name, time) in [("close", marker.close), ("open", marker.open)] {
            if let Some(time) = time {
                self.push(format_args!(r#","{name}":"#));
                self.deletion_time(time);
            }
        }
        self.out.push('}');
    }

    fn row_body(&mut self, row: &Row<'_>, with_times: bool) {
        if with_times {
            self.row_times(row);
        }
        self.out.push_str(r#""complex_deletions":["#);
        let mut count = 0;
        for column in &row.columns {
            if let ColumnData::Complex(index, ComplexColumn { deletion: Some(deletion), .. }) = column
                && !self.is_dropped(*index, deletion.timestamp)
            {
                self.comma(count);
                count += 1;
                self.out.push_str(r#"{"col":"#);
                self.column_name(*index);
                let DeletionTime { timestamp, local_deletion_time } = deletion;
                self.push(format_args!(r#","ts":{timestamp},"ldt":{local_deletion_time}}}"#));
            }
        }
        self.out.push_str(r#"],"cells":["#);
        let mut count = 0;
        for column in &row.columns {
            let (index, cells) = cells_of(column);
            for cell in cells {
                if self.is_dropped(index, cell.timestamp) {
                    continue;
                }
                self.comma(count);
                count += 1;
                self.cell(index, cell);
            }
        }
        self.out.push(']');
    }

    fn row_times(&mut self, row: &Row<'_>) {
        if let Some(liveness) = row.liveness {
            self.push(format_args!(r#""liveness":{{"ts":{}"#, liveness.timestamp));
            if let Some(Expiration { ttl, expires_at }) = liveness.expiration {
                self.push(format_args!(r#","ttl":{ttl},"ldt":{expires_at}"#));
            }
            self.out.push_str("},");
        }
        if let Some(deletion) = row.deletion {
            let DeletionTime { timestamp, local_deletion_time } = deletion.time;
            self.push(format_args!(
                r#""deletion":{{"ts":{timestamp},"ldt":{local_deletion_time},"shadowable":{}}},"#,
                deletion.shadowable
            ));
        }
    }

    fn cell(&mut self, index: ColumnIndex, cell: &Cell<'_>) {
        let update = self.update;
        let Some(column) = update.column(index) else {
            return;
        };
        self.out.push_str(r#"{"col":"#);
        push_string(&column.name, self.out);
        let mut value_type: Option<&CqlType> = Some(&column.ty);
        if let Some(path) = cell.path {
            value_type = push_path(&column.ty, path, self.place.dialect, self.out);
        }
        self.push(format_args!(r#","ts":{}"#, cell.timestamp));
        match cell.content {
            CellContent::Live(value) => push_cell_values(value_type, value, self.place.dialect, self.out),
            CellContent::Expiring(value, Expiration { ttl, expires_at }) => {
                self.push(format_args!(r#","ttl":{ttl},"ldt":{expires_at}"#));
                push_cell_values(value_type, value, self.place.dialect, self.out);
            }
            CellContent::Tombstone(deleted_at) => {
                self.push(format_args!(r#","ldt":{deleted_at},"tombstone":true"#));
            }
        }
        self.out.push('}');
    }

    fn column_name(&mut self, index: ColumnIndex) {
        let update = self.update;
        push_string(update.column(index).map_or("", |column| &column.name), self.out);
    }

    fn deletion_time(&mut self, time: DeletionTime) {
        self.push(format_args!(r#"{{"ts":{},"ldt":{}}}"#, time.timestamp, time.local_deletion_time));
    }

    /// Returns true if a cell of this time was dropped with its column, even if the column is there again.
    fn is_dropped(&self, index: ColumnIndex, timestamp: i64) -> bool {
        let table = &self.update.table;
        let dropped = match index {
            ColumnIndex::Dropped(at) => table.dropped().get(at as usize),
            ColumnIndex::Current(at) => {
                table.values().get(at as usize).and_then(|column| table.dropped_column(&column.name_bytes))
            }
        };
        dropped.is_some_and(|dropped| timestamp <= dropped.dropped_at)
    }

    fn has_content(&self, row: &Row<'_>) -> bool {
        row.liveness.is_some()
            || row.deletion.is_some()
            || row.columns.iter().any(|column| {
                let (index, cells) = cells_of(column);
                let cleared = match column {
                    ColumnData::Complex(_, complex) => complex.deletion,
                    ColumnData::Simple(..) => None,
                };
                cleared.is_some_and(|deletion| !self.is_dropped(index, deletion.timestamp))
                    || cells.iter().any(|cell| !self.is_dropped(index, cell.timestamp))
            })
    }
}

fn cells_of<'c, 'a>(column: &'c ColumnData<'a>) -> (ColumnIndex, &'c [Cell<'a>]) {
    match column {
        ColumnData::Simple(index, cell) => (*index, std::slice::from_ref(cell)),
        ColumnData::Complex(index, complex) => (*index, &complex.cells),
    }
}
