//! Reads the definitions that `ddl` records carry: `CREATE KEYSPACE`, `CREATE TYPE` and `CREATE TABLE`.

use anyhow::{Result, bail, ensure};

use crate::cql_type::{CqlType, Native};
use crate::token::{Token, Tokens};

/// What a column is to its table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Part of the partition key.
    PartitionKey,
    /// Clustering column.
    Clustering,
    /// One value per partition.
    Static,
    /// One value per row.
    Regular,
}

impl Kind {
    /// Returns the name as `system_schema.columns.kind` has it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::PartitionKey => "partition_key",
            Self::Clustering => "clustering",
            Self::Static => "static",
            Self::Regular => "regular",
        }
    }
}

/// A column's definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    /// Plain name.
    pub(crate) name: String,
    /// Type.
    pub(crate) cql_type: CqlType,
    /// What it is to the table.
    pub(crate) kind: Kind,
    /// Whether a clustering column counts down.
    pub(crate) descending: bool,
    /// Whether SELECT leaves it out (a dense compact table's value column of type `empty`).
    pub(crate) hidden: bool,
}

/// A table's definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TableDefinition {
    /// Partition key columns, then clustering columns, in table order.
    pub(crate) key: Vec<Column>,
    /// How many of `key` are the partition key.
    pub(crate) partition_key_length: usize,
    /// The other columns.
    pub(crate) columns: Vec<Column>,
    /// `COMPACT STORAGE`.
    pub(crate) compact: bool,
}

impl TableDefinition {
    /// Returns the columns that SELECT shows.
    pub(crate) fn visible(&self) -> impl Iterator<Item = &Column> {
        self.key.iter().chain(self.columns.iter().filter(|column| !column.hidden))
    }
}

/// Says whether a `CREATE KEYSPACE` text leaves its writes out of the commit log.
pub(crate) fn writes_are_not_durable(cql: &str) -> Result<bool> {
    let mut tokens = Tokens::new(cql)?;
    while tokens.peek().is_some() {
        if tokens.take_words("durable_writes") {
            tokens.symbol('=')?;
            return Ok(tokens.take_words("false"));
        }
        tokens.next();
    }
    Ok(false)
}

/// Returns the fields of a `CREATE TYPE` text.
pub(crate) fn read_type(cql: &str) -> Result<Vec<(String, CqlType)>> {
    let mut tokens = Tokens::new(cql)?;
    ensure!(tokens.take_words("create type"), "not a CREATE TYPE: {cql}");
    tokens.take_words("if not exists");
    tokens.qualified_name()?;
    tokens.symbol('(')?;
    let mut fields = Vec::new();
    loop {
        fields.push((tokens.name()?, CqlType::read(&mut tokens)?));
        if !tokens.at_symbol(',') {
            tokens.symbol(')')?;
            return Ok(fields);
        }
        tokens.symbol(',')?;
    }
}

/// Returns the definition in a `CREATE TABLE` text.
pub(crate) fn read_table(cql: &str) -> Result<TableDefinition> {
    let mut tokens = Tokens::new(cql)?;
    ensure!(tokens.take_words("create table"), "not a CREATE TABLE: {cql}");
    tokens.take_words("if not exists");
    tokens.qualified_name()?;
    tokens.symbol('(')?;
    let mut body = Body::default();
    loop {
        body.read_item(&mut tokens)?;
        if !tokens.at_symbol(',') {
            tokens.symbol(')')?;
            break;
        }
        tokens.symbol(',')?;
    }
    let mut descending = Vec::new();
    let mut compact = false;
    while tokens.peek().is_some() && !tokens.at_symbol(';') {
        if tokens.take_words("compact storage") {
            compact = true;
        } else if tokens.take_words("clustering order by") {
            descending = read_order(&mut tokens)?;
        } else {
            tokens.next();
        }
    }
    body.finish(&descending, compact)
}

/// Returns the columns that count down.
fn read_order(tokens: &mut Tokens) -> Result<Vec<String>> {
    tokens.symbol('(')?;
    let mut descending = Vec::new();
    loop {
        let name = tokens.name()?;
        if tokens.take_words("desc") {
            descending.push(name);
        } else {
            tokens.take_words("asc");
        }
        if !tokens.at_symbol(',') {
            tokens.symbol(')')?;
            return Ok(descending);
        }
        tokens.symbol(',')?;
    }
}

#[derive(Default)]
struct Body {
    columns: Vec<Column>,
    partition_key: Vec<String>,
    clustering: Vec<String>,
}

impl Body {
    fn read_item(&mut self, tokens: &mut Tokens) -> Result<()> {
        if tokens.take_words("primary key") {
            return self.read_primary_key(tokens);
        }
        let name = tokens.name()?;
        let cql_type = CqlType::read(tokens)?;
        let mut kind = Kind::Regular;
        let mut depth = 0;
        loop {
            match tokens.peek() {
                None => bail!("unfinished column {name}"),
                Some(Token::Symbol(',' | ')')) if depth == 0 => break,
                Some(Token::Symbol('(')) => depth += 1,
                Some(Token::Symbol(')')) => depth -= 1,
                _ => {}
            }
            if tokens.take_words("static") {
                kind = Kind::Static;
            } else if tokens.take_words("primary key") {
                self.partition_key.push(name.clone());
            } else {
                tokens.next();
            }
        }
        self.columns.push(Column { name, cql_type, kind, descending: false, hidden: false });
        Ok(())
    }

    fn read_primary_key(&mut self, tokens: &mut Tokens) -> Result<()> {
        tokens.symbol('(')?;
        if tokens.at_symbol('(') {
            tokens.symbol('(')?;
            self.partition_key.push(tokens.name()?);
            while tokens.at_symbol(',') {
                tokens.symbol(',')?;
                self.partition_key.push(tokens.name()?);
            }
            tokens.symbol(')')?;
        } else {
            self.partition_key.push(tokens.name()?);
        }
        while tokens.at_symbol(',') {
            tokens.symbol(',')?;
            self.clustering.push(tokens.name()?);
        }
        tokens.symbol(')')
    }

    fn take(&mut self, name: &str) -> Result<Column> {
        let Some(at) = self.columns.iter().position(|column| column.name == name) else {
            bail!("key column {name} is not declared")
        };
        Ok(self.columns.remove(at))
    }

    fn finish(mut self, descending: &[String], compact: bool) -> Result<TableDefinition> {
        ensure!(!self.partition_key.is_empty(), "table without primary key");
        let mut key = Vec::new();
        for name in self.partition_key.clone() {
            key.push(Column { kind: Kind::PartitionKey, ..self.take(&name)? });
        }
        for name in self.clustering.clone() {
            let is_descending = descending.contains(&name);
            key.push(Column { kind: Kind::Clustering, descending: is_descending, ..self.take(&name)? });
        }
        let mut columns = self.columns;
        if compact && self.clustering.is_empty() {
            // The columns of a static compact table are static ones internally, and so they come.
            for column in &mut columns {
                column.kind = Kind::Static;
            }
        } else if compact && !columns.iter().any(|column| column.kind == Kind::Regular) {
            columns.push(Column {
                name: "value".to_owned(),
                cql_type: CqlType::Native(Native::Empty),
                kind: Kind::Regular,
                descending: false,
                hidden: true,
            });
        }
        Ok(TableDefinition { partition_key_length: self.partition_key.len(), key, columns, compact })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_order_statics_and_options_are_read() {
        let table = read_table(
            "CREATE TABLE ks.\"T\" (a int, \"B b\" text, c1 int, c2 text, m map<text, int>, s text static, \
             PRIMARY KEY ((a, \"B b\"), c1, c2)) WITH CLUSTERING ORDER BY (c1 DESC, c2 ASC) AND cdc = true \
             AND compaction = {'class': 'x', 'a)': '1'};",
        )
        .unwrap();
        assert_eq!(table.partition_key_length, 2);
        let key: Vec<_> = table.key.iter().map(|c| (c.name.as_str(), c.descending)).collect();
        assert_eq!(key, [("a", false), ("B b", false), ("c1", true), ("c2", false)]);
        assert_eq!(table.columns.len(), 2);
        assert_eq!(table.columns[1].kind, Kind::Static);
        assert!(!table.compact);
    }

    #[test]
    fn compact_tables_get_their_internal_shape() {
        let fixed = read_table("CREATE TABLE t (k int PRIMARY KEY, a int) WITH COMPACT STORAGE").unwrap();
        assert_eq!(fixed.columns[0].kind, Kind::Static);
        let dense =
            read_table("CREATE TABLE t (k int, c int, PRIMARY KEY (k, c)) WITH COMPACT STORAGE").unwrap();
        assert!(dense.columns[0].hidden);
        assert_eq!(dense.visible().count(), 2);
    }

    #[test]
    fn durable_writes_is_read() {
        let no = "CREATE KEYSPACE k WITH replication = {'class': 'S'} AND durable_writes = false";
        assert!(writes_are_not_durable(no).unwrap());
        assert!(!writes_are_not_durable(&no.replace("false", "true")).unwrap());
    }

    #[test]
    fn masked_columns_are_read() {
        let table =
            read_table("CREATE TABLE t (k int PRIMARY KEY, a text MASKED WITH mask_inner(1, null), b int)")
                .unwrap();
        assert_eq!(table.columns.len(), 2);
    }
}
