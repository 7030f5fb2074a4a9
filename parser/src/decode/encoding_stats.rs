//! Times relative to an update's smallest ones (`EncodingStats`, `SerializationHeader`; format.md §7.4, §7.6).

use super::wire::{Wire, WireError};
use crate::{
    deletion::DeletionTime,
    mutation::{Expiration, Liveness},
    version::Features,
};

/// 2015-09-22T00:00:00Z in microseconds (`EncodingStats.TIMESTAMP_EPOCH`).
const TIMESTAMP_EPOCH: i64 = 1_442_880_000_000_000;
/// The same in seconds (`EncodingStats.DELETION_TIME_EPOCH`).
const DELETION_TIME_EPOCH: i64 = 1_442_880_000;

/// The smallest times of an update; all times in it are relative to them.
#[derive(Debug, Clone, Copy)]
pub(super) struct EncodingStats {
    min_timestamp: i64,
    min_local_deletion_time: i64,
    min_ttl: i32,
    unsigned_deletion_times: bool,
}

impl EncodingStats {
    #[inline(always)]
    pub(super) fn read(wire: &mut Wire<'_>, features: &Features) -> Result<Self, WireError> {
        let mut stats = Self {
            min_timestamp: TIMESTAMP_EPOCH,
            min_local_deletion_time: DELETION_TIME_EPOCH,
            min_ttl: 0,
            unsigned_deletion_times: features.unsigned_deletion_times,
        };
        let min_timestamp = stats.timestamp(wire)?;
        let min_local_deletion_time = stats.local_deletion_time(wire)?;
        let min_ttl = stats.ttl(wire)?;
        stats = Self { min_timestamp, min_local_deletion_time, min_ttl, ..stats };
        Ok(stats)
    }

    /// Reads a write time. Client times can be anything, so the arithmetic wraps as Java's does.
    #[inline(always)]
    pub(super) fn timestamp(&self, wire: &mut Wire<'_>) -> Result<i64, WireError> {
        Ok((wire.unsigned_vint()? as i64).wrapping_add(self.min_timestamp))
    }

    /// Reads a local deletion time: 32 bits, signed until 4.1, unsigned from 5.0 on (format.md §7.6).
    #[inline(always)]
    pub(super) fn local_deletion_time(&self, wire: &mut Wire<'_>) -> Result<i64, WireError> {
        let relative = wire.unsigned_vint()? as u32;
        let seconds = relative.wrapping_add(self.min_local_deletion_time as u32);
        Ok(if self.unsigned_deletion_times { i64::from(seconds) } else { i64::from(seconds as i32) })
    }

    #[inline(always)]
    pub(super) fn ttl(&self, wire: &mut Wire<'_>) -> Result<i32, WireError> {
        Ok((wire.unsigned_vint()? as i32).wrapping_add(self.min_ttl))
    }

    /// Reads a deletion time; one marked for `i64::MIN` is live, whatever its second (format.md §7.6).
    #[inline(always)]
    pub(super) fn deletion_time(&self, wire: &mut Wire<'_>) -> Result<Option<DeletionTime>, WireError> {
        let timestamp = self.timestamp(wire)?;
        let local_deletion_time = self.local_deletion_time(wire)?;
        Ok((timestamp != i64::MIN).then_some(DeletionTime { timestamp, local_deletion_time }))
    }

    /// Reads a row marker; the TTL stands before the expiry here, the other way round than in cells.
    #[inline(always)]
    pub(super) fn liveness(&self, wire: &mut Wire<'_>, expires: bool) -> Result<Liveness, WireError> {
        let timestamp = self.timestamp(wire)?;
        let expiration = if expires {
            let ttl = self.ttl(wire)?;
            Some(Expiration { ttl, expires_at: self.local_deletion_time(wire)? })
        } else {
            None
        };
        Ok(Liveness { timestamp, expiration })
    }
}
