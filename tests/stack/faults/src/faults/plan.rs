//! Which faults there are, and in which order they come.

use clap::ValueEnum;
use serde::Serialize;

/// A fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// SIGKILL to the agent, at a random moment or in a phase that was struck least.
    AgentKill,
    /// SIGTERM to the agent: it has to end in order and in time.
    AgentTerm,
    /// SIGSTOP to the agent for longer than its transactions may last.
    AgentPause,
    /// SIGKILL to the node, and a start.
    NodeKill,
    /// SIGSTOP to the node for longer than its clients wait.
    NodePause,
    /// SIGKILL to the broker, and a start.
    BrokerKill,
    /// SIGSTOP to the broker for longer than its clients wait.
    BrokerPause,
    /// The agent is killed while the broker is down.
    AgentAndBrokerKill,
    /// The agent is killed while the node is down, and has to begin without it.
    AgentAndNodeKill,
    /// All three at once.
    AllKill,
    /// The agent is killed again while it starts.
    AgentKillTwice,
    /// Nothing more can be written in the agent's state folder.
    StateDiskFull,
    /// Nothing more can be written where the agent quarantines.
    QuarantineDiskFull,
    /// The node may write no more CDC data: the agent is held until then.
    CdcRawFull,
    /// The agent may not read and delete in `cdc_raw`.
    PermissionLost,
    /// A column is added, written, dropped and added again, while the agent runs or is down.
    SchemaChange,
}

/// Faults in the order in which they come.
#[derive(Debug, Clone)]
pub struct Plan {
    acts: Vec<Act>,
}

impl Plan {
    /// What CI runs: every server is killed and held, in three minutes.
    pub fn short(seed: u64) -> Self {
        Self::shuffled(
            &[
                (Act::AgentKill, 10),
                (Act::AgentTerm, 1),
                (Act::NodeKill, 1),
                (Act::BrokerKill, 1),
                (Act::AgentPause, 1),
                (Act::NodePause, 1),
                (Act::BrokerPause, 1),
                (Act::SchemaChange, 2),
            ],
            seed,
        )
    }

    /// Everything, often.
    pub fn long(seed: u64) -> Self {
        Self::shuffled(
            &[
                (Act::AgentKill, 276),
                (Act::AgentTerm, 10),
                (Act::AgentPause, 6),
                (Act::NodeKill, 14),
                (Act::NodePause, 5),
                (Act::BrokerKill, 5),
                (Act::BrokerPause, 5),
                (Act::AgentAndBrokerKill, 4),
                (Act::AgentAndNodeKill, 5),
                (Act::AllKill, 2),
                (Act::AgentKillTwice, 8),
                (Act::StateDiskFull, 3),
                (Act::QuarantineDiskFull, 2),
                (Act::CdcRawFull, 2),
                (Act::PermissionLost, 3),
                (Act::SchemaChange, 15),
            ],
            seed,
        )
    }

    /// What a soak has, over and over: no fault that stops it for long.
    pub fn soak(seed: u64) -> Self {
        Self::shuffled(
            &[
                (Act::AgentKill, 12),
                (Act::AgentTerm, 3),
                (Act::NodeKill, 2),
                (Act::BrokerKill, 2),
                (Act::AgentPause, 1),
                (Act::BrokerPause, 1),
                (Act::SchemaChange, 14),
            ],
            seed,
        )
    }

    /// Faults of one kind alone.
    pub fn only(act: Act, times: usize) -> Self {
        Self { acts: vec![act; times] }
    }

    fn shuffled(counts: &[(Act, usize)], seed: u64) -> Self {
        let mut acts: Vec<Act> =
            counts.iter().flat_map(|(act, times)| std::iter::repeat_n(*act, *times)).collect();
        fastrand::Rng::with_seed(seed).shuffle(&mut acts);
        Self { acts }
    }

    /// Returns the faults in their order.
    pub fn acts(&self) -> &[Act] {
        &self.acts
    }

    /// Returns how many processes of each kind are killed: agent, node, broker.
    pub fn kills(&self) -> (usize, usize, usize) {
        let mut kills = (0, 0, 0);
        for act in &self.acts {
            let (agent, node, broker) = match act {
                Act::AgentKill => (1, 0, 0),
                Act::NodeKill => (0, 1, 0),
                Act::BrokerKill => (0, 0, 1),
                Act::AgentAndBrokerKill => (1, 0, 1),
                Act::AgentAndNodeKill => (1, 1, 0),
                Act::AllKill => (1, 1, 1),
                Act::AgentKillTwice => (2, 0, 0),
                _ => (0, 0, 0),
            };
            kills = (kills.0 + agent, kills.1 + node, kills.2 + broker);
        }
        kills
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_long_plan_kills_as_often_as_was_promised() {
        let (agent, node, broker) = Plan::long(1).kills();
        assert!(agent >= 300 && node >= 20 && broker >= 10, "{agent} {node} {broker}");
    }

    #[test]
    fn a_seed_gives_the_same_order_again() {
        assert_eq!(Plan::long(7).acts(), Plan::long(7).acts());
        assert_ne!(Plan::long(7).acts(), Plan::long(8).acts());
    }
}
