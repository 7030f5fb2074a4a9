//! Errors of commands, and the exit codes that they give.

use std::{io, path::PathBuf, process::ExitCode};

use thiserror::Error;

use crate::{
    error_text::with_causes,
    quarantine::QuarantineError,
    schema::ImportError,
    source::{FindError, ReadError},
};

/// Exit codes of all commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitStatus {
    /// All is well.
    Ok = 0,
    /// The command ran, and found something that a person should see.
    Findings = 1,
    /// The command line or configuration is wrong.
    Usage = 2,
    /// The source can't be read.
    Source = 3,
    /// The destination can't be written.
    Sink = 4,
    /// Stored state is not ours, or damaged.
    State = 5,
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(status as u8)
    }
}

/// Why a command could not do its work.
#[derive(Debug, Error)]
pub enum CliError {
    /// The command line is wrong in a way that its grammar does not show.
    #[error("{0}")]
    Usage(String),
    /// A file that was named could not be read.
    #[error("{path}: cannot be read")]
    File {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A schema file is none.
    #[error("{path}")]
    Schema {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A key store can't be used.
    #[error(transparent)]
    Keystore(#[from] crate::source::OpenKeystoreError),
    /// A live node could not be asked.
    #[cfg(feature = "agent")]
    #[error(transparent)]
    Node(#[from] crate::schema::node::NodeError),
    /// The configuration is wrong.
    #[cfg(feature = "agent")]
    #[error("this configuration cannot be used:\n{0}")]
    Config(crate::config::ConfigError),
    /// The environment or the command line is wrong.
    #[cfg(feature = "agent")]
    #[error(transparent)]
    Override(#[from] crate::config::OverrideError),
    /// An agent does not answer, or not as one does.
    #[cfg(feature = "agent")]
    #[error("no agent answers at {address}")]
    Agent {
        /// Where it was looked for.
        address: std::net::SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The agent can't go on.
    #[cfg(feature = "agent")]
    #[error(transparent)]
    Ended(#[from] crate::agent::AgentError),
    /// The topics of a cluster's agents could not be read.
    #[cfg(feature = "agent")]
    #[error(transparent)]
    ClusterTopics(#[from] crate::cluster::topics::TopicsError),
    /// A command's own files could not be written.
    #[cfg(feature = "agent")]
    #[error(transparent)]
    State(#[from] crate::checkpoint::StateError),
    /// Segments could not be found.
    #[error(transparent)]
    Find(#[from] FindError),
    /// Segments could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Topics could not be read.
    #[cfg(feature = "agent")]
    #[error(transparent)]
    Topics(#[from] crate::checker::ReadTopicsError),
    /// A quarantine could not be read.
    #[error(transparent)]
    Quarantine(#[from] QuarantineError),
    /// The destination could not be written.
    #[error("{destination}: cannot be written")]
    Sink {
        /// What was written to.
        destination: String,
        /// Why.
        source: io::Error,
    },
}

impl CliError {
    /// Returns the exit code that the error gives.
    pub fn status(&self) -> ExitStatus {
        match self {
            Self::Usage(_) | Self::File { .. } | Self::Schema { .. } | Self::Keystore(_) => ExitStatus::Usage,
            #[cfg(feature = "agent")]
            Self::Ended(error) => error.status(),
            #[cfg(feature = "agent")]
            Self::Config(_) | Self::Override(_) => ExitStatus::Usage,
            #[cfg(feature = "agent")]
            Self::Agent { .. } => ExitStatus::Findings,
            #[cfg(feature = "agent")]
            Self::Node(_) => ExitStatus::Source,
            Self::Find(_) | Self::Read(_) => ExitStatus::Source,
            #[cfg(feature = "agent")]
            Self::Topics(_) => ExitStatus::Source,
            #[cfg(feature = "agent")]
            Self::ClusterTopics(error) => topics_status(error),
            Self::Quarantine(_) => ExitStatus::State,
            #[cfg(feature = "agent")]
            Self::State(_) => ExitStatus::State,
            Self::Sink { source, .. } => sink_status(source),
        }
    }

    /// Returns true if nobody reads our output any more (`ringtap … | head`): not an error of anybody's.
    pub fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Sink { source, .. } if source.kind() == io::ErrorKind::BrokenPipe)
    }

    /// Returns the message with those of its causes.
    pub fn with_causes(&self) -> String {
        with_causes(self)
    }

    pub(super) fn stdout(source: io::Error) -> Self {
        Self::Sink { destination: "stdout".into(), source }
    }

    pub(super) fn schema(path: PathBuf, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Schema { path, source: source.into() }
    }
}

#[cfg(feature = "agent")]
impl From<crate::config::ConfigError> for CliError {
    /// It is told as a whole, one problem a line: it is no cause to be told behind a message.
    fn from(error: crate::config::ConfigError) -> Self {
        Self::Config(error)
    }
}

/// Here the topics are what is read.
#[cfg(feature = "agent")]
fn topics_status(error: &crate::cluster::topics::TopicsError) -> ExitStatus {
    use crate::sink::kafka::SinkErrorKind;
    match error.kind() {
        SinkErrorKind::Config => ExitStatus::Usage,
        SinkErrorKind::State => ExitStatus::State,
        _ => ExitStatus::Source,
    }
}

/// Kafka's errors tell apart what a person has to mend where.
#[cfg(feature = "agent")]
fn sink_status(source: &io::Error) -> ExitStatus {
    use crate::sink::kafka::{SinkError, SinkErrorKind};
    match source.get_ref().and_then(|error| error.downcast_ref()).map(SinkError::kind) {
        Some(SinkErrorKind::Config) => ExitStatus::Usage,
        Some(SinkErrorKind::State) => ExitStatus::State,
        _ => ExitStatus::Sink,
    }
}

#[cfg(not(feature = "agent"))]
fn sink_status(_: &io::Error) -> ExitStatus {
    ExitStatus::Sink
}

impl From<(PathBuf, ImportError)> for CliError {
    fn from((path, source): (PathBuf, ImportError)) -> Self {
        Self::schema(path, source)
    }
}
