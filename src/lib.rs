//! ringtap: change data capture for Apache Cassandra.

pub mod change;
pub mod checkpoint;
pub mod cli;
pub mod dedup;
pub mod dump;
pub mod explain;
pub mod node_log;
pub mod quarantine;
pub mod record;
pub mod replay;
pub mod schema;
pub mod sink;
pub mod source;
