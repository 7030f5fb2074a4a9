//! How far each partition was read, and whose it is.

use std::collections::{BTreeMap, BTreeSet};

use super::{reader::Place, settings::Role};
use crate::cluster::names::HostId;

/// One partition that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spot {
    /// Whose it is; nobody's for the owners topic.
    pub(super) host: Option<HostId>,
    /// What is read next.
    pub(super) position: u64,
    /// Up to where it was told.
    pub(super) told: u64,
}

/// The partitions that are read, and those that are to be.
#[derive(Debug, Default)]
pub(super) struct Spots {
    read: BTreeMap<Place, Spot>,
    /// Who claimed which partition first.
    hosts: BTreeMap<HostId, i32>,
    /// Claimed, but not read yet.
    new: BTreeSet<HostId>,
}

impl Spots {
    /// Takes in that a host claims a partition. The first claim of a partition wins, and the first of a host.
    pub(super) fn claim(&mut self, host: HostId, partition: i32) {
        let is_taken = self.hosts.values().any(|taken| *taken == partition);
        if !is_taken && !self.hosts.contains_key(&host) {
            self.hosts.insert(host, partition);
            self.new.insert(host);
        }
    }

    /// Returns the partition of a host.
    pub(super) fn partition(&self, host: HostId) -> Option<i32> {
        self.hosts.get(&host).copied()
    }

    /// Returns the hosts whose partitions are not read yet.
    pub(super) fn new_hosts(&self) -> Vec<HostId> {
        self.new.iter().copied().collect()
    }

    /// Notes that a host's partitions are read now.
    pub(super) fn begun(&mut self, host: HostId) {
        self.new.remove(&host);
    }

    pub(super) fn add(&mut self, place: Place, spot: Spot) {
        self.read.insert(place, spot);
    }

    pub(super) fn get_mut(&mut self, place: Place) -> Option<&mut Spot> {
        self.read.get_mut(&place)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Place, &Spot)> {
        self.read.iter().map(|(place, spot)| (*place, spot))
    }

    /// Returns where each partition is to be read from.
    pub(super) fn positions(&self) -> BTreeMap<Place, u64> {
        self.iter().map(|(place, spot)| (place, spot.position)).collect()
    }

    /// Takes in how far the reader is.
    pub(super) fn read_to(&mut self, positions: &BTreeMap<Place, u64>) {
        for (place, position) in positions {
            if let Some(spot) = self.read.get_mut(place) {
                spot.position = spot.position.max(*position);
            }
        }
    }

    /// Returns the hosts whose ledger was read further than was told, with how far, and takes it for told.
    pub(super) fn untold(&mut self) -> Vec<(HostId, u64)> {
        let mut untold = Vec::new();
        for ((role, _), spot) in &mut self.read {
            if *role == Role::Ledger
                && spot.told < spot.position
                && let Some(host) = spot.host
            {
                spot.told = spot.position;
                untold.push((host, spot.position));
            }
        }
        untold
    }

    /// Returns what is read next of a partition.
    pub(super) fn position(&self, place: Place) -> u64 {
        self.read.get(&place).map_or(0, |spot| spot.position)
    }

    /// Returns whose partition it is.
    pub(super) fn host(&self, place: Place) -> Option<HostId> {
        self.read.get(&place).and_then(|spot| spot.host)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn host(number: u128) -> HostId {
        HostId(Uuid::from_u128(number))
    }

    #[test]
    fn the_first_claim_of_a_partition_wins_and_a_host_keeps_its_first() {
        let mut spots = Spots::default();
        for (of, partition) in [(1, 0), (2, 0), (2, 1), (1, 7), (3, 1)] {
            spots.claim(host(of), partition);
        }
        assert_eq!([1, 2, 3].map(|of| spots.partition(host(of))), [Some(0), Some(1), None]);
        assert_eq!(spots.new_hosts(), [host(1), host(2)]);
        spots.begun(host(1));
        spots.claim(host(1), 0);
        assert_eq!(spots.new_hosts(), [host(2)]);
    }

    #[test]
    fn what_was_read_without_records_is_told_once() {
        let mut spots = Spots::default();
        let place = (Role::Ledger, 3);
        spots.add(place, Spot { host: Some(host(1)), position: 5, told: 5 });
        spots.add((Role::Owners, 0), Spot { host: None, position: 5, told: 0 });
        assert_eq!(spots.untold(), []);
        spots.read_to(&BTreeMap::from([(place, 9)]));
        assert_eq!(spots.untold(), [(host(1), 9)]);
        spots.read_to(&BTreeMap::from([(place, 8)]));
        assert_eq!(spots.untold(), []);
        assert_eq!((spots.position(place), spots.host(place)), (9, Some(host(1))));
    }
}
