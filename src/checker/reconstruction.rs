//! The records in the order of the log, for rebuilding the tables.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use super::{ChangeView, ConsumedRecord, Place};

/// Brings the records of all topics into the order of the log: definitions come before the rows that need them, and of a
/// truncation's copies one is kept.
///
/// It takes all records and hides nothing: what came twice (which [`OrderCheck`](super::OrderCheck) finds) is the same
/// record, and doesn't change a table.
#[derive(Debug, Default)]
pub struct Reconstruction {
    records: BTreeMap<(Place, Box<str>), Box<[u8]>>,
}

impl Reconstruction {
    /// Takes a record.
    pub fn observe(&mut self, record: &ConsumedRecord, change: &ChangeView<'_>) {
        if let Some(value) = &record.value {
            let host = change.host_id.as_deref().unwrap_or_default();
            self.records.insert((change.place, host.into()), value.clone());
        }
    }

    /// Returns how many different records there are.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Returns true if there are none.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Returns the values in the order of the log.
    pub fn values(&self) -> impl Iterator<Item = &[u8]> {
        self.records.values().map(|value| &**value)
    }

    /// Writes the values, one a line, in the order of the log.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        for value in self.values() {
            out.write_all(value)?;
            out.write_all(b"\n")?;
        }
        out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_of_all_topics_come_in_the_order_of_the_log() {
        let mut all = Reconstruction::default();
        let made = |position: u64, index: u32, partition: i32| {
            let value = format!(
                r#"{{"op":"truncate","ts":null,"key":{{}},"source":{{"host_id":"h","segment":9,"position":{position},"index":{index}}}}}"#
            );
            ConsumedRecord {
                topic: "p.k.t".into(),
                partition,
                offset: 0,
                timestamp_ms: None,
                key: None,
                value: Some(value.as_bytes().into()),
                headers: Vec::new(),
            }
        };
        for record in [made(20, 0, 0), made(10, 1, 0), made(10, 0, 0), made(20, 0, 1)] {
            let change = ChangeView::of(&record).unwrap().unwrap();
            all.observe(&record, &change);
        }
        let mut out = Vec::new();
        all.write(&mut out).unwrap();
        let places: Vec<_> = String::from_utf8(out)
            .unwrap()
            .lines()
            .map(|line| ChangeView::parse(line.as_bytes()).unwrap().place)
            .collect();
        assert_eq!(
            places.iter().map(|place| (place.position, place.index)).collect::<Vec<_>>(),
            [(10, 0), (10, 1), (20, 0)]
        );
    }
}
