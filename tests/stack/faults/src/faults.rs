//! A checked load under faults, and what came of it.

mod command;
mod disk;
mod keeper;
mod plan;
mod report;
mod run;
mod settle;
mod strike;

pub use self::{
    command::FaultsArguments,
    keeper::SegmentKeeper,
    plan::{Act, Plan},
    report::FaultReport,
    run::{RunOptions, run},
};
