//! How the member stands among the others, for the status and the metrics.

use std::collections::BTreeSet;

use super::reading::MemberReading;
use crate::{
    cluster::{
        core::AgentStanding,
        names::{HostId, is_of_tables},
    },
    telemetry::{AgentView, ClusterState, ClusterView, LedgerIndexView},
};

/// How many tokens there are.
const TOKENS: f64 = 18_446_744_073_709_551_616.0;

impl MemberReading {
    /// Shows all of it.
    pub(super) fn show(&mut self) {
        let view = self.view();
        self.report.status().set_cluster(view);
    }

    fn view(&mut self) -> ClusterView {
        let index = self.work.member.core.index();
        let (stats, whole_since_ms) = (index.stats(), index.whole_since_ms());
        let work = &self.work;
        let member = &work.member;
        let (core, counts) = (&member.core, &member.counts);
        let agents = core.agents();
        let (owned_ranges, owned_share_percent) = self.owned();
        let session = core.session().map(|session| session.0);
        let age_ms = |at: u64| u64::try_from(member.age_of(at).as_millis()).unwrap_or(u64::MAX);
        ClusterView {
            session,
            partition: core.partition_of(member.me),
            state: match session {
                _ if core.is_leaving() => ClusterState::Leaving,
                None => ClusterState::Joining,
                Some(_) if owned_ranges > 0 => ClusterState::Owning,
                Some(_) => ClusterState::Auditing,
            },
            is_able: work.standing.is_able,
            not_able_because: work.standing.not_able_because.clone(),
            nodes_without_agent: self.nodes_without_agent(&agents),
            agents: agents.iter().map(|agent| agent_view(agent, age_ms)).collect(),
            owned_ranges,
            owned_share_percent,
            pending_changes: core.pending_count() as u64,
            pending_bytes: work.kept.bytes(),
            pending_oldest_ms: core.pending_since_ms().map(age_ms),
            audit: work.log.audit.to_string(),
            audit_stands: work.log.audit_stands(),
            is_caught_up: work.standing.is_caught_up,
            relays_sent: counts.relays_sent,
            relays_received: counts.relays_received,
            relays_answered: counts.relays_answered,
            relays_unwanted: counts.relays_unwanted,
            take_overs: counts.take_overs,
            lost_sessions: counts.sessions.saturating_sub(1),
            rewinds: counts.rewinds,
            streamed_copies_skipped: counts.streamed_copies,
            late_changes: counts.late_changes,
            window_whole_since_ms: whole_since_ms,
            index: LedgerIndexView {
                entries: stats.entries,
                memory_bytes: stats.memory_bytes,
                disk_bytes: stats.disk_bytes,
                waits_for_disk: stats.waits_for_disk,
            },
            placement_problems: member.placing.problems.clone(),
        }
    }

    /// Returns how many ranges of tables' tokens are owned, and which share of all tokens that is, in percent.
    fn owned(&self) -> (u64, f64) {
        let member = &self.work.member;
        let (mut ranges, mut tokens) = (0_u64, 0.0);
        for (_, range) in member.core.own_ranges().filter(|(keyspace, _)| is_of_tables(keyspace)) {
            ranges += 1;
            tokens += range.up_to.wrapping_sub(range.after).cast_unsigned() as f64;
        }
        let keyspaces = member.placing.keyspaces.max(1) as f64;
        (ranges, 100.0 * tokens / (TOKENS * keyspaces))
    }

    fn nodes_without_agent(&self, agents: &[AgentStanding]) -> Vec<String> {
        let known: BTreeSet<HostId> = agents.iter().map(|agent| agent.host).collect();
        let topology = self.work.member.placing.topology();
        let nodes = topology.into_iter().flat_map(|topology| topology.nodes.keys());
        nodes.filter(|host| !known.contains(host)).map(ToString::to_string).collect()
    }
}

fn agent_view(agent: &AgentStanding, age_ms: impl Fn(u64) -> u64) -> AgentView {
    AgentView {
        host_id: agent.host.to_string(),
        session: agent.session.map(|session| session.0),
        heard_ago_ms: agent.heard_ms.map(age_ms),
        beat: agent.beat,
        done: agent.done,
        agrees: agent.agrees,
        ledger_position: agent.ledger_position,
        owned_ranges: agent.owned_ranges,
    }
}
