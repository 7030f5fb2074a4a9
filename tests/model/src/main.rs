//! `table-model RECORDS.jsonl… FINAL.jsonl`: rebuilds the tables from the records and compares them with the dump.

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use table_model::{Info, Report, Tables, compare};

fn main() -> ExitCode {
    match run() {
        Ok(report) => {
            print!("{report}");
            if report.is_equal() { ExitCode::SUCCESS } else { ExitCode::from(1) }
        }
        Err(error) => {
            println!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<Report> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((dump, records)) = arguments.split_last().filter(|(_, records)| !records.is_empty()) else {
        bail!("usage: table-model RECORDS.jsonl… FINAL.jsonl")
    };
    let read = |path: &str| std::fs::read_to_string(path).with_context(|| path.to_owned());
    let mut tables = Tables::new();
    for path in records {
        tables.apply_lines(&read(path)?).with_context(|| path.to_owned())?;
    }
    compare(&tables, &read(dump)?, &Info::default())
}
