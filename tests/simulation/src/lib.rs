//! Seeded simulation of the protocol between the agents of a cluster.
//!
//! A schedule is one thread's work and follows from its seed alone: a small Cassandra ([`cassandra`]), a small Kafka
//! ([`kafka`]), and agents ([`agent`]), each of which drives the program's own [`ringtap::cluster::core::Core`], while faults
//! happen as planned ([`faults`]). What comes out is judged by a [`checker`] that shares no code with the core: it knows what
//! was written, and what a reader of committed records sees.
//!
//! What is left out: the window of the index (all of a schedule is in it), truncated logs after a loss of power, two agents
//! with one host id, and what Kafka does wrong itself (an end of a transaction that ends the next one; open transactions
//! that never time out).

pub mod agent;
pub mod cassandra;
pub mod checker;
pub mod counts;
pub mod faults;
pub mod kafka;
pub mod random;
pub mod run;
pub mod trace;
pub mod variant;
pub mod world;
