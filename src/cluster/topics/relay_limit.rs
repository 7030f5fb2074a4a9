//! How large a relayed change may be.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Records that are sent together are no more bytes than this, so that a larger one that is refused is refused alone.
pub(super) const TOGETHER_BYTES_MAX: usize = 64 << 10;
/// How long it is remembered that brokers refused a size: longer than the core waits before it sends a change again, so that
/// this is told then. Afterwards the topic may have been mended.
const REMEMBERED: Duration = Duration::from_secs(1_800);

/// A change does not fit into a record of the relay topic. Sent again it would fail again: whoever waits for the owner's answer
/// waits for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the change has {bytes} bytes as a record of the relay topic, which takes {limit} (its `max.message.bytes`; agents make it \
     with 1 MiB more than `kafka.record_bytes_max`)"
)]
pub struct RelayTooLarge {
    /// The record's bytes.
    pub bytes: usize,
    /// Most bytes, as far as is known.
    pub limit: usize,
}

/// What the topic is made with, and what its brokers were seen to refuse: its settings may not be ours to see, and may change.
#[derive(Debug)]
pub(super) struct RelayLimit {
    bytes_max: usize,
    refused: Mutex<Option<(usize, Instant)>>,
}

impl RelayLimit {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self { bytes_max, refused: Mutex::new(None) }
    }

    pub(super) fn check(&self, bytes: usize) -> Result<(), RelayTooLarge> {
        let refused = *self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let limit = match refused {
            Some((refused, at)) if at.elapsed() < REMEMBERED => self.bytes_max.min(refused - 1),
            _ => self.bytes_max,
        };
        if bytes <= limit { Ok(()) } else { Err(RelayTooLarge { bytes, limit }) }
    }

    /// Notes that a broker refused a record of this size for its size.
    pub(super) fn refused(&self, bytes: usize) {
        if bytes <= TOGETHER_BYTES_MAX {
            return;
        }
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let known = refused.filter(|(_, at)| at.elapsed() < REMEMBERED).map(|(known, _)| known);
        *refused = Some((known.map_or(bytes, |known| known.min(bytes)), Instant::now()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_refused_and_what_is_larger_is_refused_at_once() {
        let limit = RelayLimit::new(1_000_000);
        assert_eq!(limit.check(1_000_000), Ok(()));
        assert_eq!(limit.check(1_000_001), Err(RelayTooLarge { bytes: 1_000_001, limit: 1_000_000 }));
        limit.refused(800_000);
        limit.refused(900_000);
        assert_eq!(limit.check(799_999), Ok(()));
        assert_eq!(limit.check(800_000), Err(RelayTooLarge { bytes: 800_000, limit: 799_999 }));
    }

    #[test]
    fn a_small_record_may_have_been_refused_for_what_went_with_it() {
        let limit = RelayLimit::new(1_000_000);
        limit.refused(TOGETHER_BYTES_MAX);
        assert_eq!(limit.check(1_000_000), Ok(()));
    }
}
