//! What the broker keeps on its disk of a topic: how large it is, which producer wrote what, and since when it can be read.
//!
//! No consumer tells the producer of a record, nor when its transaction ended. A broker's log is a row of record batches; their
//! heads have both.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};

/// Bytes of a batch before its records.
const HEAD_BYTES: usize = 61;
/// Bytes before those that a batch's length counts.
const BEFORE_LENGTH_BYTES: usize = 12;
/// The format of batches since Kafka 0.11.
const MAGIC: u8 = 2;
const TRANSACTIONAL: i16 = 0x10;
const CONTROL: i16 = 0x20;

/// A batch of records of one producer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Offset of its first record.
    pub first: i64,
    /// Offset of its last one.
    pub last: i64,
    /// Records in it.
    pub records: i32,
    /// Who wrote it; -1 for a producer without idempotence.
    pub producer: i64,
    /// Which of its producer's sessions; a batch of a fenced one is never accepted.
    pub epoch: i16,
    /// True for the end of a transaction.
    pub is_control: bool,
    /// True for part of a transaction.
    pub is_transactional: bool,
    /// The latest time of its records, in milliseconds since 1970; of a control batch the broker's time of the end.
    pub timestamp_ms: i64,
    /// Bytes on disk.
    pub bytes: u64,
}

/// A partition's batches in the order of their offsets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PartitionLog {
    /// The batches.
    pub batches: Vec<Batch>,
    /// Since when each batch can be read by `read_committed` consumers; none while a transaction that began before its end
    /// is open.
    readable_since: Vec<Option<i64>>,
}

impl PartitionLog {
    /// Reads a partition's folder. What is written meanwhile may be left out.
    pub fn read(folder: &Path) -> Result<Self> {
        let mut segments: Vec<PathBuf> = fs::read_dir(folder)
            .with_context(|| folder.display().to_string())?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<Result<_, _>>()?;
        segments.retain(|path| path.extension().is_some_and(|extension| extension == "log"));
        // The name is the first offset, with zeros before it.
        segments.sort();
        let mut batches = Vec::new();
        for segment in segments {
            let bytes = fs::read(&segment).with_context(|| segment.display().to_string())?;
            read_batches(&bytes, &mut batches).with_context(|| segment.display().to_string())?;
        }
        Ok(Self::of(batches))
    }

    fn of(batches: Vec<Batch>) -> Self {
        // From the end: where each producer's next end of a transaction is.
        let mut ends: HashMap<i64, i64> = HashMap::new();
        let mut ended: Vec<Option<i64>> = batches
            .iter()
            .rev()
            .map(|batch| {
                if batch.is_control {
                    ends.insert(batch.producer, batch.timestamp_ms);
                }
                if batch.is_transactional {
                    ends.get(&batch.producer).copied()
                } else {
                    Some(batch.timestamp_ms)
                }
            })
            .collect();
        ended.reverse();
        let mut latest = Some(i64::MIN);
        let readable_since = ended
            .into_iter()
            .map(|at| {
                latest = latest.zip(at).map(|(latest, at)| latest.max(at));
                latest
            })
            .collect();
        Self { batches, readable_since }
    }

    fn index_of(&self, offset: i64) -> Option<usize> {
        let at = self.batches.partition_point(|batch| batch.last < offset);
        self.batches.get(at).filter(|batch| batch.first <= offset).map(|_| at)
    }

    /// Returns who wrote the record at an offset.
    pub fn producer(&self, offset: i64) -> Option<i64> {
        self.index_of(offset).and_then(|at| self.batches.get(at)).map(|batch| batch.producer)
    }

    /// Returns since when consumers of what is committed can read an offset, in milliseconds since 1970: until all
    /// transactions that began before it had ended, they could not.
    pub fn readable_since(&self, offset: i64) -> Option<i64> {
        self.index_of(offset).and_then(|at| self.readable_since.get(at).copied().flatten())
    }

    /// Returns its bytes on disk.
    pub fn bytes(&self) -> u64 {
        self.batches.iter().map(|batch| batch.bytes).sum()
    }

    /// Returns how many records it has; ends of transactions are none.
    pub fn records(&self) -> u64 {
        self.batches.iter().filter(|batch| !batch.is_control).map(|batch| batch.records.max(0) as u64).sum()
    }
}

/// Reads the partitions of a topic from the folder of a broker's data.
pub fn read_topic(data: &Path, topic: &str) -> Result<BTreeMap<i32, PartitionLog>> {
    let mut partitions = BTreeMap::new();
    for entry in fs::read_dir(data).with_context(|| data.display().to_string())? {
        let entry = entry?;
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix(topic)?.strip_prefix('-')?.parse().ok());
        if let Some(number) = number {
            partitions.insert(number, PartitionLog::read(&entry.path())?);
        }
    }
    Ok(partitions)
}

fn read_batches(mut bytes: &[u8], batches: &mut Vec<Batch>) -> Result<()> {
    while let Some(head) = bytes.first_chunk::<HEAD_BYTES>() {
        let length = i32::from_be_bytes(part(head, 8)?);
        // Behind the end of what is written an active segment may hold zeros.
        if length == 0 {
            return Ok(());
        }
        let [magic] = part(head, 16)?;
        if magic != MAGIC || length < (HEAD_BYTES - BEFORE_LENGTH_BYTES) as i32 {
            bail!("a batch of format {magic} and {length} bytes, where format {MAGIC} is known");
        }
        let whole = BEFORE_LENGTH_BYTES + length as usize;
        let Some((_, rest)) = bytes.split_at_checked(whole) else { return Ok(()) };
        let attributes = i16::from_be_bytes(part(head, 21)?);
        let first = i64::from_be_bytes(part(head, 0)?);
        batches.push(Batch {
            first,
            last: first + i64::from(i32::from_be_bytes(part(head, 23)?)),
            records: i32::from_be_bytes(part(head, 57)?),
            producer: i64::from_be_bytes(part(head, 43)?),
            epoch: i16::from_be_bytes(part(head, 51)?),
            is_control: attributes & CONTROL != 0,
            is_transactional: attributes & TRANSACTIONAL != 0,
            timestamp_ms: i64::from_be_bytes(part(head, 35)?),
            bytes: whole as u64,
        });
        bytes = rest;
    }
    Ok(())
}

fn part<const N: usize>(head: &[u8; HEAD_BYTES], at: usize) -> Result<[u8; N]> {
    head.get(at..at + N).and_then(|bytes| bytes.try_into().ok()).context("a batch's head is too short")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes a batch as a broker does, as far as it is read.
    fn written(first: i64, records: i32, producer: i64, attributes: i16, timestamp_ms: i64) -> Vec<u8> {
        let mut batch = Vec::new();
        batch.extend(first.to_be_bytes());
        batch.extend((49 + 7_i32).to_be_bytes());
        batch.extend(0_i32.to_be_bytes());
        batch.push(MAGIC);
        batch.extend(0_u32.to_be_bytes());
        batch.extend(attributes.to_be_bytes());
        batch.extend((records - 1).to_be_bytes());
        batch.extend(0_i64.to_be_bytes());
        batch.extend(timestamp_ms.to_be_bytes());
        batch.extend(producer.to_be_bytes());
        batch.extend(3_i16.to_be_bytes());
        batch.extend(0_i32.to_be_bytes());
        batch.extend(records.to_be_bytes());
        batch.extend([7; 7]);
        batch
    }

    fn log(batches: &[Vec<u8>]) -> PartitionLog {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("00000000000000000000.log"), batches.concat()).unwrap();
        PartitionLog::read(directory.path()).unwrap()
    }

    #[test]
    fn the_producer_of_each_record_is_told() {
        let log = log(&[
            written(0, 3, 5, TRANSACTIONAL, 10),
            written(3, 1, 5, TRANSACTIONAL | CONTROL, 20),
            written(4, 2, 6, 0, 30),
        ]);
        assert_eq!(
            (0..7).map(|at| log.producer(at)).collect::<Vec<_>>(),
            [5, 5, 5, 5, 6, 6].map(Some).into_iter().chain([None]).collect::<Vec<_>>()
        );
        assert_eq!((log.records(), log.bytes()), (5, 3 * 68));
        assert_eq!(log.batches[0].epoch, 3);
    }

    #[test]
    fn what_stands_behind_an_open_transaction_can_be_read_when_that_has_ended() {
        let begun = [
            written(0, 1, 5, TRANSACTIONAL, 10),
            written(1, 1, 6, TRANSACTIONAL, 11),
            written(2, 1, 6, TRANSACTIONAL | CONTROL, 20),
        ];
        let open = log(&begun);
        assert_eq!((open.readable_since(0), open.readable_since(1)), (None, None));
        let ended = log(&[begun.to_vec(), vec![written(3, 1, 5, TRANSACTIONAL | CONTROL, 90)]].concat());
        assert_eq!((ended.readable_since(0), ended.readable_since(1)), (Some(90), Some(90)));
    }

    #[test]
    fn what_is_cut_off_or_not_written_yet_is_left_out_and_another_format_refused() {
        let whole = written(0, 1, 5, 0, 10);
        let cut = whole[..40].to_vec();
        assert_eq!(log(&[whole.clone(), cut]).batches.len(), 1);
        assert_eq!(log(&[whole.clone(), vec![0; 200]]).batches.len(), 1);
        let mut other = whole;
        other[16] = 1;
        assert!(read_batches(&other, &mut Vec::new()).is_err());
    }

    #[test]
    fn a_topics_partitions_are_those_of_its_name() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["p.k.t-0", "p.k.t-12", "p.k.t-other-0", "p.k.tt-0"] {
            let folder = directory.path().join(name);
            fs::create_dir(&folder).unwrap();
            fs::write(folder.join("00000000000000000000.log"), written(0, 1, 5, 0, 10)).unwrap();
        }
        let found = read_topic(directory.path(), "p.k.t").unwrap();
        assert_eq!(found.into_keys().collect::<Vec<_>>(), [0, 12]);
    }
}
