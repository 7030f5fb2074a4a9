//! An explanation for people.

use std::fmt::{self, Write as _};

use cassandra_commitlog::{
    mutation::Expiration,
    schema::{Column, TableSchema},
    types::{CqlType, Dialect, partition_key::components, write_json},
};

use super::{
    CellState, Content, Deletion, Event, Explanation, Fate, LoggedAction, LoggedBound, LoggedChange, Part,
    PartitionState, Reason, RowState, Seen, Slot, What,
};
use crate::replay::iso_micros;

/// How many characters of a value are shown.
const VALUE_CHARACTERS_MAX: usize = 160;

impl Explanation {
    /// Writes the explanation for people, with no more than `rows_max` rows of those that stand.
    pub fn write_text(&self, rows_max: usize, out: &mut String) {
        for number in self.shown() {
            // Writing to a String can't fail.
            let _ = self.write_event(number, out);
        }
        let _ = self.write_states(rows_max, out);
    }

    fn write_event(&self, number: usize, out: &mut String) -> fmt::Result {
        let Some(event) = self.events.get(number) else {
            return Ok(());
        };
        let timestamp = match &event.what {
            What::Change(change) => change.timestamp,
            What::Truncation(truncation) => truncation.timestamp,
            What::Schema(change) => change.written_at,
        };
        write!(out, "{}  {} ({timestamp})  ", event.position, iso_micros(timestamp))?;
        match &event.what {
            What::Change(change) => self.write_change(number, change, out),
            What::Truncation(truncation) => {
                write!(
                    out,
                    "truncate  table {}, what was logged up to {}",
                    truncation.table, truncation.up_to
                )?;
                self.write_taken(number, out)
            }
            What::Schema(change) => {
                let id = change.table_id.map(|id| format!(" (id {id})")).unwrap_or_default();
                write!(out, "{} table{id}", change.change.as_str())?;
                let statements = &change.statements;
                let text = if statements.is_empty() { change.cql.clone() } else { statements.join("; ") };
                write!(out, ": {}", shortened(&text.split_whitespace().collect::<Vec<_>>().join(" ")))?;
                self.write_taken(number, out)
            }
        }
    }

    fn write_change(&self, number: usize, change: &LoggedChange, out: &mut String) -> fmt::Result {
        let table = &change.table;
        let has_marker = change.parts().iter().any(|part| part.slot == Slot::Marker);
        match &change.action {
            LoggedAction::Write { clustering: None, .. } => out.push_str("update static row"),
            LoggedAction::Write { clustering: Some(values), .. } => {
                out.push_str(if has_marker { "insert " } else { "update " });
                out.push_str(&row_text(table, values));
            }
            LoggedAction::DeleteRow { clustering } => write!(out, "delete {}", row_text(table, clustering))?,
            LoggedAction::DeleteRange { start, end } => {
                write!(out, "delete range from {}", bound_text(table, start.as_ref(), "the first row"))?;
                write!(out, " to {}", bound_text(table, end.as_ref(), "the last row"))?;
            }
            LoggedAction::DeletePartition => out.push_str("delete partition"),
        }
        match change.seen {
            Seen::New => {}
            Seen::Partly => out.push_str("  [a part was logged before]"),
            Seen::Again => out.push_str("  [again: logged before]"),
        }
        if !matches!(change.action, LoggedAction::Write { .. }) {
            return self.write_taken(number, out);
        }
        out.push('\n');
        let fates = self.judgement.fates.get(number).map_or(&[][..], Vec::as_slice);
        for (part, fate) in change.parts().iter().zip(fates) {
            write!(out, "    {}  → ", part_text(change, part))?;
            self.write_fate(number, part, *fate, out)?;
            out.push('\n');
        }
        Ok(())
    }

    fn write_taken(&self, number: usize, out: &mut String) -> fmt::Result {
        match self.judgement.taken.get(number) {
            Some(0) | None => out.push('\n'),
            Some(1) => out.push_str("  → takes 1 cell or row marker\n"),
            Some(taken) => writeln!(out, "  → takes {taken} cells or row markers")?,
        }
        Ok(())
    }

    fn write_fate(&self, number: usize, part: &Part, fate: Fate, out: &mut String) -> fmt::Result {
        let position = |event: usize| {
            self.events.get(event).map_or_else(String::new, |event: &Event| event.position.to_string())
        };
        match fate {
            Fate::Stands if part.content == Content::Tombstone => out.push_str("stands, nothing newer came"),
            Fate::Stands => out.push_str("stands"),
            Fate::Expired => out.push_str("expired"),
            Fate::Overwritten(event, Reason::Same) => write!(out, "a copy of {}", position(event))?,
            Fate::Overwritten(event, reason) => {
                let what = if event > number { "overwritten at" } else { "lost to" };
                write!(out, "{what} {} ({})", position(event), reason_text(reason))?;
            }
            Fate::Deleted(event, deletion) => {
                let what = deletion_text(deletion);
                if event > number {
                    write!(out, "deleted by {what} at {}", position(event))?;
                } else {
                    write!(out, "deleted at once: {what} at {} is not older", position(event))?;
                }
            }
            Fate::ColumnDropped(Some(event)) => write!(out, "gone: column dropped at {}", position(event))?,
            Fate::ColumnDropped(None) => out.push_str("gone: column dropped"),
            Fate::Truncated(event) => write!(out, "truncated at {}", position(event))?,
            Fate::TableDropped(event) => write!(out, "gone: table dropped at {}", position(event))?,
        }
        Ok(())
    }

    fn write_states(&self, rows_max: usize, out: &mut String) -> fmt::Result {
        out.push('\n');
        let states = &self.judgement.partitions;
        if states.iter().all(|state| state.rows.is_empty() && state.static_cells.is_empty()) {
            out.push_str("nothing stands after the log\n");
            return Ok(());
        }
        for state in states {
            let key = partition_text(&state.table, &state.partition_key);
            writeln!(out, "after the log, {key} in table {}:", state.table.id())?;
            write_state(state, rows_max, out)?;
        }
        Ok(())
    }
}

fn write_state(state: &PartitionState, rows_max: usize, out: &mut String) -> fmt::Result {
    if !state.static_cells.is_empty() {
        out.push_str("  static row\n");
        write_cells(&state.static_cells, out)?;
    }
    for RowState { clustering, marker, cells } in state.rows.iter().take(rows_max) {
        write!(out, "  {}", row_text(&state.table, clustering))?;
        match marker {
            Some((timestamp, expiration)) => {
                writeln!(
                    out,
                    "  (row marker written {}{})",
                    iso_micros(*timestamp),
                    expiry_text(*expiration)
                )?;
            }
            None => out.push_str("  (no row marker)\n"),
        }
        write_cells(cells, out)?;
    }
    if let Some(more) = state.rows.len().checked_sub(rows_max).filter(|more| *more > 0) {
        writeln!(out, "  and {more} rows more (--limit)")?;
    }
    Ok(())
}

fn write_cells(cells: &[CellState], out: &mut String) -> fmt::Result {
    for CellState { column, value, timestamp, expiration } in cells {
        let value = shortened(&value_text(&column.ty, value));
        let name = &column.name;
        writeln!(
            out,
            "    {name} = {value}  (written {}{})",
            iso_micros(*timestamp),
            expiry_text(*expiration)
        )?;
    }
    Ok(())
}

fn part_text(change: &LoggedChange, part: &Part) -> String {
    let Some(column) = part.slot.column().and_then(|index| change.column(index)) else {
        return format!("row marker{}", expiry_text(part.expiration()));
    };
    let what = match &part.slot {
        Slot::Element(_, path) => element_text(column, path),
        Slot::Shard(_, id) => format!("{} shard {id}", column.name),
        Slot::Cleared(_) => return format!("{} cleared up to {}", column.name, iso_micros(part.timestamp)),
        Slot::Cell(_) | Slot::Marker => column.name.to_string(),
    };
    match &part.content {
        Content::Tombstone if matches!(part.slot, Slot::Element(..)) => format!("{what} removed"),
        Content::Tombstone => format!("{what} deleted"),
        Content::Count { clock, count } => format!("{what} = {count} (clock {clock})"),
        Content::Value(value, expiration) => {
            let ty = value_type(&column.ty, &part.slot);
            let value =
                ty.map_or_else(|| "put".into(), |ty| format!("= {}", shortened(&value_text(ty, value))));
            format!("{what} {value}{}", expiry_text(*expiration))
        }
    }
}

fn element_text(column: &Column, path: &[u8]) -> String {
    match &column.ty {
        CqlType::UserType(..) => match field_name(&column.ty, path) {
            Some(field) => format!("{}.{field}", column.name),
            None => format!("{}.{}", column.name, hex(path)),
        },
        ty => {
            let text = super::judge::path_type(ty).map_or_else(|| hex(path), |ty| value_text(ty, path));
            format!("{}[{}]", column.name, shortened(&text))
        }
    }
}

/// Returns the name of the field that a path means.
pub(super) fn field_name<'t>(ty: &'t CqlType, path: &[u8]) -> Option<&'t str> {
    let CqlType::UserType(definition, _) = ty else {
        return None;
    };
    let index = usize::from(u16::from_be_bytes(path.try_into().ok()?));
    definition.fields.get(index).map(|field| &*field.name)
}

/// Returns the type of a slot's value; none for a set's elements, which have no value but their path.
pub(super) fn value_type<'t>(ty: &'t CqlType, slot: &Slot) -> Option<&'t CqlType> {
    let Slot::Element(_, path) = slot else {
        return Some(ty);
    };
    match ty {
        CqlType::Set(..) => None,
        CqlType::List(element, _) => Some(element),
        CqlType::Map(entry, _) => Some(&entry.1),
        CqlType::UserType(definition, _) => {
            let index = usize::from(u16::from_be_bytes((**path).try_into().ok()?));
            definition.fields.get(index).map(|field| &field.ty)
        }
        other => Some(other),
    }
}

/// Returns a value as ringtap's JSON, or its bytes if they are none of the type.
pub(super) fn value_text(ty: &CqlType, bytes: &[u8]) -> String {
    let mut text = String::new();
    match write_json(ty, bytes, Dialect::Ringtap, &mut text) {
        Ok(()) => text,
        Err(_) => hex(bytes),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::from("0x"), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(VALUE_CHARACTERS_MAX) {
        None => text.into(),
        Some((end, _)) => format!("{}… ({} bytes)", text.get(..end).unwrap_or_default(), text.len()),
    }
}

fn expiry_text(expiration: Option<Expiration>) -> String {
    expiration.map_or_else(String::new, |Expiration { ttl, expires_at }| {
        format!(" (TTL {ttl} s, expires {})", iso_micros(expires_at.saturating_mul(1_000_000)))
    })
}

fn row_text(table: &TableSchema, values: &[Option<Box<[u8]>>]) -> String {
    if table.clustering().is_empty() || table.flags().is_static_compact() {
        return "row".into();
    }
    format!("row {}", clustering_text(table, values))
}

fn clustering_text(table: &TableSchema, values: &[Option<Box<[u8]>>]) -> String {
    let named = table.clustering().iter().zip(values).map(|(column, value)| {
        let value = value.as_ref().map_or_else(|| "null".into(), |value| value_text(&column.ty, value));
        format!("{} = {}", column.name, shortened(&value))
    });
    named.collect::<Vec<_>>().join(", ")
}

fn bound_text(table: &TableSchema, bound: Option<&LoggedBound>, open: &str) -> String {
    bound.map_or_else(
        || open.into(),
        |bound| {
            let kind = if bound.inclusive { "included" } else { "excluded" };
            format!("{} ({kind})", clustering_text(table, &bound.values))
        },
    )
}

fn partition_text(table: &TableSchema, key: &[u8]) -> String {
    let columns = table.partition_key();
    let named = components(key, columns.len()).zip(columns).map(|(component, column)| {
        let value = component.map_or_else(|_| hex(key), |component| value_text(&column.ty, component));
        format!("{} = {}", column.name, shortened(&value))
    });
    format!("partition {}", named.collect::<Vec<_>>().join(", "))
}

pub(super) fn reason_text(reason: Reason) -> &'static str {
    match reason {
        Reason::LaterTime => "later write time",
        Reason::Tombstone => "same write time: the tombstone wins",
        Reason::Expiring => "same write time: what expires wins",
        Reason::LaterExpiry => "same write time: the later expiry wins",
        Reason::GreaterValue => "same write time: the greater value wins",
        Reason::GreaterClock => "greater clock",
        Reason::Same => "a copy",
    }
}

fn deletion_text(deletion: Deletion) -> &'static str {
    match deletion {
        Deletion::Partition => "a partition deletion",
        Deletion::Range => "a range deletion",
        Deletion::Row => "a row deletion",
        Deletion::Cleared => "the clearing of the column",
        Deletion::Counter => "the deletion of the counter",
    }
}
