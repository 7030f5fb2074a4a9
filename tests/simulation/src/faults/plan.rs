//! The numbers of a schedule.

use super::character::Character;
use crate::{cassandra::CELLS_MAX, random::Random};

/// Between two wakings of an agent, at most: a core is to be told the time each 100 ms.
const WAKE_MS_MAX: u64 = 95;

/// Longer than any schedule takes.
const NEVER_MS: u64 = 10_000_000;

/// All that is drawn before a schedule begins.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What it has most of.
    pub character: Character,
    /// What runs beside each node.
    pub roles: Vec<Role>,
    /// Partitions of the topics of data.
    pub data_partitions: usize,
    /// By keyspace and cell: replicas at the start.
    pub replicas: Vec<Vec<Vec<usize>>>,
    /// How long agents wait.
    pub times: Times,
    /// By host: how fast its agent does what.
    pub paces: Vec<Pace>,
    /// How requests travel.
    pub network: Network,
    /// What becomes of writes.
    pub fates: Fates,
    /// How often what goes wrong.
    pub counts: Counts,
    /// How many writes there are.
    pub writes: usize,
    /// How many different tokens they have.
    pub tokens: usize,
    /// How long faults happen.
    pub fault_ms: u64,
    /// Whether all must come right afterwards.
    pub converges: bool,
}

/// What runs beside a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// An agent.
    Agent,
    /// An agent whose settings differ from the first one's.
    OtherSettings,
    /// None.
    NoAgent,
}

/// Milliseconds of [`ringtap::cluster::core::CoreOptions`], and of the producers.
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs, reason = "named as there")]
pub struct Times {
    pub suspect_after_ms: u64,
    pub stuck_after_ms: u64,
    pub grace_ms: u64,
    pub beat_interval_ms: u64,
    pub repeat_interval_ms: u64,
    pub hand_back_after_ms: u64,
    pub pending_max: usize,
    /// How long a producer waits for an answer.
    pub patience_ms: u64,
    /// How long a transaction may be open.
    pub transaction_timeout_ms: u64,
}

/// How fast an agent is: chances in a thousand that it does something when it wakes.
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs, reason = "named by what is done")]
pub struct Pace {
    /// Sixteenths of the world's time that its clock runs.
    pub clock_rate: u64,
    /// Milliseconds between two wakings, of its own clock, at most.
    pub wake_ms: u64,
    pub owners: u32,
    pub ledger: u32,
    pub relay: u32,
    pub head: u32,
    pub audit: u32,
    pub seal: u32,
    pub checkpoint: u32,
    /// How many records or changes are taken at once, at most.
    pub at_once: u64,
}

/// How requests travel. Chances in a thousand.
#[derive(Debug, Clone, Copy, Default)]
pub struct Network {
    /// How long it takes, at most, if nothing is wrong.
    pub usual_ms: u64,
    /// How many are slow, and how slow at most.
    pub slow_per_mille: u32,
    /// See above.
    pub slow_ms: u64,
    /// How many are lost.
    pub lost_per_mille: u32,
    /// How many come again.
    pub repeated_per_mille: u32,
    /// How many releases come again, late.
    pub late_release_per_mille: u32,
    /// One kind of request that is slow far more often, and repeated if it can be.
    pub trouble: Option<Trouble>,
    /// How many transactions a producer aborts.
    pub abort_per_mille: u32,
    /// How long the end of a decided transaction takes into the log, at most.
    pub marker_ms: u64,
}

/// Requests that are slow a third of the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "named by what is asked")]
pub enum Trouble {
    Owners,
    Relay,
    Initialise,
    Fence,
    HighWatermarks,
    Produce,
    End,
}

/// What becomes of a write on its way to a replica. Chances in a thousand.
#[derive(Debug, Clone, Copy, Default)]
pub struct Fates {
    /// It never arrives.
    pub dropped: u32,
    /// It comes late.
    pub hinted: u32,
    /// It is logged twice.
    pub twice: u32,
    /// Only one of the replicas logs it.
    pub alone: u32,
    /// The settings exclude it.
    pub excluded: u32,
    /// It has a clearing with another write time.
    pub clears: u32,
    /// How far apart replicas log it.
    pub spread_ms: u64,
}

/// How often what goes wrong.
#[derive(Debug, Clone, Copy, Default)]
#[allow(missing_docs, reason = "named by what happens")]
pub struct Counts {
    pub crashes: u32,
    /// Agents that die amid a transaction and do not come back.
    pub deaths: u32,
    /// Crashes amid an effect, in a thousand effects.
    pub crash_per_mille_effects: u32,
    /// After how many crashes in a thousand the index is lost.
    pub lost_index_per_mille: u32,
    pub pauses: u32,
    /// How many of those who are paused wake when they are about to be fenced, in a thousand.
    pub wake_per_mille_fences: u32,
    pub cuts: u32,
    pub outages: u32,
    pub stalls: u32,
    pub leaves: u32,
    /// How many void releases an owner reads late, in a thousand.
    pub stall_per_mille_void_releases: u32,
    pub unable: u32,
    pub topology: u32,
    pub nodes_down: u32,
    pub copies: u32,
    /// A producer's initialisation that comes again, late.
    pub stale_producers: u32,
    /// A producer that takes itself for lost and is not.
    pub false_alarms: u32,
}

impl Plan {
    /// Draws a plan.
    pub fn draw(random: &mut Random, converges: bool) -> Self {
        let character = Character::any(random);
        let hosts = random.between(2, 4) as usize;
        let roles = draw_roles(random, hosts);
        let replicas = draw_replicas(random, &roles);
        let counts = character.counts(random);
        let mut times = Times::draw(random);
        if counts.deaths > 0 {
            // What the dead leave open is ended by others, or never.
            times.transaction_timeout_ms = NEVER_MS;
        }
        Self {
            character,
            data_partitions: random.between(1, 3) as usize,
            replicas,
            times,
            paces: (0..hosts).map(|_| Pace::draw(random, character)).collect(),
            network: character.network(random),
            fates: character.fates(random),
            counts,
            writes: random.between(4, 18) as usize,
            tokens: random.between(1, 4) as usize,
            fault_ms: random.between(2500, 6000),
            converges,
            roles,
        }
    }

    /// Returns true if an agent runs beside this node.
    pub fn has_agent(&self, host: usize) -> bool {
        self.roles[host] != Role::NoAgent
    }

    /// Returns true if this host's agent may own tokens.
    pub fn can_own(&self, host: usize) -> bool {
        self.roles[host] == Role::Agent
    }
}

fn draw_roles(random: &mut Random, hosts: usize) -> Vec<Role> {
    let mut roles = vec![Role::Agent; hosts];
    if hosts > 2 && random.chance(150) {
        roles[random.index(hosts)] = if random.chance(500) { Role::OtherSettings } else { Role::NoAgent };
    }
    roles
}

/// Draws the replicas of each cell; one of them can own it.
fn draw_replicas(random: &mut Random, roles: &[Role]) -> Vec<Vec<Vec<usize>>> {
    let keyspaces = if random.chance(300) { 2 } else { 1 };
    let cells = random.between(1, CELLS_MAX as u64 - 1) as usize;
    let draw = |random: &mut Random| {
        let mut hosts: Vec<usize> = (0..roles.len()).collect();
        random.shuffle(&mut hosts);
        hosts.truncate(random.between(2, 3) as usize);
        if !hosts.iter().any(|host| roles[*host] == Role::Agent) {
            hosts.extend(roles.iter().position(|role| *role == Role::Agent));
        }
        hosts
    };
    (0..keyspaces).map(|_| (0..cells).map(|_| draw(random)).collect()).collect()
}

impl Times {
    fn draw(random: &mut Random) -> Self {
        let beat_interval_ms = random.between(40, 120);
        Self {
            // Beats come as often as agents wake. If they were suspected between two of them, with clocks that differ, nothing
            // would ever come right.
            suspect_after_ms: (2 * (beat_interval_ms + WAKE_MS_MAX + WAKE_MS_MAX))
                .max(random.between(400, 1000)),
            stuck_after_ms: random.between(900, 3000),
            grace_ms: random.between(30, 300),
            beat_interval_ms,
            repeat_interval_ms: random.between(100, 400),
            hand_back_after_ms: random.between(200, 1500),
            pending_max: if random.chance(300) { random.between(1, 4) as usize } else { 64 },
            patience_ms: if random.chance(300) {
                random.between(1000, 3000)
            } else {
                random.between(200, 1000)
            },
            transaction_timeout_ms: random.between(500, 2500),
        }
    }
}

impl Pace {
    fn draw(random: &mut Random, character: Character) -> Self {
        let mut often = |least: u64| random.between(least, 1000) as u32;
        let is_slow = character == Character::SlowReaders;
        Self {
            owners: often(if is_slow { 200 } else { 600 }),
            ledger: often(if is_slow { 200 } else { 600 }),
            relay: often(400),
            head: often(500),
            audit: often(300),
            seal: often(200),
            checkpoint: often(30) / 4,
            clock_rate: match character {
                Character::Quiet => 16,
                _ => random.between(14, 18),
            },
            wake_ms: random.between(60, WAKE_MS_MAX),
            at_once: random.between(2, 8),
        }
    }

    /// As nothing is in the way of: what agents do when faults stop.
    pub const CALM: Self = Self {
        clock_rate: 16,
        wake_ms: WAKE_MS_MAX,
        owners: 1000,
        ledger: 1000,
        relay: 1000,
        head: 1000,
        audit: 1000,
        seal: 700,
        checkpoint: 400,
        at_once: 64,
    };
}
