//! What is told on the command line.

use std::time::Duration;

use anyhow::Result;

use super::{Act, FaultReport, Plan, RunOptions, run::run};
use crate::run_arguments::RunArguments;

/// What `ringtap-faults run` is told.
#[derive(Debug, clap::Args)]
pub struct FaultsArguments {
    /// Which faults
    #[arg(value_enum)]
    plan: PlanName,
    #[command(flatten)]
    run: RunArguments,
    #[arg(long, default_value = "5.0")]
    version: String,
    #[arg(long, default_value = "127.0.91.1")]
    address: String,
    #[arg(long, default_value_t = 19_250)]
    port: u16,
    #[arg(long, default_value = "127.0.91.1:9187")]
    http: String,
    /// How long a soak takes
    #[arg(long, default_value_t = 1800)]
    seconds: u64,
    /// With the plan `only`: which fault
    #[arg(long, required_if_eq("plan", "only"))]
    act: Option<Act>,
    /// With the plan `only`: how often
    #[arg(long, default_value_t = 5)]
    times: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum PlanName {
    /// For CI: every process killed and held, in three minutes
    Short,
    /// Everything, often
    Long,
    /// At 2,000 writes a second for half an hour, with schema changes
    Soak,
    /// One kind of fault
    Only,
}

impl FaultsArguments {
    /// Runs it. Returns with the report the steps in which a kill should have struck, and none did.
    pub async fn run(self) -> Result<(FaultReport, Vec<&'static str>)> {
        let Self { run: arguments, plan: name, .. } = self;
        let seed = arguments.seed();
        let (plan, rate, between_ms_max) = match name {
            PlanName::Short => (Plan::short(seed), 400, 1500),
            PlanName::Long => (Plan::long(seed), 300, 2500),
            PlanName::Soak => (Plan::soak(seed), 2000, 90_000),
            PlanName::Only => (Plan::only(self.act.unwrap_or(Act::AgentKill), self.times), 400, 1500),
        };
        let options = RunOptions {
            binary: arguments.binary,
            work: arguments.work,
            version: self.version,
            address: self.address,
            port: self.port,
            http: self.http,
            rate: arguments.rate.unwrap_or(rate),
            seed,
            agent_lines: arguments.agent,
            node_settings: arguments.node,
            // Soon filled; but what is published in half an hour has to fit.
            disk_bytes: if name == PlanName::Soak { 2 << 30 } else { 64 << 20 },
            between_ms_max,
            time: (name == PlanName::Soak).then(|| Duration::from_secs(self.seconds)),
            keep: arguments.keep,
        };
        let report = run(&options, &plan).await?;
        let never = if name == PlanName::Long { report.phases_never_struck() } else { Vec::new() };
        Ok((report, never))
    }
}
