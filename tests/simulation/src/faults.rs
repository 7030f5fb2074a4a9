//! The plan of a schedule: its cluster, its paces, and what goes wrong how often. Drawn from the seed, so that schedules
//! differ in character.

mod character;
mod plan;

pub use self::{
    character::Character,
    plan::{Counts, Fates, Network, Pace, Plan, Role, Times, Trouble},
};
