//! Files that survive a power failure, and that nobody else may read.

use std::{
    fs::{DirBuilder, File, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::Path,
};

use super::StateError;

/// Files hold keys and values of tables: only the agent's user reads them.
const FILE_MODE: u32 = 0o600;
const DIRECTORY_MODE: u32 = 0o700;

/// Makes a directory, and those above it, if they are not there.
pub(crate) fn create_directory(path: &Path) -> Result<(), StateError> {
    let made = DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(path);
    made.map_err(|source| StateError::io(path, "the directory cannot be made", source))?;
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => sync_directory(parent),
        _ => Ok(()),
    }
}

/// Creates a file that is not there yet, for writing and reading.
pub(crate) fn create_file(path: &Path) -> Result<File, StateError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true).mode(FILE_MODE);
    options.open(path).map_err(|source| StateError::io(path, "cannot be created", source))
}

/// Opens a file for writing and reading; creates it if it is not there.
pub(crate) fn open_file(path: &Path) -> Result<File, StateError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(FILE_MODE);
    options.open(path).map_err(|source| StateError::io(path, "cannot be opened for writing", source))
}

/// Makes durable which files a directory has, and their names.
pub(crate) fn sync_directory(path: &Path) -> Result<(), StateError> {
    let directory = File::open(path).map_err(|source| StateError::io(path, "cannot be opened", source))?;
    match directory.sync_all() {
        // Some network file systems have no such call, and need none.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        synced => synced.map_err(|source| StateError::sync(path, source)),
    }
}
