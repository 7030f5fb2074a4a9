//! Why the agent ended, or has to begin a step anew.

use std::io;

use crate::{
    checkpoint::StateError,
    cli::ExitStatus,
    cluster::topics::TopicsError,
    schema::live::LiveSchemaError,
    schema::node::NodeError,
    sink::kafka::{SinkError, SinkErrorKind},
    source::SourceError,
};

/// Why the agent can't go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AgentError {
    /// The log can't be read or released.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The state can't be read or kept.
    #[error(transparent)]
    State(#[from] StateError),
    /// The schema can't be had or kept.
    #[error(transparent)]
    Schema(#[from] LiveSchemaError),
    /// Kafka can't be used.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// The topics of the cluster's agents can't be used.
    #[error(transparent)]
    Topics(#[from] TopicsError),
    /// The node can't be asked who it is.
    #[error("the node's identity is not known: {0}; or set cassandra.cluster and cassandra.host_id")]
    Identity(#[from] NodeError),
    /// The log is another node's.
    #[error(
        "the log is of node {found}, but this agent is node {expected}'s: check source.cdc_raw_directory and \
         cassandra.address; if the node was replaced, move the state directory away"
    )]
    OtherNode {
        /// Host id in the log.
        found: Box<str>,
        /// Our host id.
        expected: Box<str>,
    },
    /// The position in Kafka and the local state contradict each other.
    #[error("{0}")]
    Position(String),
    /// The operating system refused something basic.
    #[error("{doing}")]
    System {
        /// What was being done.
        doing: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// The configuration can't work.
    #[error("{0}")]
    Config(String),
    /// A thread ended in a panic: a fault of this program.
    #[error("the {0} thread ended unexpectedly; this is a fault of ringtap, please report it")]
    Panicked(&'static str),
}

impl AgentError {
    /// Returns the exit code that the error gives.
    pub fn status(&self) -> ExitStatus {
        match self {
            Self::Source(error) if error.is_state() => ExitStatus::State,
            Self::Source(_) | Self::Identity(_) | Self::Schema(LiveSchemaError::Node(_)) => {
                ExitStatus::Source
            }
            Self::State(_) | Self::Schema(_) | Self::OtherNode { .. } | Self::Position(_) => {
                ExitStatus::State
            }
            Self::Sink(error) => of_sink(error.kind()),
            Self::Topics(error) => of_sink(error.kind()),
            Self::Config(_) => ExitStatus::Usage,
            Self::System { .. } | Self::Panicked(_) => ExitStatus::Findings,
        }
    }
}

fn of_sink(kind: SinkErrorKind) -> ExitStatus {
    match kind {
        SinkErrorKind::Config => ExitStatus::Usage,
        SinkErrorKind::State => ExitStatus::State,
        _ => ExitStatus::Sink,
    }
}
