//! What a run of a cluster shows.

use std::{collections::BTreeMap, fmt};

use ringtap::checker::Findings;
use serde::Serialize;

use super::{ClusterAct, LatencyFigures, SideTraffic, TakeOver};
use crate::{latency::share, load::LoadReport, verify::VerificationReport};

/// How many errors of writes are shown.
const REFUSALS_SHOWN: usize = 3;

/// What a run of a cluster shows.
#[derive(Debug, Clone, Serialize)]
pub struct ClusterReport {
    /// By which the run can be had again, as far as processes can.
    pub seed: u64,
    /// Cassandra's version.
    pub version: String,
    /// How long it took, with all starts.
    pub seconds: f64,
    /// How long it took until all nodes and agents were there.
    pub start_seconds: f64,
    /// Faults by kind.
    pub faults: BTreeMap<ClusterAct, u32>,
    /// What was written.
    pub load: LoadReport,
    /// Errors that writes ended with; without faults there should be none.
    pub refusals: Findings,
    /// Beside it, writes that one node alone had.
    pub one_replica: LoadReport,
    /// Errors that those ended with, each time.
    pub one_replica_refusals: Vec<Findings>,
    /// Times that all agents were waited for until they said that all is published and audited.
    pub quiet: u32,
    /// How long that took at the end, in seconds.
    pub quiet_seconds: f64,
    /// Records for each change: 1 if each change came once and whole.
    pub records_per_change: f64,
    /// The agents' own topics.
    pub side_traffic: SideTraffic,
    /// Their bytes for each change.
    pub side_bytes_per_change: f64,
    /// From the acknowledgement of a write until its record could be read.
    pub latency: LatencyFigures,
    /// Agents that were killed or held.
    pub take_overs: Vec<TakeOver>,
    /// What each agent said at the end, by its node's number.
    pub agents: BTreeMap<usize, serde_json::Value>,
    /// What everything that is on Kafka at the end says.
    pub verification: Option<VerificationReport>,
    /// What was wrong beside that, in words.
    pub findings: Vec<String>,
}

impl ClusterReport {
    /// Returns true if nothing is lost, nothing came twice, and nothing else is wrong.
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
            && self.side_traffic.unreadable.is_empty()
            && self.verification.as_ref().is_some_and(VerificationReport::is_clean)
    }

    /// Returns the take-over times below which that share of them is, in seconds.
    fn take_over_share(&self, part: f64) -> f64 {
        let mut seconds: Vec<f64> =
            self.take_overs.iter().filter_map(|take_over| take_over.seconds).collect();
        seconds.sort_by(f64::total_cmp);
        share(&seconds, part)
    }
}

impl fmt::Display for ClusterReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "Cassandra {}, seed {}, {:.0} s, of which {:.0} s to start",
            self.version, self.seed, self.seconds, self.start_seconds
        )?;
        for (act, times) in &self.faults {
            writeln!(f, "  {act:?} {times}")?;
        }
        let LoadReport { acknowledged, unknown, seconds } = self.load;
        writeln!(f, "writes: {acknowledged} acknowledged, {unknown} unknown, in {seconds:.0} s")?;
        for words in self.refusals.first.iter().take(REFUSALS_SHOWN) {
            writeln!(f, "  {words}")?;
        }
        let LoadReport { acknowledged, unknown, .. } = self.one_replica;
        writeln!(f, "to one replica alone: {acknowledged} acknowledged, {unknown} unknown")?;
        writeln!(f, "quiet {} times, the last one after {:.1} s", self.quiet, self.quiet_seconds)?;
        if let Some(verification) = &self.verification {
            write!(f, "{verification}")?;
        }
        writeln!(f, "records for each change: {:.4}", self.records_per_change)?;
        let traffic = &self.side_traffic;
        writeln!(
            f,
            "side traffic: {:.1} bytes for each change (owners {}, ledger {}, relay {} bytes), {} relays",
            self.side_bytes_per_change,
            traffic.owners_bytes,
            traffic.ledger_bytes,
            traffic.relay_bytes,
            traffic.relays
        )?;
        writeln!(
            f,
            "  ledger: {:?}, bytes of values {:?}",
            traffic.ledger_records, traffic.ledger_value_bytes
        )?;
        writeln!(f, "  owners: {:?}", traffic.owners_records)?;
        for words in &traffic.unreadable.first {
            writeln!(f, "  {words}")?;
        }
        let latency = &self.latency;
        writeln!(
            f,
            "acknowledged to readable: p50 {:.0} ms, p99 {:.0} ms, max {:.0} ms of {} records",
            latency.p50_ms, latency.p99_ms, latency.max_ms, latency.records
        )?;
        if !self.take_overs.is_empty() {
            let (half, most) = (self.take_over_share(0.5), self.take_over_share(0.99));
            writeln!(f, "take-over: p50 {half:.1} s, p99 {most:.1} s of {} times", self.take_overs.len())?;
            for TakeOver { act, victim, seconds, .. } in &self.take_overs {
                match seconds {
                    Some(seconds) => writeln!(f, "  {act:?} of {victim}: {seconds:.1} s")?,
                    None => writeln!(f, "  {act:?} of {victim}: nobody published for it")?,
                }
            }
        }
        for (number, status) in &self.agents {
            writeln!(f, "agent {number}: {status}")?;
        }
        writeln!(f, "findings: {}", self.findings.len())?;
        for words in &self.findings {
            writeln!(f, "  {words}")?;
        }
        write!(f, "{}", if self.is_clean() { "clean" } else { "NOT CLEAN" })
    }
}
