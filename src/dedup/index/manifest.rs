//! The manifest: which files the index is made of.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::checkpoint::{SealedKind, StateError};

const MANIFEST: SealedKind = SealedKind { name: "dedup-index", upgrades: &[] };

/// The files of an index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    /// Seed of the hashes in it.
    pub(super) seed: u64,
    /// Number that the next file gets. No number is used twice.
    pub(super) next_number: u64,
    /// Number of the journal.
    pub(super) journal: u64,
    /// When the journal was begun, in milliseconds since 1970.
    pub(super) journal_since_ms: u64,
    /// Since when all that was published is known, in milliseconds since 1970.
    pub(super) known_since_ms: u64,
    /// Numbers of the runs, oldest first.
    pub(super) runs: Vec<u64>,
}

impl Manifest {
    /// Reads the manifest of a directory, if it has one.
    pub(super) fn read(directory: &Path) -> Result<Option<Self>, StateError> {
        let path = path(directory);
        let Some(body) = MANIFEST.read(&path)? else { return Ok(None) };
        let read = serde_json::from_slice(&body);
        read.map(Some).map_err(|error| {
            StateError::corrupt(&path, format!("is no list of files ({error}): {}", super::MOVE_AWAY))
        })
    }

    /// Replaces the manifest, durably; names of files made before are durable too then.
    pub(super) fn write(&self, directory: &Path) -> Result<(), StateError> {
        let path = path(directory);
        let body = serde_json::to_vec(self)
            .map_err(|error| StateError::corrupt(&path, format!("cannot be made: {error}")))?;
        MANIFEST.write(&path, &body)
    }

    /// Removes files of ours that the manifest does not name: what a crash left behind.
    pub(super) fn remove_others(&self, directory: &Path) -> Result<(), StateError> {
        let unreadable = |source| StateError::io(directory, "cannot be read", source);
        for entry in fs::read_dir(directory).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let name = entry.file_name();
            let is_left_over = match numbered(&name) {
                Some(("journal", number)) => number != self.journal,
                Some(("run", number)) => !self.runs.contains(&number),
                _ => false,
            };
            if is_left_over {
                let path = entry.path();
                fs::remove_file(&path)
                    .map_err(|source| StateError::io(&path, "cannot be removed", source))?;
            }
        }
        Ok(())
    }
}

fn path(directory: &Path) -> PathBuf {
    directory.join("manifest")
}

pub(super) fn journal_path(directory: &Path, number: u64) -> PathBuf {
    directory.join(format!("journal-{number}"))
}

pub(super) fn run_path(directory: &Path, number: u64) -> PathBuf {
    directory.join(format!("run-{number}"))
}

/// Returns what a file's name says: `journal` or `run`, and its number.
fn numbered(name: &OsStr) -> Option<(&str, u64)> {
    let (kind, number) = name.to_str()?.split_once('-')?;
    Some((kind, number.parse().ok()?))
}

/// Returns true if a directory without a manifest has more than what a crash leaves of an index that was being made.
pub(super) fn has_files_of_an_index(directory: &Path) -> Result<bool, StateError> {
    let unreadable = |source| StateError::io(directory, "cannot be read", source);
    for entry in fs::read_dir(directory).map_err(unreadable)? {
        if let Some(("journal" | "run", 1..)) = numbered(&entry.map_err(unreadable)?.file_name()) {
            return Ok(true);
        }
    }
    Ok(false)
}
