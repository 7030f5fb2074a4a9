//! The command line.

#[cfg(feature = "agent")]
mod check;
#[cfg(feature = "agent")]
mod cluster;
mod complete;
#[cfg(feature = "agent")]
mod config;
#[cfg(feature = "agent")]
mod config_args;
#[cfg(feature = "agent")]
mod consume;
mod dump;
mod error;
mod explain;
#[cfg(feature = "agent")]
mod kafka_args;
mod keys;
mod log_args;
#[cfg(feature = "agent")]
mod node_args;
mod outcome;
mod progress;
mod quarantine;
mod replay;
#[cfg(feature = "agent")]
mod run;
mod schema;
mod stats;
#[cfg(feature = "agent")]
mod status;
mod verify;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use self::error::{CliError, ExitStatus};

/// Change data capture for Apache Cassandra: reads the commit log that Cassandra writes anyway.
///
/// Data goes to stdout, everything else to stderr. Exit codes: 0 ok, 1 findings (damage, undecodable entries),
/// 2 usage or configuration, 3 source, 4 sink, 5 state.
#[derive(Debug, Parser)]
#[command(name = "ringtap", version, propagate_version = true, disable_help_subcommand = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the agent: the live log to Kafka
    #[cfg(feature = "agent")]
    Run(run::RunArgs),
    /// Turn segments into records, offline: needs neither Cassandra nor Kafka
    Replay(Box<replay::ReplayArgs>),
    /// Print the log as it stands, one JSON line for each partition update, every field
    Dump(dump::DumpArgs),
    /// Read everything, check every CRC and decode every mutation
    Verify(verify::VerifyArgs),
    /// Count mutations, rows, cells, bytes and tombstones for each table
    Stats(stats::StatsArgs),
    /// Show the fate of one partition or row through the segments
    Explain(explain::ExplainArgs),
    /// List and show what could not be decoded or published
    Quarantine(quarantine::QuarantineArgs),
    /// Show or export the schema that the log tells
    Schema(schema::SchemaArgs),
    /// Print what is committed in ringtap's topics, one line of JSON for each record
    #[cfg(feature = "agent")]
    Consume(consume::ConsumeArgs),
    /// Check a configuration and what it points at; show what is in effect, secrets masked
    #[cfg(feature = "agent")]
    Check(check::CheckArgs),
    /// Ask a running agent how it gets on; exit code 1 if it is not ready
    #[cfg(feature = "agent")]
    Status(status::StatusArgs),
    /// Look at what the agents of a cluster do together
    #[cfg(feature = "agent")]
    Cluster(cluster::ClusterCommandArgs),
    /// Show what can be set
    #[cfg(feature = "agent")]
    Config(config::ConfigCommandArgs),
    /// Print shell completions, or write man pages
    Generate(complete::GenerateArgs),
}

impl Cli {
    /// Runs the command and says on stderr why it failed, if it did.
    pub fn run(self) -> ExitCode {
        let result = match self.command {
            #[cfg(feature = "agent")]
            Command::Run(args) => args.run(),
            Command::Replay(args) => args.run(),
            Command::Dump(args) => args.run(),
            Command::Verify(args) => args.run(),
            Command::Stats(args) => args.run(),
            Command::Explain(args) => args.run(),
            Command::Quarantine(args) => args.run(),
            Command::Schema(args) => args.run(),
            #[cfg(feature = "agent")]
            Command::Consume(args) => args.run(),
            #[cfg(feature = "agent")]
            Command::Check(args) => args.run(),
            #[cfg(feature = "agent")]
            Command::Status(args) => args.run(),
            #[cfg(feature = "agent")]
            Command::Cluster(args) => args.run(),
            #[cfg(feature = "agent")]
            Command::Config(args) => args.run(),
            Command::Generate(args) => args.run(),
        };
        match result {
            Ok(status) => status.into(),
            Err(error) if error.is_closed_pipe() => ExitStatus::Ok.into(),
            Err(error) => {
                outcome::say(&format!("ringtap: {}", error.with_causes()));
                error.status().into()
            }
        }
    }
}
