//! Finding partitions and rows by keys that people write.

use cassandra_commitlog::{
    schema::{Column, TableSchema},
    types::{Dialect, partition_key::components, write_json},
};
use serde_json::Value;

use crate::cli::CliError;

/// A partition's key, or a row's: all partition key columns, and as many clustering columns as were given.
#[derive(Debug, Clone, PartialEq)]
pub enum KeyFilter {
    /// By the columns' names.
    Named(serde_json::Map<String, Value>),
    /// By their order; the partition key first.
    Ordered(Vec<Value>),
}

impl KeyFilter {
    /// Reads a key: a JSON object of columns as a record's key has them, a JSON array of values in the columns'
    /// order, or one value. What is no JSON is taken as a text.
    pub fn parse(text: &str) -> Self {
        match serde_json::from_str(text) {
            Ok(Value::Object(columns)) => Self::Named(columns),
            Ok(Value::Array(values)) => Self::Ordered(values),
            Ok(value) => Self::Ordered(vec![value]),
            Err(_) => Self::Ordered(vec![Value::String(text.into())]),
        }
    }

    /// Checks that the key can be one of this table: it names all partition key columns and only key columns.
    pub fn check(&self, table: &TableSchema) -> Result<(), CliError> {
        let partition = table.partition_key().len();
        let all: Vec<_> =
            table.partition_key().iter().chain(table.clustering()).map(|it| &*it.name).collect();
        let fits = match self {
            Self::Named(columns) => {
                columns.keys().all(|name| all.contains(&name.as_str()))
                    && table.partition_key().iter().all(|column| columns.contains_key(&*column.name))
            }
            Self::Ordered(values) => (partition..=all.len()).contains(&values.len()),
        };
        if fits {
            return Ok(());
        }
        Err(CliError::Usage(format!(
            "the key does not fit {}.{}: its key columns are {}, of which the first {partition} must be given",
            table.keyspace(),
            table.name(),
            all.join(", "),
        )))
    }

    /// Returns true if a partition has this key.
    pub fn is_partition(&self, table: &TableSchema, partition_key: &[u8]) -> bool {
        let columns = table.partition_key();
        components(partition_key, columns.len()).zip(columns).enumerate().all(|(at, (component, column))| {
            let Some(wanted) = self.wanted(at, column) else { return false };
            component.is_ok_and(|component| is_value(column, component, wanted))
        })
    }

    /// Returns true if a clustering is that of the row, or of one of the rows, that the key means.
    pub fn is_row(&self, table: &TableSchema, clustering: &[Option<&[u8]>]) -> bool {
        let first = table.partition_key().len();
        clustering.iter().zip(table.clustering()).enumerate().all(|(at, (value, column))| {
            match (self.wanted(first + at, column), value) {
                (None, _) => true,
                (Some(wanted), Some(value)) => is_value(column, value, wanted),
                (Some(wanted), None) => wanted.is_null(),
            }
        })
    }

    fn wanted(&self, at: usize, column: &Column) -> Option<&Value> {
        match self {
            Self::Named(columns) => columns.get(&*column.name),
            Self::Ordered(values) => values.get(at),
        }
    }
}

/// Compares as JSON; a number or boolean may also have been written as a text.
fn is_value(column: &Column, bytes: &[u8], wanted: &Value) -> bool {
    let mut text = String::new();
    if write_json(&column.ty, bytes, Dialect::Ringtap, &mut text).is_err() {
        return false;
    }
    match serde_json::from_str::<Value>(&text) {
        Ok(value) if value == *wanted => true,
        Ok(Value::String(value)) => *wanted.to_string() == value,
        Ok(_) => matches!(wanted, Value::String(wanted) if *wanted == text),
        Err(_) => false,
    }
}
