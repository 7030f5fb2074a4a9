//! The directory with an agent's state: one agent's at a time, and one node's for ever.

use std::{
    fs::{File, TryLockError},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{SealedKind, StateError, StateErrorKind, create_directory, open_file};

/// Whose state it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateOwner {
    /// Name of the cluster.
    pub cluster: Box<str>,
    /// Host id of the node.
    pub host_id: Box<str>,
}

/// An agent's state directory, locked as long as this lives.
#[derive(Debug)]
pub struct StateDir {
    path: PathBuf,
    /// The lock goes when the file is closed, however the process ends.
    _lock: File,
}

const IDENTITY: SealedKind = SealedKind { name: "identity", upgrades: &[] };

/// A lock file holds a process id; nothing longer is read.
const PID_BYTES_MAX: u64 = 32;

impl StateDir {
    /// Opens the directory, or makes it (mode 0700), and locks it. It must be of this node if it was used before.
    pub fn open(path: &Path, node: &StateOwner) -> Result<Self, StateError> {
        create_directory(path)?;
        let lock = lock(&path.join("lock"))?;
        let directory = Self { path: path.into(), _lock: lock };
        directory.check_identity(node)?;
        Ok(directory)
    }

    /// Returns whose state a directory is, if it was ever used. It need not be ours, and is not locked.
    pub fn known_identity(path: &Path) -> Result<Option<StateOwner>, StateError> {
        let path = path.join("identity");
        let Some(body) = IDENTITY.read(&path)? else { return Ok(None) };
        let known = serde_json::from_slice(&body)
            .map_err(|error| StateError::corrupt(&path, format!("is not an identity: {error}")))?;
        Ok(Some(known))
    }

    /// Returns the directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns where the dedup index lies.
    pub fn index(&self) -> PathBuf {
        self.path.join("index")
    }

    /// Returns where the index of the cluster's ledger lies.
    pub fn ledger(&self) -> PathBuf {
        self.path.join("ledger")
    }

    /// Returns where the schema's history lies.
    pub fn schema(&self) -> PathBuf {
        self.path.join("schema")
    }

    /// Returns where the cluster's nodes and keyspaces stand, as they were last known.
    pub fn topology(&self) -> PathBuf {
        self.path.join("topology")
    }

    /// Returns where what could not be published lies, unless the configuration says another place.
    pub fn quarantine(&self) -> PathBuf {
        self.path.join("quarantine")
    }

    fn check_identity(&self, node: &StateOwner) -> Result<(), StateError> {
        let path = self.path.join("identity");
        let Some(known) = Self::known_identity(&self.path)? else {
            self.refuse_without_identity(&path)?;
            let body = serde_json::to_vec(node)
                .map_err(|error| StateError::corrupt(&path, format!("cannot be made: {error}")))?;
            return IDENTITY.write(&path, &body);
        };
        if known == *node {
            return Ok(());
        }
        let what = format!(
            "the state is of node {} of cluster '{}', and this is node {} of cluster '{}': give each node its own state \
             directory; if the node was replaced, move this directory away",
            known.host_id, known.cluster, node.host_id, node.cluster
        );
        Err(StateError::new(StateErrorKind::Foreign, &path, what))
    }

    /// State without its identity is not taken for ours.
    fn refuse_without_identity(&self, path: &Path) -> Result<(), StateError> {
        if self.index().join("manifest").exists() {
            let what =
                "is missing, so it is not known whose state this is: restore it, or move the directory away";
            return Err(StateError::corrupt(path, what));
        }
        Ok(())
    }
}

/// Locks the file and writes our process id into it.
fn lock(path: &Path) -> Result<File, StateError> {
    let mut file = open_file(path)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut pid = String::new();
            let read = (&file).take(PID_BYTES_MAX).read_to_string(&mut pid);
            let who = match (read, pid.trim()) {
                (Ok(_), pid) if !pid.is_empty() => format!("process {pid}"),
                _ => "another process".into(),
            };
            let what =
                format!("{who} uses this state directory: stop that agent first, or give each its own");
            return Err(StateError::new(StateErrorKind::Locked, path, what));
        }
        Err(TryLockError::Error(source)) => {
            return Err(StateError::io(path, "cannot be locked", source));
        }
    }
    let pid = format!("{}\n", std::process::id());
    let written = file.set_len(0).and_then(|()| file.write_all(pid.as_bytes()));
    match written {
        // The process id is for people only.
        Err(error) if error.kind() != io::ErrorKind::StorageFull => {
            Err(StateError::io(path, "cannot be written", error))
        }
        _ => Ok(file),
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;

    fn node(host_id: &str) -> StateOwner {
        StateOwner { cluster: "Test Cluster".into(), host_id: host_id.into() }
    }

    /// As version 1 wrote it.
    const GOLDEN: &str =
        "ringtap identity 1 5b17aa76 41\n{\"cluster\":\"Test Cluster\",\"host_id\":\"h1\"}\n";

    #[test]
    fn a_second_agent_is_told_which_process_has_the_state() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("state");
        let first = StateDir::open(&path, &node("h1")).unwrap();
        let error = StateDir::open(&path, &node("h1")).unwrap_err();
        assert_eq!(error.kind(), StateErrorKind::Locked);
        assert!(error.to_string().contains(&format!("process {}", std::process::id())), "{error}");
        drop(first);
        StateDir::open(&path, &node("h1")).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o700);
        assert_eq!(mode(&path.join("identity")), 0o600);
        assert_eq!(mode(&path.join("lock")), 0o600);
    }

    #[test]
    fn another_nodes_state_is_refused_and_so_is_one_without_identity() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path();
        drop(StateDir::open(path, &node("h1")).unwrap());
        let error = StateDir::open(path, &node("h2")).unwrap_err();
        assert_eq!(error.kind(), StateErrorKind::Foreign);
        assert!(error.to_string().contains("node h1"), "{error}");
        fs::remove_file(path.join("identity")).unwrap();
        fs::create_dir(path.join("index")).unwrap();
        fs::write(path.join("index/manifest"), "").unwrap();
        assert_eq!(StateDir::open(path, &node("h1")).unwrap_err().kind(), StateErrorKind::Corrupt);
    }

    #[test]
    fn the_identity_file_is_what_version_1_wrote() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("identity");
        fs::write(&path, GOLDEN.trim_end()).unwrap();
        drop(StateDir::open(parent.path(), &node("h1")).unwrap());
        fs::remove_file(&path).unwrap();
        drop(StateDir::open(parent.path(), &node("h1")).unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), GOLDEN.trim_end());
    }

    #[test]
    fn a_torn_or_changed_identity_is_noticed_at_every_byte() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("identity");
        let whole = GOLDEN.trim_end().as_bytes();
        for cut in 0..whole.len() {
            fs::write(&path, &whole[..cut]).unwrap();
            let error = StateDir::open(parent.path(), &node("h1")).unwrap_err();
            assert_eq!(error.kind(), StateErrorKind::Corrupt, "{cut}");
        }
        for at in 0..whole.len() {
            for flip in 0..8 {
                let mut changed = whole.to_vec();
                changed[at] ^= 1 << flip;
                fs::write(&path, &changed).unwrap();
                let error = StateDir::open(parent.path(), &node("h1")).unwrap_err();
                assert!(
                    matches!(error.kind(), StateErrorKind::Corrupt | StateErrorKind::TooNew),
                    "{at} {flip} {error}"
                );
            }
        }
    }
}
