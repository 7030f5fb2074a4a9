//! The `cells` of a record.

use cassandra_commitlog::{
    mutation::{Cell, CellContent, Expiration},
    types::{CqlType, Dialect, NativeType, ValueError, counter::CounterContext, write_json},
};

use super::{
    json_text::{push_integer, push_string},
    table_text::TableText,
};
use crate::change::{Cleared, ColumnWrite};

/// Appends `,"cells":{…}`, unless nothing is written to columns.
pub(super) fn write_cells(
    table: &TableText,
    columns: &[ColumnWrite<'_>],
    out: &mut String,
) -> Result<(), ValueError> {
    if columns.is_empty() {
        return Ok(());
    }
    out.push_str(r#","cells":{"#);
    let mut is_first = true;
    for write in columns {
        let Some((column, name)) = table.value(write.column()) else { continue };
        if !std::mem::take(&mut is_first) {
            out.push(',');
        }
        out.push_str(name);
        match write {
            ColumnWrite::Simple(_, cell) => write_simple(&column.ty, cell, out)?,
            ColumnWrite::Complex { cleared, elements, .. } => {
                write_complex(&column.ty, *cleared, elements, out)?;
            }
        }
        out.push('}');
    }
    out.push('}');
    Ok(())
}

fn write_simple(ty: &CqlType, cell: &Cell<'_>, out: &mut String) -> Result<(), ValueError> {
    match cell.content {
        CellContent::Live(context) if matches!(ty, CqlType::Native(NativeType::Counter)) => {
            write_shards(context, out)
        }
        content => write_content(Some(ty), content, out),
    }
}

/// Appends the value, deletion and expiry of a cell; a set's elements have no value but their path.
fn write_content(ty: Option<&CqlType>, content: CellContent<'_>, out: &mut String) -> Result<(), ValueError> {
    let (value, expiration) = match content {
        CellContent::Live(value) => (value, None),
        CellContent::Expiring(value, expiration) => (value, Some(expiration)),
        CellContent::Tombstone(deleted_at) => {
            out.push_str(r#""deleted":true,"at":"#);
            push_integer(deleted_at, out);
            return Ok(());
        }
    };
    if let Some(ty) = ty {
        out.push_str(r#""value":"#);
        write_json(ty, value, Dialect::Ringtap, out)?;
    }
    if let Some(expiration) = expiration {
        if ty.is_some() {
            out.push(',');
        }
        write_expiration(expiration, out);
    }
    Ok(())
}

/// Appends `"ttl":…,"expires":…`.
pub(super) fn write_expiration(Expiration { ttl, expires_at }: Expiration, out: &mut String) {
    out.push_str(r#""ttl":"#);
    push_integer(ttl, out);
    out.push_str(r#","expires":"#);
    push_integer(expires_at, out);
}

fn write_complex(
    ty: &CqlType,
    cleared: Option<Cleared>,
    elements: &[Cell<'_>],
    out: &mut String,
) -> Result<(), ValueError> {
    if let Some(Cleared { timestamp, local_deletion_time }) = cleared {
        out.push_str(r#""cleared":{"ts":"#);
        push_integer(timestamp, out);
        out.push_str(r#","at":"#);
        push_integer(local_deletion_time, out);
        out.push('}');
    }
    if elements.is_empty() {
        return Ok(());
    }
    out.push_str(if cleared.is_some() { r#","elements":["# } else { r#""elements":["# });
    for (at, element) in elements.iter().enumerate() {
        out.push_str(if at == 0 { r#"{"path":"# } else { r#",{"path":"# });
        let value_type = write_path(ty, element.path.unwrap_or_default(), out)?;
        let says_more = value_type.is_some() || !matches!(element.content, CellContent::Live(_));
        if says_more {
            out.push(',');
        }
        write_content(value_type, element.content, out)?;
        out.push('}');
    }
    out.push(']');
    Ok(())
}

/// Appends which element it is, and returns the type of its value, `None` if it has none.
fn write_path<'t>(ty: &'t CqlType, path: &[u8], out: &mut String) -> Result<Option<&'t CqlType>, ValueError> {
    const TIMEUUID: CqlType = CqlType::Native(NativeType::Timeuuid);
    match ty {
        CqlType::List(element, _) => {
            write_json(&TIMEUUID, path, Dialect::Ringtap, out)?;
            Ok(Some(element))
        }
        CqlType::Set(element, _) => {
            write_json(element, path, Dialect::Ringtap, out)?;
            Ok(None)
        }
        CqlType::Map(entry, _) => {
            write_json(&entry.0, path, Dialect::Ringtap, out)?;
            Ok(Some(&entry.1))
        }
        CqlType::UserType(user_type, _) => {
            let index = path.first_chunk().map(|index| usize::from(u16::from_be_bytes(*index)));
            let field = index.and_then(|index| user_type.fields.get(index)).ok_or(ValueError::Truncated)?;
            push_string(&field.name, out);
            Ok(Some(&field.ty))
        }
        _ => Err(ValueError::UnexpectedNull),
    }
}

/// Appends a counter as the log has it: the shards' values, neither an increment nor a total.
fn write_shards(context: &[u8], out: &mut String) -> Result<(), ValueError> {
    out.push_str(r#""shards":["#);
    for (at, shard) in CounterContext::parse(context)?.shards().enumerate() {
        out.push_str(if at == 0 { r#"{"id":""# } else { r#",{"id":""# });
        out.push_str(shard.id.as_hyphenated().encode_lower(&mut uuid::Uuid::encode_buffer()));
        out.push_str(r#"","clock":"#);
        push_integer(shard.clock, out);
        out.push_str(r#","count":"#);
        push_integer(shard.count, out);
        out.push('}');
    }
    out.push(']');
    Ok(())
}
