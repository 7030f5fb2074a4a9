//! What a replay did.

use std::fmt;

/// What was done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Records written.
    pub records: u64,
    /// Changes of other tables, times or keys.
    pub filtered: u64,
    /// Changes that had been written already.
    pub duplicates: u64,
    /// Changes of which a part had been written already.
    pub partly_duplicate: u64,
    /// Changes that an earlier run of the same job had published.
    pub published_before: u64,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { records, filtered, duplicates, partly_duplicate, published_before } = self;
        write!(f, "{records} records, {filtered} changes filtered out")?;
        if *duplicates + *partly_duplicate > 0 {
            write!(f, ", {duplicates} duplicates, {partly_duplicate} of which a part was new")?;
        }
        if *published_before > 0 {
            write!(f, ", {published_before} changes published before")?;
        }
        Ok(())
    }
}
