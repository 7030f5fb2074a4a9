//! Compares rebuilt tables with a dump, to the byte and to the microsecond.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use crate::cql_type::CqlType;
use crate::dump::{self, DumpRow, DumpTable, render};
use crate::report::{Difference, Moment, NotCompared, Report};
use crate::schema::Table;
use crate::state::{Row, State};
use crate::tables::Tables;

/// What is known of a dump beside its content.
#[derive(Clone, Copy, Debug)]
pub struct Info {
    /// Seconds that the dump may have taken at most, from the first table to the last.
    pub dump_seconds_max: i64,
    /// Seconds after the last second that a record names by which the dump was over.
    pub dump_after_seconds_max: i64,
    /// Seconds that the clocks of the nodes were apart at most: one that is ahead names seconds that are still to come.
    pub clocks_apart_seconds_max: i64,
}

impl Default for Info {
    fn default() -> Self {
        Self { dump_seconds_max: 5, dump_after_seconds_max: 30, clocks_apart_seconds_max: 0 }
    }
}

/// Compares `tables` with the dump in `final_jsonl`.
///
/// When the dump was made is not recorded: a value's expiry less its remaining TTL tells it, for all values of a table the
/// same second. Tables without a TTL were read between those before and after them.
///
/// # Errors
/// When the dump cannot be read. What differs is in the report.
pub fn compare(tables: &Tables, final_jsonl: &str, info: &Info) -> Result<Report> {
    let dump = dump::read(final_jsonl)?;
    let mut report = Report::default();
    let mut pairs = Vec::new();
    for dumped in &dump {
        if let Some(table) = choose(tables, dumped, &mut report)
            && let Some(state) = tables.state(table)
        {
            pairs.push((dumped, table, state));
        }
    }
    missing_tables(tables, &dump, &mut report);
    let moments: Vec<Option<i64>> =
        pairs.iter().map(|(dumped, table, state)| moment_of(dumped, table, state)).collect();
    check_moments(tables, &moments, info, &mut report);
    for (at, (dumped, table, state)) in pairs.iter().enumerate() {
        let (first, last) = bounds(tables, &moments, at, info);
        compare_at_best_moment(dumped, table, state, (first, last), &mut report);
    }
    Ok(report)
}

fn full_name(keyspace: &str, table: &str) -> String {
    format!("{keyspace}.{table}")
}

fn whole_table(name: &str, column: &str, expected: &str, found: &str) -> Difference {
    Difference {
        table: name.to_owned(),
        key: String::new(),
        column: column.to_owned(),
        expected: expected.to_owned(),
        found: found.to_owned(),
    }
}

/// Returns the table to compare with, or reports why there is none.
fn choose<'a>(tables: &'a Tables, dumped: &DumpTable, report: &mut Report) -> Option<&'a Table> {
    let name = full_name(&dumped.keyspace, &dumped.table);
    let keyspace = tables.schema.keyspaces.get(&dumped.keyspace);
    if keyspace.is_some_and(|found| found.views.contains(&dumped.table)) {
        report.not_compared.push(NotCompared { table: name, reason: "materialized view".to_owned() });
        return None;
    }
    if keyspace.is_some_and(|found| found.writes_not_durable) {
        report.not_compared.push(NotCompared { table: name, reason: "durable_writes = false".to_owned() });
        return None;
    }
    let Some((_, table)) = tables.live(&dumped.keyspace, &dumped.table) else {
        report.differences.push(whole_table(&name, "", "a table", "no table"));
        return None;
    };
    compare_columns(dumped, table, &name, report);
    Some(table)
}

/// Reports tables that the records have and the dump, in a keyspace of its own, has not.
fn missing_tables(tables: &Tables, dump: &[DumpTable], report: &mut Report) {
    let dumped_keyspaces: BTreeSet<_> = dump.iter().map(|dumped| dumped.keyspace.as_str()).collect();
    for table in tables.schema.tables.values().filter(|table| !table.is_gone) {
        if !dumped_keyspaces.contains(table.keyspace.as_str()) {
            if !report.not_dumped.contains(&table.keyspace) {
                report.not_dumped.push(table.keyspace.clone());
            }
        } else if !dump.iter().any(|dumped| dumped.keyspace == table.keyspace && dumped.table == table.name) {
            let name = full_name(&table.keyspace, &table.name);
            report.differences.push(whole_table(&name, "", "no table", "a table"));
        }
    }
}

fn compare_columns(dumped: &DumpTable, table: &Table, name: &str, report: &mut Report) {
    let found: BTreeMap<_, _> =
        table.definition.visible().map(|column| (column.name.as_str(), column)).collect();
    for (column, kind, cql_type) in &dumped.columns {
        let expected = format!("{kind} {cql_type}");
        match found.get(column.as_str()) {
            None => report.differences.push(whole_table(name, column, &expected, "no such column")),
            Some(other) => {
                let same_type =
                    CqlType::parse(cql_type).is_ok_and(|parsed| parsed.same_column_type(&other.cql_type));
                if !same_type || other.kind.name() != kind {
                    let found = format!("{} {:?}", other.kind.name(), other.cql_type);
                    report.differences.push(whole_table(name, column, &expected, &found));
                }
            }
        }
    }
    for column in found.keys() {
        if !dumped.columns.iter().any(|(other, _, _)| other == column) {
            report.differences.push(whole_table(name, column, "no such column", "a column"));
        }
    }
}

/// Returns a row's key as text: each key column's name and bytes.
fn key_text(table: &Table, value: impl Fn(&str) -> Option<String>) -> String {
    let parts = table.definition.key.iter().map(|column| {
        let bytes = value(&column.name).unwrap_or_else(|| "null".to_owned());
        format!("{}={bytes}", column.name)
    });
    parts.collect::<Vec<_>>().join(" ")
}

fn key_of_row(table: &Table, row: &Row) -> String {
    key_text(table, |name| row.values.get(name).and_then(Option::as_deref).map(render))
}

fn key_of_dump(table: &Table, row: &DumpRow) -> String {
    key_text(table, |name| row.raw.get(name).cloned().flatten())
}

/// Returns the second in which the table was dumped, as most of its remaining TTLs tell it.
fn moment_of(dumped: &DumpTable, table: &Table, state: &State) -> Option<i64> {
    if dumped.rows.iter().all(|row| row.ttls.is_empty()) {
        return None;
    }
    let rows = state.rows(i64::MIN);
    let by_key: BTreeMap<_, _> = rows.iter().map(|row| (key_of_row(table, row), row)).collect();
    let mut votes: BTreeMap<i64, usize> = BTreeMap::new();
    for row in &dumped.rows {
        let Some(found) = by_key.get(&key_of_dump(table, row)) else {
            continue;
        };
        for (column, ttl) in &row.ttls {
            if let Some(expires) = found.expiries.get(column) {
                *votes.entry(expires - ttl).or_default() += 1;
            }
        }
    }
    votes.into_iter().max_by_key(|(_, count)| *count).map(|(second, _)| second)
}

/// Reports the seconds of the dump, and if they cannot be of one dump.
fn check_moments(tables: &Tables, moments: &[Option<i64>], info: &Info, report: &mut Report) {
    let known: Vec<i64> = moments.iter().copied().flatten().collect();
    let (Some(first), Some(last)) = (known.iter().min().copied(), known.iter().max().copied()) else {
        return;
    };
    report.moment = Some(Moment { first, last, tables: known.len() });
    if last - first > info.dump_seconds_max || !known.is_sorted() {
        let found = format!("{known:?}");
        report.differences.push(whole_table(
            "dump",
            "seconds of the tables",
            "one dump in a few seconds",
            &found,
        ));
    }
    if first < tables.last_second - info.clocks_apart_seconds_max
        || last > tables.last_second + info.dump_after_seconds_max
    {
        let expected = format!("soon after {}", tables.last_second);
        report.differences.push(whole_table("dump", "second", &expected, &format!("{first} to {last}")));
    }
}

/// Returns the seconds between which the table at that place was dumped.
fn bounds(tables: &Tables, moments: &[Option<i64>], at: usize, info: &Info) -> (i64, i64) {
    if let Some(moment) = moments[at] {
        return (moment, moment);
    }
    let before = moments[..at].iter().rev().copied().flatten().next();
    let after = moments[at..].iter().copied().flatten().next();
    match (before, after) {
        (Some(before), Some(after)) => (before, after),
        (Some(before), None) => (before, before + info.dump_seconds_max),
        (None, Some(after)) => ((after - info.dump_seconds_max).max(tables.last_second), after),
        (None, None) => (tables.last_second, tables.last_second + info.dump_after_seconds_max),
    }
}

/// Compares at each second within the bounds in which something expires, and keeps the best outcome.
fn compare_at_best_moment(
    dumped: &DumpTable,
    table: &Table,
    state: &State,
    bounds: (i64, i64),
    report: &mut Report,
) {
    let mut candidates = BTreeSet::from([bounds.0]);
    candidates.extend(state.expiries().into_iter().filter(|second| (bounds.0..=bounds.1).contains(second)));
    let mut best: Option<Report> = None;
    for now in candidates {
        let mut tried = Report::default();
        compare_rows(dumped, table, &state.rows(now), now, &mut tried);
        if best.as_ref().is_none_or(|old| tried.differences.len() < old.differences.len()) {
            best = Some(tried);
        }
    }
    let Some(best) = best else { return };
    report.tables += 1;
    report.rows += best.rows;
    report.cells += best.cells;
    report.write_times += best.write_times;
    report.ttls += best.ttls;
    report.differences.extend(best.differences);
}

fn compare_rows(dumped: &DumpTable, table: &Table, rows: &[Row], now: i64, report: &mut Report) {
    let name = full_name(&dumped.keyspace, &dumped.table);
    let mut by_key: BTreeMap<String, &Row> = BTreeMap::new();
    for row in rows {
        by_key.insert(key_of_row(table, row), row);
    }
    for expected in &dumped.rows {
        let key = key_of_dump(table, expected);
        let mut differ = |column: &str, expected: String, found: String| {
            let (table, key) = (name.clone(), key.clone());
            report.differences.push(Difference { table, key, column: column.to_owned(), expected, found });
        };
        let Some(found) = by_key.remove(&key) else {
            differ("", "a row".to_owned(), "no row".to_owned());
            continue;
        };
        let show = |value: Option<String>| value.unwrap_or_else(|| "null".to_owned());
        for (column, value) in &found.values {
            let rendered = value.as_deref().map(render);
            match expected.raw.get(column) {
                None => differ(column, "no such column".to_owned(), show(rendered)),
                Some(other) if *other != rendered => differ(column, show(other.clone()), show(rendered)),
                Some(_) => {}
            }
        }
        for column in expected.raw.keys().filter(|column| !found.values.contains_key(*column)) {
            differ(column, "a column".to_owned(), "no such column".to_owned());
        }
        let ttls = found.expiries.iter().map(|(column, second)| (column.clone(), second - now)).collect();
        compare_numbers(&expected.write_times, &found.write_times, "write time", &mut differ);
        compare_numbers(&expected.ttls, &ttls, "TTL", &mut differ);
        report.write_times += expected.write_times.len();
        report.ttls += expected.ttls.len();
        report.rows += 1;
        report.cells += expected.raw.len();
    }
    for key in by_key.into_keys() {
        let column = String::new();
        report.differences.push(Difference {
            table: name.clone(),
            key,
            column,
            expected: "no row".to_owned(),
            found: "a row".to_owned(),
        });
    }
}

fn compare_numbers(
    expected: &BTreeMap<String, i64>,
    found: &BTreeMap<String, i64>,
    what: &str,
    differ: &mut impl FnMut(&str, String, String),
) {
    let show = |value: Option<&i64>| value.map_or_else(|| "none".to_owned(), i64::to_string);
    let columns: BTreeSet<_> = expected.keys().chain(found.keys()).collect();
    for column in columns {
        let (left, right) = (expected.get(column), found.get(column));
        if left != right {
            differ(&format!("{column} ({what})"), show(left), show(right));
        }
    }
}
