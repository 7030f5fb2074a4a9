//! The tables that records give against those of a node.

use std::{fs::File, path::Path, process::Command};

use anyhow::{Context as _, Result, bail};
use ringtap::checker::{Findings, Reconstruction};
use table_model::{Info, Tables, compare};

use super::TablesReport;

/// How long a dump may take.
const DUMP_SECONDS_MAX: i64 = 60;
/// How long after the last write the dump may be.
const DUMP_AFTER_SECONDS_MAX: i64 = 1_200;

/// Rebuilds the tables from records, and compares them with a dump.
pub(super) fn compare_with(
    records: &Reconstruction,
    dump: &Path,
    clocks_apart_seconds: i64,
) -> Result<TablesReport> {
    let mut tables = Tables::new();
    for value in records.values() {
        tables.apply_line(str::from_utf8(value)?)?;
    }
    let text = std::fs::read_to_string(dump).with_context(|| dump.display().to_string())?;
    let info = Info {
        dump_seconds_max: DUMP_SECONDS_MAX,
        dump_after_seconds_max: DUMP_AFTER_SECONDS_MAX,
        clocks_apart_seconds_max: clocks_apart_seconds,
    };
    let compared = compare(&tables, &text, &info)?;
    let mut differences = Findings::default();
    for difference in &compared.differences {
        differences.add(|| difference.to_string());
    }
    Ok(TablesReport {
        tables: compared.tables,
        rows: compared.rows,
        values: compared.cells,
        write_times: compared.write_times,
        ttls: compared.ttls,
        not_compared: compared
            .not_compared
            .iter()
            .map(|table| format!("{}: {}", table.table, table.reason))
            .collect(),
        differences,
    })
}

/// Dumps keyspaces of a node to a file, with `tests/stack/cqlrun`, as so many replicas have them together (`ONE`, `ALL`).
pub fn dump_tables(
    stack: &Path,
    address: &str,
    consistency: &str,
    keyspaces: &[&str],
    to: &Path,
) -> Result<()> {
    let file = File::create(to).with_context(|| to.display().to_string())?;
    let mut command = Command::new(stack.join("cqlrun"));
    let status = command
        .arg(address)
        .args(["--dump", "--consistency", consistency])
        .args(keyspaces)
        .stdout(file)
        .status()
        .context("cqlrun")?;
    if !status.success() {
        bail!("cqlrun {address} --dump ended with {status}");
    }
    Ok(())
}
