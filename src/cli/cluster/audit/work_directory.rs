//! A directory that lasts as long as the command.

use std::{
    fs::{self, DirBuilder},
    hash::{BuildHasher as _, Hasher as _, RandomState},
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use crate::cli::CliError;

/// A new directory that only its owner may look into. It is removed with all that is in it.
#[derive(Debug)]
pub(super) struct WorkDirectory(PathBuf);

impl WorkDirectory {
    /// Makes one in this directory, or where the system keeps temporary files.
    pub(super) fn create(within: Option<&Path>) -> Result<Self, CliError> {
        let within = within.map_or_else(std::env::temp_dir, Path::to_owned);
        let path = within.join(format!("ringtap-audit-{:016x}", RandomState::new().build_hasher().finish()));
        // It must be new: nobody else can have prepared it.
        let made = DirBuilder::new().mode(0o700).create(&path);
        made.map_err(|source| CliError::Sink { destination: path.display().to_string(), source })?;
        Ok(Self(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for WorkDirectory {
    fn drop(&mut self) {
        // What is left over is in the directory for temporary files.
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn it_is_private_and_goes_with_all_that_is_in_it() {
        let within = tempfile::tempdir().unwrap();
        let work = WorkDirectory::create(Some(within.path())).unwrap();
        let path = work.path().to_owned();
        fs::write(path.join("file"), "x").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        drop(work);
        assert_eq!(fs::read_dir(within.path()).unwrap().count(), 0);
    }
}
