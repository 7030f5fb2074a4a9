//! A record's change in bytes: what the rules for rebuilding a table work on.

use anyhow::{Context, Result, bail, ensure};

use crate::cql_type::{CqlType, Native};
use crate::ddl::{Column, Kind};
use crate::encode::{UserTypes, encode, encode_map_key, field_position, uuid};
use crate::json::Json;
use crate::record::{Op, Position, Record};
use crate::schema::Table;

/// Key values in table order; null for what is wider than a row, and in compact tables.
pub(crate) type Values = Vec<Option<Vec<u8>>>;

/// When something expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// It stays.
    Never,
    /// It is gone from this second on.
    At(i64),
}

/// A row marker.
#[derive(Clone, Debug)]
pub(crate) struct Marker {
    /// Write time, µs.
    pub(crate) ts: i64,
    /// Its end.
    pub(crate) end: End,
}

/// What a cell holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// Bytes.
    Value(Vec<u8>),
    /// Nothing: it was deleted.
    Tombstone,
}

/// A cell.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    /// Write time, µs.
    pub(crate) ts: i64,
    /// Its end.
    pub(crate) end: End,
    /// What it holds.
    pub(crate) content: Content,
}

/// One node's part of a counter.
#[derive(Clone, Debug)]
pub(crate) struct Shard {
    /// Counter id.
    pub(crate) id: String,
    /// Its version.
    pub(crate) clock: i64,
    /// Its part of the sum.
    pub(crate) count: i64,
    /// Write time, µs.
    pub(crate) ts: i64,
}

/// The change of one column.
#[derive(Clone, Debug)]
pub(crate) enum ColumnChange {
    /// A column with one cell.
    Simple(Cell),
    /// A collection or user type with a cell per element.
    Complex {
        /// Deletion of what was there up to this time, µs.
        cleared: Option<i64>,
        /// Paths and cells.
        elements: Vec<(Vec<u8>, Cell)>,
    },
    /// A counter.
    Counter(Vec<Shard>),
}

/// A range's bound.
#[derive(Clone, Debug)]
pub(crate) struct Bound {
    /// Values of the first clustering columns.
    pub(crate) values: Values,
    /// Whether rows that begin with these values belong to the range.
    pub(crate) inclusive: bool,
}

/// What was changed.
#[derive(Clone, Debug)]
pub(crate) enum What {
    /// The partition was deleted.
    DeletePartition,
    /// A range of rows was deleted.
    DeleteRange {
        /// First bound; `None` = open.
        start: Option<Bound>,
        /// Last bound; `None` = open.
        end: Option<Bound>,
    },
    /// A row was deleted.
    DeleteRow(Values),
    /// A row was written; `None` = the static row.
    Write {
        /// Clustering values.
        clustering: Option<Values>,
        /// Row marker.
        marker: Option<Marker>,
        /// Columns by name.
        columns: Vec<(String, ColumnChange)>,
    },
}

/// A change of one partition.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    /// The node that logged it.
    pub(crate) host_id: Option<String>,
    /// Where it logged it.
    pub(crate) position: Option<Position>,
    /// Partition key values.
    pub(crate) partition: Vec<Vec<u8>>,
    /// Write time, µs.
    pub(crate) ts: i64,
    /// What was changed.
    pub(crate) what: What,
    /// The last second of a server's clock that it names.
    pub(crate) server_second: Option<i64>,
}

struct Builder<'a> {
    table: &'a Table,
    types: &'a UserTypes,
    ts: i64,
    server_second: Option<i64>,
}

/// Returns the change that a record of a row, range or partition tells.
pub(crate) fn read(record: &Record, table: &Table, types: &UserTypes) -> Result<Change> {
    let mut builder = Builder { table, types, ts: record.ts, server_second: None };
    let json = &record.json;
    let (partition, clustering) = builder.key(json.need("key")?)?;
    let row_wide = || ensure_row_key(table, &clustering);
    let wider = || {
        ensure!(clustering.iter().all(Option::is_none), "clustering values in a change wider than a row");
        Ok(())
    };
    if let Some(deletion) = json.get("deleted") {
        builder.deletion_second(deletion)?;
    }
    let what = match record.op {
        Op::DeletePartition => {
            wider()?;
            What::DeletePartition
        }
        Op::DeleteRange => {
            wider()?;
            let range = json.need("range")?;
            range.only(&["start", "end"])?;
            What::DeleteRange { start: builder.bound(range, "start")?, end: builder.bound(range, "end")? }
        }
        Op::Delete => {
            row_wide()?;
            What::DeleteRow(clustering)
        }
        Op::Insert | Op::Update | Op::Snapshot => {
            let marker = json.get("row").map(|row| builder.marker(row)).transpose()?;
            let clustering = if record.is_static() {
                wider()?;
                ensure!(marker.is_none(), "a static row has no marker");
                None
            } else {
                row_wide()?;
                Some(clustering)
            };
            let columns = builder.columns(json.get("cells"), record.is_static())?;
            ensure!(record.op != Op::Update || !columns.is_empty(), "an update without cells");
            What::Write { clustering, marker, columns }
        }
        Op::Truncate | Op::Ddl => bail!("not a change of rows"),
    };
    Ok(Change {
        host_id: record.source.host_id.clone(),
        position: record.source.position.clone(),
        partition,
        ts: record.ts,
        what,
        server_second: builder.server_second,
    })
}

fn ensure_row_key(table: &Table, clustering: &Values) -> Result<()> {
    let complete = table.definition.compact || clustering.iter().all(Option::is_some);
    ensure!(complete, "null in the key of a row");
    Ok(())
}

impl Builder<'_> {
    /// Returns partition key and clustering values; they count by position, and their names must have been the columns' once.
    fn key(&self, json: &Json) -> Result<(Vec<Vec<u8>>, Values)> {
        let members = json.object()?;
        let definition = &self.table.definition;
        ensure!(
            members.len() == definition.key.len(),
            "{} values in a key of {}",
            members.len(),
            definition.key.len()
        );
        let mut values = Vec::new();
        for (at, (name, value)) in members.iter().enumerate() {
            let column = &definition.key[at];
            ensure!(
                self.table.key_names[at].contains(name),
                "{name:?} stands in the place of key column {:?}",
                column.name
            );
            values.push(self.nullable(&column.cql_type, value)?);
        }
        let clustering = values.split_off(definition.partition_key_length);
        let partition: Option<Vec<_>> = values.into_iter().collect();
        Ok((partition.context("null in a partition key")?, clustering))
    }

    fn nullable(&self, cql_type: &CqlType, value: &Json) -> Result<Option<Vec<u8>>> {
        if *value == Json::Null { Ok(None) } else { encode(cql_type, value, self.types).map(Some) }
    }

    fn saw(&mut self, second: i64) {
        self.server_second = self.server_second.max(Some(second));
    }

    fn deletion_second(&mut self, deletion: &Json) -> Result<()> {
        self.saw(deletion.need("at")?.i64()?);
        Ok(())
    }

    /// Reads `ttl` and `expires`, of which both or none must be there.
    fn end(&mut self, json: &Json) -> Result<End> {
        match (json.get("ttl"), json.get("expires")) {
            (None, None) => Ok(End::Never),
            (Some(ttl), Some(expires)) => {
                let (ttl, expires) = (ttl.i64()?, expires.i64()?);
                self.saw(expires - ttl);
                Ok(End::At(expires))
            }
            _ => bail!("ttl without expires, or the other way round"),
        }
    }

    fn marker(&mut self, json: &Json) -> Result<Marker> {
        json.only(&["ttl", "expires"])?;
        Ok(Marker { ts: self.ts, end: self.end(json)? })
    }

    fn bound(&self, range: &Json, name: &str) -> Result<Option<Bound>> {
        let Some(json) = range.get(name) else {
            return Ok(None);
        };
        json.only(&["values", "inclusive"])?;
        let definition = &self.table.definition;
        let columns = &definition.key[definition.partition_key_length..];
        let given = json.need("values")?.array()?;
        ensure!(!given.is_empty() && given.len() <= columns.len(), "{} values in a bound", given.len());
        let mut values = Vec::new();
        for (column, value) in columns.iter().zip(given) {
            values.push(self.nullable(&column.cql_type, value)?);
        }
        let Json::Bool(inclusive) = *json.need("inclusive")? else { bail!("inclusive is not true or false") };
        Ok(Some(Bound { values, inclusive }))
    }

    fn columns(&mut self, cells: Option<&Json>, is_static: bool) -> Result<Vec<(String, ColumnChange)>> {
        let Some(cells) = cells else { return Ok(Vec::new()) };
        let table = self.table;
        let mut columns = Vec::new();
        for (name, json) in cells.object()? {
            let column = table.column(name).with_context(|| format!("no column {name:?}"))?;
            ensure!(
                (column.kind == Kind::Static) == is_static,
                "column {name:?} does not belong to this kind of row"
            );
            let change = self.column(column, json).with_context(|| format!("column {name:?}"))?;
            columns.push((name.clone(), change));
        }
        Ok(columns)
    }

    fn column(&mut self, column: &Column, json: &Json) -> Result<ColumnChange> {
        if column.cql_type.is_multi_cell() {
            return self.complex(&column.cql_type, json);
        }
        if let Some(shards) = json.get("shards") {
            ensure!(
                column.cql_type == CqlType::Native(Native::Counter),
                "shards in a column that is no counter"
            );
            json.only(&["shards"])?;
            let mut read = Vec::new();
            for shard in shards.array()? {
                read.push(Shard {
                    id: shard.need("id")?.str()?.to_owned(),
                    clock: shard.need("clock")?.i64()?,
                    count: shard.need("count")?.i64()?,
                    ts: self.ts,
                });
            }
            return Ok(ColumnChange::Counter(read));
        }
        ensure!(json.get("path").is_none(), "a path in a column without elements");
        let cell = self.cell(&column.cql_type, json)?;
        let is_value = matches!(cell.content, Content::Value(_));
        ensure!(!is_value || column.cql_type != CqlType::Native(Native::Counter), "a counter without shards");
        Ok(ColumnChange::Simple(cell))
    }

    fn cell(&mut self, cql_type: &CqlType, json: &Json) -> Result<Cell> {
        json.only(&["path", "value", "ttl", "expires", "deleted", "at"])?;
        if json.get("deleted").is_some() {
            ensure!(json.get("deleted") == Some(&Json::Bool(true)), "deleted is not true");
            ensure!(json.get("value").is_none(), "a tombstone with a value");
            self.deletion_second(json)?;
            return Ok(Cell { ts: self.ts, end: End::Never, content: Content::Tombstone });
        }
        let value = json.need("value")?;
        ensure!(*value != Json::Null, "a cell's value is null");
        let content = Content::Value(encode(cql_type, value, self.types)?);
        Ok(Cell { ts: self.ts, end: self.end(json)?, content })
    }

    fn complex(&mut self, cql_type: &CqlType, json: &Json) -> Result<ColumnChange> {
        json.only(&["cleared", "elements"])?;
        let cleared = match json.get("cleared") {
            None => None,
            Some(deletion) => {
                self.deletion_second(deletion)?;
                let ts = deletion.need("ts")?.i64()?;
                ensure!(ts == self.ts || ts == self.ts - 1, "cleared at {ts} in a record of {}", self.ts);
                Some(ts)
            }
        };
        let mut elements = Vec::new();
        if let Some(given) = json.get("elements") {
            for element in given.array()? {
                elements.push(self.element(cql_type, element)?);
            }
        }
        ensure!(cleared.is_some() || !elements.is_empty(), "a collection without a change");
        Ok(ColumnChange::Complex { cleared, elements })
    }

    fn element(&mut self, cql_type: &CqlType, json: &Json) -> Result<(Vec<u8>, Cell)> {
        let path = json.need("path")?;
        match cql_type {
            CqlType::List(element) => Ok((uuid(path.str()?)?, self.cell(element, json)?)),
            CqlType::Map(key, value) => Ok((self.path(key, path)?, self.cell(value, json)?)),
            CqlType::Set(element) => {
                let bytes = self.path(element, path)?;
                if json.get("deleted").is_some() {
                    return Ok((bytes, self.cell(element, json)?));
                }
                let no_value = match json.get("value") {
                    None => true,
                    Some(value) => *value == Json::String(String::new()),
                };
                json.only(&["path", "value", "ttl", "expires"])?;
                ensure!(no_value, "a set's element has a value");
                Ok((bytes, Cell { ts: self.ts, end: self.end(json)?, content: Content::Value(Vec::new()) }))
            }
            CqlType::User(name) => {
                let fields = self.types.fields(name)?;
                let at = field_position(fields, path.str()?)?;
                Ok((u16::try_from(at)?.to_be_bytes().to_vec(), self.cell(&fields[at].cql_type, json)?))
            }
            _ => bail!("not a collection"),
        }
    }

    /// Returns the bytes of a set's element or a map's key, which may stand as a value or as JSON's text of a key.
    fn path(&self, cql_type: &CqlType, json: &Json) -> Result<Vec<u8>> {
        match json {
            Json::String(text) => encode_map_key(cql_type, text, self.types),
            value => encode(cql_type, value, self.types),
        }
    }
}
