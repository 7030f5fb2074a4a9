//! A table's content by the rules of "Rebuilding the table".

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use crate::change::{Bound, Cell, Change, ColumnChange, Content, End, Marker, Shard, Values, What};
use crate::cql_type::CqlType;
use crate::ddl::{Column, Kind};
use crate::encode::{UserTypes, put};
use crate::identity::identity;
use crate::order::{compare, compare_timeuuids};
use crate::schema::Table;

/// A row at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Every visible column's bytes as the native protocol shows them.
    pub values: BTreeMap<String, Option<Vec<u8>>>,
    /// Write times of the simple columns that have a value, µs.
    pub write_times: BTreeMap<String, i64>,
    /// Second from which on a simple column's value is gone.
    pub expiries: BTreeMap<String, i64>,
}

/// Everything that was told of one column of one row.
#[derive(Debug)]
struct ColumnState {
    cleared: i64,
    simple: Option<Cell>,
    elements: BTreeMap<Vec<u8>, (Vec<u8>, Cell)>,
    shards: Vec<Shard>,
}

impl Default for ColumnState {
    fn default() -> Self {
        Self { cleared: i64::MIN, simple: None, elements: BTreeMap::new(), shards: Vec::new() }
    }
}

#[derive(Debug)]
struct RowState {
    clustering: Values,
    deleted: i64,
    marker: Option<Marker>,
    columns: BTreeMap<String, ColumnState>,
}

impl RowState {
    fn new(clustering: Values) -> Self {
        Self { clustering, deleted: i64::MIN, marker: None, columns: BTreeMap::new() }
    }
}

#[derive(Debug)]
struct PartitionState {
    deleted: i64,
    ranges: Vec<(i64, Option<Bound>, Option<Bound>)>,
    static_row: RowState,
    rows: BTreeMap<Vec<Vec<u8>>, RowState>,
}

/// A table's content, with what is deleted or expired still in it.
pub(crate) struct State<'a> {
    table: &'a Table,
    types: &'a UserTypes,
    partitions: BTreeMap<Vec<Vec<u8>>, PartitionState>,
}

fn end_second(end: End) -> i64 {
    match end {
        End::Never => i64::MAX,
        End::At(second) => second,
    }
}

/// Compares cells of one place: the greater one stays. A tombstone beats an expiring value beats a lasting one, then the later
/// expiry counts, then the greater bytes.
fn compare_cells(left: &Cell, right: &Cell) -> Ordering {
    let rank = |cell: &Cell| match (&cell.content, cell.end) {
        (Content::Tombstone, _) => 2,
        (_, End::At(_)) => 1,
        (_, End::Never) => 0,
    };
    let bytes = |cell: &Cell| match &cell.content {
        Content::Value(bytes) => bytes.clone(),
        Content::Tombstone => Vec::new(),
    };
    left.ts
        .cmp(&right.ts)
        .then_with(|| rank(left).cmp(&rank(right)))
        .then_with(|| end_second(left.end).cmp(&end_second(right.end)))
        .then_with(|| bytes(left).cmp(&bytes(right)))
}

fn compare_markers(left: &Marker, right: &Marker) -> Ordering {
    let expiring = |marker: &Marker| marker.end != End::Never;
    left.ts
        .cmp(&right.ts)
        .then_with(|| expiring(left).cmp(&expiring(right)))
        .then_with(|| end_second(left.end).cmp(&end_second(right.end)))
}

impl ColumnState {
    fn apply(&mut self, cql_type: &CqlType, change: ColumnChange, types: &UserTypes) {
        match change {
            ColumnChange::Simple(cell) => {
                if self.simple.as_ref().is_none_or(|old| compare_cells(&cell, old) == Ordering::Greater) {
                    self.simple = Some(cell);
                }
            }
            ColumnChange::Complex { cleared, elements } => {
                self.cleared = self.cleared.max(cleared.unwrap_or(i64::MIN));
                for (path, cell) in elements {
                    let place = match cql_type {
                        CqlType::Set(inner) | CqlType::Map(inner, _) => identity(inner, &path, types),
                        _ => path.clone(),
                    };
                    let loses = self
                        .elements
                        .get(&place)
                        .is_some_and(|(_, old)| compare_cells(&cell, old) != Ordering::Greater);
                    if !loses {
                        self.elements.insert(place, (path, cell));
                    }
                }
            }
            ColumnChange::Counter(shards) => self.shards.extend(shards),
        }
    }
}

impl<'a> State<'a> {
    /// Rebuilds the table from its changes, without those that a truncation took away.
    pub(crate) fn new(table: &'a Table, types: &'a UserTypes) -> Self {
        let mut state = Self { table, types, partitions: BTreeMap::new() };
        for change in &table.changes {
            if !table.is_truncated(change) {
                state.apply(change);
            }
        }
        state
    }

    fn clustering_columns(&self) -> &'a [Column] {
        &self.table.definition.key[self.table.definition.partition_key_length..]
    }

    fn apply(&mut self, change: &Change) {
        let clustering_columns = self.clustering_columns();
        let (table, types) = (self.table, self.types);
        let partition = self.partitions.entry(change.partition.clone()).or_insert_with(|| PartitionState {
            deleted: i64::MIN,
            ranges: Vec::new(),
            static_row: RowState::new(vec![None; clustering_columns.len()]),
            rows: BTreeMap::new(),
        });
        let place = |clustering: &Values| -> Vec<Vec<u8>> {
            let one = |(column, value): (&Column, &Option<Vec<u8>>)| match value {
                None => vec![0],
                Some(bytes) => [vec![1], identity(&column.cql_type, bytes, types)].concat(),
            };
            clustering_columns.iter().zip(clustering).map(one).collect()
        };
        match &change.what {
            What::DeletePartition => partition.deleted = partition.deleted.max(change.ts),
            What::DeleteRange { start, end } => {
                partition.ranges.push((change.ts, start.clone(), end.clone()));
            }
            What::DeleteRow(clustering) => {
                let row = partition
                    .rows
                    .entry(place(clustering))
                    .or_insert_with(|| RowState::new(clustering.clone()));
                row.deleted = row.deleted.max(change.ts);
            }
            What::Write { clustering, marker, columns } => {
                let row = match clustering {
                    None => &mut partition.static_row,
                    Some(values) => {
                        partition.rows.entry(place(values)).or_insert_with(|| RowState::new(values.clone()))
                    }
                };
                if let Some(new) = marker
                    && row.marker.as_ref().is_none_or(|old| compare_markers(new, old) == Ordering::Greater)
                {
                    row.marker = Some(new.clone());
                }
                for (name, column_change) in columns {
                    let Some(column) = table.column(name) else {
                        continue;
                    };
                    let state = row.columns.entry(name.clone()).or_default();
                    state.apply(&column.cql_type, column_change.clone(), types);
                }
            }
        }
    }

    /// Says whether a range covers a row. A bound's values are a prefix; a DESC column counts down.
    fn covers(&self, start: Option<&Bound>, end: Option<&Bound>, clustering: &Values) -> bool {
        let order = |bound: &Bound| {
            for (column, (value, limit)) in
                self.clustering_columns().iter().zip(clustering.iter().zip(&bound.values))
            {
                let order = match (value, limit) {
                    (Some(value), Some(limit)) => {
                        let order = compare(&column.cql_type, value, limit, self.types);
                        if column.descending { order.reverse() } else { order }
                    }
                    (value, limit) => value.is_some().cmp(&limit.is_some()),
                };
                if order != Ordering::Equal {
                    return order;
                }
            }
            Ordering::Equal
        };
        let inside = |bound: &Bound, wanted: Ordering| {
            let order = order(bound);
            order == wanted || order == Ordering::Equal && bound.inclusive
        };
        start.is_none_or(|bound| inside(bound, Ordering::Greater))
            && end.is_none_or(|bound| inside(bound, Ordering::Less))
    }

    /// Returns the rows that are there at `now` (seconds); `i64::MIN` = as if nothing ever expired.
    pub(crate) fn rows(&self, now: i64) -> Vec<Row> {
        let mut rows = Vec::new();
        for (key, partition) in &self.partitions {
            let mut fixed = self.base(key, None);
            let has_static =
                self.fill(&mut fixed, &partition.static_row, partition.deleted, Kind::Static, now);
            let before = rows.len();
            for row in partition.rows.values() {
                let mut floor = partition.deleted.max(row.deleted);
                for (ts, start, end) in &partition.ranges {
                    if *ts > floor && self.covers(start.as_ref(), end.as_ref(), &row.clustering) {
                        floor = *ts;
                    }
                }
                let mut shown = fixed.clone();
                shown.values.extend(self.base(key, Some(&row.clustering)).values);
                let has_cells = self.fill(&mut shown, row, floor, Kind::Regular, now);
                let has_marker = row.marker.as_ref().is_some_and(|m| m.ts > floor && end_second(m.end) > now);
                if has_cells || has_marker {
                    rows.push(shown);
                }
            }
            if has_static && rows.len() == before {
                let mut shown = fixed;
                for column in self
                    .table
                    .definition
                    .visible()
                    .filter(|c| matches!(c.kind, Kind::Clustering | Kind::Regular))
                {
                    shown.values.insert(column.name.clone(), None);
                }
                rows.push(shown);
            }
        }
        rows
    }

    /// Returns every second in which something of the table expires.
    pub(crate) fn expiries(&self) -> BTreeSet<i64> {
        let mut seconds = BTreeSet::new();
        let mut see = |end: End| {
            if let End::At(second) = end {
                seconds.insert(second);
            }
        };
        for partition in self.partitions.values() {
            for row in partition.rows.values().chain([&partition.static_row]) {
                if let Some(marker) = &row.marker {
                    see(marker.end);
                }
                for column in row.columns.values() {
                    let elements = column.elements.values().map(|(_, cell)| cell);
                    elements.chain(&column.simple).for_each(|cell| see(cell.end));
                }
            }
        }
        seconds
    }

    fn base(&self, key: &[Vec<u8>], clustering: Option<&Values>) -> Row {
        let mut values = BTreeMap::new();
        for (column, value) in self.table.definition.key.iter().zip(key) {
            values.insert(column.name.clone(), Some(value.clone()));
        }
        for (column, value) in self.clustering_columns().iter().zip(clustering.into_iter().flatten()) {
            values.insert(column.name.clone(), value.clone());
        }
        Row { values, write_times: BTreeMap::new(), expiries: BTreeMap::new() }
    }

    /// Puts the columns of that kind into `shown` and says whether any of them, be it a hidden one, lives.
    fn fill(&self, shown: &mut Row, row: &RowState, floor: i64, kind: Kind, now: i64) -> bool {
        let mut lives = false;
        for column in self.table.definition.columns.iter().filter(|column| column.kind == kind) {
            let dropped = self.table.dropped.get(&column.name).copied().unwrap_or(i64::MIN);
            let floor = floor.max(dropped);
            let value =
                row.columns.get(&column.name).and_then(|state| self.value(shown, column, state, floor, now));
            lives |= value.is_some();
            if !column.hidden {
                shown.values.insert(column.name.clone(), value);
            }
        }
        lives
    }

    fn value(
        &self,
        shown: &mut Row,
        column: &Column,
        state: &ColumnState,
        floor: i64,
        now: i64,
    ) -> Option<Vec<u8>> {
        if column.cql_type.is_multi_cell() {
            return self.collection(column, state, floor.max(state.cleared), now);
        }
        let tombstone =
            state.simple.as_ref().filter(|cell| cell.content == Content::Tombstone).map(|cell| cell.ts);
        if !state.shards.is_empty() {
            return counter(&state.shards, floor.max(tombstone.unwrap_or(i64::MIN)));
        }
        let cell = state.simple.as_ref()?;
        let bytes = living(cell, floor, now)?;
        if !column.hidden {
            shown.write_times.insert(column.name.clone(), cell.ts);
            if let End::At(second) = cell.end {
                shown.expiries.insert(column.name.clone(), second);
            }
        }
        Some(bytes.to_vec())
    }

    fn collection(&self, column: &Column, state: &ColumnState, floor: i64, now: i64) -> Option<Vec<u8>> {
        let mut elements: Vec<(&[u8], &[u8])> = state
            .elements
            .values()
            .filter_map(|(path, cell)| living(cell, floor, now).map(|bytes| (path.as_slice(), bytes)))
            .collect();
        if elements.is_empty() {
            return None;
        }
        let mut out = Vec::new();
        match &column.cql_type {
            CqlType::User(name) => {
                let fields = self.types.fields(name).map_or(0, <[_]>::len);
                for at in 0..fields {
                    let path = (at as u16).to_be_bytes();
                    let found = elements.iter().find(|(p, _)| *p == path).map(|(_, bytes)| *bytes);
                    put(&mut out, found).ok()?;
                }
                return Some(out);
            }
            CqlType::Set(inner) | CqlType::Map(inner, _) => {
                elements.sort_by(|a, b| compare(inner, a.0, b.0, self.types));
            }
            _ => elements.sort_by(|a, b| compare_timeuuids(a.0, b.0)),
        }
        out.extend_from_slice(&(elements.len() as i32).to_be_bytes());
        for (path, bytes) in elements {
            if !matches!(column.cql_type, CqlType::List(_)) {
                put(&mut out, Some(path)).ok()?;
            }
            if !matches!(column.cql_type, CqlType::Set(_)) {
                put(&mut out, Some(bytes)).ok()?;
            }
        }
        Some(out)
    }
}

/// Returns a cell's bytes if it is neither deleted nor expired.
fn living(cell: &Cell, floor: i64, now: i64) -> Option<&[u8]> {
    let Content::Value(bytes) = &cell.content else {
        return None;
    };
    (cell.ts > floor && end_second(cell.end) > now).then_some(bytes)
}

/// Returns the sum of each shard's count at its greatest clock.
fn counter(shards: &[Shard], floor: i64) -> Option<Vec<u8>> {
    let mut greatest: BTreeMap<&str, &Shard> = BTreeMap::new();
    for shard in shards.iter().filter(|shard| shard.ts > floor) {
        let kept = greatest.entry(&shard.id).or_insert(shard);
        if (shard.clock, shard.count) > (kept.clock, kept.count) {
            *kept = shard;
        }
    }
    if greatest.is_empty() {
        return None;
    }
    let sum = greatest.values().fold(0i64, |sum, shard| sum.wrapping_add(shard.count));
    Some(sum.to_be_bytes().to_vec())
}
