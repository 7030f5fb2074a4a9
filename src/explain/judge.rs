//! Which of all that was written stands, and what became of the rest.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use cassandra_commitlog::{
    Position,
    mutation::Expiration,
    schema::{TableId, TableSchema},
    types::{CqlType, NativeType, compare},
};

use super::{
    deletions::Deletions,
    event::{Content, Event, LoggedAction, LoggedChange, Part, Slot, What},
    fate::{Deletion, Fate, Reason, compare_parts},
    rows::rows,
    state::{CellState, PartitionState, RowState, collect_column},
};
use crate::schema::{ChangeKind, ObjectKind};

/// What became of each event's parts, and what stands in the end.
#[derive(Debug, Default)]
pub struct Judgement {
    /// One fate for each part of each event.
    pub fates: Vec<Vec<Fate>>,
    /// How many parts each event took away.
    pub taken: Vec<usize>,
    /// Whether each range deletion meets a row that is known here.
    pub meets_rows: Vec<bool>,
    /// The partitions of the tables that are there in the end.
    pub partitions: Vec<PartitionState>,
}

/// What happened to a whole table.
#[derive(Debug, Default)]
struct TableFate {
    /// Up to where it was truncated, and by which event; both grow.
    truncations: Vec<(Position, usize)>,
    dropped: Option<usize>,
    /// Up to which write time cells of a column are gone, and by which event.
    columns: HashMap<Box<str>, (i64, Option<usize>)>,
}

/// A partition of a table between two truncations.
type Generation = (TableId, Arc<[u8]>, usize);

/// Judges the events as the table stands at second `now` since 1970. `schemas` are the tables' last ones.
#[expect(clippy::implicit_hasher, reason = "there is one kind of map of schemas here")]
pub fn judge(events: &[Event], schemas: &HashMap<TableId, Arc<TableSchema>>, now: i64) -> Judgement {
    let tables = table_fates(events, schemas);
    let mut generations: BTreeMap<Generation, Vec<usize>> = BTreeMap::new();
    for (number, event) in events.iter().enumerate() {
        let Some(change) = event.change() else { continue };
        let epoch = tables.get(&change.table.id()).map_or(0, |table| table.epoch(event.position));
        let key = (change.table.id(), Arc::clone(&change.partition_key), epoch);
        generations.entry(key).or_default().push(number);
    }
    let fates = events
        .iter()
        .map(|event| vec![Fate::Stands; event.change().map_or(0, |change| change.parts().len())]);
    let judgement = Judgement {
        fates: fates.collect(),
        taken: vec![0; events.len()],
        meets_rows: vec![false; events.len()],
        partitions: Vec::new(),
    };
    let untouched = TableFate::default();
    let mut judge = Judge { events, now, table: &untouched, epoch: 0, judgement };
    for ((id, partition_key, epoch), numbers) in generations {
        judge.table = tables.get(&id).unwrap_or(&untouched);
        judge.epoch = epoch;
        let last = numbers.last().and_then(|number| events.get(*number)).and_then(Event::change);
        let Some(schema) = schemas.get(&id).or(last.map(|change| &change.table)) else {
            continue;
        };
        let state = judge.generation(schema, partition_key, &numbers);
        if judge.table.is_current(epoch) {
            judge.judgement.partitions.push(state);
        }
    }
    judge.judgement
}

fn table_fates(
    events: &[Event],
    schemas: &HashMap<TableId, Arc<TableSchema>>,
) -> HashMap<TableId, TableFate> {
    let mut tables: HashMap<TableId, TableFate> = HashMap::new();
    for (id, schema) in schemas {
        let columns = &mut tables.entry(*id).or_default().columns;
        columns.extend(schema.dropped().iter().map(|it| (it.column.name.clone(), (it.dropped_at, None))));
    }
    for (number, event) in events.iter().enumerate() {
        let Some(id) = event.table_id() else { continue };
        let table = tables.entry(id).or_default();
        match &event.what {
            What::Change(_) => {}
            What::Truncation(truncation) => {
                let known = table.truncations.last();
                if known.is_none_or(|(up_to, _)| truncation.up_to > *up_to) {
                    table.truncations.push((truncation.up_to, number));
                }
            }
            What::Schema(change) => {
                let is_table = matches!(change.object, ObjectKind::Table | ObjectKind::View);
                if is_table && change.change == ChangeKind::Drop {
                    table.dropped = Some(number);
                }
                for (name, time) in &change.dropped {
                    let known = table.columns.entry(name.clone()).or_insert((*time, None));
                    if *time >= known.0 {
                        *known = (*time, Some(number));
                    }
                }
            }
        }
    }
    tables
}

impl TableFate {
    /// Returns between which truncations a position is: what one took can't beat what came after it.
    fn epoch(&self, position: Position) -> usize {
        self.truncations.partition_point(|(up_to, _)| *up_to < position)
    }

    fn is_current(&self, epoch: usize) -> bool {
        self.dropped.is_none() && epoch == self.truncations.len()
    }
}

/// A part by the number of its event and its place there.
#[derive(Debug, Clone, Copy)]
struct PartRef<'e> {
    event: usize,
    at: usize,
    change: &'e LoggedChange,
    part: &'e Part,
}

/// What may take a part, besides another one in its slot.
#[derive(Clone, Copy)]
struct Scope<'s> {
    deletions: &'s [(&'s Deletions, Deletion)],
    column: Option<(i64, Option<usize>)>,
}

struct Judge<'e> {
    events: &'e [Event],
    now: i64,
    table: &'e TableFate,
    epoch: usize,
    judgement: Judgement,
}

impl<'e> Judge<'e> {
    fn change(&self, number: usize) -> Option<&'e LoggedChange> {
        self.events.get(number).and_then(Event::change)
    }

    /// Judges what was written to a partition between two truncations.
    fn generation(
        &mut self,
        schema: &Arc<TableSchema>,
        partition_key: Arc<[u8]>,
        numbers: &[usize],
    ) -> PartitionState {
        let mut partition = Deletions::default();
        let mut static_events = Vec::new();
        for &number in numbers {
            match self.change(number).map(|change| (change.timestamp, &change.action)) {
                Some((timestamp, LoggedAction::DeletePartition)) => partition.push(number, timestamp),
                Some((_, LoggedAction::Write { clustering: None, .. })) => static_events.push(number),
                _ => {}
            }
        }
        let deletions = [(&partition, Deletion::Partition)];
        let (_, cells) = self.row(schema, &static_events, &deletions);
        let mut state = PartitionState {
            table: Arc::clone(schema),
            partition_key,
            static_cells: cells,
            rows: Vec::new(),
        };
        for row in rows(schema.clustering(), self.events, numbers) {
            let (mut own, mut ranges) = (Deletions::default(), Deletions::default());
            for &number in &row.events {
                if let Some(LoggedChange { timestamp, action: LoggedAction::DeleteRow { .. }, .. }) =
                    self.change(number)
                {
                    own.push(number, *timestamp);
                }
            }
            for &number in &row.ranges {
                ranges.push(number, self.change(number).map_or(i64::MIN, |change| change.timestamp));
                if let Some(meets) = self.judgement.meets_rows.get_mut(number) {
                    *meets = true;
                }
            }
            let deletions =
                [(&own, Deletion::Row), (&ranges, Deletion::Range), (&partition, Deletion::Partition)];
            let (marker, cells) = self.row(schema, &row.events, &deletions);
            if marker.is_some() || !cells.is_empty() {
                state.rows.push(RowState { clustering: row.clustering.clone(), marker, cells });
            }
        }
        state
    }

    /// Judges what was written to a row; returns the marker's write time and the cells that stand.
    fn row(
        &mut self,
        schema: &TableSchema,
        numbers: &[usize],
        deletions: &[(&Deletions, Deletion)],
    ) -> (Option<(i64, Option<Expiration>)>, Vec<CellState>) {
        let mut marker = Vec::new();
        let mut columns: BTreeMap<&'e [u8], Vec<PartRef<'e>>> = BTreeMap::new();
        for &event in numbers {
            let Some(change) = self.change(event) else {
                continue;
            };
            for (at, part) in change.parts().iter().enumerate() {
                let part = PartRef { event, at, change, part };
                match part.part.slot.column().map(|index| change.column(index)) {
                    None => marker.push(part),
                    Some(Some(column)) => columns.entry(&column.name_bytes).or_default().push(part),
                    Some(None) => {}
                }
            }
        }
        let marker = self.compete(&marker, Scope { deletions, column: None });
        let mut cells = Vec::new();
        for (name, parts) in columns {
            let standing = self.column(schema, &parts, deletions);
            if let Some(cell) = schema.value_column(name).and_then(|column| collect_column(column, &standing))
            {
                cells.push(cell);
            }
        }
        (marker.map(|marker| (marker.timestamp, marker.expiration())), cells)
    }

    /// Judges what was written to a column of a row, and returns what stands of it with a value.
    fn column(
        &mut self,
        schema: &TableSchema,
        parts: &[PartRef<'e>],
        deletions: &[(&Deletions, Deletion)],
    ) -> Vec<&'e Part> {
        let Some(column) = parts.last().and_then(|it| it.change.column(it.part.slot.column()?)) else {
            return Vec::new();
        };
        let column = schema.value_column(&column.name_bytes).unwrap_or(column);
        let mut inner = Deletions::default();
        let kind = if column.ty == CqlType::Native(NativeType::Counter) {
            Deletion::Counter
        } else {
            Deletion::Cleared
        };
        let is_inner_deletion = |part: &Part| match part.slot {
            Slot::Cleared(_) => true,
            Slot::Cell(_) => kind == Deletion::Counter && part.content == Content::Tombstone,
            _ => false,
        };
        for part in parts.iter().filter(|it| is_inner_deletion(it.part)) {
            inner.push(part.event, part.part.timestamp);
        }
        let drop = self.table.columns.get(&column.name).copied();
        let scope = Scope { deletions, column: drop };
        let (cleared, mut slots): (Vec<_>, Vec<_>) = parts.iter().partition(|it| is_inner_deletion(it.part));
        self.compete(&cleared, scope);
        let mut with_inner = deletions.to_vec();
        with_inner.push((&inner, kind));
        let scope = Scope { deletions: &with_inner, column: drop };
        let path_type = path_type(&column.ty);
        slots.sort_by(|a, b| compare_slots(path_type, &a.part.slot, &b.part.slot));
        let same = |a: &PartRef<'_>, b: &PartRef<'_>| {
            compare_slots(path_type, &a.part.slot, &b.part.slot) == Ordering::Equal
        };
        slots.chunk_by(same).filter_map(|slot| self.compete(slot, scope)).collect()
    }

    /// Judges what was written to one slot, in order of the log; returns the one that stands, if it is a value.
    fn compete(&mut self, parts: &[PartRef<'e>], scope: Scope<'_>) -> Option<&'e Part> {
        let mut best: Option<PartRef<'e>> = None;
        let mut last = None;
        for part in parts {
            let taken = self.first_taking(part, scope);
            self.settle(part, taken);
            // A shard wins by its clock, whatever its time: one that was deleted must not beat one that was not.
            if matches!(part.part.slot, Slot::Shard(..)) && taken.is_some() {
                continue;
            }
            let Some(holder) = best else {
                best = Some(*part);
                last = Some((*part, taken));
                continue;
            };
            match compare_parts(part.part, holder.part) {
                (Ordering::Greater, reason) => {
                    self.overwrite(
                        &holder,
                        last.and_then(|(_, taken)| taken),
                        Fate::Overwritten(part.event, reason),
                        part.event,
                    );
                    best = Some(*part);
                    last = Some((*part, taken));
                }
                (_, reason) => {
                    self.overwrite(part, taken, Fate::Overwritten(holder.event, reason), part.event);
                }
            }
        }
        let (winner, taken) = last?;
        if taken.is_some() || winner.part.content == Content::Tombstone {
            return None;
        }
        if winner.part.expiration().is_some_and(|it| it.expires_at <= self.now) {
            self.settle(&winner, Some((0, Fate::Expired)));
            return None;
        }
        Some(winner.part)
    }

    /// Notes that a part lost, unless something else had taken it before event `at`.
    fn overwrite(&mut self, part: &PartRef<'_>, taken: Option<(usize, Fate)>, fate: Fate, at: usize) {
        if taken.is_none_or(|(when, _)| at < when) {
            if let Some((_, old)) = taken {
                self.count(old, -1);
            }
            self.settle(part, Some((at, fate)));
        }
    }

    fn settle(&mut self, part: &PartRef<'_>, taken: Option<(usize, Fate)>) {
        let Some((_, fate)) = taken else { return };
        let slot = self.judgement.fates.get_mut(part.event).and_then(|fates| fates.get_mut(part.at));
        if let Some(slot) = slot {
            *slot = fate;
        }
        self.count(fate, 1);
    }

    fn count(&mut self, fate: Fate, by: isize) {
        let is_copy = matches!(fate, Fate::Overwritten(_, Reason::Same));
        let count = fate.event().filter(|_| !is_copy).and_then(|event| self.judgement.taken.get_mut(event));
        if let Some(count) = count {
            *count = count.saturating_add_signed(by);
        }
    }

    /// Returns what first took a part, other than another write to its slot, and when: the number of the event,
    /// or of its own if it was gone as soon as it came.
    fn first_taking(&self, part: &PartRef<'_>, scope: Scope<'_>) -> Option<(usize, Fate)> {
        let timestamp = part.part.timestamp;
        let mut found: Vec<(usize, Fate)> = Vec::new();
        for (deletions, kind) in scope.deletions {
            if let Some(event) = deletions.first_meeting(part.event, timestamp) {
                found.push((event.max(part.event), Fate::Deleted(event, *kind)));
            }
        }
        if let Some((_, event)) = scope.column.filter(|(time, _)| timestamp <= *time) {
            found.push((event.unwrap_or(usize::MAX).max(part.event), Fate::ColumnDropped(event)));
        }
        if let Some((_, event)) = self.table.truncations.get(self.epoch) {
            found.push(((*event).max(part.event), Fate::Truncated(*event)));
        }
        if let Some(event) = self.table.dropped {
            found.push((event.max(part.event), Fate::TableDropped(event)));
        }
        found.into_iter().min_by_key(|(when, _)| *when)
    }
}

/// Returns the type by which paths of a column are compared; none: by their bytes.
pub(super) fn path_type(ty: &CqlType) -> Option<&CqlType> {
    const TIMEUUID: &CqlType = &CqlType::Native(NativeType::Timeuuid);
    match ty {
        CqlType::Set(element, _) => Some(element),
        CqlType::Map(entry, _) => Some(&entry.0),
        CqlType::List(..) => Some(TIMEUUID),
        _ => None,
    }
}

fn compare_slots(path_type: Option<&CqlType>, a: &Slot, b: &Slot) -> Ordering {
    match (a, b) {
        (Slot::Element(_, a), Slot::Element(_, b)) => match path_type {
            Some(ty) => compare(ty, a, b),
            None => a.cmp(b),
        },
        (Slot::Shard(_, a), Slot::Shard(_, b)) => a.cmp(b),
        (a, b) => rank(a).cmp(&rank(b)),
    }
}

fn rank(slot: &Slot) -> u8 {
    match slot {
        Slot::Marker => 0,
        Slot::Cell(_) => 1,
        Slot::Cleared(_) => 2,
        Slot::Element(..) => 3,
        Slot::Shard(..) => 4,
    }
}
