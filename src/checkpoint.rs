//! How far the log has been published, and where that is kept.

mod progress;

pub use self::progress::{Progress, ProgressError, SegmentProgress};
