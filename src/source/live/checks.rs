//! Whether the directories are fit for what the options ask of them.

use std::{
    fs::{self, Metadata},
    io,
    os::unix::fs::MetadataExt as _,
    path::Path,
};

use rustix::fs::{Access, AtFlags, CWD};

use super::{
    directory,
    error::SourceError,
    options::{LiveOptions, Release},
};

/// The sticky bit of a directory's mode.
const STICKY: u32 = 0o1000;

/// Checks that all directories exist, are different ones, and can be listed and, where needed, written to.
pub(super) fn check(options: &LiveOptions) -> Result<(), SourceError> {
    let mut seen: Vec<(&'static str, &Path, Metadata)> = Vec::new();
    let archive = match &options.release {
        Release::Archive(path) => Some(path.as_path()),
        Release::Delete | Release::Keep => None,
    };
    let directories = [
        ("cdc_raw", Some(options.cdc_raw.as_path())),
        ("commitlog", options.commitlog.as_deref()),
        ("spool", options.spool.as_deref()),
        ("archive", archive),
    ];
    for (role, path) in directories {
        let Some(path) = path else {
            continue;
        };
        let unreadable = |source| SourceError::Directory { path: path.into(), source };
        let metadata = fs::metadata(path).map_err(unreadable)?;
        fs::read_dir(path).map_err(unreadable)?;
        let is_same = |other: &Metadata| (other.dev(), other.ino()) == (metadata.dev(), metadata.ino());
        if let Some((first, ..)) = seen.iter().find(|(.., other)| is_same(other)) {
            return Err(SourceError::SameDirectory { path: path.into(), first, second: role });
        }
        seen.push((role, path, metadata));
    }
    let removes = options.release != Release::Keep || options.spool.is_some();
    for (role, path, metadata) in &seen {
        if *role != "commitlog" && (removes || *role != "cdc_raw") {
            may_write(path)?;
        }
        let is_elsewhere = seen.first().is_some_and(|(.., cdc_raw)| cdc_raw.dev() != metadata.dev());
        if *role == "spool" && is_elsewhere {
            return Err(SourceError::OtherFileSystem {
                path: (*path).into(),
                cdc_raw: options.cdc_raw.clone(),
            });
        }
    }
    Ok(())
}

fn may_write(path: &Path) -> Result<(), SourceError> {
    rustix::fs::accessat(CWD, path, Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS).map_err(|error| {
        SourceError::NotWritable {
            path: path.into(),
            source: io::Error::from_raw_os_error(error.raw_os_error()),
        }
    })
}

/// Checks that a sticky bit on `cdc_raw` does not keep this user from removing the segments that are there now.
pub(super) fn check_sticky(options: &LiveOptions) -> Result<(), SourceError> {
    let path = &options.cdc_raw;
    let unreadable = |source| SourceError::Directory { path: path.clone(), source };
    let directory = fs::metadata(path).map_err(unreadable)?;
    let user = rustix::process::geteuid().as_raw();
    let is_free = directory.mode() & STICKY == 0 || user == 0 || user == directory.uid();
    if is_free || (options.release == Release::Keep && options.spool.is_none()) {
        return Ok(());
    }
    for (name, _) in directory::list(path).map_err(unreadable)?.segments {
        let file = fs::symlink_metadata(path.join(name.to_string()));
        if file.is_ok_and(|file| file.uid() != user) {
            return Err(SourceError::Sticky { path: path.clone() });
        }
    }
    Ok(())
}
