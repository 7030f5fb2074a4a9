//! Who owns which tokens, as the owners topic says.

use std::collections::BTreeMap;

use super::{options::Rules, range_map::RangeMap};
use crate::cluster::{
    names::{Generation, HostId, Keyspace, Session, Token, TokenRange},
    record::{Claim, OwnersRecord},
};

/// Who owns a token.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Ownership {
    /// `None`: nobody ever did.
    pub(super) owner: Option<(HostId, Session)>,
    pub(super) generation: Generation,
    /// The owner has stopped.
    pub(super) is_released: bool,
    /// Who asked for it.
    pub(super) wanted_by: Option<HostId>,
    /// Number of the record that said so last, but for wishes.
    pub(super) said_by: u64,
    /// When that was read.
    pub(super) since_ms: u64,
    /// How often the owner's partition of the ledger had been read to its end when the `OWN` was read.
    pub(super) ledger_ends: u64,
}

/// What a `HOST` record says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Agent {
    /// Of the ledger and of the relay topic.
    pub(super) partition: i32,
    pub(super) settings: u128,
}

/// When something was read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    pub(super) now_ms: u64,
    /// Of an `OWN`: how often its writer's partition of the ledger had been read to its end by then.
    pub(super) ledger_ends: u64,
}

/// The owners topic, as far as it was read.
#[derive(Debug, Default)]
pub(super) struct Owners {
    map: BTreeMap<Keyspace, RangeMap<Ownership>>,
    hosts: BTreeMap<HostId, Agent>,
    /// The first of them: who has other settings only audits.
    first: Option<HostId>,
    /// Records that were read.
    count: u64,
    /// How many of them had been read when the end was last reached.
    count_at_end: Option<u64>,
    /// Sessions of which an `OWN` says that they are fenced.
    fenced: Vec<(HostId, Session)>,
}

impl Owners {
    /// Takes in the next record.
    pub(super) fn read(&mut self, record: &OwnersRecord, rules: Rules, reading: Reading) {
        self.count += 1;
        match record {
            OwnersRecord::Init { .. } | OwnersRecord::Topic { .. } => {}
            OwnersRecord::Host { host, partition, settings, .. } => {
                self.host(*host, *partition, *settings);
            }
            OwnersRecord::Own { host, session, fenced, claims } => {
                let owner = (*host, *session);
                let is_valid = |claim: &Claim, held: &Ownership| {
                    if rules.first_of_generation {
                        claim.generation == held.generation.next()
                    } else {
                        claim.generation >= held.generation
                    }
                };
                let said_by = self.count;
                self.each(claims, |claim, held| {
                    is_valid(claim, held).then_some(Ownership {
                        owner: Some(owner),
                        generation: claim.generation,
                        is_released: false,
                        wanted_by: None,
                        said_by,
                        since_ms: reading.now_ms,
                        ledger_ends: reading.ledger_ends,
                    })
                });
                for session in fenced {
                    if !self.fenced.contains(session) {
                        self.fenced.push(*session);
                    }
                }
            }
            OwnersRecord::Release { host, session, claims } => {
                let owner = (*host, *session);
                let said_by = self.count;
                self.each(claims, |claim, held| {
                    let is_meant = held.owner == Some(owner) && held.generation == claim.generation;
                    let is_valid =
                        is_meant || !rules.void_releases && held.owner.is_some_and(|it| it.0 == *host);
                    (is_valid && !held.is_released).then_some(Ownership {
                        is_released: true,
                        said_by,
                        since_ms: reading.now_ms,
                        ..*held
                    })
                });
            }
            OwnersRecord::Want { host, claims } => self.each(claims, |claim, held| {
                let is_meant = held.generation == claim.generation && !held.is_released;
                is_meant.then_some(Ownership { wanted_by: Some(*host), ..*held })
            }),
        }
    }

    fn host(&mut self, host: HostId, partition: i32, settings: u128) {
        let is_taken = self.hosts.iter().any(|(other, agent)| agent.partition == partition && *other != host);
        match self.hosts.get_mut(&host) {
            Some(agent) => agent.settings = settings,
            None if is_taken => {}
            None => {
                self.hosts.insert(host, Agent { partition, settings });
                self.first.get_or_insert(host);
            }
        }
    }

    fn each(&mut self, claims: &[Claim], change: impl Fn(&Claim, &Ownership) -> Option<Ownership>) {
        for claim in claims {
            let map = self
                .map
                .entry(Keyspace::clone(&claim.keyspace))
                .or_insert_with(|| RangeMap::new(Ownership::default()));
            map.change(claim.range, |held| change(claim, held));
        }
    }

    /// Returns how many records were read.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Notes that the end was reached.
    pub(super) fn at_end(&mut self) {
        self.count_at_end = Some(self.count);
    }

    /// Returns true if the topic was read to its end once.
    pub(super) fn was_at_end(&self) -> bool {
        self.count_at_end.is_some()
    }

    /// Returns true if the end was reached after this was said.
    pub(super) fn is_confirmed(&self, held: &Ownership) -> bool {
        self.count_at_end.is_some_and(|count| held.said_by <= count)
    }

    /// Returns true if an `OWN` says that this session was fenced.
    pub(super) fn is_fenced(&self, session: (HostId, Session)) -> bool {
        self.fenced.contains(&session)
    }

    pub(super) fn get(&self, keyspace: &Keyspace, token: Token) -> Ownership {
        self.map.get(keyspace).and_then(|map| map.get(token)).copied().unwrap_or_default()
    }

    /// Returns the parts of a range with who owns them.
    pub(super) fn parts(&self, keyspace: &Keyspace, range: TokenRange) -> Vec<(TokenRange, Ownership)> {
        match self.map.get(keyspace) {
            Some(map) => map.parts(range).map(|(part, held)| (part, *held)).collect(),
            None => vec![(range, Ownership::default())],
        }
    }

    /// Returns all that a host owns or owned last.
    pub(super) fn of(&self, host: HostId) -> impl Iterator<Item = (&Keyspace, TokenRange, &Ownership)> {
        let is_of = move |held: &Ownership| held.owner.is_some_and(|(owner, _)| owner == host);
        self.map.iter().flat_map(move |(keyspace, map)| {
            map.parts(TokenRange::ALL)
                .filter(move |(_, held)| is_of(held))
                .map(move |(part, held)| (keyspace, part, held))
        })
    }

    pub(super) fn keyspaces(&self) -> impl Iterator<Item = &Keyspace> {
        self.map.keys()
    }

    pub(super) fn hosts(&self) -> &BTreeMap<HostId, Agent> {
        &self.hosts
    }

    /// Returns true if this agent may own tokens, by its settings.
    pub(super) fn agrees(&self, host: HostId) -> bool {
        let settings = |host: &HostId| self.hosts.get(host).map(|agent| agent.settings);
        let own = settings(&host);
        own.is_some() && own == self.first.as_ref().and_then(settings)
    }

    /// Returns the lowest partition of the ledger that no host has.
    pub(super) fn free_partition(&self) -> i32 {
        let is_free = |free: &i32| self.hosts.values().all(|agent| agent.partition != *free);
        (0..=i32::MAX).find(is_free).unwrap_or(i32::MAX)
    }
}
