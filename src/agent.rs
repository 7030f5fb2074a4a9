//! The agent: a live node's log to Kafka.

mod accounting;
mod in_flight;
mod sending;
mod stop;

pub use self::stop::{Stop, StopSignal};
