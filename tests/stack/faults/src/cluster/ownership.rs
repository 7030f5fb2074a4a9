//! Who owned which tokens when, as the owners topic tells it.

use std::{collections::HashMap, ops::ControlFlow, sync::Arc, time::Duration};

use anyhow::{Context as _, Result};
use ringtap::{
    checker::TopicReader,
    cluster::{
        names::{Generation, HostId, Token},
        record::{Claim, OwnersRecord},
    },
    sink::kafka::ClusterNames,
};

use super::side_traffic::AGENTS_PREFIX;

/// How long a transaction may stay open that a reader waits for.
const STABLE_WITHIN: Duration = Duration::from_secs(60);

/// The records of the owners topic, with the broker's times.
#[derive(Debug, Default)]
pub(super) struct Ownership {
    records: Vec<(i64, OwnersRecord)>,
}

impl Ownership {
    /// Reads the topic of a cluster; agents that work for themselves have none.
    pub(super) fn read(brokers: &str, cluster: &str) -> Result<Self> {
        let topic: Arc<str> = ClusterNames::new(cluster).owners().into();
        let reader = TopicReader::new(brokers, &[]);
        let mut found = Self::default();
        if !reader.topics(AGENTS_PREFIX)?.contains_key(&topic) {
            return Ok(found);
        }
        let mut unreadable = None;
        reader.read_to_end(&topic, 1, STABLE_WITHIN, &mut |record| {
            match OwnersRecord::decode(record.value.as_deref().unwrap_or_default()) {
                Ok(told) => found.records.push((record.timestamp_ms.unwrap_or_default(), told)),
                Err(error) => unreadable = Some((record.place_text(), error)),
            }
            ControlFlow::Continue(())
        })?;
        match unreadable {
            None => Ok(found),
            Some((place, error)) => Err(error).context(place),
        }
    }

    /// Returns the host of each partition of the ledger: the first that claimed it.
    pub(super) fn ledger_partitions(&self) -> HashMap<i32, Arc<str>> {
        let mut hosts = HashMap::new();
        for (_, record) in &self.records {
            if let OwnersRecord::Host { host, partition, .. } = record {
                hosts.entry(*partition).or_insert_with(|| Arc::from(host.to_string()));
            }
        }
        hosts
    }

    /// Returns who owned a token at a time, in milliseconds since 1970.
    pub(super) fn owner(&self, keyspace: &str, token: Token, at_ms: i64) -> Option<HostId> {
        let (mut owner, mut generation) = (None, Generation::default());
        for (time_ms, record) in &self.records {
            if *time_ms > at_ms {
                break;
            }
            let claim = |claims: &[Claim]| {
                let found =
                    claims.iter().find(|claim| &*claim.keyspace == keyspace && claim.range.contains(token));
                found.map(|claim| claim.generation)
            };
            match record {
                OwnersRecord::Own { host, claims, .. } if claim(claims) == Some(generation.next()) => {
                    (owner, generation) = (Some(*host), generation.next());
                }
                OwnersRecord::Release { host, claims, .. }
                    if owner == Some(*host) && claim(claims) == Some(generation) =>
                {
                    owner = None;
                }
                _ => {}
            }
        }
        owner
    }
}

#[cfg(test)]
mod tests {
    use ringtap::cluster::names::{Session, TokenRange};
    use uuid::Uuid;

    use super::*;

    const fn host(number: u128) -> HostId {
        HostId(Uuid::from_u128(number))
    }

    fn claims(after: i64, up_to: i64, generation: u32) -> Vec<Claim> {
        let range = TokenRange::new(after, up_to).unwrap();
        vec![Claim { keyspace: "k".into(), range, generation: Generation(generation) }]
    }

    fn own(host: HostId, claims: Vec<Claim>) -> OwnersRecord {
        OwnersRecord::Own { host, session: Session(1), fenced: Vec::new(), claims }
    }

    #[test]
    fn the_first_claim_of_a_generation_counts_from_its_time_on() {
        let (one, two) = (host(1), host(2));
        let records = vec![
            (10, own(one, claims(0, 100, 1))),
            (20, own(two, claims(0, 100, 1))),
            (30, own(two, claims(50, 100, 2))),
            (40, OwnersRecord::Release { host: one, session: Session(1), claims: claims(0, 100, 1) }),
        ];
        let ownership = Ownership { records };
        let owner = |token, at_ms| ownership.owner("k", Token(token), at_ms);
        assert_eq!(
            [owner(70, 9), owner(70, 25), owner(70, 35), owner(70, 45)],
            [None, Some(one), Some(two), Some(two)]
        );
        assert_eq!([owner(7, 35), owner(7, 45), owner(700, 45)], [Some(one), None, None]);
        assert_eq!(ownership.owner("other", Token(7), 35), None);
    }
}
