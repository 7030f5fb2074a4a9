//! The owners topic, read for counting and for the end of a schedule: who owns each cell of the ring.

use ringtap::cluster::{
    names::{HostId, Session, TokenRange},
    record::{Claim, OwnersRecord},
};

use crate::cassandra::Ring;

/// Who owns a cell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Owner {
    /// Owner and session; `None`: nobody ever did.
    pub owner: Option<(HostId, Session)>,
    /// How many there were.
    pub generation: u32,
    /// It has stopped.
    pub is_released: bool,
}

/// What a claim of a cell came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claimed {
    /// Taken by an `OWN`, from this one.
    Taken(Owner),
    /// An `OWN` that was read before.
    Repeated,
    /// An `OWN` that came too late.
    Late,
    /// A `RELEASE` that counts.
    Released,
    /// A `RELEASE` of something else than what stands there: this.
    Void(Owner),
}

/// The map.
#[derive(Debug, Default)]
pub struct OwnersMap {
    cells: Vec<Vec<Owner>>,
    /// Sessions of which an `OWN` said that they are fenced.
    pub fenced: Vec<(HostId, Session)>,
}

impl OwnersMap {
    /// Makes the map of a ring that nobody owns.
    pub fn new(ring: &Ring) -> Self {
        Self {
            cells: vec![vec![Owner::default(); ring.cells.len()]; ring.keyspaces.len()],
            fenced: Vec::new(),
        }
    }

    /// Returns who owns a cell of a keyspace.
    pub fn get(&self, keyspace: usize, cell: usize) -> Owner {
        self.cells[keyspace][cell]
    }

    /// Takes in the next record, and tells what it came to, cell by cell.
    pub fn read(&mut self, ring: &Ring, record: &OwnersRecord, mut tell: impl FnMut(Claimed)) {
        match record {
            OwnersRecord::Own { host, session, fenced, claims } => {
                self.each(ring, claims, |claim, held| {
                    let owner = Some((*host, *session));
                    if claim.generation.0 == held.generation + 1 {
                        tell(Claimed::Taken(*held));
                        *held = Owner { owner, generation: claim.generation.0, is_released: false };
                    } else if held.owner == owner && held.generation == claim.generation.0 {
                        tell(Claimed::Repeated);
                    } else {
                        tell(Claimed::Late);
                    }
                });
                self.fenced.extend(fenced);
            }
            OwnersRecord::Release { host, session, claims } => self.each(ring, claims, |claim, held| {
                if held.owner == Some((*host, *session)) && held.generation == claim.generation.0 {
                    held.is_released = true;
                    tell(Claimed::Released);
                } else {
                    tell(Claimed::Void(*held));
                }
            }),
            OwnersRecord::Init { .. }
            | OwnersRecord::Host { .. }
            | OwnersRecord::Topic { .. }
            | OwnersRecord::Want { .. } => {}
        }
    }

    fn each(&mut self, ring: &Ring, claims: &[Claim], mut change: impl FnMut(&Claim, &mut Owner)) {
        for claim in claims {
            let Some(keyspace) = ring.keyspace(&claim.keyspace) else { continue };
            for (cell, held) in ring.cells.iter().zip(&mut self.cells[keyspace]) {
                if is_within(*cell, claim.range) {
                    change(claim, held);
                }
            }
        }
    }
}

fn is_within(cell: TokenRange, range: TokenRange) -> bool {
    range.after <= cell.after && cell.up_to <= range.up_to
}

#[cfg(test)]
mod tests {
    use ringtap::cluster::names::Generation;

    use super::*;
    use crate::cassandra::host_id;

    fn claims(ring: &Ring, generation: u32) -> Vec<Claim> {
        let keyspace = std::sync::Arc::clone(&ring.keyspaces[0]);
        vec![Claim { keyspace, range: ring.cells[1], generation: Generation(generation) }]
    }

    #[test]
    fn the_first_claim_of_a_generation_counts() {
        let ring = Ring::new(vec![vec![vec![0, 1], vec![1, 0]]]);
        let mut map = OwnersMap::new(&ring);
        let mut read = |record: &OwnersRecord| {
            let mut came_to = Vec::new();
            map.read(&ring, record, |claimed| came_to.push(claimed));
            came_to
        };
        let own = |host: usize, generation| OwnersRecord::Own {
            host: host_id(host),
            session: Session(host as u64),
            fenced: Vec::new(),
            claims: claims(&ring, generation),
        };
        let release =
            OwnersRecord::Release { host: host_id(0), session: Session(0), claims: claims(&ring, 1) };
        assert_eq!(read(&own(0, 1)), [Claimed::Taken(Owner::default())]);
        assert_eq!(read(&own(1, 1)), [Claimed::Late]);
        assert_eq!(read(&own(0, 1)), [Claimed::Repeated]);
        assert_eq!(read(&release), [Claimed::Released]);
        let released = Owner { owner: Some((host_id(0), Session(0))), generation: 1, is_released: true };
        assert_eq!(read(&own(1, 2)), [Claimed::Taken(released)]);
        let taken = Owner { owner: Some((host_id(1), Session(1))), generation: 2, is_released: false };
        assert_eq!(read(&release), [Claimed::Void(taken)]);
        assert_eq!(map.get(0, 0), Owner::default());
        assert_eq!(map.get(0, 1).owner, Some((host_id(1), Session(1))));
    }
}
