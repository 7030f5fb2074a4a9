//! The records in the order of the log, for rebuilding the tables.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    io::{self, Write},
};

use super::{ChangeView, ConsumedRecord, Place};

/// Brings the records of all topics into the order of the log: definitions come before the rows that need them, and of a
/// truncation's copies one is kept. The logs of several nodes have no order between them: then all definitions come first.
///
/// It takes all records and hides nothing: what came twice (which [`OrderCheck`](super::OrderCheck) finds) is the same
/// record, and doesn't change a table.
#[derive(Debug, Default)]
pub struct Reconstruction {
    records: BTreeMap<(Place, Box<str>), Box<[u8]>>,
    /// Where the definitions stand, in the order of their times.
    definitions: BTreeSet<(Option<i64>, Place, Box<str>)>,
    hosts: BTreeSet<Box<str>>,
}

impl Reconstruction {
    /// Takes a record.
    pub fn observe(&mut self, record: &ConsumedRecord, change: &ChangeView<'_>) {
        if let Some(value) = &record.value {
            let host = change.host_id.as_deref().unwrap_or_default();
            if !self.hosts.contains(host) {
                self.hosts.insert(host.into());
            }
            if change.op == "ddl" {
                self.definitions.insert((change.timestamp, change.place, host.into()));
            }
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
        let is_of_several = self.hosts.len() > 1;
        let places: HashSet<_> = self
            .definitions
            .iter()
            .filter(|_| is_of_several)
            .map(|(_, place, host)| (*place, host))
            .collect();
        let first = self.definitions.iter().filter(move |_| is_of_several);
        let first = first.filter_map(|(_, place, host)| self.records.get(&(*place, host.clone())));
        let rest = self.records.iter().filter(move |((place, host), _)| !places.contains(&(*place, host)));
        first.chain(rest.map(|(_, value)| value)).map(|value| &**value)
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

    #[test]
    fn of_several_logs_the_definitions_come_first_in_the_order_of_their_times() {
        let written = |hosts: [&str; 2]| {
            let mut all = Reconstruction::default();
            for (op, timestamp, host, position) in
                [("update", 9, hosts[0], 10), ("ddl", 8, hosts[1], 30), ("ddl", 7, hosts[1], 40)]
            {
                let value = format!(
                    r#"{{"op":"{op}","ts":{timestamp},"key":{{}},"source":{{"host_id":"{host}","segment":9,"position":{position},"index":0}}}}"#
                );
                let record = ConsumedRecord {
                    topic: "p.k.t".into(),
                    partition: 0,
                    offset: 0,
                    timestamp_ms: None,
                    key: None,
                    value: Some(value.as_bytes().into()),
                    headers: Vec::new(),
                };
                all.observe(&record, &ChangeView::of(&record).unwrap().unwrap());
            }
            all.values().map(|value| ChangeView::parse(value).unwrap().place.position).collect::<Vec<_>>()
        };
        assert_eq!(written(["one", "two"]), [40, 30, 10]);
        assert_eq!(written(["one", "one"]), [10, 30, 40]);
    }
}
