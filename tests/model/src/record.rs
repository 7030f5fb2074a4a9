//! One record of the native JSON format, taken apart.

use anyhow::{Context, Result, bail, ensure};

use crate::json::Json;

/// What a record tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    /// A row change with a row marker.
    Insert,
    /// A row change without one.
    Update,
    /// A row deletion.
    Delete,
    /// A range deletion.
    DeleteRange,
    /// A partition deletion.
    DeletePartition,
    /// A truncation by one node.
    Truncate,
    /// A change of the schema.
    Ddl,
    /// A row as it stood when reading began.
    Snapshot,
}

/// A place in a node's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    /// Segment id.
    pub(crate) segment: i64,
    /// Logical end offset of the entry.
    pub(crate) offset: i64,
}

impl Position {
    fn read(json: &Json) -> Result<Self> {
        Ok(Self { segment: segment_id(json.need("segment")?)?, offset: json.need("position")?.i64()? })
    }

    /// Says whether this place is not behind `end`.
    pub(crate) fn is_up_to(&self, end: &Self) -> bool {
        (self.segment, self.offset) <= (end.segment, end.offset)
    }
}

/// Returns a segment's id, which may stand as a number or in the segment's name.
fn segment_id(json: &Json) -> Result<i64> {
    let Json::String(name) = json else {
        return json.i64();
    };
    let id = name.strip_suffix(".log").unwrap_or(name).rsplit('-').next().unwrap_or(name);
    id.parse().with_context(|| format!("not a segment: {name:?}"))
}

/// Where a record comes from.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// Node; `None` where a record does not name it.
    pub(crate) host_id: Option<String>,
    /// Keyspace.
    pub(crate) keyspace: String,
    /// Table; empty in DDL of keyspaces and types.
    pub(crate) table: String,
    /// Table id; empty in DDL of keyspaces and types.
    pub(crate) table_id: String,
    /// Place in the node's log; `None` in a snapshot.
    pub(crate) position: Option<Position>,
}

impl Source {
    fn read(json: &Json) -> Result<Self> {
        let text = |name: &str| match json.get(name) {
            None | Some(Json::Null) => Ok(None),
            Some(value) => value.str().map(|text| Some(text.to_owned())),
        };
        let has_position = !matches!(json.get("position"), None | Some(Json::Null));
        Ok(Self {
            host_id: text("host_id")?,
            keyspace: text("keyspace")?.context("no keyspace in source")?,
            table: text("table")?.unwrap_or_default(),
            table_id: text("table_id")?.unwrap_or_default().to_lowercase(),
            position: if has_position { Some(Position::read(json)?) } else { None },
        })
    }
}

/// A record.
#[derive(Debug)]
pub(crate) struct Record {
    /// What it tells.
    pub(crate) op: Op,
    /// Write time of everything in it, µs; 0 where a truncation gives none.
    pub(crate) ts: i64,
    /// Where it comes from.
    pub(crate) source: Source,
    /// All of it.
    pub(crate) json: Json,
}

impl Record {
    /// Reads a record and checks that it has what its `op` asks for, and nothing unknown.
    pub(crate) fn read(text: &str) -> Result<Self> {
        let json = Json::parse(text)?;
        let (op, allowed): (_, &[&str]) = match json.need("op")?.str()? {
            "insert" => (Op::Insert, &["key", "row", "cells"]),
            "update" => (Op::Update, &["key", "static", "cells"]),
            "delete" => (Op::Delete, &["key", "deleted"]),
            "delete_range" => (Op::DeleteRange, &["key", "deleted", "range"]),
            "delete_partition" => (Op::DeletePartition, &["key", "deleted"]),
            "truncate" => (Op::Truncate, &["key", "truncated"]),
            "ddl" => (Op::Ddl, &["key", "ddl"]),
            "snapshot" => (Op::Snapshot, &["key", "static", "row", "cells"]),
            other => bail!("unknown op {other:?}"),
        };
        for (name, _) in json.object()? {
            let known = ["op", "ts", "source"].contains(&name.as_str()) || allowed.contains(&name.as_str());
            ensure!(known, "a record of op {op:?} has no {name:?}");
        }
        let required: &[&str] = match op {
            Op::Insert => &["key", "row"],
            Op::Update => &["key", "cells"],
            Op::Delete | Op::DeletePartition => &["key", "deleted"],
            Op::DeleteRange => &["key", "deleted", "range"],
            Op::Truncate => &["truncated"],
            Op::Ddl => &["ddl"],
            Op::Snapshot => &["key"],
        };
        for name in required {
            json.need(name)?;
        }
        let ts = match json.get("ts") {
            None | Some(Json::Null) if op == Op::Truncate => 0,
            _ => json.need("ts")?.i64()?,
        };
        let source = Source::read(json.need("source")?)?;
        Ok(Self { op, ts, source, json })
    }

    /// Says whether it is about the static row.
    pub(crate) fn is_static(&self) -> bool {
        self.json.get("static") == Some(&Json::Bool(true))
    }

    /// Returns where a truncation ends.
    pub(crate) fn truncated(&self) -> Result<Position> {
        Position::read(self.json.need("truncated")?)
    }
}
