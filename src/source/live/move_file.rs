//! Moving a segment's file to another directory, so that it is never in none of the two.

use std::{
    fs::{self, File},
    io::{self, Read},
    os::unix::fs::MetadataExt as _,
    path::Path,
};

use super::directory;

/// Bytes compared at once.
const COMPARED_BYTES: usize = 64 << 10;

/// Moves a file to another name: by renaming it, or, across file systems and if `may_copy`, by a copy that is durable
/// and whole before it has its name.
///
/// A file of the same content at the other name is taken for what an earlier call left, and replaced by
/// nothing; any other one is an error.
pub(super) fn move_file(from: &Path, to: &Path, may_copy: bool) -> io::Result<()> {
    if is_moved(from, to)? {
        // A rename between two names of one file would leave both.
        return fs::remove_file(from);
    }
    match fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices && may_copy => copy(from, to)?,
        outcome => return outcome.and_then(|()| sync_parent(to)),
    }
    fs::remove_file(from)
}

/// Returns true if the same file, or one of the same content, is at `to`.
fn is_moved(from: &Path, to: &Path) -> io::Result<bool> {
    let there = match fs::symlink_metadata(to) {
        Ok(there) => there,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    let (file, here) = directory::open(from)?;
    if (here.dev(), here.ino()) == (there.dev(), there.ino()) {
        return Ok(true);
    }
    let (other, _) = directory::open(to)?;
    if here.len() == there.len() && is_equal(&file, &other)? {
        return Ok(true);
    }
    Err(io::Error::new(io::ErrorKind::AlreadyExists, format!("{} exists with another content", to.display())))
}

fn is_equal(mut one: &File, mut other: &File) -> io::Result<bool> {
    let (mut left, mut right) = (vec![0; COMPARED_BYTES], vec![0; COMPARED_BYTES]);
    loop {
        let read = one.read(&mut left)?;
        let Some(wanted) = right.get_mut(..read).filter(|wanted| !wanted.is_empty()) else {
            return Ok(true);
        };
        other.read_exact(wanted)?;
        if left.get(..read) != Some(&*wanted) {
            return Ok(false);
        }
    }
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let partial = to.with_extension("partial");
    let (mut source, _) = directory::open(from)?;
    let mut target = File::create(&partial)?;
    io::copy(&mut source, &mut target)?;
    target.sync_all()?;
    fs::rename(&partial, to)?;
    sync_parent(to)
}

fn sync_parent(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |parent| File::open(parent)?.sync_all())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_moved_once_whatever_an_earlier_try_left() {
        let directory = tempfile::tempdir().unwrap();
        let (from, to) = (directory.path().join("a"), directory.path().join("b"));
        fs::write(&from, "content").unwrap();
        move_file(&from, &to, false).unwrap();
        assert!(!from.exists() && fs::read(&to).unwrap() == b"content");

        fs::hard_link(&to, &from).unwrap();
        move_file(&from, &to, false).unwrap();
        assert!(!from.exists() && fs::read(&to).unwrap() == b"content");

        fs::write(&from, "content").unwrap();
        move_file(&from, &to, false).unwrap();
        assert!(!from.exists() && fs::read(&to).unwrap() == b"content");

        fs::write(&from, "another").unwrap();
        assert_eq!(move_file(&from, &to, false).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert!(fs::read(&from).unwrap() == b"another" && fs::read(&to).unwrap() == b"content");
    }

    #[test]
    fn a_copy_is_whole_before_it_has_its_name() {
        let directory = tempfile::tempdir().unwrap();
        let (from, to) = (directory.path().join("a.log"), directory.path().join("b.log"));
        let content: Vec<u8> = (0..200_000_u32).flat_map(u32::to_be_bytes).collect();
        fs::write(&from, &content).unwrap();
        fs::write(to.with_extension("partial"), "left by a crash").unwrap();
        copy(&from, &to).unwrap();
        assert!(fs::read(&to).unwrap() == content && !to.with_extension("partial").exists());
    }
}
