//! Values in the dump's lines: hex, and the texts that Cassandra gives them.

use cassandra_commitlog::{
    schema::Column,
    types::{
        CqlType, Dialect, NativeType, ValueError, counter::CounterContext, partition_key::components,
        write_cql_literal, write_json,
    },
};
use sha2::{Digest, Sha256};

use super::json_text::push_string;

/// Values longer than this are given by their hash, without texts.
const BIG_BYTES: usize = 4096;

/// Appends bytes as a string of hex digits, or the hash and length of many.
pub(super) fn push_bytes(bytes: &[u8], out: &mut String) {
    if bytes.len() <= BIG_BYTES {
        out.push('"');
        push_hex(bytes, out);
        out.push('"');
    } else {
        out.push_str(r#"{"sha256":""#);
        push_hex(&Sha256::digest(bytes), out);
        out.push_str(r#"","len":"#);
        out.push_str(&bytes.len().to_string());
        out.push('}');
    }
}

fn push_hex(bytes: &[u8], out: &mut String) {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    for byte in bytes {
        out.push(DIGITS[usize::from(byte >> 4)]);
        out.push(DIGITS[usize::from(byte & 0xf)]);
    }
}

/// Appends the JSON texts of a partition key's components, separated by commas.
pub(super) fn push_key_json(key: &[u8], columns: &[Column], dialect: Dialect, out: &mut String) {
    for (at, (component, column)) in components(key, columns.len()).zip(columns).enumerate() {
        if at > 0 {
            out.push(',');
        }
        match component {
            Ok(component) => push_json_of(&column.ty, component, dialect, out),
            Err(_) => out.push_str("null"),
        }
    }
}

/// Appends a string that holds the JSON text of a value; null where Cassandra has none.
pub(super) fn push_json_of(ty: &CqlType, value: &[u8], dialect: Dialect, out: &mut String) {
    push_text(value, out, |text| write_json(ty, value, dialect, text));
}

fn push_text(value: &[u8], out: &mut String, write: impl FnOnce(&mut String) -> Result<(), ValueError>) {
    let mut text = String::new();
    if value.len() <= BIG_BYTES && write(&mut text).is_ok() {
        push_string(&text, out);
    } else {
        out.push_str("null");
    }
}

/// Appends the fields of a cell's path, and returns the type of the cell's value.
pub(super) fn push_path<'t>(
    ty: &'t CqlType,
    path: &[u8],
    dialect: Dialect,
    out: &mut String,
) -> Option<&'t CqlType> {
    const TIMEUUID: CqlType = CqlType::Native(NativeType::Timeuuid);
    const EMPTY: CqlType = CqlType::Native(NativeType::Empty);
    let (path_type, value_type) = match ty {
        CqlType::List(element, _) => (Some(&TIMEUUID), Some(&**element)),
        CqlType::Set(element, _) => (Some(&**element), Some(&EMPTY)),
        CqlType::Map(entry, _) => (Some(&entry.0), Some(&entry.1)),
        CqlType::UserType(user_type, _) => {
            let at = path.first_chunk().map_or(usize::MAX, |index| usize::from(u16::from_be_bytes(*index)));
            let field = user_type.fields.get(at);
            out.push_str(r#","field":"#);
            match field {
                Some(field) => push_string(&field.name, out),
                None => push_string(&format!("?{at}"), out),
            }
            (None, field.map(|field| &field.ty))
        }
        _ => (None, None),
    };
    out.push_str(r#","path":"#);
    push_bytes(path, out);
    if let Some(path_type) = path_type {
        out.push_str(r#","path_json":"#);
        push_json_of(path_type, path, dialect, out);
    }
    value_type
}

/// Appends a cell's value and its texts; a counter's texts are the total of its shards.
pub(super) fn push_cell_values(ty: Option<&CqlType>, value: &[u8], dialect: Dialect, out: &mut String) {
    out.push_str(r#","value":"#);
    push_bytes(value, out);
    match ty {
        Some(CqlType::Native(NativeType::Counter)) => {
            let total = CounterContext::parse(value).map(CounterContext::total).unwrap_or_default();
            let total = total.to_string();
            out.extend([r#","json":""#, &*total, r#"","cql":""#, &*total, r#"""#]);
        }
        Some(ty) if value.len() <= BIG_BYTES => {
            out.push_str(r#","json":"#);
            push_json_of(ty, value, dialect, out);
            out.push_str(r#","cql":"#);
            push_text(value, out, |text| write_cql_literal(ty, value, dialect, text));
        }
        _ => {}
    }
}
