//! The Kafka sink and the topics of a cluster's agents against a real broker (`tests/stack/kafka`), which these tests kill,
//! pause and lock.

#![cfg(feature = "agent")]
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod access;
mod broker;
mod cluster;
mod crash;
mod mock;
mod positions;
mod publish;
mod replay;
mod run;
mod topics;
