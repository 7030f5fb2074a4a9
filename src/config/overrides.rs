//! What is laid over the configuration file.

use std::{collections::BTreeMap, env, path::PathBuf};

use thiserror::Error;

use crate::telemetry::phase::PHASE_FILE_VARIABLE;

/// Variables that begin like ours and are no settings: the file's own place, and what the offline commands and the
/// tests read.
const OTHER_VARIABLES: [&str; 8] = [
    "RINGTAP_CONFIG",
    "RINGTAP_CACHE",
    "RINGTAP_KEYSTORE_PASSWORD",
    "RINGTAP_KEY_PASSWORD",
    PHASE_FILE_VARIABLE,
    "RINGTAP_PROFILE",
    "RINGTAP_WORK",
    "RINGTAP_NODE_VERSIONS",
];

/// Why the environment or the command line could not be used.
#[derive(Debug, Error)]
pub enum OverrideError {
    /// A variable is not UTF-8.
    #[error("${0} is not UTF-8")]
    NotUtf8(String),
    /// A `--set` is not of the form `KEY=VALUE`. It is not shown: it may be a secret.
    #[error("--set takes KEY=VALUE, as in --set kafka.brokers=kafka1:9092")]
    NoPair,
}

/// The environment and the command line.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    pub(super) environment: BTreeMap<String, String>,
    pub(super) flags: Vec<(String, String)>,
    pub(super) state_directory: Option<PathBuf>,
    pub(super) cassandra_home: Option<PathBuf>,
}

impl Overrides {
    /// Returns those of this process's environment.
    pub fn from_environment() -> Result<Self, OverrideError> {
        let mut overrides = Self::default();
        for (name, value) in env::vars_os() {
            let Ok(name) = name.into_string() else { continue };
            if name == "STATE_DIRECTORY" {
                // systemd puts several with colons between; ours is the first.
                let first = value.to_string_lossy().split(':').next().unwrap_or_default().to_owned();
                overrides.state_directory =
                    Some(first.into()).filter(|path: &PathBuf| !path.as_os_str().is_empty());
            } else if name == "CASSANDRA_HOME" {
                overrides.cassandra_home = Some(value.into());
            } else if name.starts_with("RINGTAP_") {
                let value = value.into_string().map_err(|_| OverrideError::NotUtf8(name.clone()))?;
                overrides = overrides.with_variable(name, value);
            }
        }
        Ok(overrides)
    }

    /// Adds a variable.
    #[must_use]
    pub fn with_variable(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let name = name.into();
        if !OTHER_VARIABLES.contains(&name.as_str()) {
            self.environment.insert(name, value.into());
        }
        self
    }

    /// Adds a setting of the command line.
    #[must_use]
    pub fn with_flag(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.flags.push((key.into(), value.into()));
        self
    }

    /// Adds a setting of the form `KEY=VALUE`.
    pub fn with_pair(self, pair: &str) -> Result<Self, OverrideError> {
        let (key, value) = pair.split_once('=').ok_or(OverrideError::NoPair)?;
        Ok(self.with_flag(key.trim(), value.trim()))
    }

    /// Sets where systemd keeps the service's state.
    #[must_use]
    pub fn with_state_directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.state_directory = Some(directory.into());
        self
    }

    /// Sets where Cassandra is installed.
    #[must_use]
    pub fn with_cassandra_home(mut self, directory: impl Into<PathBuf>) -> Self {
        self.cassandra_home = Some(directory.into());
        self
    }
}
