//! What a verification found.

use std::fmt;

use ringtap::checker::{Findings, HeaderCheck, LedgerReport, OrderReport, PartReport};
use serde::Serialize;

/// What was found.
#[derive(Debug, Clone, Serialize)]
pub struct VerificationReport {
    /// Topics.
    pub topics: usize,
    /// Records in them.
    pub records: u64,
    /// Losses and repetitions of unique values.
    pub ledger: Option<LedgerReport>,
    /// Conditional writes that Cassandra itself wrote again, at another time.
    pub written_again: u64,
    /// Repetitions of parts of changes.
    pub parts: PartReport,
    /// Order.
    pub order: OrderReport,
    /// Headers and Kafka tombstones.
    pub headers: HeaderCheck,
    /// Records that could not be read.
    pub unreadable: Findings,
    /// Comparison of the rebuilt tables.
    pub tables: Option<TablesReport>,
}

/// How the rebuilt tables compare with those of the node.
#[derive(Debug, Clone, Serialize)]
pub struct TablesReport {
    /// Tables compared.
    pub tables: usize,
    /// Rows.
    pub rows: usize,
    /// Values, nulls included.
    pub values: usize,
    /// Write times.
    pub write_times: usize,
    /// Remaining TTLs.
    pub ttls: usize,
    /// Tables that weren't compared, with the reason.
    pub not_compared: Vec<String>,
    /// What differs.
    pub differences: Findings,
}

impl VerificationReport {
    /// Returns true if nothing at all is wrong.
    pub fn is_clean(&self) -> bool {
        self.ledger.as_ref().is_none_or(LedgerReport::is_clean)
            && self.parts.is_clean()
            && self.order.is_clean()
            && self.headers.is_clean()
            && self.unreadable.is_empty()
            && self.tables.as_ref().is_none_or(|tables| tables.differences.is_empty())
    }
}

impl fmt::Display for VerificationReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (order, parts) = (&self.order, &self.parts);
        writeln!(
            f,
            "on Kafka: {} records in {} topics, {} partition keys, {} changes of {} parts",
            self.records, self.topics, order.partition_keys, parts.changes, parts.parts
        )?;
        if let Some(ledger) = &self.ledger {
            writeln!(
                f,
                "values: {} acknowledged, {} lost, {} twice, {} nobody wrote; {} of {} unknown ones arrived",
                ledger.acknowledged,
                ledger.lost.count,
                ledger.repeated.count,
                ledger.unexpected.count,
                ledger.unknown_arrived,
                ledger.unknown
            )?;
            for findings in [&ledger.lost, &ledger.repeated, &ledger.unexpected] {
                write_words(f, findings)?;
            }
        }
        for (what, findings) in [
            ("parts twice", &parts.twice),
            ("ranges twice", &parts.overlapping),
            ("out of order", &order.out_of_order),
            ("keys in several partitions", &order.scattered),
            ("in another partition than the partitioner's", &order.misplaced),
            ("places of the log twice", &order.repeated),
            ("not in the log", &order.not_in_log),
            ("malformed keys", &order.malformed_keys),
            ("wrong headers", &self.headers.wrong),
            ("stray tombstones", &self.headers.stray_tombstones),
            ("unreadable records", &self.unreadable),
        ] {
            writeln!(f, "{what}: {}", findings.count)?;
            write_words(f, findings)?;
        }
        if self.written_again > 0 {
            let again = self.written_again;
            writeln!(f, "conditional writes that Cassandra wrote again under a later ballot: {again}")?;
        }
        if parts.merged_shards_again > 0 {
            writeln!(f, "counter shards again, merged by repairs: {}", parts.merged_shards_again)?;
        }
        writeln!(f, "older than the dedup window: {}", self.headers.late)?;
        writeln!(f, "copies in the log that were recognised: {}", order.only_in_log)?;
        if order.relayed > 0 {
            writeln!(f, "published by another agent than that of the log: {}", order.relayed)?;
        }
        if let Some(tables) = &self.tables {
            writeln!(
                f,
                "rebuilt tables: {} tables, {} rows, {} values, {} write times, {} TTLs; {} differences",
                tables.tables,
                tables.rows,
                tables.values,
                tables.write_times,
                tables.ttls,
                tables.differences.count
            )?;
            write_words(f, &tables.differences)?;
        }
        Ok(())
    }
}

fn write_words(f: &mut fmt::Formatter<'_>, findings: &Findings) -> fmt::Result {
    findings.first.iter().try_for_each(|words| writeln!(f, "  {words}"))
}
