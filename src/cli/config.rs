//! `ringtap config`: what can be set.

use std::io::{self, Write as _};

use clap::{Args, Subcommand};

use super::{CliError, ExitStatus};
use crate::config::EXAMPLE;

#[derive(Debug, Args)]
pub(super) struct ConfigCommandArgs {
    #[command(subcommand)]
    what: ConfigCommand,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Print a configuration with every setting, its default and what it does
    Example,
}

impl ConfigCommandArgs {
    pub(super) fn run(self) -> Result<ExitStatus, CliError> {
        match self.what {
            ConfigCommand::Example => {
                io::stdout().write_all(EXAMPLE.as_bytes()).map_err(CliError::stdout)?;
                Ok(ExitStatus::Ok)
            }
        }
    }
}
