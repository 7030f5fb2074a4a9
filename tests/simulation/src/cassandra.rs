//! As much of a Cassandra cluster as the protocol sees: writes, which replica logs what of them and when, who replicates what.

mod log;
mod placement;
mod writes;

pub use self::{
    log::Log,
    placement::{CELLS_MAX, Ring, host_id, host_of},
    writes::{Piece, Write, Writes, atom, bits, identity, is_lone_clearing},
};

/// The nodes and what they hold.
#[derive(Debug)]
pub struct Cassandra {
    /// Who replicates what.
    pub ring: Ring,
    /// What clients wrote.
    pub writes: Writes,
    /// The commit logs, by host.
    pub logs: Vec<Log>,
    /// Until when each node is down.
    pub down_until: Vec<u64>,
}
