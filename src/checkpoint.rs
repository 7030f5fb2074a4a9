//! How far the log has been published, and where that is kept.

mod durable;
mod error;
mod progress;
#[cfg(feature = "agent")]
mod sealed_file;
#[cfg(feature = "agent")]
mod state_dir;

pub(crate) use self::durable::{create_directory, create_file, open_file, sync_directory};
pub use self::{
    error::{StateError, StateErrorKind},
    progress::{Progress, ProgressError, SegmentProgress},
};
#[cfg(feature = "agent")]
pub use self::{
    sealed_file::{SealedKind, Upgrade},
    state_dir::{NodeIdentity, StateDir},
};
