//! Mutations: a byte with the commit log version, then the mutation. The tables are real ones (`tables.tsv`).

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock},
};

use cassandra_commitlog::{
    Version,
    decode::MutationDecoder,
    mutation::{ColumnData, Mutation, Unfiltered},
    schema::{Column, ColumnKind, DroppedColumn, TableDefinition, TableFlags, TableId, TableSchema},
    types::{CqlType, Dialect, decode, write_json},
};

/// Tables that real mutations change, from the logs that the seeds are from.
pub type Tables = HashMap<TableId, Arc<TableSchema>>;

/// The tables of `tables.tsv`.
pub static TABLES: LazyLock<Tables> = LazyLock::new(|| read_tables(include_str!("../tables.tsv")));

/// Decodes a mutation, and every value in it.
pub fn run(input: &[u8]) {
    let Some((&version, bytes)) = input.split_first() else {
        return;
    };
    let Some(version) = Version::from_number(i32::from(version)) else {
        return;
    };
    let mut decoder = MutationDecoder::new(version);
    let first = decoder.decode(bytes, &*TABLES);
    if let Ok(mutation) = &first {
        assert!(amount(mutation) <= 2 * bytes.len(), "more parts than bytes");
        values(mutation);
    }
    // What is remembered of the first time must not change the second.
    let second = decoder.decode(bytes, &*TABLES);
    assert_eq!(first, second);
}

/// Counts the parts of a mutation: each has at least one byte.
fn amount(mutation: &Mutation<'_>) -> usize {
    let mut amount = mutation.updates.len();
    for update in &mutation.updates {
        let rows = update.unfiltereds.iter().filter_map(|unfiltered| match unfiltered {
            Unfiltered::Row(row) => Some(row),
            Unfiltered::Marker(_) => None,
        });
        amount += update.unfiltereds.len();
        for row in rows.chain(&update.static_row) {
            for column in &row.columns {
                amount += match column {
                    ColumnData::Simple(..) => 1,
                    ColumnData::Complex(_, complex) => 1 + complex.cells.len(),
                };
            }
        }
    }
    amount
}

fn values(mutation: &Mutation<'_>) {
    let mut json = String::new();
    let mut value = |ty: &CqlType, bytes: &[u8]| {
        let _ = decode(ty, bytes);
        json.clear();
        let _ = write_json(ty, bytes, Dialect::Ringtap, &mut json);
    };
    for update in &mutation.updates {
        for unfiltered in &update.unfiltereds {
            let Unfiltered::Row(row) = unfiltered else {
                continue;
            };
            for (column, bytes) in update.table.clustering().iter().zip(&row.clustering) {
                value(&column.ty, bytes.unwrap_or_default());
            }
            for column in &row.columns {
                match column {
                    ColumnData::Simple(index, cell) => {
                        let column = update.column(*index).expect("an index of this update");
                        value(&column.ty, cell.value().unwrap_or_default());
                    }
                    ColumnData::Complex(index, complex) => {
                        let column = update.column(*index).expect("an index of this update");
                        for cell in &complex.cells {
                            let element = match &column.ty {
                                CqlType::List(element, _) | CqlType::Set(element, _) => &**element,
                                CqlType::Map(entry, _) => &entry.1,
                                other => other,
                            };
                            value(element, cell.value().unwrap_or_default());
                        }
                    }
                }
            }
        }
    }
}

/// Reads tables from their text: a line for each table, followed by one for each of its columns.
fn read_tables(text: &str) -> Tables {
    let mut tables = Tables::new();
    let mut definition: Option<TableDefinition> = None;
    let mut finish = |definition: Option<TableDefinition>| {
        if let Some(definition) = definition {
            tables.insert(definition.id, Arc::new(TableSchema::new(definition)));
        }
    };
    for line in text.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        match (&fields[..], &mut definition) {
            (["table", id, keyspace, name, flags], _) => {
                let flag = |at: usize| flags.as_bytes()[at] == b'1';
                let next = TableDefinition {
                    id: TableId(id.parse().expect("a UUID")),
                    keyspace: (*keyspace).into(),
                    name: (*name).into(),
                    cdc: true,
                    is_view: false,
                    flags: TableFlags {
                        compound: flag(0),
                        counter: flag(1),
                        dense: flag(2),
                        super_column_family: flag(3),
                    },
                    columns: Vec::new(),
                    dropped: Vec::new(),
                };
                finish(definition.replace(next));
            }
            (["column", rest @ ..], Some(definition)) => definition.columns.push(read_column(rest)),
            (["dropped", rest @ ..], Some(definition)) => {
                definition.dropped.push(DroppedColumn { column: read_column(rest), dropped_at: 0 });
            }
            _ => panic!("not a line of tables.tsv: {line}"),
        }
    }
    finish(definition);
    tables
}

fn read_column(fields: &[&str]) -> Column {
    let [kind, position, name, class] = fields else { panic!("not a column: {fields:?}") };
    let name: Vec<u8> = (0..name.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&name[at..at + 2], 16).expect("hexadecimal"))
        .collect();
    let (ty, reversed) = CqlType::parse_class(class).expect("a class");
    Column {
        name: String::from_utf8_lossy(&name).into(),
        name_bytes: name.into(),
        kind: match *kind {
            "PartitionKey" => ColumnKind::PartitionKey,
            "Clustering" => ColumnKind::Clustering,
            "Static" => ColumnKind::Static,
            _ => ColumnKind::Regular,
        },
        position: position.parse().expect("a position"),
        ty,
        reversed,
    }
}
