//! What is told on the command line.

use anyhow::Result;

use super::{ClusterAct, ClusterOptions, ClusterPlan, ClusterReport, run::run};
use crate::run_arguments::RunArguments;

/// What `ringtap-faults cluster` is told.
#[derive(Debug, clap::Args)]
pub struct ClusterArguments {
    /// Which faults
    #[arg(value_enum)]
    plan: PlanName,
    #[command(flatten)]
    run: RunArguments,
    #[arg(long, default_value = "4.1")]
    version: String,
    /// The nodes' network, such as 127.0.92; the first one where nobody listens without it
    #[arg(long)]
    network: Option<String>,
    /// Where the nodes stand, as DATACENTER:RACK
    #[arg(long, value_name = "PLACE,PLACE…", value_delimiter = ',', default_value = "dc1:r1,dc1:r2,dc1:r3")]
    places: Vec<String>,
    /// How the keyspaces are replicated
    #[arg(long, default_value = "{'class': 'NetworkTopologyStrategy', 'dc1': 3}")]
    replication: String,
    /// The first port of the brokers: three for each
    #[arg(long, default_value_t = 19_280)]
    port: u16,
    /// Brokers; each of them keeps everything
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=3))]
    brokers: u8,
    /// Writes; with faults as many as go until they are done
    #[arg(long)]
    writes: Option<u64>,
    /// With the plan `only`: which fault; several come one after the other
    #[arg(long, required_if_eq("plan", "only"))]
    act: Vec<ClusterAct>,
    /// With the plan `only`: how often; each time it is the next member's turn
    #[arg(long, default_value_t = 3)]
    times: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum PlanName {
    /// No faults
    Quiet,
    /// For CI: one agent killed, one held
    Short,
    /// Everything
    Faults,
    /// One kind of fault
    Only,
}

impl ClusterArguments {
    /// Runs it.
    pub async fn run(self) -> Result<ClusterReport> {
        let Self { run: arguments, .. } = self;
        let seed = arguments.seed();
        let members = self.places.len();
        let (plan, rate, writes) = match self.plan {
            PlanName::Quiet => (ClusterPlan::quiet(), 800, Some(self.writes.unwrap_or(100_000))),
            PlanName::Short => (ClusterPlan::short(seed, members), 300, self.writes),
            PlanName::Faults => (ClusterPlan::faults(seed, members), 300, self.writes),
            PlanName::Only => (ClusterPlan::only(&self.act, self.times, members), 300, self.writes),
        };
        let options = ClusterOptions {
            binary: arguments.binary,
            work: arguments.work,
            version: self.version,
            places: self.places,
            replication: self.replication,
            network: self.network,
            port: self.port,
            brokers: usize::from(self.brokers),
            rate: arguments.rate.unwrap_or(rate),
            writes,
            seed,
            agent_lines: arguments.agent,
            node_settings: arguments.node,
            between_ms_max: 10_000,
            keep: arguments.keep,
        };
        run(&options, &plan).await
    }
}
