//! What a comparison found.

use std::fmt;

/// One thing that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Keyspace and table.
    pub table: String,
    /// The row's key: `name=hex` of each key column.
    pub key: String,
    /// Column and what of it; empty = the row or table as a whole.
    pub column: String,
    /// What the dump has.
    pub expected: String,
    /// What the records give.
    pub found: String,
}

/// A table that was not compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotCompared {
    /// Keyspace and table.
    pub table: String,
    /// Why.
    pub reason: String,
}

/// Seconds between which the dump was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Of the first table for which it is known.
    pub first: i64,
    /// Of the last one.
    pub last: i64,
    /// Tables whose remaining TTLs tell it.
    pub tables: usize,
}

/// Outcome of a comparison.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Tables compared.
    pub tables: usize,
    /// Rows found in the dump and in the records.
    pub rows: usize,
    /// Values compared, nulls included.
    pub cells: usize,
    /// Write times compared.
    pub write_times: usize,
    /// Remaining TTLs compared.
    pub ttls: usize,
    /// When the dump was made, as remaining TTLs tell it.
    pub moment: Option<Moment>,
    /// Tables not compared, with the reason.
    pub not_compared: Vec<NotCompared>,
    /// Keyspaces of the records that the dump does not have.
    pub not_dumped: Vec<String>,
    /// Everything that is not as it should be.
    pub differences: Vec<Difference>,
}

impl Report {
    /// Says whether nothing differs.
    pub fn is_equal(&self) -> bool {
        self.differences.is_empty()
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let short = |text: &str| {
            let cut: String = text.chars().take(200).collect();
            if cut.len() < text.len() { format!("{cut}… ({} characters)", text.len()) } else { cut }
        };
        write!(
            f,
            "{} [{}] {}: expected {}, found {}",
            self.table,
            short(&self.key),
            self.column,
            short(&self.expected),
            short(&self.found)
        )
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} tables, {} rows, {} values, {} write times, {} TTLs compared; {} differences",
            self.tables,
            self.rows,
            self.cells,
            self.write_times,
            self.ttls,
            self.differences.len()
        )?;
        if let Some(moment) = self.moment {
            writeln!(
                f,
                "dumped between {} and {} ({} tables tell)",
                moment.first, moment.last, moment.tables
            )?;
        }
        for table in &self.not_compared {
            writeln!(f, "not compared: {} ({})", table.table, table.reason)?;
        }
        if !self.not_dumped.is_empty() {
            writeln!(f, "keyspaces not in the dump: {}", self.not_dumped.join(", "))?;
        }
        for difference in &self.differences {
            writeln!(f, "{difference}")?;
        }
        Ok(())
    }
}
