//! Compressed and encrypted sections of segments that Cassandra wrote (`data/sections/README.md`): what comes out must
//! be entries whose CRCs hold.
#![cfg(feature = "zstd")]
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise, in its helping functions too")]

mod compressed;
mod encrypted;
mod segment;
