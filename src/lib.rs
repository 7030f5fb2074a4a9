//! ringtap: change data capture for Apache Cassandra.

#[cfg(feature = "agent")]
pub mod agent;
pub mod change;
pub mod checker;
pub mod checkpoint;
pub mod cli;
pub mod cluster;
#[cfg(feature = "agent")]
pub mod config;
pub mod dedup;
pub mod dump;
mod error_text;
pub mod explain;
pub mod node_log;
pub mod quarantine;
pub mod record;
pub mod replay;
pub mod schema;
pub mod sink;
pub mod source;
#[cfg(feature = "agent")]
pub mod telemetry;
#[cfg(test)]
mod test_tables;
