//! How long something lives, seen from when the statements run.

use cassandra_commitlog::mutation::Expiration;

/// Cassandra's greatest TTL, in seconds: twenty years (`Attributes.MAX_TTL`).
const TTL_MAX: i64 = 20 * 365 * 24 * 60 * 60;

/// What is left of a life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lifetime {
    /// It lasts.
    Lasting,
    /// It expires after so many seconds, at least one.
    Expiring(i64),
    /// It has expired.
    Expired,
}

impl Lifetime {
    /// Returns what is left at the second `now`.
    pub(super) fn at(now: i64, expiration: Option<Expiration>) -> Self {
        let Some(expiration) = expiration else {
            return Self::Lasting;
        };
        match expiration.expires_at.saturating_sub(now) {
            left @ 1.. => Self::Expiring(left.min(TTL_MAX)),
            _ => Self::Expired,
        }
    }
}
