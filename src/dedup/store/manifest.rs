//! The manifest: which files the index is made of.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::checkpoint::{SealedKind, StateError};

const fn kind(name: &'static str) -> SealedKind {
    SealedKind { name, upgrades: &[] }
}

/// The files of an index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    /// Seed of the hashes in it.
    pub(super) seed: u64,
    /// Number that the next file gets. No number is used twice.
    pub(super) next_number: u64,
    /// Numbers of the journals, in order. Appended to is the last; the others go when their entries are in a run.
    pub(super) journals: Vec<u64>,
    /// When the last journal was begun, in milliseconds since 1970.
    pub(super) journal_since_ms: u64,
    /// Since when nothing was dropped, in milliseconds since 1970.
    pub(super) known_since_ms: u64,
    /// Numbers of the runs.
    pub(super) runs: Vec<u64>,
}

impl Manifest {
    /// Reads the manifest of a directory, if it has one.
    pub(super) fn read(directory: &Path, name: &'static str) -> Result<Option<Self>, StateError> {
        let path = path(directory);
        let Some(body) = kind(name).read(&path)? else { return Ok(None) };
        let read = serde_json::from_slice(&body);
        read.map(Some).map_err(|error| {
            StateError::corrupt(&path, format!("is no list of files ({error}): {}", super::MOVE_AWAY))
        })
    }

    /// Replaces the manifest, durably; names of files made before are durable too then.
    pub(super) fn write(&self, directory: &Path, name: &'static str) -> Result<(), StateError> {
        let path = path(directory);
        let body = serde_json::to_vec(self)
            .map_err(|error| StateError::corrupt(&path, format!("cannot be made: {error}")))?;
        kind(name).write(&path, &body)
    }

    /// Removes files of ours that the manifest does not name: what a crash left behind.
    pub(super) fn remove_others(&self, directory: &Path) -> Result<(), StateError> {
        let unreadable = |source| StateError::io(directory, "cannot be read", source);
        for entry in fs::read_dir(directory).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let name = entry.file_name();
            let is_left_over = match numbered(&name) {
                Some(("journal", number)) => !self.journals.contains(&number),
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

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "dedup-index";

    /// As version 1 wrote it.
    const GOLDEN: &str = concat!(
        "ringtap dedup-index 1 9d5f7a68 139\n",
        r#"{"seed":18446744073709551615,"next_number":7,"journals":[4,6],"#,
        r#""journal_since_ms":1700000000000,"known_since_ms":1699990000000,"runs":[3,5]}"#
    );

    #[test]
    fn the_manifest_is_what_version_1_wrote() {
        let directory = tempfile::tempdir().unwrap();
        let file = path(directory.path());
        fs::write(&file, GOLDEN).unwrap();
        let manifest = Manifest::read(directory.path(), NAME).unwrap().unwrap();
        assert_eq!(
            (manifest.seed, &manifest.journals[..], &manifest.runs[..]),
            (u64::MAX, &[4, 6][..], &[3, 5][..])
        );
        fs::remove_file(&file).unwrap();
        manifest.write(directory.path(), NAME).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), GOLDEN);
    }

    #[test]
    fn only_our_own_left_over_files_are_removed() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(path(directory.path()), GOLDEN).unwrap();
        let names = ["run-3", "run-4", "run-old", "journal-4", "journal-6", "journal-2", "notes.txt"];
        for name in names {
            fs::write(directory.path().join(name), "").unwrap();
        }
        let manifest = Manifest::read(directory.path(), NAME).unwrap().unwrap();
        manifest.remove_others(directory.path()).unwrap();
        let left = names.map(|name| directory.path().join(name).exists());
        assert_eq!(left, [true, false, true, true, true, false, true]);
    }
}
