//! Tests of the program as it is run: one binary, so that it is linked once.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

#[cfg(feature = "agent")]
mod config;
mod golden;
mod golden_dump;
mod golden_exceptions;
#[cfg(feature = "agent")]
mod golden_quarantine;
mod golden_relay;
mod golden_replay;
#[cfg(feature = "agent")]
mod live;
mod program_seeds;
