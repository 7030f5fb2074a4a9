//! Changes on their way between agents: those that the own log has and the owner has not, and those that others sent.

use super::{
    membership::{Membership, Relayed},
    reading::MemberReading,
    work::MemberWork,
};
use crate::{
    agent::error::AgentError,
    cluster::{
        core::HeadVerdict,
        names::{HostId, Token},
        record::RelayRecord,
    },
    dedup::keep_new_parts,
    error_text::with_causes,
};

/// What became of the wish to relay a change.
enum Relay {
    /// These bytes are to be sent.
    Send(Vec<u8>),
    /// The node has not said that it is on its disk; it is tried again.
    NotSynced,
    /// Nobody owns its token any more; it is tried again.
    NoOwner,
    /// No record can be made of it, for this reason.
    Unwritable(String),
}

impl MemberReading {
    /// Sends what the core wants to be sent.
    pub(super) fn relay_to_owners(&mut self) -> Result<(), AgentError> {
        for (to, position) in std::mem::take(&mut self.work.member.wants.relays) {
            let Some(partition) = self.work.member.core.partition_of(to) else { continue };
            match self.relay(position) {
                Some(Relay::Send(bytes)) => match self.work.member.topics.relay(partition, &bytes) {
                    Ok(()) => self.work.member.counts.relays_sent += 1,
                    Err(error) => self.work.give_up(position, &with_causes(&error))?,
                },
                Some(Relay::NotSynced | Relay::NoOwner) => self.work.member.core.postpone(position),
                Some(Relay::Unwritable(reason)) => self.work.give_up(position, &reason)?,
                None => self
                    .work
                    .give_up(position, "it is no change of a row, and the owner's log does not have it")?,
            }
        }
        Ok(())
    }

    /// Makes the record of a change at an audit position; `None` if it is no change of a row.
    fn relay(&mut self, position: u64) -> Option<Relay> {
        let MemberWork { kept, member, records, .. } = &mut self.work;
        let live = &self.live;
        kept.with_change(position, |place, change| {
            if !live.is_synced(place.position) {
                return Relay::NotSynced;
            }
            if let Err(error) = records.check(place, &change) {
                return Relay::Unwritable(with_causes(&error));
            }
            let keyspace = member.keyspace(change.table.keyspace());
            let owner = member.core.owner_of(&keyspace, Token::of_key(change.partition_key));
            let Some((_, owner_session, generation)) = owner else { return Relay::NoOwner };
            let record = RelayRecord { from: member.me, owner_session, generation, place, change };
            let mut bytes = Vec::new();
            record.encode(&mut bytes);
            Relay::Send(bytes)
        })
    }
}

impl MemberWork {
    /// Lets a change go that can never be published: its entry is in the quarantine, if it is a change of a row.
    fn give_up(&mut self, position: u64, reason: &str) -> Result<(), AgentError> {
        #[derive(Debug, thiserror::Error)]
        #[error("{0}")]
        struct Reason(String);
        let Self { kept, decoding, .. } = self;
        let put =
            kept.with_entry(position, |entry| decoding.put_aside(entry, &Reason(reason.to_owned()), None));
        if let Some(put) = put {
            put?;
        } else {
            tracing::warn!(
                reason,
                "something in the own log that the ledger does not have is not waited for any more"
            );
        }
        self.member.counts.given_up += 1;
        self.member.core.give_up(position);
        Ok(())
    }

    /// Publishes what another agent sent, if it is this agent's to publish and was not yet.
    pub(super) fn publish_relayed(&mut self, relayed: &Relayed) -> Result<(), AgentError> {
        let Self { member, records, window_start, .. } = self;
        let Membership { relays, .. } = member;
        let RelayRecord { from, place, mut change, .. } = match relays.decode(&relayed.bytes) {
            Ok(record) => record,
            Err(error) => {
                tracing::error!(error = %with_causes(&error), "a change that another agent sent can't be understood; it stays in that agent's log");
                return Ok(());
            }
        };
        let token = Token::of_key(change.partition_key);
        let keyspace = member.keyspace(change.table.keyspace());
        let Membership { core, signatures, counts, .. } = member;
        let signature = signatures.of(&change);
        if !records.tables.takes(&change.table) {
            core.skip(&keyspace, token, signature)?;
            return Ok(());
        }
        let HeadVerdict::Publish { parts } = core.head(&keyspace, token, signature)? else {
            counts.relays_unwanted += 1;
            return Ok(());
        };
        keep_new_parts(&mut change, &parts);
        counts.relays_answered += 1;
        let is_late = change.timestamp < *window_start;
        counts.late_changes += u64::from(is_late);
        if let Err(error) = records.write_relayed(from, place, &change, is_late) {
            say_unwritable(from, place.position, &error);
        }
        Ok(())
    }
}

/// The sender has tried the same before: only with other versions of the program can this be.
fn say_unwritable(
    from: HostId,
    position: cassandra_commitlog::Position,
    error: &(dyn std::error::Error + 'static),
) {
    tracing::error!(%from, %position, error = with_causes(error), "no record can be made of a change that another agent sent; it is not published");
}
