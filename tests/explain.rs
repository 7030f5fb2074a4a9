//! Explanations of a real node's log against what the node itself held in the end.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop at the first surprise")]

use std::fmt::Write as _;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use ringtap::{
    explain::{ExplainError, Explainer, Explanation},
    node_log::{LogEvent, NodeLog},
    replay::KeyFilter,
    schema::Catalogue,
    source::{ReadError, find_segments},
};
use serde_json::Value;
use tempfile::TempDir;

/// A golden set, unpacked.
struct Golden {
    directory: TempDir,
}

impl Golden {
    fn unpack() -> Self {
        let packed = include_bytes!("data/explain/4.1-ddl.tar.zst");
        let directory = tempfile::tempdir().unwrap();
        tar::Archive::new(zstd::Decoder::new(&packed[..]).unwrap()).unpack(directory.path()).unwrap();
        Self { directory }
    }

    fn log(&self) -> NodeLog {
        let paths: Vec<PathBuf> =
            ["cdc_raw", "commitlog"].map(|name| self.directory.path().join(name)).into();
        NodeLog::new(find_segments(&paths).unwrap(), None, Catalogue::new())
    }

    /// Explains several partitions or rows, each by its table and key, as if nothing ever expired.
    fn explain(&self, wanted: &[(&str, &str, &str)]) -> Vec<Explanation> {
        let explainer = |(keyspace, table, key): &(&str, &str, &str)| {
            Some(Explainer::new((*keyspace).into(), (*table).into(), KeyFilter::parse(key)))
        };
        let mut explainers: Vec<_> = wanted.iter().map(explainer).collect();
        let mut done: Vec<Option<Explanation>> = wanted.iter().map(|_| None).collect();
        while done.iter().any(Option::is_none) {
            let mut renamed = BTreeMap::new();
            let mut log = self.log();
            log.read(|context, event| {
                let LogEvent::Mutation(logged) = event else {
                    return Ok::<_, ReadError>(());
                };
                for (at, slot) in explainers.iter_mut().enumerate() {
                    let Some(explainer) = slot else { continue };
                    match explainer.take(logged, context.catalogue) {
                        Ok(()) => {}
                        Err(ExplainError::Renamed) => {
                            renamed.insert(at, slot.take().unwrap().start_again());
                        }
                        Err(error) => panic!("{error}"),
                    }
                }
                Ok(())
            })
            .unwrap();
            for (slot, explainer) in done.iter_mut().zip(&mut explainers) {
                if let Some(explainer) = explainer.take() {
                    *slot = Some(explainer.explain(log.catalogue(), i64::MIN).unwrap().unwrap());
                }
            }
            for (at, explainer) in renamed {
                explainers[at] = Some(explainer);
            }
        }
        done.into_iter().flatten().collect()
    }

    fn text(&self, keyspace: &str, table: &str, key: &str) -> String {
        let mut text = String::new();
        self.explain(&[(keyspace, table, key)])[0].write_text(20, &mut text);
        text
    }
}

/// A row: the bytes of its columns in hexadecimal (null: `None`), and the write times of simple ones.
#[derive(Debug, PartialEq)]
struct Row {
    values: BTreeMap<String, Option<String>>,
    write_times: BTreeMap<String, i64>,
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Returns the rows of a partition as it was explained, with null for columns that have no value.
fn explained_rows(explanation: &Explanation, columns: &[(String, String)]) -> Vec<Row> {
    let mut rows = Vec::new();
    for state in &explanation.judgement.partitions {
        for row in &state.rows {
            let mut values = BTreeMap::new();
            let mut write_times = BTreeMap::new();
            for (column, value) in state.table.clustering().iter().zip(&row.clustering) {
                values.insert(column.name.to_string(), value.as_deref().map(hex));
            }
            for cell in state.static_cells.iter().chain(&row.cells) {
                values.insert(cell.column.name.to_string(), Some(hex(&cell.value)));
                if !cell.column.is_complex() {
                    write_times.insert(cell.column.name.to_string(), cell.timestamp);
                }
            }
            for (name, kind) in columns {
                if kind != "partition_key" {
                    values.entry(name.clone()).or_insert(None);
                }
            }
            rows.push(Row { values, write_times });
        }
    }
    rows
}

/// The rows of a partition as the node printed them, with the partition's key as JSON.
type Partitions = BTreeMap<(String, String, String), Vec<Row>>;

/// Names and kinds of the columns of each table.
type Columns = BTreeMap<(String, String), Vec<(String, String)>>;

fn final_rows(golden: &Golden) -> (Columns, Partitions) {
    let text = std::fs::read_to_string(golden.directory.path().join("final.jsonl")).unwrap();
    let (mut tables, mut partitions) = (BTreeMap::new(), Partitions::new());
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let table =
            (line["keyspace"].as_str().unwrap().to_owned(), line["table"].as_str().unwrap().to_owned());
        // Nothing of a keyspace with `durable_writes = false` is in any log.
        if table.0 == "nodur" {
            continue;
        }
        if let Some(columns) = line["columns"].as_array() {
            let column =
                |it: &Value| (it[0].as_str().unwrap().to_owned(), it[1].as_str().unwrap().to_owned());
            tables.insert(table, columns.iter().map(column).collect());
            continue;
        }
        let columns: &Vec<(String, String)> = &tables[&table];
        let json: Value = serde_json::from_str(line["json"].as_str().unwrap()).unwrap();
        let mut key = serde_json::Map::new();
        let mut values = BTreeMap::new();
        for (name, kind) in columns {
            if kind == "partition_key" {
                key.insert(name.clone(), json[name].clone());
            } else {
                values.insert(name.clone(), line["raw"][name].as_str().map(Into::into));
            }
        }
        let times = line["writetime"].as_object().into_iter().flatten();
        let write_times = times.filter_map(|(name, time)| Some((name.clone(), time.as_i64()?))).collect();
        let partition = (table.0, table.1, Value::from(key).to_string());
        partitions.entry(partition).or_default().push(Row { values, write_times });
    }
    (tables, partitions)
}

#[test]
fn what_stands_is_what_the_node_held() {
    let golden = Golden::unpack();
    let (tables, partitions) = final_rows(&golden);
    let wanted: Vec<_> =
        partitions.keys().map(|(a, b, key)| (a.as_str(), b.as_str(), key.as_str())).collect();
    let explanations = golden.explain(&wanted);
    let mut rows = 0;
    for ((partition, expected), explanation) in partitions.iter().zip(&explanations) {
        let columns = &tables[&(partition.0.clone(), partition.1.clone())];
        assert_eq!(&explained_rows(explanation, columns), expected, "{partition:?}");
        rows += expected.len();
    }
    assert_eq!((partitions.len(), rows), (73, 93));
}

#[test]
fn a_row_is_followed_through_deletions_and_late_writes() {
    let text = Golden::unpack().text("dd", "t", r#"{"k":1,"c":7}"#);
    let deletion = "delete range from c = 5 (excluded) to the last row";
    assert!(text.contains(deletion), "{text}");
    assert!(
        text.contains("row marker  → deleted at once: a range deletion at 1795343514132:124181 is not older"),
        "{text}"
    );
    assert!(text.contains("ALTER TABLE dd.t DROP b"), "{text}");
    assert!(!text.contains("row c = 2"), "only the row that was asked for: {text}");
    assert!(text.ends_with("nothing stands after the log\n"), "{text}");
}

#[test]
fn keys_may_name_columns_as_they_are_now_or_were_before_a_rename() {
    let golden = Golden::unpack();
    let keys = [r#"{"pk":58}"#, r#"{"k":58}"#, "[58]"];
    let texts: BTreeSet<_> = keys.map(|key| golden.text("dd", "ren", key)).into();
    assert_eq!(texts.len(), 1, "{texts:#?}");
    let text = texts.first().unwrap();
    assert!(text.contains(r#"insert row c1 = 5186506, c2 = "0""#), "{text}");
    assert!(text.contains(r#"row c_one = 5186506, C Two = "0""#), "{text}");
}

#[test]
fn all_tables_that_had_the_name_are_followed() {
    let golden = Golden::unpack();
    let text = golden.text("dd", "rec", "1");
    assert_eq!(text.matches("create table").count(), 2, "{text}");
    assert_eq!(text.matches("drop table").count(), 1, "{text}");
}

#[test]
fn json_lines_say_the_same() {
    let golden = Golden::unpack();
    let mut text = String::new();
    golden.explain(&[("dd", "t", r#"{"k":1}"#)])[0].write_json_lines(20, &mut text).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let events = |name: &str| lines.iter().filter(|line| line["event"] == name).count();
    assert_eq!((events("insert"), events("delete_range"), events("row")), (8, 1, 2));
    let range = lines.iter().find(|line| line["event"] == "delete_range").unwrap();
    assert_eq!(range["taken"], 18);
    let fates = lines.iter().flat_map(|line| line["parts"].as_array().cloned().unwrap_or_default());
    let deleted = fates.filter(|part| part["fate"] == "deleted" && part["reason"] == "range").count();
    assert_eq!(deleted, 18);
}
