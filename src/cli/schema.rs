//! `ringtap schema`.

use std::{
    io::{self, Write as _},
    path::PathBuf,
};

use clap::{Args, Subcommand};

#[cfg(feature = "agent")]
use super::node_args::NodeArgs;
use super::{
    CliError, ExitStatus,
    log_args::{KnownArgs, LogArgs},
    outcome::Findings,
    progress::Progress,
};
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
    /// Write the schema after the last segment, or that of a live node, as JSON, for `--schema` of a later run
    Export(ExportArgs),
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

#[derive(Debug, Args)]
struct ExportArgs {
    /// Segments, or directories with segments, of one node (its `cdc_raw` and `commitlog`, in any order)
    #[arg(value_name = "PATH", required = true)]
    #[cfg_attr(feature = "agent", arg(required = false, required_unless_present = "from_node"))]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    known: KnownArgs,
    #[cfg(feature = "agent")]
    #[command(flatten)]
    node: NodeArgs,
    /// With all versions of each table and their positions
    #[arg(long)]
    history: bool,
}

impl ExportArgs {
    fn run(&self) -> Result<(String, ExitStatus), CliError> {
        #[cfg(feature = "agent")]
        if let Some(node) = self.node.connect()? {
            let mut catalogue = self.known.catalogue()?;
            catalogue.seed(&node.schema()?);
            return Ok((catalogue.export(false), ExitStatus::Ok));
        }
        let (log, status) = follow(self.known.open(&self.paths)?, |_, _| ())?;
        Ok((log.catalogue().export(self.history), status))
    }
}

impl SchemaArgs {
    pub(super) fn run(self) -> Result<ExitStatus, CliError> {
        let (mut text, status) = match self.what {
            Schema::Export(export) => export.run()?,
            Schema::Show { log, history: true, .. } => {
                let mut text = String::new();
                let (_, status) = follow(log.open()?, |position, change| {
                    let SchemaChange { written_at, cql, .. } = change;
                    text.extend([&*format!("-- {position}, written at {written_at} µs\n"), &**cql, "\n"]);
                })?;
                (text, status)
            }
            Schema::Show { log, ids, .. } => {
                let (log, status) = follow(log.open()?, |_, _| ())?;
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
    mut log: NodeLog,
    mut tell: impl FnMut(cassandra_commitlog::Position, &SchemaChange),
) -> Result<(NodeLog, ExitStatus), CliError> {
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
