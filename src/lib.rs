//! ringtap: change data capture for Apache Cassandra.

pub mod change;
pub mod dedup;
pub mod dump;
pub mod node_log;
pub mod record;
pub mod schema;
pub mod source;
