//! ringtap: change data capture for Apache Cassandra.

pub mod change;
pub mod source;
pub mod schema;
