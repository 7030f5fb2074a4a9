//! Headers and Kafka tombstones against the values.

use std::{collections::HashMap, sync::Arc, time::Duration};

use serde::Serialize;

use super::{ChangeView, ConsumedRecord, Findings};

/// Checks that headers say what the value says, and that a Kafka tombstone follows the deletion of its row as the next record of
/// that key. Records come in the order of their offsets; between the two there may be other agents' records of other keys.
#[derive(Debug, Default, Clone, Serialize)]
pub struct HeaderCheck {
    /// Records looked at.
    pub records: u64,
    /// Of them, Kafka tombstones.
    pub tombstones: u64,
    /// Of them, those read before the node had synced them.
    pub early: u64,
    /// Of them, changes older than the dedup window when they were published.
    pub late: u64,
    /// Headers that are missing, unknown, or say something else than the value.
    pub wrong: Findings,
    /// Tombstones that do not follow the deletion of their row.
    pub stray_tombstones: Findings,
    #[serde(skip)]
    window: Option<Duration>,
    /// Positions of the deletions that are the last record of their key.
    #[serde(skip)]
    deletions: HashMap<KeyInPartition, Box<str>>,
}

/// Topic, Kafka partition and key.
type KeyInPartition = (Arc<str>, i32, Option<Box<[u8]>>);

const KNOWN: [&str; 6] = ["op", "ts", "schema", "position", "early", "late"];

/// How much older a change may be by the clock of a producer than when it was read: an outage of Kafka, clocks that differ.
const AGE_TOLERANCE: Duration = Duration::from_secs(600);

impl HeaderCheck {
    /// Checks as well that those records are marked as late, and no others, whose changes were older than the agents' dedup window
    /// when they were published.
    pub fn with_window(window: Duration) -> Self {
        Self { window: Some(window), ..Self::default() }
    }

    /// Returns true if nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.wrong.is_empty() && self.stray_tombstones.is_empty()
    }

    /// Looks at a record: `change` is its value, none for a Kafka tombstone.
    pub fn observe(&mut self, record: &ConsumedRecord, change: Option<&ChangeView<'_>>) {
        self.records += 1;
        self.early += u64::from(record.header("early").is_some());
        self.late += u64::from(record.header("late").is_some());
        for (name, _) in &record.headers {
            if !KNOWN.contains(&&**name) {
                self.wrong.add(|| format!("{}: unknown header {name}", record.place_text()));
            }
        }
        let key = (Arc::clone(&record.topic), record.partition, record.key.clone());
        let position = record.header("position").unwrap_or_default();
        let deleted = self.deletions.remove(&key);
        let Some(change) = change else {
            self.tombstones += 1;
            if deleted.as_deref() != Some(position) {
                self.stray_tombstones.add(|| record.place_text());
            }
            return;
        };
        if deletes_a_row(change) {
            self.deletions.insert(key, position.into());
        }
        self.compare(record, change);
        self.compare_age(record, change);
    }

    fn compare_age(&mut self, record: &ConsumedRecord, change: &ChangeView<'_>) {
        let is_of_row = !matches!(&*change.op, "ddl" | "truncate");
        let (Some(window), Some(published_ms), Some(written), true) =
            (self.window, record.timestamp_ms, change.timestamp, is_of_row)
        else {
            return;
        };
        let age_ms = published_ms.saturating_sub(written / 1000);
        let is_late = record.header("late").is_some();
        let window_ms = i64::try_from(window.as_millis()).unwrap_or(i64::MAX);
        let tolerance_ms = AGE_TOLERANCE.as_millis() as i64;
        if is_late && age_ms < window_ms - tolerance_ms || !is_late && age_ms > window_ms + tolerance_ms {
            self.wrong.add(|| {
                let place = record.place_text();
                format!("{place}: header late is {is_late}, and the change was {} s old", age_ms / 1000)
            });
        }
    }

    fn compare(&mut self, record: &ConsumedRecord, change: &ChangeView<'_>) {
        let expected = [
            ("op", Some(change.op.to_string())),
            ("ts", change.timestamp.map(|timestamp| timestamp.to_string())),
            ("position", Some(change.place.to_string())),
        ];
        for (name, expected) in expected {
            let found = record.header(name);
            if expected.is_some() && found != expected.as_deref() {
                self.wrong.add(|| {
                    format!(
                        "{}: header {name} is {found:?}, the value says {expected:?}",
                        record.place_text()
                    )
                });
            }
        }
        let schema = record.header("schema");
        if schema != change.schema.as_deref() {
            let expected = &change.schema;
            self.wrong.add(|| {
                format!("{}: header schema is {schema:?}, the value says {expected:?}", record.place_text())
            });
        }
    }
}

/// Says whether a change deletes the row of its key: a row deletion does, and that of a partition whose key has no clustering
/// column.
fn deletes_a_row(change: &ChangeView<'_>) -> bool {
    match &*change.op {
        "delete" => true,
        "delete_partition" => serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(change.key)
            .is_ok_and(|key| key.values().all(|value| !value.is_null())),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(op: &str, headers: &[(&str, &str)]) -> ConsumedRecord {
        let value = format!(
            r#"{{"op":"{op}","ts":7,"key":{{"a":1}},"source":{{"host_id":"h","keyspace":"k","table":"t","schema":"f","segment":9,"position":8,"index":0}}}}"#
        );
        ConsumedRecord {
            topic: "p.k.t".into(),
            partition: 0,
            offset: 0,
            timestamp_ms: None,
            key: Some(b"{\"a\":1}".as_slice().into()),
            value: Some(value.as_bytes().into()),
            headers: headers.iter().map(|(name, value)| ((*name).into(), value.as_bytes().into())).collect(),
        }
    }

    fn check(records: &[ConsumedRecord]) -> HeaderCheck {
        let mut check = HeaderCheck::default();
        for record in records {
            let change = ChangeView::of(record).unwrap();
            check.observe(record, change.as_ref());
        }
        check
    }

    const RIGHT: [(&str, &str); 4] = [("op", "delete"), ("ts", "7"), ("schema", "f"), ("position", "9:8:0")];

    #[test]
    fn headers_that_say_what_the_value_says_are_clean() {
        let mut early = RIGHT.to_vec();
        early.push(("early", "true"));
        let found = check(&[record("delete", &RIGHT), record("delete", &early)]);
        assert!(found.is_clean(), "{found:?}");
        assert_eq!(found.early, 1);
    }

    #[test]
    fn each_header_that_is_wrong_missing_or_unknown_is_found() {
        for at in 0..RIGHT.len() {
            let mut wrong = RIGHT;
            wrong[at].1 = "other";
            assert_eq!(check(&[record("delete", &wrong)]).wrong.count, 1, "{wrong:?}");
            let missing: Vec<_> = RIGHT.iter().copied().filter(|(name, _)| *name != RIGHT[at].0).collect();
            assert_eq!(check(&[record("delete", &missing)]).wrong.count, 1, "{missing:?}");
        }
        let mut more = RIGHT.to_vec();
        more.push(("other", "x"));
        assert!(!check(&[record("delete", &more)]).is_clean());
    }

    #[test]
    fn what_was_older_than_the_window_is_marked_as_late_and_nothing_else() {
        const HOUR_MS: i64 = 3_600_000;
        let mut late = RIGHT.to_vec();
        late.push(("late", "true"));
        for (headers, age_ms, wrong) in [
            (&RIGHT[..], HOUR_MS, 0),
            (&RIGHT, 7 * HOUR_MS, 1),
            (&late, 7 * HOUR_MS, 0),
            (&late, HOUR_MS, 1),
            (&RIGHT, 6 * HOUR_MS + 60_000, 0),
        ] {
            // It was written 7 microseconds after 1970 began.
            let record = ConsumedRecord { timestamp_ms: Some(age_ms), ..record("delete", headers) };
            let mut check = HeaderCheck::with_window(Duration::from_secs(6 * 3600));
            check.observe(&record, ChangeView::of(&record).unwrap().as_ref());
            assert_eq!(check.wrong.count, wrong, "{headers:?} {age_ms}: {:?}", check.wrong);
        }
    }

    #[test]
    fn a_tombstone_must_follow_the_deletion_of_its_row() {
        let deletion = record("delete", &RIGHT);
        let tombstone = ConsumedRecord { value: None, ..deletion.clone() };
        assert!(check(&[deletion.clone(), tombstone.clone()]).is_clean());

        let other_key = ConsumedRecord { key: Some(b"{\"a\":2}".as_slice().into()), ..tombstone.clone() };
        let other_row = ConsumedRecord { key: other_key.key.clone(), ..deletion.clone() };
        assert!(check(&[deletion.clone(), other_row, tombstone.clone()]).is_clean());
        assert_eq!(check(&[deletion.clone(), other_key]).stray_tombstones.count, 1);
        let update = ConsumedRecord { value: record("update", &RIGHT).value, ..deletion.clone() };
        assert_eq!(check(&[deletion.clone(), update, tombstone.clone()]).stray_tombstones.count, 1);
        assert_eq!(check(&[deletion, tombstone.clone(), tombstone.clone()]).stray_tombstones.count, 1);
        assert!(!check(&[tombstone]).is_clean());
    }

    #[test]
    fn the_deletion_of_a_partition_is_that_of_a_row_where_there_is_no_clustering() {
        let headers = [("op", "delete_partition"), RIGHT[1], RIGHT[2], RIGHT[3]];
        let deletion = record("delete_partition", &headers);
        let tombstone = ConsumedRecord { value: None, ..deletion.clone() };
        assert!(check(&[deletion.clone(), tombstone.clone()]).is_clean());

        let text = String::from_utf8(deletion.value.clone().unwrap().into_vec()).unwrap();
        let wide = text.replace(r#"{"a":1}"#, r#"{"a":1,"c":null}"#);
        let deletion = ConsumedRecord { value: Some(wide.into_bytes().into()), ..deletion };
        assert_eq!(check(&[deletion, tombstone]).stray_tombstones.count, 1);
    }
}
