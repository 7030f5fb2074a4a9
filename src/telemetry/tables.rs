//! Records by table and kind, with a bounded number of tables.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// The most tables that are counted one by one; all others together are `other`.
pub const TABLES_MAX: usize = 200;

/// What the tables beyond [`TABLES_MAX`] are counted as.
pub const OTHER_TABLES: &str = "other";

/// The kinds of records, as they stand in `op`; `tombstone` for Kafka's own.
pub const OPS: [&str; 9] = [
    "insert",
    "update",
    "delete",
    "delete_range",
    "delete_partition",
    "truncate",
    "ddl",
    "snapshot",
    "tombstone",
];

/// The records of one table. Keep it with the table: asking for it takes a lock, counting does not.
#[derive(Debug, Default)]
pub struct TableRecords {
    counts: [AtomicU64; OPS.len()],
}

impl TableRecords {
    /// Counts records of a kind; one that is not in [`OPS`] is not counted.
    pub fn add(&self, op: &str, count: u64) {
        let at = OPS.iter().position(|known| *known == op);
        if let Some(counter) = at.and_then(|at| self.counts.get(at)) {
            counter.fetch_add(count, Ordering::Relaxed);
        }
    }

    /// Returns the kinds of which there are records, with their numbers.
    pub fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counts = self.counts.iter().map(|counter| counter.load(Ordering::Relaxed));
        OPS.into_iter().zip(counts).filter(|(_, count)| *count > 0)
    }
}

#[derive(Debug, Default)]
pub(super) struct Tables {
    tables: Mutex<BTreeMap<String, Arc<TableRecords>>>,
}

impl Tables {
    pub(super) fn of(&self, keyspace: &str, table: &str) -> Arc<TableRecords> {
        self.named(format!("{keyspace}.{table}"))
    }

    pub(super) fn named(&self, mut name: String) -> Arc<TableRecords> {
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        if !tables.contains_key(&name) && tables.len() >= TABLES_MAX {
            OTHER_TABLES.clone_into(&mut name);
        }
        Arc::clone(tables.entry(name).or_default())
    }

    pub(super) fn all(&self) -> Vec<(String, Arc<TableRecords>)> {
        let tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        tables.iter().map(|(name, records)| (name.clone(), Arc::clone(records))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_beyond_the_most_are_counted_together() {
        let tables = Tables::default();
        for number in 0..TABLES_MAX + 10 {
            tables.of("shop", &format!("t{number}")).add("insert", 1);
        }
        tables.of("shop", "t0").add("delete", 2);
        let all = tables.all();
        assert_eq!(all.len(), TABLES_MAX + 1);
        let of = |name: &str| -> Vec<(&str, u64)> {
            all.iter().find(|(table, _)| table == name).unwrap().1.counts().collect()
        };
        assert_eq!(of(OTHER_TABLES), [("insert", 10)]);
        assert_eq!(of("shop.t0"), [("insert", 1), ("delete", 2)]);
    }
}
