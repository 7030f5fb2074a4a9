//! Reads Apache Cassandra commit log segments: bytes in, typed values out.
#![forbid(unsafe_code)]
#![deny(clippy::indexing_slicing, clippy::expect_used, clippy::panic)]

pub mod deletion;
pub mod mutation;
pub mod schema;
pub mod types;
