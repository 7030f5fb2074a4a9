//! Damaged segments: nothing panics or hangs, what is not damaged comes, and what is lost is told of.
//!
//! The long run of random damages: `RINGTAP_DAMAGES=200000 cargo test --release -p cassandra-commitlog --test damage random`
//! (`RINGTAP_FIRST_SEED` goes on elsewhere).
#![cfg(feature = "zstd")]
#![allow(
    unreachable_pub,
    clippy::similar_names,
    clippy::field_reassign_with_default,
    clippy::needless_for_each,
    clippy::doc_markdown,
    clippy::type_complexity,
    reason = "what the fuzz targets run is included here; names of offsets are alike"
)]
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise, in its helping functions too")]

mod build;
mod decode;
mod flips;
mod growth;
mod hostile;
#[path = "../../fuzz/run/mutation.rs"]
mod mutation;
mod mutations;
mod random;
mod segment;

/// Counts what is allocated, to show that no input decides how much that is.
#[global_allocator]
static ALLOCATOR: cap::Cap<std::alloc::System> = cap::Cap::new(std::alloc::System, usize::MAX);
