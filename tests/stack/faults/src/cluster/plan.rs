//! Which faults a cluster meets, and in which order they come.

use clap::ValueEnum;
use serde::Serialize;

/// A fault of a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum ClusterAct {
    /// SIGKILL to an agent, which stays away until another one has taken over.
    AgentKill,
    /// SIGSTOP to an agent until another one has taken over: then it wakes as an owner that was fenced.
    AgentPause,
    /// A node is stopped in order and started: the others keep hints for it.
    NodeStop,
    /// SIGKILL to a node, and a start after a while: it replays its log, and the others keep hints for it.
    NodeKill,
    /// Writes that one node alone has: the others are held, and no hints are kept for them.
    OneReplica,
    /// `nodetool repair`: merged rows are streamed, and logged as if they were written.
    Repair,
    /// SIGKILL to a broker, and a start.
    BrokerKill,
    /// The clock of a node and of its agent goes five minutes ahead, and back.
    ClockAhead,
    /// A node is added, and its agent.
    NodeJoin,
    /// A node is decommissioned, and its agent ends when it has nothing more to do.
    NodeLeave,
}

/// A fault, and which member it befalls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Strike {
    /// The fault.
    pub act: ClusterAct,
    /// The member, from 0; of no meaning to those that befall none.
    pub member: usize,
}

/// Faults in the order in which they come.
#[derive(Debug, Clone, Default)]
pub struct ClusterPlan {
    strikes: Vec<Strike>,
}

impl ClusterPlan {
    /// No faults at all.
    pub fn quiet() -> Self {
        Self::default()
    }

    /// What CI runs: one agent killed, another one held.
    pub fn short(seed: u64, members: usize) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let (killed, held) = (random.usize(0..members), random.usize(1..members));
        let strikes = vec![
            Strike { act: ClusterAct::AgentKill, member: killed },
            Strike { act: ClusterAct::AgentPause, member: (killed + held) % members },
        ];
        Self { strikes }
    }

    /// Everything: each member in turn where a fault befalls one. Nodes come and go at the end.
    pub fn faults(seed: u64, members: usize) -> Self {
        use ClusterAct::{
            AgentKill, AgentPause, BrokerKill, ClockAhead, NodeJoin, NodeKill, NodeLeave, NodeStop,
            OneReplica, Repair,
        };
        let mut random = fastrand::Rng::with_seed(seed);
        let mut strikes = Vec::new();
        for act in [AgentKill, AgentPause, NodeStop, OneReplica] {
            strikes.extend((0..members).map(|member| Strike { act, member }));
        }
        for act in [Repair, BrokerKill, BrokerKill, ClockAhead, NodeKill] {
            strikes.push(Strike { act, member: random.usize(0..members) });
        }
        random.shuffle(&mut strikes);
        // Merged rows of what one replica alone had.
        strikes.push(Strike { act: Repair, member: random.usize(0..members) });
        strikes.push(Strike { act: NodeJoin, member: members });
        strikes.push(Strike { act: AgentKill, member: members });
        // Not the first one, which the others start by.
        strikes.push(Strike { act: NodeLeave, member: random.usize(1..members) });
        strikes.push(Strike { act: AgentKill, member: 0 });
        Self { strikes }
    }

    /// These faults alone, one after the other, so many times and on each member in turn.
    pub fn only(acts: &[ClusterAct], times: usize, members: usize) -> Self {
        let strike = |time: usize| acts.iter().map(move |act| Strike { act: *act, member: time % members });
        Self { strikes: (0..times).flat_map(strike).collect() }
    }

    /// Returns the faults in their order.
    pub fn strikes(&self) -> &[Strike] {
        &self.strikes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_in_the_plan_of_all_faults_and_each_member_is_killed_and_held() {
        let plan = ClusterPlan::faults(3, 3);
        for act in ClusterAct::value_variants() {
            assert!(plan.strikes().iter().any(|strike| strike.act == *act), "{act:?}");
        }
        for act in [ClusterAct::AgentKill, ClusterAct::AgentPause, ClusterAct::NodeStop] {
            for member in 0..3 {
                assert!(plan.strikes().contains(&Strike { act, member }), "{act:?} {member}");
            }
        }
    }

    #[test]
    fn a_seed_gives_the_same_order_again() {
        assert_eq!(ClusterPlan::faults(7, 3).strikes(), ClusterPlan::faults(7, 3).strikes());
        assert_ne!(ClusterPlan::faults(7, 3).strikes(), ClusterPlan::faults(8, 3).strikes());
    }

    #[test]
    fn the_short_plan_strikes_two_members() {
        for seed in 0..20 {
            let plan = ClusterPlan::short(seed, 3);
            assert_ne!(plan.strikes()[0].member, plan.strikes()[1].member);
        }
    }
}
