use std::sync::{Arc, mpsc};

use cassandra_commitlog::Position;

use super::*;
use crate::{
    record::RecordPlace,
    sink::{RecordHeaders, RecordMarks, Route, Topic},
};

/// Notes what it is told; fails the commit of one position.
#[derive(Default)]
struct Notes {
    sent: Vec<usize>,
    committed: Vec<(u64, usize)>,
    fails_at: Option<u64>,
    is_shut_out: bool,
}

impl Publisher for Notes {
    type Position = u64;
    type Error = u64;

    fn send(&mut self, batch: &RecordBatch, _: &mut u64) -> Result<(), u64> {
        self.sent.push(batch.records().len());
        Ok(())
    }

    fn look_after(&mut self) -> Result<(), u64> {
        if self.is_shut_out { Err(0) } else { Ok(()) }
    }

    fn commit(&mut self, position: &u64) -> Result<(), u64> {
        if self.fails_at == Some(*position) {
            return Err(*position);
        }
        self.committed.push((*position, self.sent.len()));
        Ok(())
    }

    fn close(self) {}
}

fn batch(number: u64, records: usize) -> SealedBatch<u64> {
    let topic = Arc::new(Topic { name: "t".into() });
    let mut batch = RecordBatch::default();
    for _ in 0..records {
        let place = RecordPlace { position: Position::START, index: 0 };
        let headers =
            RecordHeaders { op: "insert", timestamp: 0, schema: None, place, marks: RecordMarks::default() };
        batch.push(&topic, "key", Some("value"), Route::Hash(0), headers);
    }
    SealedBatch { number: number.into(), records: batch, position: number * 100 }
}

const SOON: Pace = Pace { interval: Duration::ZERO, bytes_max: usize::MAX, records_max: usize::MAX };
const LATE: Pace =
    Pace { interval: Duration::from_secs(3600), bytes_max: usize::MAX, records_max: usize::MAX };

#[test]
fn the_rest_is_committed_when_no_more_comes_and_the_buffers_come_back() {
    let (batches, received) = mpsc::channel();
    let (acks, told) = mpsc::channel();
    for number in 1..=3 {
        batches.send(batch(number, 2)).unwrap();
    }
    drop(batches);
    let mut notes = Notes::default();
    send_all(&mut notes, &received, &acks, LATE).unwrap();
    // The first batch does not wait for others.
    assert_eq!(notes.committed, [(100, 1), (300, 3)]);
    assert_eq!(told.recv().unwrap().up_to, 1.into());
    let committed = told.recv().unwrap();
    assert_eq!((committed.up_to, committed.buffers.len()), (3.into(), 2));
    assert!(committed.buffers.iter().all(RecordBatch::is_empty));
}

#[test]
fn a_lone_batch_is_committed_at_once() {
    let (batches, received) = mpsc::channel();
    let (acks, told) = mpsc::channel();
    let sender = std::thread::spawn(move || {
        let mut notes = Notes::default();
        send_all(&mut notes, &received, &acks, SOON).unwrap();
        notes
    });
    for number in 1..=3 {
        batches.send(batch(number, 1)).unwrap();
        assert_eq!(told.recv_timeout(Duration::from_secs(60)).unwrap().up_to, number.into());
    }
    drop(batches);
    assert_eq!(sender.join().unwrap().committed, [(100, 1), (200, 2), (300, 3)]);
}

#[test]
fn a_large_transaction_does_not_wait() {
    let (batches, received) = mpsc::channel();
    let (acks, told) = mpsc::channel();
    for number in 1..=5 {
        batches.send(batch(number, 10)).unwrap();
    }
    drop(batches);
    let mut notes = Notes::default();
    // Two batches have 2 * 10 * 8 bytes.
    send_all(&mut notes, &received, &acks, Pace { bytes_max: 160, ..LATE }).unwrap();
    assert_eq!(notes.committed, [(100, 1), (300, 3), (500, 5)]);
    assert_eq!(
        told.iter().map(|committed| committed.up_to).take(3).collect::<Vec<_>>(),
        [1.into(), 3.into(), 5.into()]
    );
}

#[test]
fn after_a_failure_nothing_is_told_as_committed() {
    let (batches, received) = mpsc::channel();
    let (acks, told) = mpsc::channel();
    batches.send(batch(1, 1)).unwrap();
    drop(batches);
    let mut notes = Notes { fails_at: Some(100), ..Notes::default() };
    assert_eq!(send_all(&mut notes, &received, &acks, SOON), Err(100));
    drop(acks);
    assert!(told.recv().is_err());
}

#[test]
fn trouble_is_noticed_while_there_is_nothing_to_send() {
    let (batches, received) = mpsc::channel::<SealedBatch<u64>>();
    let (acks, _told) = mpsc::channel();
    let mut notes = Notes { is_shut_out: true, ..Notes::default() };
    assert_eq!(send_all(&mut notes, &received, &acks, SOON), Err(0));
    drop(batches);
}
