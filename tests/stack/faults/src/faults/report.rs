//! What a run under faults shows.

use std::{collections::BTreeMap, fmt};

use serde::Serialize;

use super::Act;
use crate::{load::LoadReport, verify::VerificationReport};

/// What a run under faults shows.
#[derive(Debug, Clone, Serialize)]
pub struct FaultReport {
    /// By which the run can be had again, as far as processes can.
    pub seed: u64,
    /// Cassandra's version.
    pub version: String,
    /// How long it took.
    pub seconds: f64,
    /// Faults by kind.
    pub faults: BTreeMap<Act, u32>,
    /// Processes that were killed: agent, node, broker.
    pub kills: Kills,
    /// The agent's kills by the phases in which they struck. A kill strikes both of its threads, so the sum may be twice the
    /// number of kills.
    pub kills_by_phase: BTreeMap<&'static str, u32>,
    /// What was written.
    pub load: LoadReport,
    /// Times that everything acknowledged so far was waited for and found once.
    pub settled: u32,
    /// What was wrong at those times, in words.
    pub unsettled: Vec<String>,
    /// Whether the accounting of the agent added up each time it was asked, and how often that was.
    pub accounting_checks: u32,
    /// Sums that did not add up.
    pub accounting_wrong: Vec<String>,
    /// What everything that is on Kafka at the end says.
    pub verification: Option<VerificationReport>,
    /// The longest that the agent took from its start to being ready, in seconds.
    pub slowest_start_seconds: f64,
}

/// Processes that were killed.
#[derive(Debug, Default, Clone, Copy, Serialize)]
pub struct Kills {
    /// Of the agent.
    pub agent: u32,
    /// Of the node.
    pub node: u32,
    /// Of the broker.
    pub broker: u32,
}

/// Phases none of which may be left out in a long run.
pub(super) const PHASES: [&str; 6] =
    ["reading", "sending", "transaction open", "committing", "checkpoint", "release"];

impl FaultReport {
    /// Returns true if nothing is lost, nothing came twice, and nothing else is wrong.
    pub fn is_clean(&self) -> bool {
        self.unsettled.is_empty()
            && self.accounting_wrong.is_empty()
            && self.verification.as_ref().is_some_and(VerificationReport::is_clean)
    }

    /// Returns the phases in which no kill struck.
    pub fn phases_never_struck(&self) -> Vec<&'static str> {
        PHASES
            .into_iter()
            .filter(|phase| self.kills_by_phase.get(phase).is_none_or(|kills| *kills == 0))
            .collect()
    }
}

impl fmt::Display for FaultReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Cassandra {}, seed {}, {:.0} s", self.version, self.seed, self.seconds)?;
        writeln!(
            f,
            "killed: agent {} times, node {}, broker {}; slowest start of the agent {:.1} s",
            self.kills.agent, self.kills.node, self.kills.broker, self.slowest_start_seconds
        )?;
        for (act, times) in &self.faults {
            writeln!(f, "  {act:?} {times}")?;
        }
        writeln!(f, "the agent's kills by phase:")?;
        for phase in PHASES {
            writeln!(f, "  {phase} {}", self.kills_by_phase.get(phase).copied().unwrap_or(0))?;
        }
        writeln!(f, "writes: {} acknowledged, {} unknown", self.load.acknowledged, self.load.unknown)?;
        writeln!(f, "settled {} times, {} times not", self.settled, self.unsettled.len())?;
        for words in &self.unsettled {
            writeln!(f, "  {words}")?;
        }
        writeln!(f, "accounting: {} checks, {} wrong", self.accounting_checks, self.accounting_wrong.len())?;
        for words in &self.accounting_wrong {
            writeln!(f, "  {words}")?;
        }
        if let Some(verification) = &self.verification {
            write!(f, "{verification}")?;
        }
        write!(f, "{}", if self.is_clean() { "clean" } else { "NOT CLEAN" })
    }
}
