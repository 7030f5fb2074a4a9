//! Many segments made of a few real ones: new ids, new partition keys of the same length, CRCs made anew.
//!
//! Everything else stays as Cassandra wrote it, so a clone is as hard to read as its original, and no change in it is a
//! duplicate of another's. For plain segments (version 6 to 8) that are complete.

mod key;
mod plain;

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail, ensure};
use ringtap::{
    node_log::{LogEvent, NodeLog},
    schema::Catalogue,
    source::{ReadError, SegmentFile, find_segments},
};
use serde::Serialize;

use self::{key::KeyColumn, plain::Segment};

/// What was made.
#[derive(Debug, Default, Clone, Serialize)]
pub struct CloneReport {
    /// Segments.
    pub segments: u64,
    /// Their files' bytes.
    pub bytes: u64,
    /// Entries of CDC tables.
    pub entries: u64,
    /// Other entries: tables of the node's own, without CDC, and changes of the schema. They stand in the first clone of each
    /// segment alone.
    pub left_out: u64,
}

/// Where each entry of interest has its keys: by its logical end, offsets in the mutation with the key's column.
type Keys = HashMap<u64, Vec<(usize, KeyColumn)>>;

/// Makes `count` segments in `to` out of those in `from`.
///
/// The first clones are the originals' own data; later ones have new keys. Ids go on from the last original's.
pub fn clone_segments(from: &[PathBuf], to: &Path, count: u64) -> Result<CloneReport> {
    let files = find_segments(from)?;
    ensure!(!files.is_empty(), "no segments in {from:?}");
    fs::create_dir_all(to).with_context(|| to.display().to_string())?;
    let mut originals = Vec::new();
    let all_keys = read_keys(&files)?;
    for file in &files {
        let keys = all_keys.get(&file.name.id).cloned().unwrap_or_default();
        if keys.is_empty() {
            continue;
        }
        let bytes = fs::read(&file.path).with_context(|| file.path.display().to_string())?;
        let segment = Segment::parse(&bytes).with_context(|| file.path.display().to_string())?;
        originals.push((segment, keys));
    }
    ensure!(!originals.is_empty(), "no segment has a change of a CDC table whose key can be changed");
    let first_id = files.iter().map(|file| file.name.id).min().unwrap_or_default();

    let mut report = CloneReport::default();
    for number in 0..count {
        let at = (number % originals.len() as u64) as usize;
        let round = number / originals.len() as u64;
        let Some((original, keys)) = originals.get(at) else { bail!("no original {at}") };
        let id = first_id + number as i64;
        let clone = original.rewrite(id, |end, mutation| change(keys, end, mutation, round, &mut report))?;
        let name = format!("CommitLog-{}-{id}", clone.version);
        let path = to.join(format!("{name}.log"));
        fs::write(&path, &clone.bytes).with_context(|| path.display().to_string())?;
        // Cassandra 3.11 has no index files: what is in its cdc_raw is complete.
        if clone.version > 6 {
            let index = to.join(format!("{name}_cdc.idx"));
            fs::write(&index, format!("{}\nCOMPLETED", clone.end))
                .with_context(|| index.display().to_string())?;
        }
        report.segments += 1;
        report.bytes += clone.bytes.len() as u64;
    }
    Ok(report)
}

/// Changes the keys of a mutation; returns false if the clone is to do without it.
fn change(keys: &Keys, end: u64, mutation: &mut [u8], round: u64, report: &mut CloneReport) -> bool {
    let Some(places) = keys.get(&end) else {
        report.left_out += u64::from(round > 0);
        return round == 0;
    };
    for (offset, column) in places {
        if let Some(key) = mutation.get_mut(*offset..) {
            column.change(key, round);
        }
    }
    report.entries += 1;
    true
}

/// Finds the keys of all changes of CDC tables, by segment.
fn read_keys(files: &[SegmentFile]) -> Result<HashMap<i64, Keys>> {
    let mut log = NodeLog::new(files.to_vec(), None, Catalogue::new());
    let mut all: HashMap<i64, Keys> = HashMap::new();
    let mut unknown = 0_u64;
    log.read(|_, event| -> Result<(), ReadError> {
        match event {
            LogEvent::Undecodable { .. } => unknown += 1,
            LogEvent::Mutation(logged) => {
                let is_ours = logged.mutation.updates.iter().any(|update| update.table.cdc());
                let first =
                    logged.mutation.updates.first().map(|update| update.partition_key.as_ptr() as usize);
                if let (true, Some(first)) = (is_ours, first) {
                    let mut places = Vec::new();
                    for update in &logged.mutation.updates {
                        let distance = update.partition_key.as_ptr() as usize - first;
                        let Some(column) = KeyColumn::of(&update.table) else { return Ok(()) };
                        places.push((key::first_offset(update.partition_key) + distance, column));
                    }
                    all.entry(logged.position.segment).or_default().insert(logged.position.offset, places);
                }
            }
            _ => {}
        }
        Ok(())
    })?;
    ensure!(
        unknown == 0,
        "{unknown} entries could not be decoded: give commitlog/ beside cdc_raw, for the schema"
    );
    Ok(all)
}

#[cfg(test)]
mod tests;
