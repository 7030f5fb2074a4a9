//! Keyspaces, types and tables, learnt from `ddl` records.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use anyhow::{Context, Result, bail, ensure};

use crate::change::Change;
use crate::ddl::{Column, TableDefinition, read_table, read_type, writes_are_not_durable};
use crate::encode::UserTypes;
use crate::json::Json;
use crate::record::{Position, Record};

/// A keyspace.
#[derive(Debug, Default)]
pub(crate) struct Keyspace {
    /// Its types.
    pub(crate) types: UserTypes,
    /// Whether its writes stay out of the commit log.
    pub(crate) writes_not_durable: bool,
    /// Its materialized views.
    pub(crate) views: BTreeSet<String>,
}

/// A table and all that was told of it.
#[derive(Debug)]
pub(crate) struct Table {
    /// Keyspace.
    pub(crate) keyspace: String,
    /// Name.
    pub(crate) name: String,
    /// Latest definition.
    pub(crate) definition: TableDefinition,
    /// Write time of that definition, µs.
    pub(crate) defined_at: i64,
    /// Every name that each key column ever had.
    pub(crate) key_names: Vec<Vec<String>>,
    /// Columns of former definitions.
    former: HashMap<String, Column>,
    /// Until when each dropped column's cells are gone, µs.
    pub(crate) dropped: BTreeMap<String, i64>,
    /// Whether the table was dropped.
    pub(crate) is_gone: bool,
    /// Truncations: node and end.
    pub(crate) truncations: Vec<(Option<String>, Position)>,
    /// Changes in their order.
    pub(crate) changes: Vec<Change>,
}

impl Table {
    /// Returns the definition of a column that is no key column, be it a dropped one.
    pub(crate) fn column(&self, name: &str) -> Option<&Column> {
        self.definition.columns.iter().find(|column| column.name == name).or_else(|| self.former.get(name))
    }

    /// Says whether a truncation took that change away.
    pub(crate) fn is_truncated(&self, change: &Change) -> bool {
        let Some(position) = &change.position else {
            return false;
        };
        self.truncations.iter().any(|(host, end)| *host == change.host_id && position.is_up_to(end))
    }

    fn learn(&mut self, definition: TableDefinition, ts: i64) -> Result<()> {
        let (newer, older) = if ts >= self.defined_at {
            let older = std::mem::replace(&mut self.definition, definition);
            self.defined_at = ts;
            (&self.definition, older)
        } else {
            (&self.definition, definition)
        };
        ensure!(newer.key.len() == older.key.len(), "the number of key columns changed");
        for (at, names) in self.key_names.iter_mut().enumerate() {
            for column in [&newer.key[at], &older.key[at]] {
                if !names.contains(&column.name) {
                    names.push(column.name.clone());
                }
            }
        }
        for column in older.columns {
            self.former.entry(column.name.clone()).or_insert(column);
        }
        Ok(())
    }
}

/// The schema and the changes of all tables.
#[derive(Debug, Default)]
pub(crate) struct Schema {
    /// Keyspaces by name.
    pub(crate) keyspaces: BTreeMap<String, Keyspace>,
    /// Tables by id.
    pub(crate) tables: BTreeMap<String, Table>,
    /// Write time of the latest definition or drop by object, keyspace and name, µs: other nodes tell the same later.
    told: HashMap<(String, String, String), i64>,
}

impl Schema {
    /// Applies a `ddl` record.
    pub(crate) fn apply(&mut self, record: &Record) -> Result<()> {
        let ddl = record.json.need("ddl")?;
        let change = ddl.need("change")?.str()?;
        ensure!(["create", "alter", "drop"].contains(&change), "unknown change {change:?}");
        let object = ddl.need("object")?.str()?;
        let name = ddl.need("name")?.str()?;
        if object == "table" {
            return self.apply_table(record, ddl, change, name);
        }
        let told = self
            .told
            .entry((object.to_owned(), record.source.keyspace.clone(), name.to_owned()))
            .or_insert(record.ts);
        if *told > record.ts {
            return Ok(());
        }
        *told = record.ts;
        match object {
            "keyspace" => self.apply_keyspace(record.ts, ddl, change, name),
            "type" => self.apply_type(&record.source.keyspace, ddl, change, name),
            "view" => {
                let views = &mut self.keyspaces.entry(record.source.keyspace.clone()).or_default().views;
                if change == "drop" {
                    views.remove(name)
                } else {
                    views.insert(name.to_owned())
                };
                Ok(())
            }
            "index" => Ok(()),
            other => bail!("unknown object {other:?}"),
        }
    }

    fn apply_keyspace(&mut self, ts: i64, ddl: &Json, change: &str, name: &str) -> Result<()> {
        if change == "drop" {
            self.keyspaces.remove(name);
            for table in self.tables.values_mut() {
                if table.keyspace == name && table.defined_at <= ts {
                    table.is_gone = true;
                }
            }
            return Ok(());
        }
        let cql = ddl.need("cql")?.str()?;
        let keyspace = self.keyspaces.entry(name.to_owned()).or_default();
        keyspace.writes_not_durable = writes_are_not_durable(cql)?;
        Ok(())
    }

    fn apply_type(&mut self, keyspace: &str, ddl: &Json, change: &str, name: &str) -> Result<()> {
        let types = &mut self.keyspaces.entry(keyspace.to_owned()).or_default().types;
        if change == "drop" {
            types.drop(name);
            return Ok(());
        }
        let fields = read_type(ddl.need("cql")?.str()?)?;
        let renamed = renamed(ddl)?;
        if change == "alter" {
            let former = types.fields(name).context("ALTER of an unknown type")?.to_vec();
            for (old, new) in former.iter().zip(&fields) {
                let told = old.names.last().is_some_and(|n| renamed.get(n).unwrap_or(n) == &new.0);
                ensure!(told, "field {:?} became {:?} without being named in renamed", old.names, new.0);
            }
        }
        types.define(name, fields);
        Ok(())
    }

    fn apply_table(&mut self, record: &Record, ddl: &Json, change: &str, name: &str) -> Result<()> {
        let id = &record.source.table_id;
        ensure!(!id.is_empty(), "DDL of a table without its id");
        if change == "drop" {
            if let Some(table) = self.tables.get_mut(id) {
                table.is_gone = true;
            }
            return Ok(());
        }
        let definition = read_table(ddl.need("cql")?.str()?)?;
        if !self.tables.contains_key(id) {
            let table = Table {
                keyspace: record.source.keyspace.clone(),
                name: name.to_owned(),
                key_names: definition.key.iter().map(|column| vec![column.name.clone()]).collect(),
                definition,
                defined_at: record.ts,
                former: HashMap::new(),
                dropped: BTreeMap::new(),
                is_gone: false,
                truncations: Vec::new(),
                changes: Vec::new(),
            };
            self.tables.insert(id.clone(), table);
        } else if let Some(table) = self.tables.get_mut(id) {
            check_renames(table, &definition, record.ts, &renamed(ddl)?)?;
            table.learn(definition, record.ts)?;
        }
        let table = self.tables.get_mut(id).context("no table")?;
        if let Some(dropped) = ddl.get("dropped") {
            for (column, ts) in dropped.object()? {
                let until = table.dropped.entry(column.clone()).or_insert(i64::MIN);
                *until = (*until).max(ts.i64()?);
            }
        }
        Ok(())
    }
}

/// Refuses a definition in which a key column has a new name that `renamed` does not tell.
fn check_renames(
    table: &Table,
    new: &TableDefinition,
    ts: i64,
    renamed: &HashMap<String, String>,
) -> Result<()> {
    if ts <= table.defined_at {
        return Ok(());
    }
    for (old, new) in table.definition.key.iter().zip(&new.key) {
        let told = renamed.get(&old.name).unwrap_or(&old.name) == &new.name;
        ensure!(told, "key column {:?} became {:?} without being named in renamed", old.name, new.name);
    }
    Ok(())
}

fn renamed(ddl: &Json) -> Result<HashMap<String, String>> {
    let Some(renamed) = ddl.get("renamed") else {
        return Ok(HashMap::new());
    };
    renamed.object()?.iter().map(|(old, new)| Ok((old.clone(), new.str()?.to_owned()))).collect()
}
