//! The agent: a live node's log to Kafka.
//!
//! ```text
//! reading thread   live log -> entry -> mutation -> changes -> dedup index -> records -> batch
//!       |  bounded queue of sealed batches, each with the position behind it
//!       v
//! sending thread   records and position in one Kafka transaction
//!       |  what is committed
//!       v
//! reading thread   dedup index and position durable on disk, then segments behind them released
//! ```
//!
//! A failure of the sink ends the sending thread; a new one is made, what is committed is read back from Kafka, and
//! reading goes back to there: the same way as after a restart.

mod accounting;
mod decoding;
mod error;
mod error_policy;
mod in_flight;
mod member;
pub(crate) mod options;
mod patience;
mod publisher;
mod put_aside;
mod reading;
mod report;
mod runtime;
mod sending;
mod sending_thread;
mod signals;
mod spare_batches;
mod starting_point;
mod stops;
pub(crate) mod tables;
mod work;

pub use self::{
    error::AgentError, report::Report, runtime::run, signals::watch as watch_signals,
    starting_point::AcceptPosition, stops::Stops,
};
