//! `ringtap cluster`: what the agents of a cluster do together, seen from outside.

mod access;
mod audit;
mod status;

use clap::{Args, Subcommand};

use super::{CliError, ExitStatus};

#[derive(Debug, Args)]
pub(super) struct ClusterCommandArgs {
    #[command(subcommand)]
    command: ClusterCommand,
}

#[derive(Debug, Subcommand)]
enum ClusterCommand {
    /// Who publishes what: agents, owners of tokens, ledger; exit code 1 if something is not as it should be
    Status(Box<status::StatusArgs>),
    /// Look for what nodes have logged in the ledger: what is missing, late or there twice; exit code 1 if anything is
    Audit(Box<audit::AuditArgs>),
}

impl ClusterCommandArgs {
    pub(super) fn run(self) -> Result<ExitStatus, CliError> {
        match self.command {
            ClusterCommand::Status(args) => args.run(),
            ClusterCommand::Audit(args) => args.run(),
        }
    }
}
