//! Proof of the running agent: a load whose every write can be recognised, faults at every step, and a check of what
//! reached Kafka; also the load generators and peers of the benches.
//!
//! | module | does |
//! |---|---|
//! | [`cluster`] | the same with several nodes and agents as one cluster |
//! | [`broker_log`] | tells who published what, when, and how large it is |
//! | [`journal`] | keeps what was written and what became of it, so that a crash of the harness loses nothing |
//! | [`load`] | writes to a real node |
//! | [`clone`] | makes many segments of a few real ones |
//! | [`run_arguments`] | what a run with faults is told on the command line |
//! | [`stack`], [`faults`] | run node, broker and agent, kill and hold them |
//! | [`verify`] | compares what is on Kafka with what was written |
//! | [`bare`] | sends records as fast as librdkafka can: the limit of any publisher |

#![forbid(unsafe_code)]

pub mod bare;
pub mod broker_log;
pub mod clone;
pub mod cluster;
pub mod faults;
pub mod journal;
pub mod latency;
pub mod load;
pub mod plot;
pub mod process;
pub mod run_arguments;
pub mod stack;
pub mod topics;
pub mod verify;
