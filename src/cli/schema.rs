//! `ringtap schema`.

use std::io::{self, Write as _};

use clap::{Args, Subcommand};

use super::{CliError, ExitStatus, log_args::LogArgs, outcome::Findings, progress::Progress};
use crate::{
    node_log::{LogEvent, NodeLog},
    schema::{Catalogue, ObjectKind, SchemaChange, cql, creations, is_system_keyspace},
};

#[derive(Debug, Args)]
pub(super) struct SchemaArgs {
    #[command(subcommand)]
    what: Schema,
}

#[derive(Debug, Subcommand)]
enum Schema {
    /// Write the schema after the last segment as JSON, for `--schema` of a later run
    Export {
        #[command(flatten)]
        log: LogArgs,
        /// With all versions of each table and their positions
        #[arg(long)]
        history: bool,
    },
    /// Print the schema after the last segment as CQL
    Show {
        #[command(flatten)]
        log: LogArgs,
        /// Print each change of the schema with its position instead
        #[arg(long)]
        history: bool,
        /// With the identity of each table (`WITH ID = …`)
        #[arg(long, conflicts_with = "history")]
        ids: bool,
    },
}

impl SchemaArgs {
    pub(super) fn run(self) -> Result<ExitStatus, CliError> {
        let (mut text, status) = match self.what {
            Schema::Export { log, history } => {
                let (log, status) = follow(&log, |_, _| ())?;
                (log.catalogue().export(history), status)
            }
            Schema::Show { log, history: true, .. } => {
                let mut text = String::new();
                let (_, status) = follow(&log, |position, change| {
                    let SchemaChange { written_at, cql, .. } = change;
                    text.extend([&*format!("-- {position}, written at {written_at} µs\n"), &**cql, "\n"]);
                })?;
                (text, status)
            }
            Schema::Show { log, ids, .. } => {
                let (log, status) = follow(&log, |_, _| ())?;
                (as_cql(log.catalogue(), ids), status)
            }
        };
        if !text.ends_with('\n') {
            text.push('\n');
        }
        io::stdout().lock().write_all(text.as_bytes()).map_err(CliError::stdout)?;
        Ok(status)
    }
}

/// Reads a whole log and tells of each change of its schema.
fn follow(
    args: &LogArgs,
    mut tell: impl FnMut(cassandra_commitlog::Position, &SchemaChange),
) -> Result<(NodeLog, ExitStatus), CliError> {
    let mut log = args.open()?;
    let mut progress = Progress::start(log.segments(), false);
    let mut findings = Findings::default();
    log.read(|_, event| {
        match event {
            LogEvent::Mutation(logged) => {
                for change in logged.schema_changes.iter().filter(|change| !change.is_system()) {
                    tell(logged.position, change);
                }
            }
            // Entries of tables that nobody knows are no finding here: the schema is what is asked for.
            LogEvent::Undecodable { .. } | LogEvent::Segment { .. } => {}
            LogEvent::Damage(damage) => findings.damage(damage),
            LogEvent::SegmentEnd { file, outcome } => {
                progress.segment_done(file);
                if let Err(error) = outcome {
                    findings.unreadable(file, &error);
                }
            }
        }
        Ok::<_, CliError>(())
    })?;
    drop(progress);
    let status = findings.conclude();
    Ok((log, status))
}

/// Returns the statements that make the schema, in an order that works.
fn as_cql(catalogue: &Catalogue, ids: bool) -> String {
    let mut text = String::new();
    for keyspace in catalogue.keyspaces().filter(|keyspace| !is_system_keyspace(&keyspace.name)) {
        for creation in creations(keyspace) {
            let table =
                keyspace.tables.get(&creation.name).filter(|_| ids && creation.object == ObjectKind::Table);
            let statement = match table {
                Some(table) => cql::create_table(&keyspace.name, table, cql::TableText::Internals),
                None => creation.cql,
            };
            text.push_str(&statement);
            text.push('\n');
        }
    }
    text
}
