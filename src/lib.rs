//! ringtap: change data capture for Apache Cassandra.

pub mod schema;
