//! Every error that librdkafka may give, and what the caller does about it.

use rdkafka::{error::KafkaError, types::RDKafkaErrorCode as Code};

use super::{position::PositionError, refused::is_secret};
use crate::record::{RecordPlace, TopicNameError};

/// Why the sink could not do what it was asked. [`kind`](Self::kind) says what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// The transaction is lost, or nobody knows how it ended.
    #[error("{doing}: {reason}; to be read again from the committed position")]
    Restart {
        /// What was being done.
        doing: &'static str,
        /// What Kafka said, and about which record.
        reason: String,
    },
    /// Another producer has taken over the transactional id.
    #[error(
        "{doing}: another agent has begun with the transactional id `{transactional_id}`: does one run twice?"
    )]
    Fenced {
        /// What was being done.
        doing: &'static str,
        /// The id that both use.
        transactional_id: String,
    },
    /// A record is larger than the topic takes.
    #[error(
        "{topic}: the record of log position {place} has {bytes} bytes, but {limit} are allowed (`record_bytes_max`, or the topic's `max.message.bytes`)"
    )]
    TooLarge {
        /// Where it was to go.
        topic: String,
        /// Which record: `<segment id>:<position>:<index>`.
        place: String,
        /// Bytes of key, value and headers; 0 if only the broker knows.
        bytes: usize,
        /// Bytes that are allowed; 0 if only the broker knows.
        limit: usize,
    },
    /// Kafka refuses the credentials, or what they may do.
    #[error("{doing}: {reason}; blocked until access is granted")]
    Denied {
        /// What was being done.
        doing: &'static str,
        /// What Kafka said.
        reason: String,
    },
    /// The configuration can't work; trying again is of no use.
    #[error("{0}")]
    Config(String),
    /// A table's topic can't have that name.
    #[error(transparent)]
    TopicName(#[from] TopicNameError),
    /// What stands in the positions topic is not a position of ours.
    #[error("{topic}: the position of `{key}` can't be used")]
    Position {
        /// The positions topic.
        topic: String,
        /// Key of the record.
        key: String,
        /// Why.
        source: PositionError,
    },
    /// Kafka was not reached within the time that was allowed for it.
    #[error("{doing}: Kafka was not reached in time: {reason}")]
    Unavailable {
        /// What was being done.
        doing: &'static str,
        /// What happened last.
        reason: String,
    },
    /// A record could not be put aside.
    #[error("the record of log position {place} is too large, and could not be put aside")]
    Quarantine {
        /// Which record.
        place: String,
        /// Why.
        source: std::io::Error,
    },
    /// The stop signal was set while this waited.
    #[error("stopped while {doing}")]
    Stopped {
        /// What was being done.
        doing: &'static str,
    },
}

/// What the caller does about a [`SinkError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SinkErrorKind {
    /// Wait a little, connect again with the same transactional id, and go on from what
    /// [`committed`](super::KafkaSink::committed) gives.
    Restart,
    /// The same, but stop if it happens again and again: see [`Fences`](super::Fences).
    Fenced,
    /// A person must decide: raise the limit, or choose another policy.
    TooLarge,
    /// Like `Restart`; connecting waits until access is granted.
    Denied,
    /// Stop: exit code 2.
    Config,
    /// Stop: exit code 5.
    State,
    /// Give up: exit code 4. Only with a limit for connecting.
    Unavailable,
    /// Nothing: it was asked for.
    Stopped,
}

impl SinkErrorKind {
    /// All kinds, in the order of their counters.
    pub const ALL: [Self; 8] = [
        Self::Restart,
        Self::Fenced,
        Self::TooLarge,
        Self::Denied,
        Self::Config,
        Self::State,
        Self::Unavailable,
        Self::Stopped,
    ];

    /// Returns the word for it in metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Restart => "restart",
            Self::Fenced => "fenced",
            Self::TooLarge => "too_large",
            Self::Denied => "denied",
            Self::Config => "config",
            Self::State => "state",
            Self::Unavailable => "unavailable",
            Self::Stopped => "stopped",
        }
    }
}

impl SinkError {
    /// Returns what to do about it.
    pub fn kind(&self) -> SinkErrorKind {
        match self {
            Self::Restart { .. } => SinkErrorKind::Restart,
            Self::Fenced { .. } => SinkErrorKind::Fenced,
            Self::TooLarge { .. } => SinkErrorKind::TooLarge,
            Self::Denied { .. } => SinkErrorKind::Denied,
            Self::Config(_) | Self::TopicName(_) => SinkErrorKind::Config,
            Self::Position { .. } | Self::Quarantine { .. } => SinkErrorKind::State,
            Self::Unavailable { .. } => SinkErrorKind::Unavailable,
            Self::Stopped { .. } => SinkErrorKind::Stopped,
        }
    }
}

impl SinkError {
    /// Returns what an unreachable Kafka means to a sink that had connected: connecting again knows how long to try.
    pub(super) fn or_restart(self) -> Self {
        match self {
            Self::Unavailable { doing, reason } => Self::Restart { doing, reason },
            other => other,
        }
    }
}

/// What an error code of librdkafka's means for us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// Kafka, or the way to it, is away or busy; the same again may work.
    Passing,
    /// Another producer has our transactional id, or the coordinator ended our transaction by its time limit.
    Fenced,
    /// Credentials or rights.
    Denied,
    /// Wrong for ever.
    Config,
    /// A record is too large for the broker.
    TooLarge,
    /// The transaction is lost.
    Lost,
}

/// Classifies an error code. The one place that does.
pub(crate) fn meaning(code: Code) -> Meaning {
    match code {
        Code::Fenced | Code::ProducerFenced | Code::InvalidProducerEpoch => Meaning::Fenced,

        Code::Authentication
        | Code::SaslAuthenticationFailed
        | Code::UnsupportedSASLMechanism
        | Code::IllegalSASLState
        | Code::SSL
        | Code::SecurityDisabled
        | Code::TopicAuthorizationFailed
        | Code::GroupAuthorizationFailed
        | Code::ClusterAuthorizationFailed
        | Code::TransactionalIdAuthorizationFailed
        | Code::DelegationTokenAuthorizationFailed
        | Code::DelegationTokenExpired => Meaning::Denied,

        Code::InvalidArgument
        | Code::InvalidConfig
        | Code::InvalidTopic
        | Code::InvalidPartitions
        | Code::InvalidReplicationFactor
        | Code::InvalidReplicaAssignment
        | Code::InvalidRequiredAcks
        | Code::InvalidTransactionTimeout
        | Code::NotConfigured
        | Code::NotImplemented
        | Code::PolicyViolation
        | Code::UnsupportedFeature
        | Code::UnsupportedForMessageFormat
        | Code::UnsupportedVersion
        | Code::UnsupportedCompressionType => Meaning::Config,

        Code::MessageSizeTooLarge | Code::InvalidMessageSize | Code::MessageBatchTooLarge => {
            Meaning::TooLarge
        }

        Code::AllBrokersDown
        | Code::BrokerTransportFailure
        | Code::Resolve
        | Code::OperationTimedOut
        | Code::TimedOutQueue
        | Code::MessageTimedOut
        | Code::RequestTimedOut
        | Code::NetworkException
        | Code::BrokerNotAvailable
        | Code::CoordinatorNotAvailable
        | Code::CoordinatorLoadInProgress
        | Code::NotCoordinator
        | Code::ConcurrentTransactions
        | Code::NotController
        | Code::LeaderNotAvailable
        | Code::NotLeaderForPartition
        | Code::ReplicaNotAvailable
        | Code::NotEnoughReplicas
        | Code::NotEnoughReplicasAfterAppend
        | Code::UnknownTopicOrPartition
        | Code::UnknownTopic
        | Code::UnknownPartition
        | Code::KafkaStorageError
        | Code::ThrottlingQuotaExceeded
        | Code::Retry
        | Code::WaitCache
        | Code::WaitingForCoordinator
        | Code::QueueFull => Meaning::Passing,

        // A transaction in a state that does not fit, a gap in the producer's sequence, and all that is not known:
        // what was committed is read back, which is right for every one of them.
        _ => Meaning::Lost,
    }
}

/// Returns the error of an operation in which the transaction can't go on.
pub(crate) fn lost(doing: &'static str, error: &KafkaError, transactional_id: &str) -> SinkError {
    let reason = error.to_string();
    let code = error.rdkafka_error_code();
    match (code.map_or(Meaning::Lost, meaning), error) {
        (_, KafkaError::ClientConfig(_, description, key, _)) => {
            let description = if is_secret(key) { "its value is refused" } else { description };
            SinkError::Config(format!("librdkafka option `{key}`: {description}"))
        }
        (_, KafkaError::ClientCreation(description)) => {
            SinkError::Config(format!("no Kafka client can be made: {description}"))
        }
        (Meaning::Fenced, _) => SinkError::Fenced { doing, transactional_id: transactional_id.into() },
        (Meaning::Denied, _) => SinkError::Denied { doing, reason },
        (Meaning::Config, _) => SinkError::Config(format!("{doing}: {reason}")),
        (Meaning::TooLarge, _) => {
            SinkError::TooLarge { topic: String::new(), place: String::new(), bytes: 0, limit: 0 }
        }
        (Meaning::Passing | Meaning::Lost, _) => SinkError::Restart { doing, reason },
    }
}

/// Writes a place as in the header `position`.
pub(super) fn place_text(place: RecordPlace) -> String {
    let RecordPlace { position, index } = place;
    format!("{}:{}:{index}", position.segment, position.offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_error_tells_what_to_do() {
        let kind = |code| lost("sending", &KafkaError::Global(code), "id").kind();
        for (code, expected) in [
            (Code::Fenced, SinkErrorKind::Fenced),
            (Code::ProducerFenced, SinkErrorKind::Fenced),
            (Code::InvalidProducerEpoch, SinkErrorKind::Fenced),
            (Code::TopicAuthorizationFailed, SinkErrorKind::Denied),
            (Code::SaslAuthenticationFailed, SinkErrorKind::Denied),
            (Code::Authentication, SinkErrorKind::Denied),
            (Code::TransactionalIdAuthorizationFailed, SinkErrorKind::Denied),
            (Code::MessageSizeTooLarge, SinkErrorKind::TooLarge),
            (Code::InvalidTransactionTimeout, SinkErrorKind::Config),
            (Code::InvalidReplicationFactor, SinkErrorKind::Config),
            (Code::OperationTimedOut, SinkErrorKind::Restart),
            (Code::MessageTimedOut, SinkErrorKind::Restart),
            (Code::PurgeInflight, SinkErrorKind::Restart),
            (Code::InvalidTransactionalState, SinkErrorKind::Restart),
            (Code::OutOfOrderSequenceNumber, SinkErrorKind::Restart),
            (Code::UnknownProducerId, SinkErrorKind::Restart),
            (Code::Fatal, SinkErrorKind::Restart),
            (Code::Unknown, SinkErrorKind::Restart),
        ] {
            assert_eq!(kind(code), expected, "{code:?}");
        }
    }

    #[test]
    fn a_wrong_option_is_told_without_its_value() {
        let config: rdkafka::ClientConfig =
            [("sasl.password.typo".to_owned(), "hunter2".to_owned())].into_iter().collect();
        let error = config.create_native_config().map(drop).unwrap_err();
        let error = lost("connecting", &error, "id");
        assert_eq!(error.kind(), SinkErrorKind::Config);
        let text = format!("{error} {error:?}");
        assert!(text.contains("sasl.password.typo") && !text.contains("hunter2"), "{text}");
    }
}
