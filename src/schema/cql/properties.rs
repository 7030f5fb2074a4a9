//! Reads what stands after `WITH`.

use std::collections::BTreeMap;

use cassandra_commitlog::schema::ColumnKind;

use super::{
    cursor::{Cursor, Read},
    lexer::TokenKind,
    read_type::read_type,
    statement::{Options, Properties},
};
use crate::schema::{
    definition::{DroppedColumnDefinition, OptionValue},
    value::hex,
};

/// Reads `a = value AND b = value …`.
pub(super) fn options(cursor: &mut Cursor<'_>) -> Read<Options> {
    let mut options = Options::new();
    loop {
        let (name, value) = option(cursor)?;
        options.insert(name, value);
        if !cursor.word("and") {
            return Ok(options);
        }
    }
}

/// Reads everything that may follow `WITH` in `CREATE TABLE` or `CREATE MATERIALIZED VIEW`.
pub(super) fn properties(cursor: &mut Cursor<'_>) -> Read<Properties> {
    let mut properties = Properties::default();
    loop {
        if cursor.words(&["compact", "storage"]) {
            properties.compact_storage = true;
        } else if cursor.words(&["clustering", "order", "by"]) {
            cursor.expect_symbol('(')?;
            properties.clustering_order = cursor.list(')', clustering_order)?;
        } else if cursor.words(&["dropped", "column", "record"]) {
            properties.dropped.push(dropped_column(cursor)?);
        } else if cursor.word("id") {
            cursor.expect_symbol('=')?;
            properties.id = Some(id(cursor)?);
        } else {
            let (name, value) = option(cursor)?;
            properties.options.insert(name, value);
        }
        if !cursor.word("and") {
            return Ok(properties);
        }
    }
}

fn clustering_order(cursor: &mut Cursor<'_>) -> Read<(Box<str>, bool)> {
    let column = cursor.name("a column")?;
    if cursor.word("desc") {
        return Ok((column, true));
    }
    cursor.word("asc");
    Ok((column, false))
}

fn dropped_column(cursor: &mut Cursor<'_>) -> Read<DroppedColumnDefinition> {
    let name = cursor.name("a column")?;
    let type_text = read_type(cursor)?.to_string().into();
    let kind = if cursor.word("static") { ColumnKind::Static } else { ColumnKind::Regular };
    cursor.expect_word("using")?;
    cursor.expect_word("timestamp")?;
    let dropped_at = cursor.integer("a time in microseconds")?;
    Ok(DroppedColumnDefinition { name, kind, type_text, dropped_at })
}

fn id(cursor: &mut Cursor<'_>) -> Read<uuid::Uuid> {
    let found = match cursor.peek() {
        Some(TokenKind::Uuid(uuid)) => Some(*uuid),
        Some(TokenKind::Text(text)) => uuid::Uuid::parse_str(text).ok(),
        _ => None,
    };
    let Some(uuid) = found else {
        return Err(cursor.error("a UUID"));
    };
    cursor.advance();
    Ok(uuid)
}

fn option(cursor: &mut Cursor<'_>) -> Read<(Box<str>, OptionValue)> {
    let name = cursor.name("an option")?;
    cursor.expect_symbol('=')?;
    let value = match cursor.peek() {
        Some(TokenKind::Symbol('{')) => map_option(cursor, &name)?,
        Some(TokenKind::Text(text)) => {
            cursor.advance();
            OptionValue::Text(text.clone())
        }
        Some(TokenKind::Integer(number)) => {
            cursor.advance();
            if FLOATS.contains(&&*name) {
                OptionValue::Float(*number as f64)
            } else {
                OptionValue::Integer(*number)
            }
        }
        Some(TokenKind::Float(number)) => {
            cursor.advance();
            OptionValue::Float(*number)
        }
        Some(TokenKind::Word(word)) => {
            cursor.advance();
            match word.as_str() {
                "true" => OptionValue::Boolean(true),
                "false" => OptionValue::Boolean(false),
                other => OptionValue::Text(other.to_owned()),
            }
        }
        _ => return Err(cursor.error("a value")),
    };
    Ok((name, value))
}

/// Options that are `double` in `system_schema.tables`, so that `1` and `1.0` are the same.
const FLOATS: [&str; 4] =
    ["bloom_filter_fp_chance", "crc_check_chance", "dclocal_read_repair_chance", "read_repair_chance"];

fn map_option(cursor: &mut Cursor<'_>, name: &str) -> Read<OptionValue> {
    if name == "extensions" {
        return blob_map(cursor).map(OptionValue::BlobMap);
    }
    let mut map = value_map(cursor)?;
    let package = match name {
        "replication" => "org.apache.cassandra.locator.",
        "compaction" => "org.apache.cassandra.db.compaction.",
        "compression" => "org.apache.cassandra.io.compress.",
        _ => return Ok(OptionValue::Map(map)),
    };
    // Cassandra saves the full name whatever the statement said.
    if let Some(class) = map.get_mut("class")
        && !class.contains('.')
    {
        class.insert_str(0, package);
    }
    Ok(OptionValue::Map(map))
}

/// Reads `{'key': value, …}` with values of any kind as texts.
pub(super) fn value_map(cursor: &mut Cursor<'_>) -> Read<BTreeMap<String, String>> {
    entries(cursor, |cursor| {
        let text = match cursor.peek() {
            Some(TokenKind::Text(text) | TokenKind::Word(text)) => text.clone(),
            Some(TokenKind::Integer(number)) => number.to_string(),
            Some(TokenKind::Float(number)) => format!("{number:?}"),
            Some(TokenKind::Uuid(uuid)) => uuid.to_string(),
            Some(TokenKind::Blob(bytes)) => hex(bytes),
            _ => return Err(cursor.error("a value")),
        };
        cursor.advance();
        Ok(text)
    })
}

fn blob_map(cursor: &mut Cursor<'_>) -> Read<BTreeMap<String, Vec<u8>>> {
    entries(cursor, |cursor| match cursor.peek() {
        Some(TokenKind::Blob(bytes)) => {
            cursor.advance();
            Ok(bytes.clone())
        }
        _ => Err(cursor.error("a blob")),
    })
}

fn entries<T>(
    cursor: &mut Cursor<'_>,
    mut value: impl FnMut(&mut Cursor<'_>) -> Read<T>,
) -> Read<BTreeMap<String, T>> {
    cursor.expect_symbol('{')?;
    if cursor.symbol('}') {
        return Ok(BTreeMap::new());
    }
    let entries = cursor.list('}', |cursor| {
        let key = cursor.string("a key in single quotes")?;
        cursor.expect_symbol(':')?;
        Ok((key, value(cursor)?))
    })?;
    Ok(entries.into_iter().collect())
}
