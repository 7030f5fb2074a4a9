//! Tokens and replicas are those that Cassandra itself names.
//!
//! `golden` compares with the answers of real clusters of 4.1 and 5.0 in `tests/data/ring`. `live`, which is run by
//! `tests/stack/ring_placement` alone, asks the nodes of a running cluster.
#![expect(clippy::unwrap_used, reason = "a test")]

mod answers;
mod golden;
mod live;
