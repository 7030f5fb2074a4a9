//! ringtap: change data capture for Apache Cassandra.

pub mod change;
pub mod schema;
pub mod source;
