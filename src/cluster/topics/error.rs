//! Why the agents' topics can't be used.

use uuid::Uuid;

use super::settings::Findings;
use crate::{
    cluster::{names::HostId, record::RecordError},
    sink::kafka::{SinkError, SinkErrorKind},
};

/// Why an agent can't go on with the topics. [`kind`](Self::kind) says what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum TopicsError {
    /// What Kafka says.
    #[error(transparent)]
    Kafka(#[from] SinkError),
    /// A topic is set up in a way that breaks a promise.
    #[error("{topic}: {findings}")]
    Settings {
        /// The topic.
        topic: String,
        /// What is wrong, and what to set instead.
        findings: Findings,
    },
    /// The owners topic is another one than before.
    #[error(
        "{topic} is not the topic that this agent knows: its INIT has {}, the agent's state {}. Somebody deleted it and it was \
         made anew, or this is another Kafka; with what it said of owners gone, two agents could publish the same changes. Stop \
         all agents of the cluster, make sure that nobody writes to the old topic, remove `ledger` from the state directory of \
         each, and start them",
        text_of(*.found), Uuid::from_u128(*.expected)
    )]
    OtherOwners {
        /// The owners topic.
        topic: String,
        /// What the agent's state remembers.
        expected: u128,
        /// What the topic says; `None`: it has no `INIT`.
        found: Option<u128>,
    },
    /// The owners topic forgot its begin.
    #[error(
        "{topic} has lost its records before offset {begin}, but who owns what is told by all of them: it must never expire \
         (`retention.ms=-1`, `retention.bytes=-1`), and nobody may delete records. Stop all agents of the cluster, delete the \
         topic, remove `ledger` from the state directory of each, and start them"
    )]
    OwnersCut {
        /// The owners topic.
        topic: String,
        /// The first offset that it has.
        begin: u64,
    },
    /// The agents of this cluster tell changes apart in another way.
    #[error(
        "{topic}: the agents of this cluster make identities of changes in version {found}, this one in version {own}: all must \
         be of releases that agree"
    )]
    IdentityVersion {
        /// The owners topic.
        topic: String,
        /// The version in its `INIT`.
        found: u16,
        /// This program's.
        own: u16,
    },
    /// The topic was looked for, not made.
    #[error(
        "{brokers} has no topic {topic}: no agent with `dedup.mode = \"cluster\"` has run there yet for a cluster of this name, or \
         this is another Kafka, or the right Describe is missing"
    )]
    NoTopic {
        /// The topic.
        topic: String,
        /// Where it was looked for.
        brokers: String,
    },
    /// The owners topic has no `INIT`.
    #[error("{topic} has no INIT: no agent has written to it yet")]
    NoInit {
        /// The owners topic.
        topic: String,
    },
    /// Retention took records of the ledger before they were read.
    #[error(
        "{topic}: partition {partition}, the ledger of host {host}, begins at offset {begin}, but was to be read from {position}: \
         this agent was away for longer than `ledger_retention`, or reads too slowly. What stood between is not known any more: \
         the index must be built anew from what is left, and changes from before may appear again, marked late"
    )]
    LedgerTooLate {
        /// The ledger.
        topic: String,
        /// Whose partition.
        host: HostId,
        /// Its number.
        partition: i32,
        /// Where to read from.
        position: u64,
        /// The first offset that there is.
        begin: u64,
    },
    /// A partition ends before what was read of it.
    #[error(
        "{topic}: partition {partition} was read to offset {position}, but ends at {end}: a broker lost records that it had \
         acknowledged (was a leader elected that was not in sync?), or the topic was made anew"
    )]
    Shrunk {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// What was read up to.
        position: u64,
        /// Where it ends now.
        end: u64,
    },
    /// A record can't be understood.
    #[error("{topic}: partition {partition}, offset {offset}")]
    Record {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// Where the record stands.
        offset: u64,
        /// What is wrong with it.
        source: RecordError,
    },
    /// The system gave no random numbers.
    #[error("the system gives no random numbers")]
    NoRandomness,
    /// A thread could not be started.
    #[error("the thread `{name}` could not be started")]
    Thread {
        /// Its name.
        name: &'static str,
        /// Why.
        source: std::io::Error,
    },
}

impl TopicsError {
    /// Returns what to do about it.
    pub fn kind(&self) -> SinkErrorKind {
        match self {
            Self::Kafka(error) => error.kind(),
            Self::Settings { .. }
            | Self::IdentityVersion { .. }
            | Self::NoTopic { .. }
            | Self::NoInit { .. } => SinkErrorKind::Config,
            Self::OtherOwners { .. }
            | Self::OwnersCut { .. }
            | Self::LedgerTooLate { .. }
            | Self::Shrunk { .. }
            | Self::Record { .. }
            | Self::NoRandomness
            | Self::Thread { .. } => SinkErrorKind::State,
        }
    }

    /// Makes the error of a record that can't be understood.
    pub(super) fn record(topic: &str, partition: i32, offset: u64, source: RecordError) -> Self {
        Self::Record { topic: topic.into(), partition, offset, source }
    }

    /// Returns true if it was asked for.
    pub(super) fn is_stop(&self) -> bool {
        self.kind() == SinkErrorKind::Stopped
    }
}

fn text_of(uuid: Option<u128>) -> String {
    uuid.map_or_else(|| "nothing, as it is empty".into(), |uuid| Uuid::from_u128(uuid).to_string())
}
