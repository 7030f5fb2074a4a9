//! What the agent tells of itself.

pub mod phase;
