//! Branches of the protocol, as they show in the topics.

use ringtap::cluster::record::OwnersRecord;

use super::World;
use crate::{
    cassandra::host_of,
    checker::{Claimed, Owner},
    counts::{Kind, Tally},
    kafka::TransactionNumber,
};

impl World {
    /// Counts what a record of the owners topic comes to.
    pub(super) fn count_owners(&mut self, record: &OwnersRecord) {
        if let OwnersRecord::Want { .. } = record {
            self.count(Kind::Want);
        }
        let Self { owners, tally, cassandra, .. } = self;
        let known_fenced = owners.fenced.clone();
        let mut still_owns = None;
        owners.read(&cassandra.ring, record, |claimed| match claimed {
            Claimed::Taken(before) => count_taken(tally, record, before, &known_fenced),
            Claimed::Repeated => tally.count(Kind::OwnRepeated),
            Claimed::Late => tally.count(Kind::OwnLost),
            Claimed::Released => tally.count(Kind::Release),
            Claimed::Void(held) => {
                tally.count(Kind::ReleaseVoid);
                still_owns = still_owns.or(held.owner.filter(|_| !held.is_released));
            }
        });
        if let (OwnersRecord::Release { host, .. }, Some((owner, _))) = (record, still_owns)
            && owner == *host
        {
            self.stall_owner(host_of(owner));
        }
    }

    /// An owner that is said to have released what it took again may not hear of that for a while.
    fn stall_owner(&mut self, agent: usize) {
        if !self.is_calm() && self.random.chance(self.plan.counts.stall_per_mille_void_releases) {
            self.count(Kind::Stall);
            self.agents[agent].owners_stalled_until = self.now + self.random.between(300, 2500);
        }
    }

    /// Counts a transaction that committed.
    pub(super) fn count_committed(&mut self, number: TransactionNumber) {
        self.count(Kind::Committed);
        if self.kafka.transactions[number].is_unknown {
            self.count(Kind::UnknownLater);
        }
    }
}

type Session = (ringtap::cluster::names::HostId, ringtap::cluster::names::Session);

fn count_taken(tally: &mut Tally, record: &OwnersRecord, before: Owner, known_fenced: &[Session]) {
    let OwnersRecord::Own { host, fenced, .. } = record else { return };
    tally.count(match before.owner {
        None => Kind::OwnFirst,
        Some(_) if before.is_released => Kind::OwnReleased,
        Some(owner) if fenced.contains(&owner) => Kind::OwnFenced,
        Some(owner) if known_fenced.contains(&owner) => Kind::OwnFencedBefore,
        Some((owner, _)) if owner == *host => Kind::OwnOwnSession,
        Some(_) => Kind::OwnOtherSession,
    });
}
