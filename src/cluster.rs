//! Each change once per cluster: the protocol between the agents of a cluster's nodes.
//!
//! All replicas log the same write. Of the agents beside them one, the *owner* of the write's token, publishes it; the
//! others, its *auditors*, check against the *ledger* of what was published that nothing in their logs was missed, and
//! send the owner what it does not have. Who owns what stands in a Kafka topic that all read in the same order.
//!
//! `topics` (of the feature `agent`) is the way to the topics: what stands in them becomes the core's events.
//!
//! [`core`] decides, without I/O, clock or randomness: events in, effects out. It is proven in a simulation
//! (`tests/simulation`), which runs this code and no copy of it.

#[cfg(feature = "agent")]
pub mod audit;
pub mod core;
#[cfg(feature = "agent")]
mod ledger_index;
pub mod names;
pub mod record;
pub mod ring;
#[cfg(feature = "agent")]
pub mod topics;

#[cfg(feature = "agent")]
pub use self::ledger_index::{LedgerCheckpoint, LedgerIndex};
