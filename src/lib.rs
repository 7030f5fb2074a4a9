//! ringtap: change data capture for Apache Cassandra.
