//! What can be wrong with stored state.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

/// Why stored state can't be read, written or used.
#[derive(Debug)]
pub struct StateError(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: StateErrorKind,
    path: PathBuf,
    what: String,
    source: Option<io::Error>,
}

/// Kinds of [`StateError`], each with what is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StateErrorKind {
    /// The disk, a quota or a limit of ours is full. What was written before is whole: make room, then do the same again.
    Full,
    /// A file could not be read or written. Nothing is known to be lost: mend the cause and start again.
    Io,
    /// An fsync failed. What is on disk is not known any more, so the file is not used any more: end the process. Nothing
    /// was reported as durable that is not.
    SyncFailed,
    /// Bytes on disk are not those that were written.
    Corrupt,
    /// A newer release wrote it.
    TooNew,
    /// It belongs to another node or cluster.
    Foreign,
    /// Another process uses it.
    Locked,
}

impl StateError {
    pub(crate) fn new(kind: StateErrorKind, path: &Path, what: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, path: path.into(), what: what.into(), source: None }))
    }

    /// Makes an error of a failed system call; a full disk is told from others.
    pub(crate) fn io(path: &Path, what: &str, source: io::Error) -> Self {
        let is_full = matches!(
            source.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
        );
        let kind = if is_full { StateErrorKind::Full } else { StateErrorKind::Io };
        Self(Box::new(Inner { kind, path: path.into(), what: what.into(), source: Some(source) }))
    }

    pub(crate) fn sync(path: &Path, source: io::Error) -> Self {
        let what = "fsync failed".into();
        let kind = StateErrorKind::SyncFailed;
        Self(Box::new(Inner { kind, path: path.into(), what, source: Some(source) }))
    }

    pub(crate) fn corrupt(path: &Path, what: impl Into<String>) -> Self {
        Self::new(StateErrorKind::Corrupt, path, what)
    }

    /// Returns which kind it is of.
    pub fn kind(&self) -> StateErrorKind {
        self.0.kind
    }

    /// Returns the file or directory.
    pub fn path(&self) -> &Path {
        &self.0.path
    }
}

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { kind, path, what, .. } = &*self.0;
        write!(f, "{}: {what}", path.display())?;
        let advice = match kind {
            StateErrorKind::Full => "make room; nothing is lost, it goes on from here",
            StateErrorKind::SyncFailed => {
                "what is on this disk is not known any more: the agent must end; check the disk, then start it again"
            }
            StateErrorKind::TooNew => "start the newer release, or move it away",
            StateErrorKind::Io
            | StateErrorKind::Corrupt
            | StateErrorKind::Foreign
            | StateErrorKind::Locked => return Ok(()),
        };
        write!(f, " ({advice})")
    }
}

impl std::error::Error for StateError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_ref().map(|source| source as _)
    }
}
