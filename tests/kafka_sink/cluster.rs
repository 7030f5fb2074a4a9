//! The topics that the agents of a cluster talk in.

mod agents;
mod commands;
mod establish;
mod following;
mod gone;
mod rights;
mod writing;
