//! The records of `ringtap replay` give the tables as Cassandra itself returned them through CQL.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::AddAssign,
    path::PathBuf,
};

use serde_json::Value;
use table_model::{Info, Report, Tables, compare};

use crate::golden::{self, GoldenSet, arguments, ringtap};

/// What was compared, of one set or all.
#[derive(Debug, Default, PartialEq, Eq)]
struct Totals {
    tables: usize,
    rows: usize,
    values: usize,
    write_times: usize,
    ttls: usize,
}

impl AddAssign<&Report> for Totals {
    fn add_assign(&mut self, report: &Report) {
        self.tables += report.tables;
        self.rows += report.rows;
        self.values += report.cells;
        self.write_times += report.write_times;
        self.ttls += report.ttls;
    }
}

#[test]
fn the_tables_of_every_golden_set_follow_from_its_records() {
    let sets: Vec<&GoldenSet> =
        golden::sets().iter().filter(|set| set.path("final.jsonl").exists()).collect();
    let reports = golden::for_each(&sets, |set| {
        let mut tables = Tables::new();
        tables.apply_lines(&records(set)).unwrap_or_else(|error| panic!("{}: {error:#}", set.name));
        let report = compare(&tables, &set.text("final.jsonl"), &Info::default()).unwrap();
        assert!(report.is_equal(), "{}: {report}", set.name);
        report
    });
    let mut totals = Totals::default();
    let mut not_compared = BTreeSet::new();
    for report in &reports {
        totals += report;
        not_compared.extend(report.not_compared.iter().map(|table| (&*table.table, &*table.reason)));
    }
    println!("{} sets: {totals:?}", reports.len());
    println!("not compared: {not_compared:?}");
    assert_eq!(not_compared, BTreeSet::from(NOT_COMPARED), "all else is compared");
    assert_eq!(totals, TOTALS);
}

/// Tables that no log has: views are made from other tables' records, and keyspaces without durable writes
/// leave nothing.
const NOT_COMPARED: [(&str, &str); 2] =
    [("nodur.x", "durable_writes = false"), ("ops.mv1", "materialized view")];

/// All that final.jsonl of all sets has.
const TOTALS: Totals = Totals { tables: 345, rows: 18_926, values: 240_778, write_times: 82_403, ttls: 487 };

fn records(set: &GoldenSet) -> String {
    let words = ["replay", "--format", "json", "--all-tables"];
    if set.path("node1").exists() {
        return cluster_records(set);
    }
    let paths = [set.path("cdc_raw"), set.path("commitlog")];
    ringtap(&arguments(&words, &paths), set.keystore().as_deref())
}

fn cluster_records(set: &GoldenSet) -> String {
    let mut arguments = arguments(&["replay", "--format", "json", "--all-tables", "--dedup"], &[]);
    for (name, node) in [("n1", "node1"), ("n2", "node2"), ("n3", "node3")] {
        let directory =
            |name: &str| -> String { PathBuf::from(node).join(name).to_string_lossy().into_owned() };
        let [segments, rest] = ["cdc_raw", "commitlog"].map(|name| set.path(&directory(name)));
        arguments.push("--node".into());
        arguments.push(format!("{name}={}:{}", segments.display(), rest.display()));
    }
    ringtap(&arguments, None)
}

/// One write as its client knows it: table, partition key, clustering columns, write time.
type Write = (String, String, String, i64);

#[test]
fn every_acknowledged_write_to_a_cluster_is_one_record() {
    let set = golden::sets().iter().find(|set| set.name == "4.1/cluster").expect("the cluster's set");
    let records = Records::read(&cluster_records(set));
    let mut truth = Truth::default();
    for line in set.text("truth.jsonl").lines() {
        truth.add(&serde_json::from_str(line).unwrap());
    }
    println!(
        "{} acknowledged writes, {} of them of several parts: {} records at their clients' times, {} of counters, {} of lightweight transactions",
        truth.writes,
        truth.batches,
        truth.timed.values().sum::<usize>(),
        truth.counters.values().sum::<usize>(),
        truth.transactions.values().sum::<usize>(),
    );
    assert_eq!(truth.writes, 20_000);
    assert_same(&records.timed, &truth.timed);
    assert_same(&records.counters, &truth.counters);
    assert_same(&records.transactions, &truth.transactions);
}

/// Fails at the first thing that is not as often in the records as in the truth.
fn assert_same<K: Ord + std::fmt::Debug>(found: &BTreeMap<K, usize>, expected: &BTreeMap<K, usize>) {
    for (what, times) in expected {
        assert_eq!(found.get(what), Some(times), "records of {what:?}");
    }
    for what in found.keys() {
        assert!(expected.contains_key(what), "nobody wrote {what:?}");
    }
}

/// Writes that were acknowledged, and how many records each should give.
#[derive(Default)]
struct Truth {
    writes: usize,
    batches: usize,
    timed: BTreeMap<Write, usize>,
    /// By partition key: their times are the servers'.
    counters: BTreeMap<String, usize>,
    transactions: BTreeMap<String, usize>,
}

impl Truth {
    fn add(&mut self, line: &Value) {
        self.writes += 1;
        let key = line["key"][0].to_string();
        match line["op"].as_str().unwrap() {
            "counter_add" => *self.counters.entry(key).or_default() += 1,
            "lwt" if line["applied"] == true => *self.transactions.entry(key).or_default() += 1,
            "lwt" => {}
            "logged_batch" => {
                self.batches += 1;
                for part in line["parts"].as_array().unwrap() {
                    self.add_timed(part, &line["ts"]);
                }
            }
            _ => self.add_timed(line, &line["ts"]),
        }
    }

    fn add_timed(&mut self, part: &Value, ts: &Value) {
        // Only a table with clustering columns has any, and there a write of all rows or the static one has none.
        let clustering = part["clustering"][0].to_string();
        let table = part["table"].as_str().unwrap().to_owned();
        let write = (table, part["key"][0].to_string(), clustering, ts.as_i64().unwrap());
        *self.timed.entry(write).or_default() += 1;
    }
}

/// Records, counted in the same way.
#[derive(Default)]
struct Records {
    timed: BTreeMap<Write, usize>,
    counters: BTreeMap<String, usize>,
    transactions: BTreeMap<String, usize>,
}

impl Records {
    fn read(lines: &str) -> Self {
        let mut records = Self::default();
        for line in lines.lines() {
            let record: Value = serde_json::from_str(line).unwrap();
            if record["op"] == "ddl" {
                continue;
            }
            let table = record["source"]["table"].as_str().unwrap();
            let key = record["key"]["k"].to_string();
            let clustering = record["key"]["c"].to_string();
            match table {
                "cnt" => *records.counters.entry(key).or_default() += 1,
                "lwt" => *records.transactions.entry(key).or_default() += 1,
                _ => {
                    let write = (table.to_owned(), key, clustering, record["ts"].as_i64().unwrap());
                    *records.timed.entry(write).or_default() += 1;
                }
            }
        }
        records
    }
}
