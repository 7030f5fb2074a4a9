//! What an agent knows of its cluster and of its part in it.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use super::page::{bytes_text, seconds_text};

/// What an agent does among the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClusterState {
    /// It makes itself known, and reads what the others said.
    Joining,
    /// It looks for each change of its log in the ledger, and owns no tokens.
    Auditing,
    /// It publishes the changes of its tokens, and looks for the others.
    Owning,
    /// It gives its tokens back, and ends.
    Leaving,
}

impl ClusterState {
    /// All states.
    pub const ALL: [Self; 4] = [Self::Joining, Self::Auditing, Self::Owning, Self::Leaving];

    /// Returns its name in metrics and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Joining => "joining",
            Self::Auditing => "auditing",
            Self::Owning => "owning",
            Self::Leaving => "leaving",
        }
    }
}

/// An agent of the cluster, this one included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentView {
    /// Its node.
    pub host_id: String,
    /// The session that was read of last.
    pub session: Option<u64>,
    /// Milliseconds since a record of it was read; none if none ever was.
    pub heard_ago_ms: Option<u64>,
    /// Number of its last beat in this session.
    pub beat: u64,
    /// The beat up to which it has published all that its log held.
    pub done: u64,
    /// Whether its settings are those of the first agent: else it only audits.
    pub agrees: bool,
    /// Up to which offset its partition of the ledger was read here.
    pub ledger_position: u64,
    /// How many ranges of tokens it owns.
    pub owned_ranges: u64,
}

/// What the index of the ledger holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LedgerIndexView {
    /// Changes in it.
    pub entries: u64,
    /// Its memory in bytes.
    pub memory_bytes: u64,
    /// Its disk in bytes.
    pub disk_bytes: u64,
    /// How often filing had to wait until a table was on disk.
    pub waits_for_disk: u64,
}

/// What an agent with `dedup.mode = "cluster"` knows. Replaced as a whole, about once a second. Counts begin with the process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClusterView {
    /// The own session; none while a producer is made.
    pub session: Option<u64>,
    /// The own partition of the ledger and of the relay topic; none before it was read back.
    pub partition: Option<i32>,
    /// What it does among the others.
    pub state: ClusterState,
    /// Whether it can own tokens.
    pub is_able: bool,
    /// Why it can't.
    pub not_able_because: Option<String>,
    /// All that ever made themselves known, in order of their host ids.
    pub agents: Vec<AgentView>,
    /// How many ranges of tokens it owns.
    pub owned_ranges: u64,
    /// Which share of all tokens of the keyspaces it owns, in percent.
    pub owned_share_percent: f64,
    /// Changes of the own log that the ledger does not have yet.
    pub pending_changes: u64,
    /// The memory that they take, in bytes.
    pub pending_bytes: u64,
    /// For how many milliseconds the oldest of them has been waited for.
    pub pending_oldest_ms: Option<u64>,
    /// How far the own log is confirmed by the ledger.
    pub audit: String,
    /// Whether the audit stands still: no more changes can be remembered.
    pub audit_stands: bool,
    /// Whether the head has read all that its log holds.
    pub is_caught_up: bool,
    /// Changes that were sent to their owners.
    pub relays_sent: u64,
    /// Changes that others sent.
    pub relays_received: u64,
    /// Those of them that were published, or answered as never to be published.
    pub relays_answered: u64,
    /// Those of them that were known, or of tokens that are not owned here.
    pub relays_unwanted: u64,
    /// Times that this agent began to take tokens over from another one.
    pub take_overs: u64,
    /// Sessions that ended though this agent goes on.
    pub lost_sessions: u64,
    /// Times that the log was read again from an earlier position.
    pub rewinds: u64,
    /// Changes that were streamed to the node and not written to it, and so were skipped.
    pub streamed_copies_skipped: u64,
    /// Changes older than the window that the ledger did not know.
    pub late_changes: u64,
    /// Since when, in milliseconds since 1970, the index has all that stood in the ledger; 0: it lacks nothing.
    pub window_whole_since_ms: u64,
    /// The index of the ledger.
    pub index: LedgerIndexView,
    /// Keyspaces that nobody publishes, and why.
    pub placement_problems: Vec<String>,
    /// Host ids of nodes of the ring beside which no agent ever made itself known.
    pub nodes_without_agent: Vec<String>,
}

impl ClusterView {
    /// How long an agent may be silent and still counts as heard.
    pub const HEARD_WITHIN: Duration = Duration::from_secs(60);

    /// Returns how many agents were heard lately.
    pub fn agents_heard(&self) -> usize {
        let within = Self::HEARD_WITHIN.as_millis();
        let was_heard = |agent: &&AgentView| agent.heard_ago_ms.is_some_and(|ago| u128::from(ago) <= within);
        self.agents.iter().filter(was_heard).count()
    }

    /// Returns how many agents have other settings than the first one, and so only audit.
    pub fn agents_differing(&self) -> usize {
        self.agents.iter().filter(|agent| !agent.agrees).count()
    }
}

impl fmt::Display for ClusterView {
    /// As lines of `ringtap status`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let caught_up = if self.is_caught_up { "caught up" } else { "not caught up" };
        writeln!(
            f,
            "cluster    {}: {} ranges, {:.1} % of the tokens; {caught_up}",
            self.state.as_str(),
            self.owned_ranges,
            self.owned_share_percent
        )?;
        if let Some(reason) = &self.not_able_because {
            writeln!(f, "own not    {reason}")?;
        }
        let stands = if self.audit_stands { ", stands still" } else { "" };
        writeln!(
            f,
            "confirmed  {}{stands}",
            if self.audit.is_empty() { "nothing yet" } else { &self.audit }
        )?;
        write!(f, "pending    {} changes, {}", self.pending_changes, bytes_text(self.pending_bytes))?;
        match self.pending_oldest_ms {
            Some(oldest) => writeln!(f, ", the oldest for {}", seconds_text(oldest / 1000))?,
            None => writeln!(f)?,
        }
        writeln!(
            f,
            "relays     {} sent, {} received: {} answered, {} unwanted",
            self.relays_sent, self.relays_received, self.relays_answered, self.relays_unwanted
        )?;
        for agent in &self.agents {
            writeln!(f, "agent      {agent}")?;
        }
        for host_id in &self.nodes_without_agent {
            writeln!(f, "no agent   {host_id}")?;
        }
        for problem in &self.placement_problems {
            writeln!(f, "not placed {problem}")?;
        }
        Ok(())
    }
}

impl fmt::Display for AgentView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} owns {} ranges, ", self.host_id, self.owned_ranges)?;
        match self.heard_ago_ms {
            Some(ago) => {
                let ago = seconds_text(ago / 1000);
                write!(f, "heard {ago} ago, beat {}, done {}", self.beat, self.done)?;
            }
            None => f.write_str("never heard")?,
        }
        if !self.agrees {
            f.write_str("; its settings differ from the first agent's: it only audits")?;
        }
        Ok(())
    }
}

#[cfg(test)]
impl ClusterView {
    /// A view in which every field has a value of its own.
    pub(super) fn example() -> Self {
        let agent = |number: u128, heard_ago_ms: Option<u64>| AgentView {
            host_id: uuid::Uuid::from_u128(number).to_string(),
            session: heard_ago_ms.map(|_| 70 + number as u64),
            heard_ago_ms,
            beat: 12,
            done: 11,
            agrees: heard_ago_ms.is_some(),
            ledger_position: 5000 + number as u64,
            owned_ranges: number as u64,
        };
        Self {
            session: Some(71),
            partition: Some(2),
            state: ClusterState::Owning,
            is_able: false,
            not_able_because: Some("the node is down".into()),
            agents: vec![agent(1, Some(250)), agent(2, Some(61_000)), agent(3, None)],
            owned_ranges: 8,
            owned_share_percent: 33.25,
            pending_changes: 3,
            pending_bytes: 4096,
            pending_oldest_ms: Some(2_500),
            audit: "5-7,8=17".into(),
            audit_stands: true,
            is_caught_up: true,
            relays_sent: 21,
            relays_received: 22,
            relays_answered: 23,
            relays_unwanted: 24,
            take_overs: 25,
            lost_sessions: 26,
            rewinds: 27,
            streamed_copies_skipped: 28,
            late_changes: 29,
            window_whole_since_ms: 1_700_000_000_500,
            index: LedgerIndexView { entries: 31, memory_bytes: 32, disk_bytes: 33, waits_for_disk: 34 },
            placement_problems: vec!["keyspace k has no replicas".into()],
            nodes_without_agent: vec![uuid::Uuid::from_u128(4).to_string()],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_read_what_matters_first() {
        let text = ClusterView::example().to_string();
        let expected = "\
cluster    owning: 8 ranges, 33.2 % of the tokens; caught up
own not    the node is down
confirmed  5-7,8=17, stands still
pending    3 changes, 4.00 KiB, the oldest for 2 s
relays     21 sent, 22 received: 23 answered, 24 unwanted
agent      00000000-0000-0000-0000-000000000001 owns 1 ranges, heard 0 s ago, beat 12, done 11
agent      00000000-0000-0000-0000-000000000002 owns 2 ranges, heard 1 min 1 s ago, beat 12, done 11
agent      00000000-0000-0000-0000-000000000003 owns 3 ranges, never heard; its settings differ from the first agent's: it only audits
no agent   00000000-0000-0000-0000-000000000004
not placed keyspace k has no replicas
";
        assert_eq!(text, expected);
    }

    #[test]
    fn who_was_silent_for_long_is_not_heard() {
        let view = ClusterView::example();
        assert_eq!((view.agents_heard(), view.agents_differing()), (1, 1));
    }

    #[test]
    fn the_page_has_the_fields_by_their_names() {
        let page = serde_json::to_value(ClusterView::example()).unwrap();
        let expected = serde_json::json!({
            "session": 71, "partition": 2, "state": "owning", "is_able": false,
            "not_able_because": "the node is down",
            "agents": [
                {"host_id": "00000000-0000-0000-0000-000000000001", "session": 71, "heard_ago_ms": 250, "beat": 12,
                 "done": 11, "agrees": true, "ledger_position": 5001, "owned_ranges": 1},
                {"host_id": "00000000-0000-0000-0000-000000000002", "session": 72, "heard_ago_ms": 61000, "beat": 12,
                 "done": 11, "agrees": true, "ledger_position": 5002, "owned_ranges": 2},
                {"host_id": "00000000-0000-0000-0000-000000000003", "session": null, "heard_ago_ms": null, "beat": 12,
                 "done": 11, "agrees": false, "ledger_position": 5003, "owned_ranges": 3},
            ],
            "owned_ranges": 8, "owned_share_percent": 33.25,
            "pending_changes": 3, "pending_bytes": 4096, "pending_oldest_ms": 2500,
            "audit": "5-7,8=17", "audit_stands": true, "is_caught_up": true,
            "relays_sent": 21, "relays_received": 22, "relays_answered": 23, "relays_unwanted": 24,
            "take_overs": 25, "lost_sessions": 26, "rewinds": 27, "streamed_copies_skipped": 28, "late_changes": 29,
            "window_whole_since_ms": 1_700_000_000_500_u64,
            "index": {"entries": 31, "memory_bytes": 32, "disk_bytes": 33, "waits_for_disk": 34},
            "placement_problems": ["keyspace k has no replicas"],
            "nodes_without_agent": ["00000000-0000-0000-0000-000000000004"],
        });
        assert_eq!(page, expected);
    }
}
