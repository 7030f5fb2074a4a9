//! Reads Apache Cassandra commit log segments: bytes in, typed values out.
#![forbid(unsafe_code)]
#![deny(clippy::indexing_slicing, clippy::expect_used, clippy::panic)]

mod crc;
pub mod decode;
pub mod deletion;
pub mod keystore;
pub mod limits;
pub mod mutation;
mod position;
pub mod schema;
pub mod segment;
pub mod types;
mod version;
mod vint;

pub use self::{
    position::{Position, PositionParseError},
    version::{Features, Version},
};
