//! Why a node could not be asked.

use std::{error::Error, io, path::PathBuf, sync::Arc, time::Duration};

use scylla::errors::{
    ConnectionError, ConnectionPoolError, ConnectionSetupRequestErrorKind, DbError, ExecutionError,
    MetadataError, NewSessionError, RequestAttemptError,
};
use thiserror::Error;

type Source = Arc<dyn Error + Send + Sync>;

/// Why a node could not be asked for its schema, and what its operator can do.
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum NodeError {
    /// Nobody answers.
    #[error("Cassandra at {endpoint} does not answer: is it running, and are address and port those of CQL?")]
    Unreachable {
        /// `address:port`.
        endpoint: String,
        /// Why.
        source: Source,
    },
    /// The connection is ended while it is set up.
    #[error(
        "Cassandra at {endpoint} ends the connection: is it shutting down, or does it want TLS, or a client's \
         certificate?"
    )]
    Closed {
        /// `address:port`.
        endpoint: String,
        /// Why.
        source: Source,
    },
    /// Nobody answered in time.
    #[error(
        "Cassandra at {endpoint} did not answer within {} ms: is it up, and does it speak the same TLS setting?",
        after.as_millis()
    )]
    TimedOut {
        /// `address:port`.
        endpoint: String,
        /// How long was waited.
        after: Duration,
    },
    /// The node wants a login and none was given, or refuses the one that was given.
    #[error("Cassandra at {endpoint} refuses the login: {reason}")]
    Authentication {
        /// `address:port`.
        endpoint: String,
        /// The node's words, or ours if no login was given.
        reason: String,
    },
    /// TLS could not be agreed on.
    #[error(
        "TLS with Cassandra at {endpoint} failed: do the CA file and the node's certificate belong together?"
    )]
    Tls {
        /// `address:port`.
        endpoint: String,
        /// Why.
        source: Source,
    },
    /// A file of certificates or keys could not be used.
    #[error("{path}: cannot be used for TLS")]
    TlsFile {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: Source,
    },
    /// The certificates could not be put together.
    #[error("the TLS settings for Cassandra do not fit together")]
    TlsSettings {
        /// Why.
        source: Source,
    },
    /// The node answered with an error.
    #[error("Cassandra at {endpoint} refused `{query}`")]
    Refused {
        /// `address:port`.
        endpoint: String,
        /// What was asked.
        query: String,
        /// Why.
        source: Source,
    },
    /// The answer is not what Cassandra of the versions that are supported gives.
    #[error("Cassandra at {endpoint} answered `{query}` in an unknown form: {reason}")]
    UnknownAnswer {
        /// `address:port`.
        endpoint: String,
        /// What was asked.
        query: String,
        /// What is wrong.
        reason: String,
    },
    /// The schema changed each time that it was read.
    #[error(
        "the schema of Cassandra at {endpoint} changed each of the {reads} times that it was read: try again later"
    )]
    SchemaInMotion {
        /// `address:port`.
        endpoint: String,
        /// How often it was read.
        reads: u32,
    },
    /// No thread could be started.
    #[error("the threads for CQL could not be started")]
    Runtime {
        /// Why.
        source: Arc<io::Error>,
    },
}

impl NodeError {
    /// Returns true if asking again later may help without anybody's doing: the node is down, busy or starting.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. }
                | Self::Closed { .. }
                | Self::TimedOut { .. }
                | Self::Refused { .. }
                | Self::SchemaInMotion { .. }
        )
    }

    pub(super) fn from_connecting(endpoint: String, error: NewSessionError) -> Self {
        let NewSessionError::MetadataError(MetadataError::ConnectionPoolError(ConnectionPoolError::Broken {
            last_connection_error: connection,
            ..
        })) = &error
        else {
            return Self::Unreachable { endpoint, source: Arc::new(error) };
        };
        Self::from_connection(endpoint, connection)
    }

    fn from_connection(endpoint: String, error: &ConnectionError) -> Self {
        match error {
            ConnectionError::ConnectionSetupRequestError(setup) => match &setup.error {
                ConnectionSetupRequestErrorKind::DbError(DbError::AuthenticationError, reason) => {
                    Self::Authentication { endpoint, reason: reason.clone() }
                }
                ConnectionSetupRequestErrorKind::MissingAuthentication => {
                    let reason = "it asks for a user name and a password, and none is given".to_owned();
                    Self::Authentication { endpoint, reason }
                }
                ConnectionSetupRequestErrorKind::BrokenConnection(_) => {
                    Self::Closed { endpoint, source: Arc::new(error.clone()) }
                }
                _ => Self::Unreachable { endpoint, source: Arc::new(error.clone()) },
            },
            ConnectionError::BrokenConnection(_) => {
                Self::Closed { endpoint, source: Arc::new(error.clone()) }
            }
            ConnectionError::IoError(io) if is_tls(io) => {
                Self::Tls { endpoint, source: Arc::new(error.clone()) }
            }
            _ => Self::Unreachable { endpoint, source: Arc::new(error.clone()) },
        }
    }

    pub(super) fn from_query(endpoint: &str, query: &str, error: ExecutionError) -> Self {
        let endpoint = endpoint.to_owned();
        match error {
            ExecutionError::RequestTimeout(after) => Self::TimedOut { endpoint, after },
            ExecutionError::ConnectionPoolError(_)
            | ExecutionError::EmptyPlan
            | ExecutionError::LastAttemptError(RequestAttemptError::BrokenConnectionError(_)) => {
                Self::Unreachable { endpoint, source: Arc::new(error) }
            }
            _ => Self::Refused { endpoint, query: query.to_owned(), source: Arc::new(error) },
        }
    }

    /// Returns true if the node says that the statement itself is wrong: no such table or function there.
    pub(super) fn is_invalid_query(&self) -> bool {
        let Self::Refused { source, .. } = self else { return false };
        matches!(
            source.downcast_ref::<ExecutionError>(),
            Some(ExecutionError::LastAttemptError(RequestAttemptError::DbError(
                DbError::Invalid | DbError::SyntaxError,
                _
            )))
        )
    }
}

/// The driver hands TLS errors on inside of I/O errors.
fn is_tls(error: &io::Error) -> bool {
    error.get_ref().is_some_and(<dyn Error + Send + Sync>::is::<rustls::Error>)
}
