//! A clock that goes wrong, for single processes.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use anyhow::{Context as _, Result};

use crate::stack::script;

/// Returns the environment in which a process's clock is ahead by so many seconds. Time that is measured stays right. The
/// library that does so is put into `folder`, where a process of another user can reach it.
pub(super) fn ahead_by(seconds: u32, folder: &Path) -> Result<Vec<(String, String)>> {
    let library = script("clock/library", &[])?;
    let ours = folder.join("clock-ahead.so");
    fs::copy(&library, &ours).context(library)?;
    fs::set_permissions(&ours, fs::Permissions::from_mode(0o755))?;
    Ok(vec![
        ("LD_PRELOAD".to_owned(), ours.display().to_string()),
        ("CLOCK_AHEAD_SECONDS".to_owned(), seconds.to_string()),
    ])
}
