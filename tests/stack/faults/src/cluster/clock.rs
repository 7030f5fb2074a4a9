//! A clock that goes wrong, for single processes: libfaketime.

use std::{fs, path::PathBuf};

use anyhow::{Context as _, Result};

/// In one of these, or in a folder below for the machine's architecture, Linux distributions keep it.
const LIBRARY_FOLDERS: [&str; 2] = ["/usr/lib", "/usr/lib64"];
/// The variant for programs with threads.
const LIBRARY: &str = "faketime/libfaketimeMT.so.1";

/// Returns the environment in which a process's clock is ahead by so many seconds. Time that is measured stays right.
pub(super) fn ahead_by(seconds: u32) -> Result<Vec<(String, String)>> {
    let library = library().context("libfaketime is not installed (on Debian: apt-get install faketime)")?;
    let variables = [
        ("LD_PRELOAD", library.display().to_string()),
        ("FAKETIME", format!("+{seconds}s")),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        // Shared memory is what a process of another user may not open.
        ("FAKETIME_DISABLE_SHM", "1".to_owned()),
    ];
    Ok(variables.map(|(name, value)| (name.to_owned(), value)).to_vec())
}

fn library() -> Option<PathBuf> {
    LIBRARY_FOLDERS.iter().map(PathBuf::from).find_map(|folder| {
        let below = fs::read_dir(&folder).ok()?.filter_map(Result::ok).map(|entry| entry.path());
        let all: Vec<PathBuf> = std::iter::once(folder).chain(below).collect();
        all.into_iter().map(|folder| folder.join(LIBRARY)).find(|path| path.exists())
    })
}
