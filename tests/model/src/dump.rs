//! A golden set's `final.jsonl`: the tables' content as CQL gave it.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};

use crate::json::Json;

/// A table of the dump.
#[derive(Debug)]
pub(crate) struct DumpTable {
    /// Keyspace.
    pub(crate) keyspace: String,
    /// Name.
    pub(crate) table: String,
    /// Name, kind and type of each column.
    pub(crate) columns: Vec<(String, String, String)>,
    /// Rows.
    pub(crate) rows: Vec<DumpRow>,
}

/// A row of the dump.
#[derive(Debug)]
pub(crate) struct DumpRow {
    /// Rendered bytes by column; `None` = null.
    pub(crate) raw: BTreeMap<String, Option<String>>,
    /// Write times by column, µs.
    pub(crate) write_times: BTreeMap<String, i64>,
    /// Remaining seconds by column.
    pub(crate) ttls: BTreeMap<String, i64>,
}

/// Returns a value as a dump has it: hex, above 4 KiB digest and length.
pub(crate) fn render(bytes: &[u8]) -> String {
    if bytes.len() > 4096 {
        return format!("sha256 {} of {} bytes", hex(&Sha256::digest(bytes)), bytes.len());
    }
    hex(bytes)
}

/// Returns bytes as lower-case hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        for nibble in [byte >> 4, byte & 15] {
            out.push(char::from_digit(u32::from(nibble), 16).unwrap_or('?'));
        }
    }
    out
}

/// Reads a dump.
pub(crate) fn read(text: &str) -> Result<Vec<DumpTable>> {
    let mut tables: Vec<DumpTable> = Vec::new();
    let mut announced: Vec<usize> = Vec::new();
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.is_empty()) {
        let place = || format!("dump, line {}", at + 1);
        let json = Json::parse(line).with_context(place)?;
        ensure!(json.get("error").is_none(), "{}: the table could not be dumped: {}", place(), json.brief());
        if let Some(columns) = json.get("columns") {
            tables.push(table(&json, columns).with_context(place)?);
            announced.push(usize::try_from(json.need("rows")?.i64()?)?);
            continue;
        }
        let last = tables.last_mut().with_context(place)?;
        let same = json.need("keyspace")?.str()? == last.keyspace && json.need("table")?.str()? == last.table;
        ensure!(same, "{}: a row of another table", place());
        last.rows.push(row(&json).with_context(place)?);
    }
    for (table, rows) in tables.iter().zip(announced) {
        ensure!(
            table.rows.len() == rows,
            "dump of {}.{}: {rows} rows announced",
            table.keyspace,
            table.table
        );
    }
    Ok(tables)
}

fn table(json: &Json, columns: &Json) -> Result<DumpTable> {
    let mut read = Vec::new();
    for column in columns.array()? {
        let [name, kind, cql_type] = column.array()? else {
            anyhow::bail!("a column needs name, kind and type")
        };
        read.push((name.str()?.to_owned(), kind.str()?.to_owned(), cql_type.str()?.to_owned()));
    }
    Ok(DumpTable {
        keyspace: json.need("keyspace")?.str()?.to_owned(),
        table: json.need("table")?.str()?.to_owned(),
        columns: read,
        rows: Vec::new(),
    })
}

fn row(json: &Json) -> Result<DumpRow> {
    let mut raw = BTreeMap::new();
    for (name, value) in json.need("raw")?.object()? {
        let rendered = match value {
            Json::Null => None,
            Json::String(hex) => Some(hex.clone()),
            big => {
                Some(format!("sha256 {} of {} bytes", big.need("sha256")?.str()?, big.need("len")?.i64()?))
            }
        };
        raw.insert(name.clone(), rendered);
    }
    let numbers = |name: &str| -> Result<BTreeMap<String, i64>> {
        let Some(found) = json.get(name) else {
            return Ok(BTreeMap::new());
        };
        found.object()?.iter().map(|(column, value)| Ok((column.clone(), value.i64()?))).collect()
    };
    Ok(DumpRow { raw, write_times: numbers("writetime")?, ttls: numbers("ttl")? })
}
