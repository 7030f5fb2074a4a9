//! Which tables to take.

use std::collections::BTreeSet;

use cassandra_commitlog::schema::TableSchema;
use clap::Args;

use crate::{cli::CliError, schema::is_system_keyspace};

/// Tables and keyspaces that were named.
#[derive(Debug, Args, Clone, Default)]
pub struct TableArgs {
    /// Only this keyspace; may be repeated
    #[arg(long, value_name = "KEYSPACE", help_heading = "Filters")]
    pub keyspace: Vec<String>,
    /// Only this table; may be repeated
    #[arg(long, value_name = "KEYSPACE.TABLE", help_heading = "Filters")]
    pub table: Vec<String>,
}

/// Which tables to take. Views never: their rows follow from their base tables'. Cassandra's own tables only
/// when they are named.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    keyspaces: BTreeSet<String>,
    tables: BTreeSet<(String, String)>,
    all_tables: bool,
}

impl TableArgs {
    /// Returns true if none was named.
    pub fn is_empty(&self) -> bool {
        self.keyspace.is_empty() && self.table.is_empty()
    }
}

impl Selection {
    /// Makes a selection: tables with `cdc = true`, or all of them.
    pub fn new(args: &TableArgs, all_tables: bool) -> Result<Self, CliError> {
        let tables = args.table.iter().map(|name| split_name(name)).collect::<Result<_, _>>()?;
        Ok(Self { keyspaces: args.keyspace.iter().cloned().collect(), tables, all_tables })
    }

    /// Returns true if changes of this table are taken.
    pub fn takes(&self, table: &TableSchema) -> bool {
        self.names(table) && !table.is_view() && (self.all_tables || table.cdc())
    }

    /// Returns true if the table's name is among those named, or none were.
    pub fn names(&self, table: &TableSchema) -> bool {
        self.names_object(table.keyspace(), Some(table.name()))
    }

    /// Returns true if a keyspace, or a table or view in it, is among those named, or none were.
    pub fn names_object(&self, keyspace: &str, table: Option<&str>) -> bool {
        if self.keyspaces.is_empty() && self.tables.is_empty() {
            return !is_system_keyspace(keyspace);
        }
        self.keyspaces.contains(keyspace)
            || match table {
                Some(table) => self.tables.iter().any(|(its, name)| its == keyspace && name == table),
                None => self.tables.iter().any(|(its, _)| its == keyspace),
            }
    }
}

/// Splits `keyspace.table`; names with dots or quotes may stand in CQL's double quotes.
pub(crate) fn split_name(text: &str) -> Result<(String, String), CliError> {
    let mut parts = vec![String::new()];
    let mut quoted = false;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                if let Some(part) = parts.last_mut() {
                    part.push('"');
                }
            }
            '"' => quoted = !quoted,
            '.' if !quoted => parts.push(String::new()),
            _ => {
                if let Some(part) = parts.last_mut() {
                    part.push(character);
                }
            }
        }
    }
    match <[String; 2]>::try_from(parts) {
        Ok([keyspace, table]) if !keyspace.is_empty() && !table.is_empty() && !quoted => {
            Ok((keyspace, table))
        }
        _ => Err(CliError::Usage(format!("'{text}' is not a table: expected KEYSPACE.TABLE"))),
    }
}

#[cfg(test)]
mod tests {
    use super::split_name;

    #[test]
    fn names_may_be_quoted() {
        let split = |text| split_name(text).ok();
        assert_eq!(split("ks.t"), Some(("ks".into(), "t".into())));
        assert_eq!(split(r#""Mixed Case".t"#), Some(("Mixed Case".into(), "t".into())));
        assert_eq!(split(r#"ks."a.b""c""#), Some(("ks".into(), "a.b\"c".into())));
        assert_eq!(split("t"), None);
        assert_eq!(split("a.b.c"), None);
        assert_eq!(split("ks."), None);
    }
}
