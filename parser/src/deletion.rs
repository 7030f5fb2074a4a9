//! Deletion times.

/// When something was deleted (`DeletionTime`). A live (absent) deletion is `None` wherever one may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeletionTime {
    /// Write time of the deletion in microseconds (`markedForDeleteAt`): what is at or before it is gone.
    pub timestamp: i64,
    /// The server's clock at the deletion, in seconds since 1970. Only purging uses it.
    pub local_deletion_time: i64,
}
