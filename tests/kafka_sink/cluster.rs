//! The topics that the agents of a cluster talk in.

mod agents;
mod establish;
mod fencing;
mod following;
mod gone;
mod writing;
