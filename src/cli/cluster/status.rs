//! `ringtap cluster status`.

mod gather;
mod report;
mod ring;
mod text;

use std::io::{self, Write as _};

use clap::Args;

use self::{gather::Gathered, report::Report};
use super::access::AccessArgs;
use crate::cli::{CliError, ExitStatus};

/// Says who publishes what in a cluster: its agents, who owns which tokens, how far the ledger goes.
///
/// It reads Kafka's topics, and asks the configuration's node, if there is one, for the ring. It needs no agent, writes nothing,
/// and can be run from anywhere with the rights to describe and read the topics `__ringtap.<cluster>.owners`, `.ledger` and
/// `.relay`.
#[derive(Debug, Args)]
pub(super) struct StatusArgs {
    #[command(flatten)]
    access: AccessArgs,
    /// List every range of tokens
    #[arg(long)]
    ranges: bool,
    /// Print JSON instead of text
    #[arg(long)]
    json: bool,
}

impl StatusArgs {
    pub(super) fn run(self) -> Result<ExitStatus, CliError> {
        let gathered = Gathered::from(self.access.open()?)?;
        let report = Report::new(&gathered, self.ranges);
        let mut out = io::stdout().lock();
        let written = if self.json {
            serde_json::to_writer(&mut out, &report).map_err(io::Error::from).and_then(|()| writeln!(out))
        } else {
            write!(out, "{report}")
        };
        written.map_err(CliError::stdout)?;
        Ok(if report.findings.is_empty() { ExitStatus::Ok } else { ExitStatus::Findings })
    }
}
