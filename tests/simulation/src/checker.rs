//! The judge. It shares no code with the core: it knows what was written and logged, and what a reader of committed records
//! sees.

mod agreement;
mod order;
mod owners;
mod visible;

use std::fmt;

pub use self::{
    agreement::{Published, agreement},
    order::{Seen, order},
    owners::{Claimed, Owner, OwnersMap},
    visible::Visible,
};

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// A part of a write was published again.
    Twice {
        /// The write.
        write: u16,
        /// Number of its part.
        part: u8,
    },
    /// A record of something that was not written, or is in no log.
    Foreign {
        /// The write.
        write: u16,
        /// Parts of the record.
        parts: u8,
    },
    /// A log dropped a row change that is not visible.
    Lost {
        /// The write.
        write: u16,
        /// Parts that are not visible.
        parts: u8,
        /// Whose log.
        host: usize,
        /// Position in it.
        position: u64,
    },
    /// The records of a token are in two partitions.
    TwoPartitions {
        /// The token.
        token: i64,
    },
    /// A publisher published against the order of its log.
    OutOfOrder {
        /// The token.
        token: i64,
        /// Whose log.
        host: usize,
        /// A position, and one before it that was published afterwards.
        positions: (u64, u64),
    },
    /// The ledger does not say what its transaction publishes.
    Disagreement {
        /// Number of the transaction.
        transaction: usize,
        /// What is wrong.
        what: String,
    },
    /// The core did what its contract does not allow.
    Contract(String),
    /// Faults have stopped for long, and not all has come right.
    Standstill(String),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Twice { write, part } => write!(f, "published twice: part {part} of write {write}"),
            Self::Foreign { write, parts } => {
                write!(f, "published but never logged: write {write}, parts {parts:04b}")
            }
            Self::Lost { write, parts, host, position } => {
                write!(
                    f,
                    "lost: host {host} released position {position}, write {write}, and its parts {parts:04b} are not visible"
                )
            }
            Self::TwoPartitions { token } => write!(f, "token {token} is in two partitions"),
            Self::OutOfOrder { token, host, positions: (before, after) } => {
                write!(
                    f,
                    "out of order: of token {token}, host {host} published position {after} after {before}"
                )
            }
            Self::Disagreement { transaction, what } => {
                write!(f, "transaction {transaction}: its part of the ledger does not fit its data: {what}")
            }
            Self::Contract(what) => write!(f, "the core broke its contract: {what}"),
            Self::Standstill(what) => write!(f, "standstill: {what}"),
        }
    }
}
