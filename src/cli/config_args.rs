//! Which configuration a command works with.

use std::path::PathBuf;

use clap::Args;

use super::CliError;
use crate::config::{Config, Overrides};

/// The configuration.
#[derive(Debug, Args)]
pub(super) struct ConfigArgs {
    /// Configuration file (TOML); `ringtap config example` prints one with every setting
    #[arg(long, value_name = "FILE", env = "RINGTAP_CONFIG", default_value = "/etc/ringtap/ringtap.toml")]
    config: PathBuf,
    /// Override a setting, as in --set kafka.brokers=kafka1:9092; may be given several times, and not for secrets
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
}

impl ConfigArgs {
    /// Reads the configuration, with the environment and the command line over it.
    pub(super) fn load(&self) -> Result<Config, CliError> {
        let mut overrides = Overrides::from_environment()?;
        for pair in &self.set {
            overrides = overrides.with_pair(pair)?;
        }
        Ok(Config::load(&self.config, &overrides)?)
    }
}
