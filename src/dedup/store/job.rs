//! Work on files beside the thread that uses the store.

use std::{
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

use crate::checkpoint::StateError;

/// Whether the work is still wanted.
#[derive(Debug, Clone, Default)]
pub(super) struct Cancel(Arc<AtomicBool>);

/// Work on a thread of its own. When it is dropped, the work is cancelled, and its end is waited for.
#[derive(Debug)]
pub(super) struct Job<T> {
    cancel: Cancel,
    thread: Option<JoinHandle<Result<T, StateError>>>,
}

impl Cancel {
    /// Returns an error if the work is not wanted any more.
    pub(super) fn check(&self) -> io::Result<()> {
        if self.0.load(Ordering::Relaxed) { Err(io::ErrorKind::Interrupted.into()) } else { Ok(()) }
    }
}

impl<T: Send + 'static> Job<T> {
    /// Starts the work. `path` is where it works, for errors.
    pub(super) fn start(
        name: &str,
        path: &Path,
        work: impl FnOnce(&Cancel) -> Result<T, StateError> + Send + 'static,
    ) -> Result<Self, StateError> {
        let cancel = Cancel::default();
        let own = cancel.clone();
        let thread = thread::Builder::new().name(name.into()).spawn(move || work(&own));
        let thread = thread
            .map_err(|source| StateError::io(path, "a thread for its files can't be started", source))?;
        Ok(Self { cancel, thread: Some(thread) })
    }

    /// Returns true if the work has ended.
    pub(super) fn is_finished(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Waits for the work's end.
    pub(super) fn wait(mut self, path: &Path) -> Result<T, StateError> {
        let panicked =
            || StateError::io(path, "the thread for its files panicked", io::Error::other("panic"));
        self.thread.take().ok_or_else(panicked)?.join().map_err(|_| panicked())?
    }
}

impl<T> Drop for Job<T> {
    fn drop(&mut self) {
        self.cancel.0.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // Its error is of nobody's interest any more: what it wrote is named nowhere.
            let _ = thread.join();
        }
    }
}
