//! What the agent does as a whole, and which node it stands beside.

use std::{fmt, time::Instant};

use serde::{Deserialize, Serialize};

/// What the agent does as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentState {
    /// It reads its state and looks for its neighbours.
    Starting,
    /// It reads and publishes.
    Running,
    /// Kafka does not answer or takes nothing.
    WaitingForKafka,
    /// The node does not answer, and without its schema or identity it can't go on.
    WaitingForCassandra,
    /// It can't go on until a person does something.
    Blocked,
    /// It ends.
    Stopping,
}

impl AgentState {
    /// All states.
    pub const ALL: [Self; 6] = [
        Self::Starting,
        Self::Running,
        Self::WaitingForKafka,
        Self::WaitingForCassandra,
        Self::Blocked,
        Self::Stopping,
    ];

    /// Returns its name in metrics and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Running => "running",
            Self::WaitingForKafka => "waiting_for_kafka",
            Self::WaitingForCassandra => "waiting_for_cassandra",
            Self::Blocked => "blocked",
            Self::Stopping => "stopping",
        }
    }
}

impl fmt::Display for AgentState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.as_str().replace('_', " "))
    }
}

/// The state, since when, and why.
#[derive(Debug, Clone)]
pub(super) struct Current {
    pub(super) state: AgentState,
    pub(super) since: Instant,
    /// Why; empty if the state says it all.
    pub(super) reason: String,
}

/// The node that the agent stands beside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The cluster's name.
    pub cluster: String,
    /// The node's host id.
    pub host_id: String,
}

/// What must have come about before the agent is ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Milestone {
    /// It is known which node this is.
    Identity,
    /// The schema is known.
    Schema,
    /// The directories have been listed.
    FirstScan,
    /// Kafka has been reached, and positions read back.
    Sink,
}

impl Milestone {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Identity, Self::Schema, Self::FirstScan, Self::Sink];

    pub(super) fn bit(self) -> u8 {
        match self {
            Self::Identity => 1,
            Self::Schema => 2,
            Self::FirstScan => 4,
            Self::Sink => 8,
        }
    }

    /// Returns its name in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Schema => "schema",
            Self::FirstScan => "first_scan",
            Self::Sink => "sink",
        }
    }
}
