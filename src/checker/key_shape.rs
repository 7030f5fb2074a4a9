//! Which columns of a record's key are the partition key.

use std::collections::HashMap;

/// How many columns the partition key of each table has, learnt from records of schema changes.
#[derive(Debug, Default, Clone)]
pub struct KeyShapes {
    columns: HashMap<(Box<str>, Box<str>), usize>,
}

impl KeyShapes {
    /// Notes a table's number of partition key columns.
    pub fn set(&mut self, keyspace: &str, table: &str, columns: usize) {
        self.columns.insert((keyspace.into(), table.into()), columns);
    }

    /// Returns how many columns a table's partition key has, if that was told.
    pub fn get(&self, keyspace: &str, table: &str) -> Option<usize> {
        self.columns.get(&(keyspace.into(), table.into())).copied()
    }

    /// Learns from the `ddl` of a record of a schema change.
    pub fn learn(&mut self, keyspace: &str, table: &str, ddl: &str) {
        let Ok(ddl) = serde_json::from_str::<serde_json::Value>(ddl) else { return };
        let cql = ddl.get("cql").and_then(serde_json::Value::as_str).unwrap_or_default();
        if ddl.get("object").and_then(serde_json::Value::as_str) == Some("table")
            && let Some(columns) = partition_key_columns(cql)
        {
            self.set(keyspace, table, columns);
        }
    }
}

/// Returns how many columns the partition key of a CREATE TABLE has; none for another statement.
fn partition_key_columns(cql: &str) -> Option<usize> {
    let plain = without_quoted(cql);
    let (_, key) = plain.split_once("PRIMARY KEY")?;
    let Some(columns) = key.trim_start().strip_prefix('(') else { return Some(1) };
    let Some(composite) = columns.trim_start().strip_prefix('(') else { return Some(1) };
    let (inside, _) = composite.split_once(')')?;
    Some(inside.split(',').count())
}

/// Puts an `x` for every quoted name, which may hold anything.
fn without_quoted(cql: &str) -> String {
    let mut plain = String::with_capacity(cql.len());
    let mut quote = None;
    for character in cql.chars() {
        match quote {
            Some(open) if character == open => quote = None,
            Some(_) => {}
            None if character == '"' || character == '\'' => {
                quote = Some(character);
                plain.push('x');
            }
            None => plain.push(character),
        }
    }
    plain
}

/// Returns the partition-key part of a record's key: its first columns, as an object encoded the same way. `None` if the
/// key is no object without spaces, or has fewer columns.
pub(super) fn partition_key_part(key: &[u8], columns: usize) -> Option<Vec<u8>> {
    let (mut depth, mut in_text, mut escaped, mut seen) = (0_u32, false, false, 0);
    for (at, byte) in key.iter().enumerate() {
        if in_text {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_text = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_text = true,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.checked_sub(1)?,
            _ => {}
        }
        let ends_column = (*byte == b',' && depth == 1) || (*byte == b'}' && depth == 0);
        if ends_column {
            seen += 1;
            if seen == columns {
                let mut part = key.get(..at)?.to_vec();
                part.push(b'}');
                return Some(part);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_partition_key_is_read_from_the_definition() {
        for (cql, columns) in [
            ("CREATE TABLE k.t (a int PRIMARY KEY, b text)", 1),
            ("CREATE TABLE k.t (a int, b text, PRIMARY KEY (a, b))", 1),
            ("CREATE TABLE k.t (a int, b text, c int, PRIMARY KEY ((a, b), c)) WITH cdc = true", 2),
            (
                "CREATE TABLE k.t (\"a,(\" int, \"PRIMARY KEY\" text, PRIMARY KEY ((\"a,(\", \"PRIMARY KEY\")))",
                2,
            ),
        ] {
            assert_eq!(partition_key_columns(cql), Some(columns), "{cql}");
        }
        assert_eq!(partition_key_columns("DROP TABLE k.t"), None);
    }

    #[test]
    fn the_first_columns_of_a_key_are_cut_out() {
        let key = br#"{"a":{"x":[1,2]},"b, }":"t,\"}","c":null}"#;
        assert_eq!(partition_key_part(key, 1).unwrap(), br#"{"a":{"x":[1,2]}}"#);
        assert_eq!(partition_key_part(key, 2).unwrap(), br#"{"a":{"x":[1,2]},"b, }":"t,\"}"}"#);
        assert_eq!(partition_key_part(key, 3).unwrap(), key);
        assert_eq!(partition_key_part(key, 4), None);
    }
}
