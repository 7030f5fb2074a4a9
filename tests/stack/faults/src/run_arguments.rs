//! What both kinds of run, with one node and with a cluster, are told on the command line.

use std::path::PathBuf;

/// Arguments of a run with faults.
#[derive(Debug, clap::Args)]
pub struct RunArguments {
    /// The agent's binary
    #[arg(long)]
    pub binary: PathBuf,
    /// Folder for everything that is written; what is in it is deleted
    #[arg(long)]
    pub work: PathBuf,
    /// Writes in a second
    #[arg(long)]
    pub rate: Option<u32>,
    /// Of faults and load; by chance without it
    #[arg(long)]
    pub seed: Option<u64>,
    /// A line of the agents' configurations; may be repeated
    #[arg(long, value_name = "KEY = VALUE")]
    pub agent: Vec<String>,
    /// A setting of the nodes; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub node: Vec<String>,
    /// Keep what the run wrote; of a cluster, nodes and brokers go on, too
    #[arg(long)]
    pub keep: bool,
}

impl RunArguments {
    /// Returns the seed that was given, or one by chance.
    pub fn seed(&self) -> u64 {
        self.seed.unwrap_or_else(|| fastrand::u64(1..1 << 32))
    }
}
