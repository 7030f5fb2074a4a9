//! The golden sets of `tests/golden`, unpacked once, and the program run on them.

use std::{
    collections::VecDeque,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::{Mutex, OnceLock},
    thread,
};

/// Sets that are worked on at a time.
const WORKERS: usize = 2;

/// A golden set.
#[derive(Debug, Clone)]
pub(crate) struct GoldenSet {
    /// Version and name, such as `4.1/var-lz4`.
    pub(crate) name: String,
    /// Where it is unpacked.
    pub(crate) directory: PathBuf,
}

impl GoldenSet {
    /// Returns a file or directory of the set.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Returns the text of a file of the set.
    pub(crate) fn text(&self, name: &str) -> String {
        let path = self.path(name);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Returns the key store of an encrypted set.
    pub(crate) fn keystore(&self) -> Option<PathBuf> {
        Some(self.path("secret.jceks")).filter(|path| path.exists())
    }
}

/// Returns all sets in order of their names, unpacked.
pub(crate) fn sets() -> &'static [GoldenSet] {
    static SETS: OnceLock<Vec<GoldenSet>> = OnceLock::new();
    SETS.get_or_init(|| {
        let mut archives = Vec::new();
        for version in entries(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")) {
            if version.is_dir() {
                archives.extend(entries(&version).into_iter().filter(|path| {
                    path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(".tar.zst"))
                }));
            }
        }
        let mut sets = for_each(&archives, |archive| unpack(archive));
        sets.sort_by(|a, b| a.name.cmp(&b.name));
        sets
    })
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// Unpacks an archive, unless that was done before. Other processes may do the same at the same time: the
/// directory gets its name when it is whole.
fn unpack(archive: &Path) -> GoldenSet {
    let set = archive.file_name().unwrap().to_str().unwrap().trim_end_matches(".tar.zst");
    let version = archive.parent().unwrap().file_name().unwrap().to_str().unwrap();
    let bytes = fs::read(archive).unwrap();
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("golden");
    let whole = cache.join(format!("{version}-{set}-{:016x}", xxhash_rust::xxh3::xxh3_64(&bytes)));
    if !whole.exists() {
        fs::create_dir_all(&cache).unwrap();
        let unpacking = tempfile::tempdir_in(&cache).unwrap();
        let plain = zstd::Decoder::new(&*bytes).unwrap();
        tar::Archive::new(plain).unpack(unpacking.path()).unwrap();
        let renamed = fs::rename(unpacking.path(), &whole);
        assert!(whole.exists(), "{}: {renamed:?}", whole.display());
    }
    GoldenSet { name: format!("{version}/{set}"), directory: whole.join(set) }
}

/// Calls `work` with each item, in a few threads, and returns what it gives, in any order. Panics if it panics.
pub(crate) fn for_each<I: Sync, T: Send>(items: &[I], work: impl Fn(&I) -> T + Sync) -> Vec<T> {
    let waiting: Mutex<VecDeque<&I>> = Mutex::new(items.iter().collect());
    let done = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                loop {
                    let Some(item) = waiting.lock().unwrap().pop_front() else {
                        return;
                    };
                    let result = work(item);
                    done.lock().unwrap().push(result);
                }
            });
        }
    });
    done.into_inner().unwrap()
}

/// Runs the program, and returns what it wrote. Fails if its exit code is not 0.
pub(crate) fn ringtap(arguments: &[String], keystore: Option<&Path>) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringtap"));
    command.args(arguments);
    if let Some(keystore) = keystore {
        command.arg("--keystore").arg(keystore);
        command.env("RINGTAP_KEYSTORE_PASSWORD", "cassandra");
    }
    let Output { status, stdout, stderr } = command.output().unwrap();
    let told = String::from_utf8_lossy(&stderr);
    assert!(status.success(), "ringtap {arguments:?}: {status}\n{told}");
    String::from_utf8(stdout).unwrap()
}

/// Returns paths as arguments.
pub(crate) fn arguments(words: &[&str], paths: &[PathBuf]) -> Vec<String> {
    let paths = paths.iter().map(|path| path.to_str().unwrap().to_owned());
    words.iter().map(|&word| word.to_owned()).chain(paths).collect()
}
