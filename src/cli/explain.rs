//! `ringtap explain`.

use std::io::{self, Write as _};

use clap::Args;
use jiff::Timestamp;

use super::{
    CliError, ExitStatus,
    log_args::LogArgs,
    outcome::{Findings, say},
    progress::Progress,
};
use crate::{
    explain::{ExplainError, Explainer},
    node_log::{LogEvent, NodeLog},
    replay::{KeyFilter, parse_micros, split_name},
    schema::Catalogue,
    source::ReadError,
};

#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    /// Table of the partition; all tables that ever had this name are followed
    #[arg(long, value_name = "KEYSPACE.TABLE")]
    table: String,
    /// The partition's key, or the row's: a JSON object of key columns, a JSON array in their order, or one value
    #[arg(long, value_name = "KEY", allow_hyphen_values = true)]
    key: String,
    #[command(flatten)]
    log: LogArgs,
    /// How many rows to print of those that stand after the log
    #[arg(long, value_name = "ROWS", default_value_t = 20)]
    limit: usize,
    /// When to look: what has expired by then is gone (ISO 8601, or microseconds since 1970) [default: now]
    #[arg(long, value_name = "TIME", value_parser = parse_micros, allow_hyphen_values = true)]
    at: Option<i64>,
    /// Print JSON lines: one for each event, then one for each row that stands
    #[arg(long)]
    json: bool,
}

/// Why the reading of the log ended early.
#[derive(Debug)]
enum Stop {
    Cli(CliError),
    Explain(ExplainError),
}

impl From<ReadError> for Stop {
    fn from(error: ReadError) -> Self {
        Self::Cli(error.into())
    }
}

impl ExplainArgs {
    pub(super) fn run(self) -> Result<ExitStatus, CliError> {
        let (keyspace, table) = split_name(&self.table)?;
        let mut explainer = Explainer::new(keyspace.clone(), table.clone(), KeyFilter::parse(&self.key));
        let (log, findings) = loop {
            let mut log = self.log.open()?;
            let mut findings = Findings::default();
            match read(&mut log, &mut explainer, &mut findings) {
                Ok(()) => break (log, findings),
                Err(Stop::Explain(ExplainError::Renamed)) => explainer = explainer.start_again(),
                Err(Stop::Explain(error)) => return Err(CliError::Usage(error.to_string())),
                Err(Stop::Cli(error)) => return Err(error),
            }
        };
        let now = self.at.unwrap_or_else(|| Timestamp::now().as_microsecond()).div_euclid(1_000_000);
        let catalogue = log.catalogue();
        let Some(explanation) = explainer.explain(catalogue, now)? else {
            return Err(unknown_table(catalogue, &keyspace, &table));
        };
        if !explanation.has_changes() {
            say(&format!("the log has nothing of {} in {keyspace}.{table}", self.key));
        }
        if let [_, _, ..] = explanation.tables[..] {
            let ids: Vec<_> = explanation.tables.iter().map(ToString::to_string).collect();
            say(&format!("{keyspace}.{table} was the name of several tables: {}", ids.join(", ")));
        }
        let mut text = String::new();
        if self.json {
            explanation
                .write_json_lines(self.limit, &mut text)
                .map_err(|error| CliError::stdout(io::Error::other(error)))?;
        } else {
            explanation.write_text(self.limit, &mut text);
        }
        io::stdout().lock().write_all(text.as_bytes()).map_err(CliError::stdout)?;
        Ok(findings.conclude())
    }
}

fn read(log: &mut NodeLog, explainer: &mut Explainer, findings: &mut Findings) -> Result<(), Stop> {
    let mut progress = Progress::start(log.segments(), false);
    log.read(|context, event| {
        match event {
            LogEvent::Mutation(logged) => {
                explainer.take(logged, context.catalogue).map_err(Stop::Explain)?;
                progress.within_segment(logged.position.offset);
            }
            LogEvent::Segment { .. } => {}
            LogEvent::Undecodable { entry, error } => findings.undecodable(entry, &error),
            LogEvent::Damage(damage) => findings.damage(damage),
            LogEvent::SegmentEnd { file, outcome } => {
                progress.segment_done(file);
                if let Err(error) = outcome {
                    findings.unreadable(file, &error);
                }
            }
        }
        Ok(())
    })
}

/// Names the tables whose names are nearest.
fn unknown_table(catalogue: &Catalogue, keyspace: &str, table: &str) -> CliError {
    /// How many are named.
    const NAMED_MAX: usize = 3;
    /// How alike names must be, from 0 to 1.
    const ALIKE_MIN: f64 = 0.5;
    let wanted = format!("{keyspace}.{table}");
    let names = catalogue.tables().map(|(keyspace, table)| format!("{keyspace}.{}", table.name));
    let mut near: Vec<(f64, String)> =
        names.map(|name| (strsim::normalized_damerau_levenshtein(&wanted, &name), name)).collect();
    near.retain(|(alike, _)| *alike >= ALIKE_MIN);
    near.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    let near: Vec<_> = near.into_iter().take(NAMED_MAX).map(|(_, name)| name).collect();
    CliError::Usage(if near.is_empty() {
        format!(
            "there is no table {wanted} in the log or its schema (give what was before the log with --schema)"
        )
    } else {
        format!("there is no table {wanted} in the log or its schema: did you mean {}?", near.join(", "))
    })
}
