//! Which logs to read, and what is known beforehand of their schema.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::Args;

use super::{CliError, keys::KeyArgs};
use crate::{
    node_log::NodeLog,
    schema::{Catalogue, Seed, cql},
    source::find_segments,
};

/// One node's log.
#[derive(Debug, Args)]
pub(super) struct LogArgs {
    /// Segments, or directories with segments, of one node (its `cdc_raw` and `commitlog`, in any order)
    #[arg(value_name = "PATH", required = true)]
    pub(super) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(super) known: KnownArgs,
}

/// What is known beforehand.
#[derive(Debug, Args)]
pub(super) struct KnownArgs {
    /// Schema before the log: a file of `ringtap schema export`, or CQL text (`DESCRIBE SCHEMA`); may be repeated
    #[arg(long, value_name = "FILE")]
    schema: Vec<PathBuf>,
    #[command(flatten)]
    keys: KeyArgs,
}

/// The log of a node that was given a name.
#[derive(Debug, Clone)]
pub(super) struct NamedLog {
    pub(super) name: Box<str>,
    pub(super) paths: Vec<PathBuf>,
}

/// Reads `NAME=DIR[:DIR…]`.
pub(super) fn parse_named_log(text: &str) -> Result<NamedLog, String> {
    match text.split_once('=') {
        Some((name, directories)) if !name.is_empty() && !directories.is_empty() => {
            let paths = directories.split(':').filter(|part| !part.is_empty()).map(PathBuf::from).collect();
            Ok(NamedLog { name: name.into(), paths })
        }
        _ => Err("expected NAME=DIR or NAME=DIR:DIR".into()),
    }
}

impl LogArgs {
    pub(super) fn open(&self) -> Result<NodeLog, CliError> {
        self.known.open(&self.paths)
    }
}

impl KnownArgs {
    /// Opens the log of one node.
    pub(super) fn open(&self, paths: &[PathBuf]) -> Result<NodeLog, CliError> {
        self.open_with(paths, self.catalogue()?)
    }

    /// Returns true if a schema was given.
    #[cfg(feature = "agent")]
    pub(super) fn has_schema(&self) -> bool {
        !self.schema.is_empty()
    }

    /// Opens the log of one node, with what is known of its schema.
    pub(super) fn open_with(&self, paths: &[PathBuf], catalogue: Catalogue) -> Result<NodeLog, CliError> {
        let segments = find_segments(paths)?;
        if segments.is_empty() {
            let named: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
            return Err(CliError::Usage(format!(
                "no segments (CommitLog-<version>-<id>.log) in {}",
                named.join(", ")
            )));
        }
        Ok(NodeLog::new(segments, self.keys.open()?, catalogue))
    }

    /// Makes the catalogue that the given schema files tell.
    pub(super) fn catalogue(&self) -> Result<Catalogue, CliError> {
        let mut catalogue = Catalogue::new();
        for path in &self.schema {
            let text =
                fs::read_to_string(path).map_err(|source| CliError::File { path: path.clone(), source })?;
            catalogue.seed(&seed(path, &text)?);
        }
        Ok(catalogue)
    }
}

/// Reads a seed: JSON begins with a brace, CQL does not.
fn seed(path: &Path, text: &str) -> Result<Seed, CliError> {
    if text.trim_start().starts_with('{') {
        return Seed::from_export(text).map_err(|error| (path.to_path_buf(), error).into());
    }
    let script = cql::Script::parse(text).map_err(|error| CliError::schema(path.to_path_buf(), error))?;
    let mut keyspaces = cql::Keyspaces::new();
    script.execute(&mut keyspaces).map_err(|error| CliError::schema(path.to_path_buf(), error))?;
    Ok(Seed::new(keyspaces))
}
