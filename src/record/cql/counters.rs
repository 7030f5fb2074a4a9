//! What counters have counted: the log has shards with what they count in all, CQL only adds.

use cassandra_commitlog::{
    schema::TableId,
    types::{ValueError, counter::CounterContext},
};
use uuid::Uuid;

use super::cell_map::{CellKey, CellMap, IsMet, Scope};

/// How many counters are remembered. Those that come beyond it are left out
/// ([`super::Approximation::UnknownCounter`]), as what was said of them before is not known.
pub(super) const COUNTERS_MAX: usize = 1 << 20;

/// The counters that were seen.
#[derive(Debug)]
pub(super) struct Counters {
    shards: CellMap<Vec<Shard>>,
    len: usize,
    len_max: usize,
}

#[derive(Debug)]
struct Shard {
    id: Uuid,
    clock: i64,
    count: i64,
}

/// What to say of a counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Increment {
    /// This is added.
    By(i64),
    /// All of it has been said.
    Known,
    /// What has been said before is not known.
    Unknown,
}

impl Default for Counters {
    fn default() -> Self {
        Self::with_capacity(COUNTERS_MAX)
    }
}

impl Counters {
    /// Makes one that remembers so many counters.
    pub(super) fn with_capacity(len_max: usize) -> Self {
        Self { shards: CellMap::default(), len: 0, len_max }
    }

    /// Returns by how much a counter has changed.
    pub(super) fn increment(&mut self, key: &CellKey, context: &[u8]) -> Result<Increment, ValueError> {
        let context = CounterContext::parse(context)?;
        if self.shards.get_mut(key).is_none() {
            if self.len >= self.len_max {
                return Ok(Increment::Unknown);
            }
            self.len += 1;
            self.shards.insert(key.clone(), Vec::new());
        }
        let Some(known) = self.shards.get_mut(key) else {
            return Ok(Increment::Unknown);
        };
        let mut increment = 0_i64;
        let mut is_new = false;
        for shard in context.shards() {
            let Some(before) = known.iter_mut().find(|before| before.id == shard.id) else {
                increment = increment.wrapping_add(shard.count);
                is_new = true;
                known.push(Shard { id: shard.id, clock: shard.clock, count: shard.count });
                continue;
            };
            if shard.clock > before.clock {
                increment = increment.wrapping_add(shard.count.wrapping_sub(before.count));
                is_new = true;
                (before.clock, before.count) = (shard.clock, shard.count);
            }
        }
        Ok(if is_new { Increment::By(increment) } else { Increment::Known })
    }

    /// Notes that one counter was deleted.
    pub(super) fn removed(&mut self, key: &CellKey) {
        if let Some(known) = self.shards.get_mut(key) {
            known.clear();
        }
    }

    /// Notes a deletion of rows: what is counted then starts anew.
    pub(super) fn deleted(&mut self, table: TableId, partition_key: &[u8], scope: Scope<'_, '_>) {
        self.shards.delete(table, partition_key, scope, |shards, is_met| {
            if is_met == IsMet::Yes {
                shards.clear();
            }
            true
        });
    }

    /// Forgets a table, or one column of it.
    pub(super) fn forget(&mut self, table: TableId, column: Option<&str>) {
        let len = &mut self.len;
        self.shards.forget(table, column, |_| *len -= 1);
    }
}
