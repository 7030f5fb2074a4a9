//! Finding the segment files of a node.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use cassandra_commitlog::segment::SegmentFileName;

/// A segment's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentFile {
    /// What the file's name says.
    pub name: SegmentFileName,
    /// Where it is.
    pub path: PathBuf,
    /// Its length in bytes when it was found.
    pub bytes: u64,
}

/// Why segments could not be looked for.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// A path could not be read.
    #[error("{path}: cannot be read: does it exist, and may this user read it?")]
    Unreadable {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file was named that is not a segment.
    #[error("{path}: not a commit log segment: expected a regular file named CommitLog-<version>-<id>.log")]
    NotASegment {
        /// Which one.
        path: PathBuf,
    },
}

/// Finds the segments of **one node** in files and directories, in order of their ids.
///
/// A directory stands for the segments in it and, for a node's data directory, for those in its
/// `commitlog` and `cdc_raw`. An id that is found twice is one segment (`cdc_raw` holds hard links to, or
/// older copies of, what is in `commitlog`): the longer file is taken. In directories, everything but
/// regular files of the exact name is passed over, links too.
pub fn find_segments<P: AsRef<Path>>(
    paths: impl IntoIterator<Item = P>,
) -> Result<Vec<SegmentFile>, FindError> {
    let mut found = BTreeMap::new();
    for path in paths {
        let path = path.as_ref();
        let unreadable = |source| FindError::Unreadable { path: path.into(), source };
        if fs::metadata(path).map_err(unreadable)?.is_dir() {
            find_in_directory(path, &mut found)?;
            for inner in ["commitlog", "cdc_raw"].map(|name| path.join(name)) {
                if fs::symlink_metadata(&inner).is_ok_and(|metadata| metadata.is_dir()) {
                    find_in_directory(&inner, &mut found)?;
                }
            }
        } else {
            let segment = segment_file(path).ok_or_else(|| FindError::NotASegment { path: path.into() })?;
            keep_longer(&mut found, segment);
        }
    }
    Ok(found.into_values().collect())
}

fn find_in_directory(directory: &Path, found: &mut BTreeMap<i64, SegmentFile>) -> Result<(), FindError> {
    let unreadable = |source| FindError::Unreadable { path: directory.into(), source };
    for entry in fs::read_dir(directory).map_err(unreadable)? {
        if let Some(segment) = segment_file(&entry.map_err(unreadable)?.path()) {
            keep_longer(found, segment);
        }
    }
    Ok(())
}

/// Returns a path as a segment's file, if it is a regular file with such a name.
fn segment_file(path: &Path) -> Option<SegmentFile> {
    let name = SegmentFileName::parse(path.file_name()?.to_str()?)?;
    let metadata = fs::symlink_metadata(path).ok()?;
    metadata.is_file().then(|| SegmentFile { name, path: path.into(), bytes: metadata.len() })
}

fn keep_longer(found: &mut BTreeMap<i64, SegmentFile>, segment: SegmentFile) {
    match found.get(&segment.name.id) {
        Some(known) if known.bytes >= segment.bytes => {}
        _ => {
            found.insert(segment.name.id, segment);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(directory: &Path, name: &str, bytes: usize) {
        fs::create_dir_all(directory).unwrap();
        fs::write(directory.join(name), vec![0; bytes]).unwrap();
    }

    #[test]
    fn one_nodes_directories_are_merged_by_id_and_the_longer_file_wins() {
        let node = tempfile::tempdir().unwrap();
        let (commitlog, cdc_raw) = (node.path().join("commitlog"), node.path().join("cdc_raw"));
        write(&commitlog, "CommitLog-7-9.log", 10);
        write(&commitlog, "CommitLog-7-10.log", 30);
        write(&cdc_raw, "CommitLog-7-9.log", 20);
        write(&cdc_raw, "CommitLog-7-10.log", 5);
        write(&cdc_raw, "CommitLog-7-9_cdc.idx", 5);
        write(&cdc_raw, "notes.txt", 5);
        std::os::unix::fs::symlink(cdc_raw.join("notes.txt"), cdc_raw.join("CommitLog-7-11.log")).unwrap();

        for paths in [vec![node.path()], vec![&*commitlog, &*cdc_raw], vec![&*cdc_raw, &*commitlog]] {
            let found = find_segments(paths).unwrap();
            let seen: Vec<_> = found.iter().map(|segment| (segment.name.id, segment.bytes)).collect();
            assert_eq!(seen, [(9, 20), (10, 30)]);
        }
    }

    #[test]
    fn a_named_file_that_is_no_segment_is_an_error_and_so_is_a_missing_one() {
        let directory = tempfile::tempdir().unwrap();
        write(directory.path(), "notes.txt", 1);
        let wrong = find_segments([directory.path().join("notes.txt")]);
        assert!(matches!(wrong, Err(FindError::NotASegment { .. })));
        let missing = find_segments([directory.path().join("CommitLog-7-1.log")]);
        assert!(matches!(missing, Err(FindError::Unreadable { .. })));
    }
}
