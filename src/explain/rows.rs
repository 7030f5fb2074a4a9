//! Which events concern which row.

use std::cmp::Ordering;

use cassandra_commitlog::{schema::Column, types::compare_clusterings};

use super::event::{Event, LoggedAction, LoggedBound, Values};

/// A row with the events that concern it alone.
#[derive(Debug)]
pub(super) struct RowEvents<'e> {
    pub(super) clustering: &'e Values,
    /// Numbers of its writes and deletions, in order of the log.
    pub(super) events: Vec<usize>,
    /// Numbers of the range deletions that meet it, in order of the log.
    pub(super) ranges: Vec<usize>,
}

/// Puts the events of some partition together by rows, in clustering order.
pub(super) fn rows<'e>(columns: &[Column], events: &'e [Event], numbers: &[usize]) -> Vec<RowEvents<'e>> {
    let mut found: Vec<(&Values, usize)> = Vec::new();
    for &number in numbers {
        if let Some(
            LoggedAction::Write { clustering: Some(clustering), .. } | LoggedAction::DeleteRow { clustering },
        ) = events.get(number).and_then(Event::change).map(|change| &change.action)
        {
            found.push((clustering, number));
        }
    }
    // Stable: the events of a row stay in the log's order.
    found.sort_by(|(a, _), (b, _)| compare_clusterings(columns, a, b));
    let mut rows: Vec<RowEvents<'e>> = Vec::new();
    for (clustering, number) in found {
        match rows.last_mut() {
            Some(row) if compare_clusterings(columns, row.clustering, clustering) == Ordering::Equal => {
                row.events.push(number);
            }
            _ => rows.push(RowEvents { clustering, events: vec![number], ranges: Vec::new() }),
        }
    }
    put_ranges(columns, events, numbers, &mut rows);
    rows
}

/// A range covers a run of the rows: found by halving, then all runs are walked at once.
fn put_ranges(columns: &[Column], events: &[Event], numbers: &[usize], rows: &mut [RowEvents<'_>]) {
    let mut runs: Vec<(usize, usize, usize)> = Vec::new();
    for &number in numbers {
        let Some(LoggedAction::DeleteRange { start, end }) =
            events.get(number).and_then(Event::change).map(|change| &change.action)
        else {
            continue;
        };
        let is_before_start = |row: &RowEvents<'_>| {
            start.as_ref().is_some_and(|start| match to_bound(columns, row, start) {
                Ordering::Equal => !start.inclusive,
                order => order == Ordering::Less,
            })
        };
        let is_before_end = |row: &RowEvents<'_>| {
            end.as_ref().is_none_or(|end| match to_bound(columns, row, end) {
                Ordering::Equal => end.inclusive,
                order => order == Ordering::Less,
            })
        };
        let run = (rows.partition_point(is_before_start), rows.partition_point(is_before_end), number);
        if run.0 < run.1 {
            runs.push(run);
        }
    }
    runs.sort_unstable();
    let mut runs = runs.into_iter().peekable();
    let mut open: Vec<(usize, usize)> = Vec::new();
    for (at, row) in rows.iter_mut().enumerate() {
        open.retain(|(end, _)| *end > at);
        while let Some((_, end, number)) = runs.next_if(|(start, ..)| *start <= at) {
            open.push((end, number));
        }
        row.ranges.extend(open.iter().map(|(_, number)| *number));
        row.ranges.sort_unstable();
    }
}

fn to_bound(columns: &[Column], row: &RowEvents<'_>, bound: &LoggedBound) -> Ordering {
    compare_clusterings(columns, row.clustering, &bound.values)
}
