//! How far the log has been published, and where that is kept.

#[cfg(feature = "agent")]
mod durable;
#[cfg(feature = "agent")]
mod error;
mod progress;
#[cfg(feature = "agent")]
mod sealed_file;
#[cfg(feature = "agent")]
mod state_dir;

#[cfg(feature = "agent")]
pub(crate) use self::durable::{create_directory, create_file, open_file, sync_directory};
pub use self::progress::{Progress, ProgressError, SegmentProgress};
#[cfg(feature = "agent")]
pub use self::{
    error::{StateError, StateErrorKind},
    sealed_file::{SealedKind, Upgrade},
    state_dir::{StateDir, StateOwner},
};
