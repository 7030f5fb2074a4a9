//! Where the log is, if only `cassandra.yaml` knows.

use std::path::{Path, PathBuf};

use super::{CassandraYaml, problem::Origin, setting::Setting as _, values::Values};

/// One of the two directories of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Directory {
    CdcRaw,
    Commitlog,
}

impl Directory {
    /// Our key for it.
    fn key(self) -> &'static str {
        match self {
            Self::CdcRaw => "source.cdc_raw_directory",
            Self::Commitlog => "source.commitlog_directory",
        }
    }

    /// Cassandra's key for it.
    fn yaml_key(self) -> &'static str {
        match self {
            Self::CdcRaw => "cdc_raw_directory",
            Self::Commitlog => "commitlog_directory",
        }
    }

    /// Its name below Cassandra's storage directory.
    fn name(self) -> &'static str {
        match self {
            Self::CdcRaw => "cdc_raw",
            Self::Commitlog => "commitlog",
        }
    }

    fn of(self, yaml: &CassandraYaml) -> Option<&PathBuf> {
        match self {
            Self::CdcRaw => yaml.cdc_raw_directory.as_ref(),
            Self::Commitlog => yaml.commitlog_directory.as_ref(),
        }
    }

    fn other(self) -> Self {
        match self {
            Self::CdcRaw => Self::Commitlog,
            Self::Commitlog => Self::CdcRaw,
        }
    }
}

/// Returns the directory: as given, else from `cassandra.yaml`, else where Cassandra has it by default. If there is none,
/// that is refused and the path is empty.
pub(super) fn settle(
    values: &mut Values,
    directory: Directory,
    given: Option<PathBuf>,
    yaml: Option<&CassandraYaml>,
    cassandra_home: Option<&Path>,
) -> PathBuf {
    let key = directory.key();
    if let Some(path) = given {
        if !path.is_absolute() {
            values.unfit(key, "takes an absolute path");
        }
        return path;
    }
    if values.was_refused(key) {
        return PathBuf::new();
    }
    let Some(yaml) = yaml else {
        // Where cassandra.yaml is named but can't be read, that is told already.
        if !values.was_refused("cassandra_yaml") {
            values.unfit(key, "missing: give it, or cassandra_yaml, which names it");
        }
        return PathBuf::new();
    };
    if let Some(path) = directory.of(yaml) {
        return from_yaml(values, directory, path, yaml);
    }
    if let Some(path) = default_directory(directory, yaml, cassandra_home) {
        values.derived(key, path.shown(), Origin::CassandraYaml);
        return path;
    }
    values.unfit(
        key,
        format!(
            "missing: {} does not name {}, whose default depends on how Cassandra is started \
             ($CASSANDRA_HOME/data/{}); give {key}",
            yaml.path.display(),
            directory.yaml_key(),
            directory.name()
        ),
    );
    PathBuf::new()
}

fn from_yaml(values: &mut Values, directory: Directory, path: &Path, yaml: &CassandraYaml) -> PathBuf {
    let (key, yaml_key) = (directory.key(), directory.yaml_key());
    let shown = path.display();
    let file = yaml.path.display();
    if shown.to_string().contains('$') {
        values.unfit(
            key,
            format!("{file} has {yaml_key}: {shown}; Cassandra expands no variables there, it takes that name as it is; give {key}"),
        );
    } else if path.is_relative() {
        values.unfit(
            key,
            format!("{file} has {yaml_key}: {shown}; Cassandra takes that from its own working directory; give {key}"),
        );
    }
    values.derived(key, path.to_owned().shown(), Origin::CassandraYaml);
    path.to_owned()
}

/// Returns `$CASSANDRA_HOME/data/NAME`, or NAME beside the other directory: packages set the storage directory, below which
/// both are, by a property on the command line.
fn default_directory(
    directory: Directory,
    yaml: &CassandraYaml,
    cassandra_home: Option<&Path>,
) -> Option<PathBuf> {
    if let Some(home) = cassandra_home {
        return Some(home.join("data").join(directory.name()));
    }
    let other = directory.other().of(yaml)?;
    if !other.is_absolute() || other.file_name()? != directory.other().name() {
        return None;
    }
    Some(other.with_file_name(directory.name())).filter(|path| path.is_dir())
}
