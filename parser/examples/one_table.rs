//! Prints what a segment's mutations write to one table, as JSON.
//!
//! Run it in the repository's root:
//!
//! ```text
//! cargo run -p cassandra-commitlog --example one_table -- tests/sample/cdc_raw/CommitLog-7-1795344995342.log
//! ```

use std::{collections::HashMap, env, error::Error, fs, sync::Arc};

use cassandra_commitlog::{
    decode::{MutationDecoder, MutationErrorKind},
    mutation::{ColumnData, PartitionUpdate, Unfiltered},
    schema::{Column, ColumnKind, TableDefinition, TableFlags, TableId, TableSchema},
    segment::{DecoderOptions, FileState, Input, Poll, SegmentDecoder},
    types::{CqlType, Dialect, NativeType, ValueError, partition_key::components, write_json},
};
use uuid::uuid;

/// Returns the schema of `va.plain` of the sample log: `CREATE TABLE va.plain (k int PRIMARY KEY, v text)`.
fn plain_table() -> TableSchema {
    let column = |name: &str, kind, ty| Column {
        name: name.into(),
        name_bytes: name.as_bytes().into(),
        kind,
        position: 0,
        ty: CqlType::Native(ty),
        reversed: false,
    };
    TableSchema::new(TableDefinition {
        id: TableId(uuid!("7773bae0-e663-11f1-bc5c-4974da35d1f0")),
        keyspace: "va".into(),
        name: "plain".into(),
        cdc: false,
        is_view: false,
        flags: TableFlags::CQL,
        columns: vec![
            column("k", ColumnKind::PartitionKey, NativeType::Int),
            column("v", ColumnKind::Regular, NativeType::Text),
        ],
        dropped: Vec::new(),
    })
}

/// Returns an update as one line of JSON: its key and the simple cells of its rows.
fn describe(update: &PartitionUpdate<'_>) -> Result<String, ValueError> {
    let key_columns = update.table.partition_key();
    let mut line = String::from("{");
    for (value, column) in components(update.partition_key, key_columns.len()).zip(key_columns) {
        line.extend(["\"", &*column.name, "\":"]);
        write_json(&column.ty, value?, Dialect::Ringtap, &mut line)?;
    }
    for unfiltered in &update.unfiltereds {
        let Unfiltered::Row(row) = unfiltered else { continue };
        for data in &row.columns {
            let ColumnData::Simple(index, cell) = data else { continue };
            let (Some(column), Some(value)) = (update.column(*index), cell.value()) else { continue };
            line.extend([",\"", &*column.name, "\":"]);
            write_json(&column.ty, value, Dialect::Ringtap, &mut line)?;
            line.extend([",\"writetime(", &*column.name, ")\":", &cell.timestamp.to_string()]);
        }
    }
    Ok(line + "}")
}

fn main() -> Result<(), Box<dyn Error>> {
    let path = env::args_os().nth(1).ok_or("give a segment: CommitLog-<version>-<id>.log")?;
    let file = fs::read(path)?;
    let table = Arc::new(plain_table());
    let schema = HashMap::from([(table.id(), table)]);

    let mut segment = SegmentDecoder::new(DecoderOptions::default());
    let mut mutations = None;
    let (mut other_tables, mut damages) = (0, 0);
    let window = Input {
        file_length: file.len() as u64,
        file_state: FileState::Final,
        window_offset: 0,
        window: &file,
    };
    loop {
        match segment.poll(window)? {
            Poll::Header(header) => mutations = Some(MutationDecoder::new(header.version)),
            Poll::Entry(entry) => {
                let Some(decoder) = &mut mutations else { continue };
                match decoder.decode(entry.mutation, &schema) {
                    Ok(mutation) => {
                        for update in &mutation.updates {
                            println!("{} {}", entry.position, describe(update)?);
                        }
                    }
                    Err(error) if matches!(error.kind(), MutationErrorKind::UnknownTable(_)) => {
                        other_tables += 1;
                    }
                    Err(error) => return Err(error.into()),
                }
            }
            Poll::Damage(_) => damages += 1,
            Poll::Need(_) | Poll::Wait => return Err("the window is the whole, final file".into()),
            Poll::End(_) => break,
        }
    }
    println!("{other_tables} mutations of other tables, {damages} damaged places");
    Ok(())
}
