//! The queue between the threads that hear of the cluster and the one that owns the core.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::TopicsError;
use crate::{
    cluster::{core::Event, names::HostId, record::LedgerRecord},
    sink::StopSignal,
};

/// Most bytes of records that wait in the queue; one that is larger goes alone.
pub const QUEUE_BYTES_MAX: usize = 16 << 20;
/// Most items that wait there.
pub const QUEUE_ITEMS_MAX: usize = 10_000;

/// How often a thread that waits for room looks at the stop signal.
const STEP: Duration = Duration::from_millis(100);
/// What an item takes besides its record.
const ITEM_BYTES: usize = 128;

/// What was heard. Items come in the order in which the core is to be told.
#[derive(Debug)]
pub enum Followed {
    /// For the core as it is. Never a [`Event::LedgerRead`].
    Event(Event),
    /// For the core, as [`Event::LedgerRead`].
    LedgerRead {
        /// Whose partition.
        host: HostId,
        /// The offset behind the record.
        position: u64,
        /// The record.
        record: LedgerRecord,
        /// Kafka's timestamp in milliseconds since 1970: when the broker took it.
        timestamp_ms: i64,
    },
    /// A change for this agent to publish: bytes of a [`RelayRecord`](crate::cluster::record::RelayRecord).
    Relay {
        /// The record's offset in the own partition of the relay topic.
        offset: u64,
        /// The record.
        bytes: Vec<u8>,
        /// As in `LedgerRead`.
        timestamp_ms: i64,
    },
    /// Nothing more comes: the agent can't go on.
    Failed(TopicsError),
}

#[derive(Debug, Default)]
struct Waiting {
    items: VecDeque<(Followed, usize)>,
    bytes: usize,
    receiver_is_gone: bool,
}

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    has_items: Condvar,
    has_room: Condvar,
}

/// The end that items are put into. Clones are the same end.
#[derive(Debug, Clone)]
pub(super) struct Sender {
    shared: Arc<Shared>,
    stop: StopSignal,
}

/// The end that items are taken from.
#[derive(Debug)]
pub struct Heard(Arc<Shared>);

/// Makes a queue.
pub(super) fn queue(stop: &StopSignal) -> (Sender, Heard) {
    let shared = Arc::new(Shared::default());
    (Sender { shared: Arc::clone(&shared), stop: stop.clone() }, Heard(shared))
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sender {
    /// Puts an item into the queue when there is room. `bytes` is what its record had in Kafka. Returns false if nobody
    /// wants it any more.
    #[must_use]
    pub(super) fn send(&self, item: Followed, bytes: usize) -> bool {
        // What is read takes about thrice the bytes.
        let bytes = ITEM_BYTES + 3 * bytes;
        let mut waiting = self.shared.lock();
        while !waiting.items.is_empty()
            && (waiting.bytes + bytes > QUEUE_BYTES_MAX || waiting.items.len() >= QUEUE_ITEMS_MAX)
        {
            if waiting.receiver_is_gone || self.stop.is_stopped() {
                return false;
            }
            let waited = self.shared.has_room.wait_timeout(waiting, STEP);
            waiting = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        if waiting.receiver_is_gone {
            return false;
        }
        waiting.bytes += bytes;
        waiting.items.push_back((item, bytes));
        drop(waiting);
        self.shared.has_items.notify_one();
        true
    }
}

impl Heard {
    /// Returns the next item; waits for it this long at most.
    pub fn next(&self, timeout: Duration) -> Option<Followed> {
        let deadline = Instant::now() + timeout;
        let mut waiting = self.0.lock();
        loop {
            if let Some((item, bytes)) = waiting.items.pop_front() {
                waiting.bytes -= bytes;
                drop(waiting);
                self.0.has_room.notify_all();
                return Some(item);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            waiting = self.0.has_items.wait_timeout(waiting, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Drop for Heard {
    fn drop(&mut self) {
        self.0.lock().receiver_is_gone = true;
        self.0.has_room.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    fn relay(offset: u64) -> Followed {
        Followed::Relay { offset, bytes: Vec::new(), timestamp_ms: 0 }
    }

    fn offset(item: Option<&Followed>) -> Option<u64> {
        match item {
            Some(Followed::Relay { offset, .. }) => Some(*offset),
            _ => None,
        }
    }

    #[test]
    fn a_full_queue_makes_the_sender_wait_and_keeps_the_order() {
        let (sender, heard) = queue(&StopSignal::new());
        let sending = thread::spawn(move || (0..50).all(|at| sender.send(relay(at), QUEUE_BYTES_MAX / 7)));
        let since = Instant::now();
        while heard.0.lock().items.len() < 2 && since.elapsed() < Duration::from_secs(10) {
            thread::sleep(Duration::from_millis(1));
        }
        thread::sleep(Duration::from_millis(50));
        assert_eq!(heard.0.lock().items.len(), 2, "three times a seventh and what each costs, twice");
        let got: Vec<_> =
            (0..50).map(|_| offset(heard.next(Duration::from_secs(10)).as_ref()).unwrap()).collect();
        assert_eq!(got, (0..50).collect::<Vec<_>>());
        assert!(sending.join().unwrap());
        assert_eq!(heard.0.lock().bytes, 0);
    }

    #[test]
    fn an_item_larger_than_the_queue_goes_alone() {
        let (sender, heard) = queue(&StopSignal::new());
        assert!(sender.send(relay(1), 10 * QUEUE_BYTES_MAX));
        assert_eq!(offset(heard.next(Duration::ZERO).as_ref()), Some(1));
        assert_eq!(offset(heard.next(Duration::from_millis(1)).as_ref()), None);
    }

    #[test]
    fn a_sender_that_waits_ends_with_the_receiver_or_by_the_signal() {
        for by_signal in [false, true] {
            let stop = StopSignal::new();
            let (sender, heard) = queue(&stop);
            assert!(sender.send(relay(1), QUEUE_BYTES_MAX));
            let sending = thread::spawn(move || sender.send(relay(2), QUEUE_BYTES_MAX));
            let kept = if by_signal {
                stop.stop();
                Some(heard)
            } else {
                drop(heard);
                None
            };
            assert!(!sending.join().unwrap());
            drop(kept);
        }
    }
}
