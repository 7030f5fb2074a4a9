//! Keeps every segment that the node ever wrote.
//!
//! The node deletes segments without CDC data, and the agent those that it has published; a hard link of each stays here, so
//! that the whole log can be read at the end.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use anyhow::{Context as _, Result};

/// How often the node's directories are looked at: a segment lives for seconds.
const LOOK: Duration = Duration::from_millis(20);

/// A thread that links segments.
#[derive(Debug)]
pub struct SegmentKeeper {
    folder: PathBuf,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl SegmentKeeper {
    /// Begins to keep the segments of a node's state folder in `folder`, on the same file system.
    pub fn start(node_state: &Path, folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        let ended = Arc::new(AtomicBool::new(false));
        let (stop, to) = (Arc::clone(&ended), folder.to_owned());
        let from = [node_state.join("commitlog"), node_state.join("cdc_raw")];
        let thread = std::thread::spawn(move || {
            while !stop.load(Ordering::SeqCst) {
                for directory in &from {
                    link_new(directory, &to);
                }
                std::thread::sleep(LOOK);
            }
        });
        Ok(Self { folder: folder.to_owned(), ended, thread: Some(thread) })
    }

    /// Returns where the segments are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for SegmentKeeper {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn link_new(from: &Path, to: &Path) {
    let Ok(entries) = fs::read_dir(from) else { return };
    for entry in entries.filter_map(Result::ok) {
        let name = entry.file_name();
        if !name.as_encoded_bytes().ends_with(b".log") {
            continue;
        }
        match fs::hard_link(entry.path(), to.join(&name)) {
            Ok(()) => {}
            // Known already, or gone again before it could be linked.
            Err(error) if matches!(error.kind(), io::ErrorKind::AlreadyExists | io::ErrorKind::NotFound) => {}
            Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_stays_after_its_deletion() {
        let directory = tempfile::tempdir().unwrap();
        let commitlog = directory.path().join("commitlog");
        fs::create_dir(&commitlog).unwrap();
        let keeper = SegmentKeeper::start(directory.path(), &directory.path().join("kept")).unwrap();
        let (segment, kept) =
            (commitlog.join("CommitLog-7-1.log"), keeper.folder().join("CommitLog-7-1.log"));
        fs::write(&segment, "one").unwrap();
        while !kept.exists() {
            std::thread::yield_now();
        }
        fs::remove_file(&segment).unwrap();
        assert_eq!(fs::read_to_string(kept).unwrap(), "one");
    }
}
