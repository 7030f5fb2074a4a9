//! Who replicates what.
//!
//! The ring has a few cells, whose bounds never change; what changes is which hosts replicate a cell, and in which order.
//! Neighbours with the same hosts are told to agents as one range, so that ranges split and join.

use std::sync::Arc;

use ringtap::cluster::{
    core::{Placement, RankedRange},
    names::{HostId, Keyspace, Token, TokenRange},
};
use uuid::Uuid;

/// How many cells a ring has at most.
pub const CELLS_MAX: usize = 5;

/// Returns the name of a host by its number.
pub fn host_id(number: usize) -> HostId {
    HostId(Uuid::from_u128(number as u128 + 1))
}

/// Returns the number of a host by its name.
pub fn host_of(id: HostId) -> usize {
    (id.0.as_u128() as usize).wrapping_sub(1)
}

/// The ring.
#[derive(Debug)]
pub struct Ring {
    /// Names of the keyspaces.
    pub keyspaces: Vec<Keyspace>,
    /// Bounds of the cells.
    pub cells: Vec<TokenRange>,
    /// By keyspace and cell: the replicas in their order.
    pub replicas: Vec<Vec<Vec<usize>>>,
    /// Grows with each change.
    pub version: u64,
}

impl Ring {
    /// Makes a ring whose cells have these replicas.
    pub fn new(replicas: Vec<Vec<Vec<usize>>>) -> Self {
        let count = replicas.first().map_or(1, Vec::len);
        let names = ["ka", "kb", "kc", "kd"];
        let keyspaces = names.iter().take(replicas.len()).map(|name| Arc::from(*name)).collect();
        let bound = |cell: usize| -> i64 {
            if cell == 0 {
                i64::MIN
            } else if cell == count {
                i64::MAX
            } else {
                (cell as i64 * 2 - count as i64) * (i64::MAX / 16)
            }
        };
        let cells =
            (0..count).map(|cell| TokenRange { after: bound(cell), up_to: bound(cell + 1) }).collect();
        Self { keyspaces, cells, replicas, version: 0 }
    }

    /// Returns the number of a keyspace.
    pub fn keyspace(&self, name: &Keyspace) -> Option<usize> {
        self.keyspaces.iter().position(|known| known == name)
    }

    /// Returns the cell of a token.
    pub fn cell(&self, token: Token) -> usize {
        self.cells.iter().position(|cell| cell.contains(token)).unwrap_or(0)
    }

    /// Returns what agents are told.
    pub fn placement(&self) -> Placement {
        let mut ranges: Vec<RankedRange> = Vec::with_capacity(self.cells.len() * self.keyspaces.len());
        for (keyspace, cells) in self.keyspaces.iter().zip(&self.replicas) {
            let first = ranges.len();
            for (range, hosts) in self.cells.iter().zip(cells) {
                let hosts: Vec<HostId> = hosts.iter().map(|host| host_id(*host)).collect();
                match ranges.get_mut(first..).and_then(<[RankedRange]>::last_mut) {
                    Some(last) if last.hosts == hosts => last.range.up_to = range.up_to,
                    _ => {
                        ranges.push(RankedRange {
                            keyspace: Keyspace::clone(keyspace),
                            range: *range,
                            hosts,
                        });
                    }
                }
            }
        }
        Placement { ranges }
    }
}
