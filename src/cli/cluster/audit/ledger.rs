//! The ledger of the cluster, from its begin to what is its end.

use std::{collections::BTreeMap, ops::Range};

use crate::{
    checkpoint::StateError,
    cli::{CliError, cluster::access::Access},
    cluster::{
        audit::LedgerAudit,
        record::OwnersRecord,
        topics::{Init, Onlooker, TopicsError},
    },
};

/// Which part of the ledger is read.
pub(super) struct Ledger {
    /// What the agents have in common.
    pub(super) init: Init,
    ranges: BTreeMap<i32, Range<u64>>,
    /// Since when, in milliseconds since 1970, all that was published is there.
    whole_since_ms: u64,
}

impl Ledger {
    /// Looks how far it goes.
    pub(super) fn open(access: &Access) -> Result<Self, CliError> {
        let mut began_ms = 0;
        let init = access.topics.read_owners(|record, timestamp_ms| {
            if began_ms == 0 && matches!(record, OwnersRecord::Init { .. }) {
                began_ms = timestamp_ms;
            }
        })?;
        let extents = access.topics.ledger()?;
        let mut cut = extents.clone();
        cut.retain(|_, extent| extent.begin > 0);
        let first = access.topics.first_of_ledger(&cut)?;
        let ranges = extents.iter().map(|(partition, it)| (*partition, it.begin..it.stable_end)).collect();
        let whole_since_ms = first.into_values().max().unwrap_or(0).max(began_ms);
        Ok(Self { init, ranges, whole_since_ms })
    }

    /// Returns since when, in microseconds since 1970, all that was written and published is there.
    pub(super) fn whole_since(&self) -> i64 {
        i64::try_from(self.whole_since_ms.saturating_mul(1_000)).unwrap_or(i64::MAX)
    }

    /// Files all of it; reads it once more if something is there twice, to say where.
    pub(super) fn file(&self, topics: &Onlooker, audit: &mut LedgerAudit) -> Result<(), CliError> {
        topics.read_ledger(&self.ranges, |seen| audit.file(&seen).map_err(Failed::State))?;
        if audit.has_repeated() {
            topics.read_ledger(&self.ranges, |seen| {
                audit.find_repeated(&seen);
                Ok::<_, Failed>(())
            })?;
        }
        Ok(())
    }
}

enum Failed {
    Topics(TopicsError),
    State(StateError),
}

impl From<TopicsError> for Failed {
    fn from(error: TopicsError) -> Self {
        Self::Topics(error)
    }
}

impl From<Failed> for CliError {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Topics(error) => error.into(),
            Failed::State(error) => error.into(),
        }
    }
}
