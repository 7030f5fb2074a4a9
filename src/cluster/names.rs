//! Who and what the protocol speaks of.

use std::{fmt, sync::Arc};

use cassandra_commitlog::types::murmur3_token;
use uuid::Uuid;

/// A Cassandra node, and the agent beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostId(pub Uuid);

/// One life of an agent's transactional producer. Another number than any that this host had before; nothing else is
/// said by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Session(pub u64);

/// How many owners a token had before, and this one. The first owner's is 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Generation(pub u32);

/// Where a partition key stands on the ring: its murmur3 hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Token(pub i64);

/// Tokens after `after`, up to and with `up_to`. Never wraps around: `after` is less than `up_to`. No key has the token
/// `i64::MIN`, so that all tokens are one range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TokenRange {
    /// The token before the first.
    pub after: i64,
    /// The last token.
    pub up_to: i64,
}

/// A keyspace's name.
pub type Keyspace = Arc<str>;

/// Returns what stands for a keyspace with changes of the schema, which have no token: all agents rank for all of them.
pub fn schema_keyspace() -> Keyspace {
    Arc::from("<schema>")
}

/// Returns what stands for a keyspace with what each agent publishes of its own log for itself: truncations.
pub fn log_keyspace(host: HostId) -> Keyspace {
    format!("<log of {host}>").into()
}

/// Returns true if this is a keyspace of tables, and none that stands for one: no keyspace can have such a name.
pub fn is_of_tables(keyspace: &str) -> bool {
    !keyspace.starts_with('<')
}

impl Generation {
    /// Returns the one after this.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl Token {
    /// Returns the token of a serialized partition key, as Cassandra's `Murmur3Partitioner` gives it.
    pub fn of_key(partition_key: &[u8]) -> Self {
        Self(murmur3_token(partition_key))
    }
}

impl TokenRange {
    /// All tokens.
    pub const ALL: Self = Self { after: i64::MIN, up_to: i64::MAX };

    /// Returns the range, or `None` if it would be empty or wrap around.
    pub fn new(after: i64, up_to: i64) -> Option<Self> {
        (after < up_to).then_some(Self { after, up_to })
    }

    /// Returns true if the token is in it.
    pub fn contains(self, token: Token) -> bool {
        self.after < token.0 && token.0 <= self.up_to
    }

    /// Returns what both have.
    pub fn intersection(self, other: Self) -> Option<Self> {
        Self::new(self.after.max(other.after), self.up_to.min(other.up_to))
    }
}

impl fmt::Display for HostId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Display for TokenRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({}, {}]", self.after, self.up_to)
    }
}
