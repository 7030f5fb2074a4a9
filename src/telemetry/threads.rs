//! Whether the threads get on: the watchdog of systemd and `/health/live` ask.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

/// The most threads that are watched.
const THREADS_MAX: usize = 64;

/// What a thread waits for. As long as it says so, it need not make progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Waiting {
    /// For Kafka.
    Kafka,
    /// For the node.
    Cassandra,
    /// For something to do.
    Work,
    /// For room in the queue behind it.
    Room,
    /// For a person.
    Person,
}

impl Waiting {
    fn code(self) -> u8 {
        match self {
            Self::Kafka => 1,
            Self::Cassandra => 2,
            Self::Work => 3,
            Self::Room => 4,
            Self::Person => 5,
        }
    }

    fn of(code: u8) -> Option<Self> {
        [Self::Kafka, Self::Cassandra, Self::Work, Self::Room, Self::Person]
            .into_iter()
            .find(|waiting| waiting.code() == code)
    }
}

#[derive(Debug)]
struct Slot {
    name: &'static str,
    silence_max: Duration,
    started: Instant,
    /// Milliseconds from the start to the last sign of progress.
    last_ms: AtomicU64,
    waiting: AtomicU8,
    has_ended: AtomicBool,
    has_finished: AtomicBool,
}

/// A thread's sign of life. If it is dropped without [`finish`](Self::finish), as a panic does, the agent is not live.
#[derive(Debug)]
pub struct Heartbeat {
    slot: Arc<Slot>,
}

impl Heartbeat {
    /// Tells that the thread got on.
    pub fn beat(&self) {
        let elapsed = self.slot.started.elapsed().as_millis();
        self.slot.last_ms.store(u64::try_from(elapsed).unwrap_or(u64::MAX), Ordering::Relaxed);
        self.slot.waiting.store(0, Ordering::Relaxed);
    }

    /// Tells that the thread waits, until the next [`beat`](Self::beat).
    pub fn wait_for(&self, waiting: Waiting) {
        self.slot.waiting.store(waiting.code(), Ordering::Relaxed);
    }

    /// Tells that the thread has done its work and ends.
    pub fn finish(self) {
        self.slot.has_finished.store(true, Ordering::Relaxed);
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        self.slot.has_ended.store(true, Ordering::Relaxed);
    }
}

/// How a thread gets on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ThreadHealth {
    /// Its name.
    pub name: String,
    /// Whether it gets on, or waits for something known.
    pub is_live: bool,
    /// Seconds since it last got on.
    pub silent_seconds: f64,
    /// What it waits for.
    pub waiting: Option<Waiting>,
}

#[derive(Debug, Default)]
pub(super) struct Threads {
    slots: Mutex<Vec<Arc<Slot>>>,
}

impl Threads {
    pub(super) fn register(&self, name: &'static str, silence_max: Duration) -> Heartbeat {
        let slot = Arc::new(Slot {
            name,
            silence_max,
            started: Instant::now(),
            last_ms: AtomicU64::new(0),
            waiting: AtomicU8::new(0),
            has_ended: AtomicBool::new(false),
            has_finished: AtomicBool::new(false),
        });
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        // A thread that was started again takes the place of the one before it.
        slots.retain(|slot| slot.name != name && !slot.has_finished.load(Ordering::Relaxed));
        if slots.len() < THREADS_MAX {
            slots.push(Arc::clone(&slot));
        }
        Heartbeat { slot }
    }

    pub(super) fn health(&self) -> Vec<ThreadHealth> {
        let slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots
            .iter()
            .filter(|slot| !slot.has_finished.load(Ordering::Relaxed))
            .map(|slot| health_of(slot))
            .collect()
    }
}

fn health_of(slot: &Slot) -> ThreadHealth {
    let waiting = Waiting::of(slot.waiting.load(Ordering::Relaxed));
    let last = Duration::from_millis(slot.last_ms.load(Ordering::Relaxed));
    let silent = slot.started.elapsed().saturating_sub(last);
    let has_ended = slot.has_ended.load(Ordering::Relaxed);
    ThreadHealth {
        name: slot.name.to_owned(),
        is_live: !has_ended && (waiting.is_some() || silent <= slot.silence_max),
        silent_seconds: silent.as_secs_f64(),
        waiting,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_waits_for_something_known_is_live_however_long() {
        let threads = Threads::default();
        let heartbeat = threads.register("reading", Duration::ZERO);
        std::thread::sleep(Duration::from_millis(2));
        assert!(!threads.health()[0].is_live);
        heartbeat.wait_for(Waiting::Kafka);
        assert!(threads.health()[0].is_live);
        assert_eq!(threads.health()[0].waiting, Some(Waiting::Kafka));
    }

    #[test]
    fn a_thread_that_fell_over_is_not_live() {
        let threads = Threads::default();
        let heartbeat = threads.register("sending", Duration::from_secs(60));
        assert!(threads.health()[0].is_live);
        let fell = std::thread::spawn(move || {
            heartbeat.beat();
            drop(heartbeat);
        });
        fell.join().unwrap();
        assert!(!threads.health()[0].is_live);
        threads.register("sending", Duration::from_secs(60)).finish();
        assert_eq!(threads.health(), []);
    }
}
