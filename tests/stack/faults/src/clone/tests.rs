use std::{fs, path::PathBuf, process::Command};

use super::*;

/// Unpacks a golden set's directories of segments.
fn golden(set: &str, to: &Path) -> Vec<PathBuf> {
    let archive = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../golden").join(set);
    let done = Command::new("tar").arg("--zstd").arg("-xf").arg(archive).arg("-C").arg(to).status().unwrap();
    assert!(done.success());
    let unpacked = fs::read_dir(to).unwrap().next().unwrap().unwrap().path();
    vec![unpacked.join("cdc_raw"), unpacked.join("commitlog")]
}

#[derive(Debug, Default)]
struct Read {
    keys: Vec<(String, Vec<u8>)>,
    problems: Vec<String>,
}

fn read(paths: &[PathBuf]) -> Read {
    let mut read = Read::default();
    let mut log = NodeLog::new(find_segments(paths).unwrap(), None, Catalogue::new());
    log.read(|_, event| -> Result<(), ReadError> {
        match event {
            LogEvent::Mutation(logged) => {
                for update in logged.mutation.updates.iter().filter(|update| update.table.cdc()) {
                    let table = format!("{}.{}", update.table.keyspace(), update.table.name());
                    read.keys.push((table, update.partition_key.to_vec()));
                }
            }
            LogEvent::Undecodable { entry, error } => {
                read.problems.push(format!("{}: {error}", entry.position));
            }
            LogEvent::Damage(damage) => read.problems.push(damage.to_string()),
            LogEvent::SegmentEnd { outcome: Err(error), .. } => read.problems.push(error.to_string()),
            _ => {}
        }
        Ok(())
    })
    .unwrap();
    read
}

fn clones_read_whole_and_hold_no_key_twice(set: &str) {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let paths = golden(set, from.path());
    let original = read(&paths);
    let originals = read_keys(&find_segments(&paths).unwrap()).unwrap().len() as u64;
    let report = clone_segments(&paths, to.path(), originals * 3).unwrap();
    assert_eq!(report.segments, originals * 3);
    assert!(report.entries > 0, "{report:?}");

    let clones = read(&[to.path().to_owned()]);
    assert_eq!(clones.problems, Vec::<String>::new());
    let distinct = |read: &Read| {
        let mut keys: Vec<_> = read.keys.iter().filter(|(table, _)| table == "ops.one").cloned().collect();
        let all = keys.len();
        keys.sort();
        keys.dedup();
        (all, keys.len())
    };
    let ((updates, keys), (cloned_updates, cloned_keys)) = (distinct(&original), distinct(&clones));
    assert!(updates > 50, "{updates}");
    assert_eq!((cloned_updates, cloned_keys), (updates * 3, keys * 3));
}

#[test]
fn clones_of_version_6_read_whole_and_hold_no_key_twice() {
    clones_read_whole_and_hold_no_key_twice("3.11/ops.tar.zst");
}

#[test]
fn clones_of_version_7_read_whole_and_hold_no_key_twice() {
    clones_read_whole_and_hold_no_key_twice("5.0/ops.tar.zst");
}

#[test]
fn a_compressed_segment_is_refused() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let error = clone_segments(&golden("5.0/var-lz4.tar.zst", from.path()), to.path(), 1).unwrap_err();
    assert!(format!("{error:#}").contains("not a plain segment"), "{error:#}");
}
