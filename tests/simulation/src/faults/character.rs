//! What kind of trouble a schedule has most of.

use super::plan::{Counts, Fates, Network, Trouble};
use crate::random::Random;

/// The kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Character {
    /// Nearly nothing goes wrong.
    Quiet,
    /// Agents crash, also amid what they do, and lose checkpoints.
    Crashes,
    /// Agents sleep longer than others wait for them, and go on where they were.
    Zombies,
    /// Ends of transactions are late, lost and repeated.
    Coordinator,
    /// Ranges get other owners.
    Topology,
    /// Brokers and networks fail.
    Outages,
    /// Some read far behind.
    SlowReaders,
    /// Replicas miss writes, and get parts of them later.
    Holes,
    /// Agents come and go politely.
    Restarts,
    /// Some of all.
    Mixed,
}

const ALL: [Character; 10] = [
    Character::Quiet,
    Character::Crashes,
    Character::Zombies,
    Character::Coordinator,
    Character::Topology,
    Character::Outages,
    Character::SlowReaders,
    Character::Holes,
    Character::Restarts,
    Character::Mixed,
];

const TROUBLES: [Trouble; 7] = [
    Trouble::Owners,
    Trouble::Relay,
    Trouble::Initialise,
    Trouble::Fence,
    Trouble::HighWatermarks,
    Trouble::Produce,
    Trouble::End,
];

impl Character {
    /// Returns any.
    pub fn any(random: &mut Random) -> Self {
        random.pick(&ALL)
    }

    /// Returns how many faults of each kind there are.
    pub fn counts(self, random: &mut Random) -> Counts {
        let mut few = |most: u64| random.below(most + 1) as u32;
        let mut counts = Counts { stalls: few(2), topology: few(1), copies: few(3), ..Counts::default() };
        match self {
            Self::Quiet | Self::Coordinator => counts.crashes = few(1),
            Self::Crashes => {
                counts.crashes = 2 + few(5);
                counts.crash_per_mille_effects = few(25);
                counts.lost_index_per_mille = few(400);
            }
            Self::Zombies => {
                counts.pauses = 2 + few(6);
                counts.wake_per_mille_fences = few(900);
                counts.crashes = few(2);
            }
            Self::Topology => {
                counts.topology = 3 + few(7);
                counts.stall_per_mille_void_releases = few(900);
                counts.pauses = few(2);
                counts.crashes = few(2);
            }
            Self::Outages => {
                counts.outages = 1 + few(3);
                counts.cuts = 1 + few(4);
                counts.crashes = few(1);
            }
            Self::SlowReaders => {
                counts.stalls = 3 + few(8);
                counts.leaves = few(3);
                counts.topology = few(3);
                counts.pauses = few(3);
                counts.crashes = few(3);
            }
            Self::Holes => {
                counts.copies = 4 + few(10);
                counts.nodes_down = few(3);
                counts.crashes = few(2);
            }
            Self::Restarts => {
                counts.leaves = 2 + few(4);
                counts.stall_per_mille_void_releases = few(900);
                counts.stalls = few(5);
                counts.unable = few(4);
                counts.nodes_down = few(2);
                counts.crashes = few(2);
            }
            Self::Mixed => {
                counts = Counts {
                    crashes: few(4),
                    deaths: 0,
                    crash_per_mille_effects: few(10),
                    lost_index_per_mille: few(300),
                    pauses: few(4),
                    wake_per_mille_fences: few(500),
                    cuts: few(2),
                    outages: few(2),
                    stalls: few(5),
                    leaves: few(2),
                    stall_per_mille_void_releases: few(500),
                    unable: few(2),
                    topology: few(5),
                    nodes_down: few(2),
                    copies: few(6),
                    stale_producers: few(2),
                    false_alarms: few(2),
                };
            }
        }
        if matches!(self, Self::Coordinator | Self::Zombies | Self::Crashes) {
            counts.stale_producers = few(3);
            counts.false_alarms = few(2);
        }
        if matches!(self, Self::Quiet | Self::Crashes | Self::SlowReaders | Self::Mixed) && few(3) == 0 {
            counts.deaths = 1 + few(1);
        }
        counts
    }

    /// Returns how requests travel.
    pub fn network(self, random: &mut Random) -> Network {
        let mut upto = |most: u64| random.below(most + 1) as u32;
        let mut network = Network {
            usual_ms: 1 + u64::from(upto(30)),
            slow_per_mille: upto(20),
            slow_ms: 100 + u64::from(upto(600)),
            lost_per_mille: upto(10),
            repeated_per_mille: upto(30),
            trouble: TROUBLES.get(upto(13) as usize).copied(),
            abort_per_mille: upto(10),
            late_release_per_mille: 0,
            marker_ms: 1 + u64::from(if upto(2) == 0 { upto(1500) } else { upto(20) }),
        };
        match self {
            Self::Coordinator => {
                network.slow_per_mille = 50 + upto(250);
                network.slow_ms = 300 + u64::from(upto(2500));
                network.lost_per_mille = upto(120);
                network.repeated_per_mille = upto(200);
                network.abort_per_mille = upto(80);
            }
            Self::Quiet => {
                network = Network { usual_ms: network.usual_ms, marker_ms: 10, ..Network::default() }
            }
            Self::Mixed | Self::Crashes | Self::Zombies | Self::SlowReaders => {
                network.slow_per_mille = upto(120);
                network.slow_ms = 300 + u64::from(upto(1500));
                network.lost_per_mille = upto(50);
            }
            Self::Restarts | Self::Topology => network.late_release_per_mille = upto(600),
            _ => {}
        }
        if self == Self::Zombies && upto(1) == 0 {
            network.trouble = Some(Trouble::Fence);
        }
        network
    }

    /// Returns what becomes of a write on its way to a replica.
    pub fn fates(self, random: &mut Random) -> Fates {
        let mut upto = |most: u64| random.below(most + 1) as u32;
        let spread_ms = 1 + u64::from(upto(150));
        let mut fates = Fates {
            dropped: upto(30),
            hinted: upto(60),
            twice: upto(60),
            alone: upto(30),
            excluded: upto(60),
            clears: upto(200),
            spread_ms,
        };
        if matches!(self, Self::Holes | Self::Mixed) {
            fates.dropped = 50 + upto(250);
            fates.hinted = upto(200);
            fates.twice = upto(250);
            fates.alone = upto(250);
            fates.excluded = upto(200);
        }
        fates
    }
}
