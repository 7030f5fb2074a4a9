//! Numbers that nobody can guess, or that were never used before.

use std::time::{SystemTime, UNIX_EPOCH};

use rustls::crypto::ring::default_provider;

use super::TopicsError;
use crate::cluster::names::Session;

/// Low bits of a session's number that are random.
const RANDOM_BITS: u32 = 20;

/// Returns a number for a new session that this host never used before: the time in milliseconds, and 20 random bits, for
/// clocks that are set back.
///
/// The producer's epoch would not do: librdkafka does not tell it, and it begins anew when Kafka forgets the id.
pub fn new_session() -> Result<Session, TopicsError> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
    let random = u64::from_be_bytes(random_bytes()?);
    Ok(Session(ms << RANDOM_BITS | random >> (u64::BITS - RANDOM_BITS)))
}

/// Returns bytes that cannot be guessed.
pub(super) fn random_bytes<const COUNT: usize>() -> Result<[u8; COUNT], TopicsError> {
    let mut bytes = [0; COUNT];
    default_provider().secure_random.fill(&mut bytes).map_err(|_| TopicsError::NoRandomness)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_of_the_same_millisecond_differ() {
        let mut sessions: Vec<u64> = (0..50).map(|_| new_session().unwrap().0).collect();
        let first = sessions[0];
        sessions.sort_unstable();
        sessions.dedup();
        // Of a million numbers for each millisecond.
        assert!(sessions.len() >= 49, "{sessions:?}");
        // A time of this century.
        assert!((1_700_000_000_000..4_000_000_000_000).contains(&(first >> RANDOM_BITS)), "{first}");
    }
}
