//! A disk of the agent's own that can be filled.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

/// Name of the file that fills it.
const FILLER: &str = "filler";

/// What the disks are mounted as.
const SOURCE: &str = "ringtap-faults";

/// Takes away the disks below a folder that a run which was killed left mounted.
pub(super) fn detach_below(folder: &Path) {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    for line in mounts.lines() {
        let mut words = line.split(' ');
        if let (Some(SOURCE), Some(place)) = (words.next(), words.next())
            && Path::new(place).starts_with(folder)
        {
            let _ = unmount(place, UnmountFlags::DETACH);
        }
    }
}

/// A file system in memory, mounted in a folder. Needs root; without it the folder is a plain one and can't be filled.
#[derive(Debug)]
pub(super) struct Disk {
    folder: PathBuf,
    is_mounted: bool,
}

impl Disk {
    /// Mounts one of this size over a folder.
    pub(super) fn mount(folder: &Path, bytes: u64) -> Result<Self> {
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        let options = std::ffi::CString::new(format!("size={bytes},mode=0777"))?;
        let mounted = mount(SOURCE, folder, "tmpfs", MountFlags::empty(), Some(options.as_c_str()));
        Ok(Self { folder: folder.to_owned(), is_mounted: mounted.is_ok() })
    }

    /// Says whether it can be filled.
    pub(super) fn can_be_filled(&self) -> bool {
        self.is_mounted
    }

    /// Fills it to the last byte.
    pub(super) fn fill(&self) -> Result<()> {
        let mut file = File::create(self.folder.join(FILLER))?;
        let block = vec![0; 1 << 16];
        let mut length = block.len();
        while length > 0 {
            match file.write(block.get(..length).unwrap_or_default()) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::StorageFull => length /= 2,
                Err(error) => return Err(error).context("filling the disk"),
            }
        }
        Ok(())
    }

    /// Gives the room back.
    pub(super) fn free(&self) -> Result<()> {
        fs::remove_file(self.folder.join(FILLER)).context("freeing the disk")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.is_mounted {
            let _ = unmount(&self.folder, UnmountFlags::DETACH);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_was_left_behind_is_taken_away() {
        let directory = tempfile::tempdir().unwrap();
        let disk = Disk::mount(&directory.path().join("disk"), 1 << 20).unwrap();
        std::mem::forget(disk);
        detach_below(directory.path());
        fs::remove_dir(directory.path().join("disk")).unwrap();
    }

    #[test]
    fn a_full_disk_takes_nothing_until_it_is_freed() {
        let directory = tempfile::tempdir().unwrap();
        let disk = Disk::mount(&directory.path().join("disk"), 1 << 20).unwrap();
        if !disk.can_be_filled() {
            return; // not root
        }
        let file = directory.path().join("disk/file");
        disk.fill().unwrap();
        let refused = fs::write(&file, [1; 4096]).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::StorageFull);
        disk.free().unwrap();
        fs::write(&file, [1; 4096]).unwrap();
    }
}
