//! The owners topic, for those who look on.

use std::collections::BTreeMap;

use super::{
    options::Rules,
    owners::{Owners, Ownership, Reading},
};
use crate::cluster::{
    names::{Generation, HostId, Keyspace, Session, TokenRange},
    record::OwnersRecord,
};

/// Who is there and who owns what, as the owners topic's records say: read by the rules by which the agents read them.
#[derive(Debug, Default)]
pub struct OwnersMap {
    owners: Owners,
    versions: BTreeMap<HostId, Box<str>>,
}

/// What an agent said of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownAgent {
    /// Of the ledger and of the relay topic.
    pub partition: i32,
    /// Version of its program.
    pub version: Box<str>,
    /// Whether its settings are those of the first agent: else it only audits.
    pub agrees: bool,
}

/// Tokens whose owner the topic's records say in the same way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedRange {
    /// The tokens.
    pub range: TokenRange,
    /// The last owner; none if nobody ever owned them.
    pub owner: Option<(HostId, Session)>,
    /// How many owners there were.
    pub generation: Generation,
    /// Whether the owner has given them back: nobody publishes them now.
    pub is_released: bool,
    /// Who asked for them.
    pub wanted_by: Option<HostId>,
}

impl OwnedRange {
    /// Returns who publishes the tokens, unless it was shut out meanwhile.
    pub fn publisher(&self) -> Option<(HostId, Session)> {
        self.owner.filter(|_| !self.is_released)
    }

    fn of(range: TokenRange, held: &Ownership) -> Self {
        Self {
            range,
            owner: held.owner,
            generation: held.generation,
            is_released: held.is_released,
            wanted_by: held.wanted_by,
        }
    }

    fn says_the_same(&self, other: &Self) -> bool {
        let without_range = |it: &Self| (it.owner, it.generation, it.is_released, it.wanted_by);
        without_range(self) == without_range(other)
    }
}

impl OwnersMap {
    /// Takes in the topic's next record, from its first one on.
    pub fn read(&mut self, record: &OwnersRecord) {
        self.owners.read(record, Rules::ALL, Reading { now_ms: 0, ledger_ends: 0 });
        if let OwnersRecord::Host { host, version, .. } = record {
            self.versions.insert(*host, version.clone());
        }
    }

    /// Returns the agents that made themselves known, by their nodes.
    pub fn agents(&self) -> BTreeMap<HostId, KnownAgent> {
        let agents = self.owners.hosts().iter().map(|(host, agent)| {
            let version = self.versions.get(host).cloned().unwrap_or_default();
            let agrees = self.owners.agrees(*host);
            (*host, KnownAgent { partition: agent.partition, version, agrees })
        });
        agents.collect()
    }

    /// Returns the keyspaces of which tokens were ever owned.
    pub fn keyspaces(&self) -> impl Iterator<Item = &Keyspace> {
        self.owners.keyspaces()
    }

    /// Returns the parts of a range in order, neighbours of which the same is said as one.
    pub fn parts(&self, keyspace: &Keyspace, range: TokenRange) -> Vec<OwnedRange> {
        let mut joined: Vec<OwnedRange> = Vec::new();
        for (part, held) in self.owners.parts(keyspace, range) {
            let part = OwnedRange::of(part, &held);
            match joined.last_mut() {
                Some(last) if last.says_the_same(&part) => last.range.up_to = part.range.up_to,
                _ => joined.push(part),
            }
        }
        joined
    }

    /// Returns true if an `OWN` says that this session was shut out.
    pub fn is_fenced(&self, session: (HostId, Session)) -> bool {
        self.owners.is_fenced(session)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::cluster::record::Claim;

    const ME: HostId = HostId(Uuid::from_u128(1));
    const PEER: HostId = HostId(Uuid::from_u128(2));

    fn claims(ranges: &[(i64, i64, u32)]) -> Vec<Claim> {
        let claim = |(after, up_to, generation): &(i64, i64, u32)| Claim {
            keyspace: "k".into(),
            range: TokenRange::new(*after, *up_to).unwrap(),
            generation: Generation(*generation),
        };
        ranges.iter().map(claim).collect()
    }

    fn host(host: HostId, partition: i32, settings: u128) -> OwnersRecord {
        OwnersRecord::Host { host, partition, settings, version: format!("v{settings}").into() }
    }

    fn own(host: HostId, session: u64, ranges: &[(i64, i64, u32)]) -> OwnersRecord {
        OwnersRecord::Own { host, session: Session(session), fenced: Vec::new(), claims: claims(ranges) }
    }

    #[test]
    fn the_map_is_read_by_the_agents_rules() {
        let mut map = OwnersMap::default();
        for record in [
            host(ME, 0, 7),
            host(PEER, 0, 7),
            host(PEER, 1, 8),
            own(ME, 5, &[(i64::MIN, 0, 1)]),
            own(ME, 5, &[(0, 10, 1)]),
            // Too late: it is not the first of its generation.
            own(PEER, 6, &[(-5, 20, 1)]),
            OwnersRecord::Release { host: ME, session: Session(5), claims: claims(&[(0, 10, 1)]) },
            // Of another session: void.
            OwnersRecord::Release { host: ME, session: Session(4), claims: claims(&[(-9, 0, 1)]) },
            OwnersRecord::Want { host: PEER, claims: claims(&[(-9, 0, 1)]) },
        ] {
            map.read(&record);
        }
        let agents = map.agents();
        assert_eq!(agents[&ME], KnownAgent { partition: 0, version: "v7".into(), agrees: true });
        assert_eq!(agents[&PEER], KnownAgent { partition: 1, version: "v8".into(), agrees: false });
        let keyspace: Keyspace = "k".into();
        let said: Vec<_> = map
            .parts(&keyspace, TokenRange::ALL)
            .into_iter()
            .map(|it| {
                (
                    it.range.up_to,
                    it.publisher().map(|(host, _)| host),
                    it.generation.0,
                    it.wanted_by.is_some(),
                )
            })
            .collect();
        let expected = [
            (-9, Some(ME), 1, false),
            (0, Some(ME), 1, true),
            (10, None, 1, false),
            (20, Some(PEER), 1, false),
            (i64::MAX, None, 0, false),
        ];
        assert_eq!(said, expected);
    }

    #[test]
    fn neighbours_of_which_records_say_the_same_are_one_range() {
        let mut map = OwnersMap::default();
        map.read(&own(ME, 5, &[(0, 10, 1)]));
        map.read(&own(ME, 5, &[(10, 20, 1)]));
        map.read(&own(ME, 6, &[(20, 30, 1)]));
        let ends: Vec<i64> =
            map.parts(&"k".into(), TokenRange::ALL).iter().map(|it| it.range.up_to).collect();
        assert_eq!(ends, [0, 20, 30, i64::MAX]);
    }
}
