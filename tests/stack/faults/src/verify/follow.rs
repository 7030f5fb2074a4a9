//! What arrives while it arrives.

use std::{
    collections::HashMap,
    ops::ControlFlow,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow};
use rdkafka::Offset;
use ringtap::checker::{ChangeView, TopicReader, unique_values};

use super::is_of_load;

/// Unique values that have arrived, and how often.
#[derive(Debug, Default)]
pub struct Arrivals {
    /// Times by value.
    pub seen: HashMap<Box<str>, u32>,
    /// Values that came again.
    pub repeated: Vec<String>,
    /// When each came first, if that is asked for.
    pub first_seen: Option<HashMap<Box<str>, Instant>>,
    failed: Option<String>,
}

/// Reads topics from now on in a thread of its own.
#[derive(Debug)]
pub struct Follower {
    arrivals: Arc<Mutex<Arrivals>>,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Follower {
    /// Begins to read. `timed` keeps the moment at which each value came first.
    pub fn start(brokers: &str, topic_prefix: &str, value_prefix: &str, keyspace: &str, timed: bool) -> Self {
        let arrivals =
            Arc::new(Mutex::new(Arrivals { first_seen: timed.then(HashMap::new), ..Arrivals::default() }));
        let ended = Arc::new(AtomicBool::new(false));
        let (shared, stop) = (Arc::clone(&arrivals), Arc::clone(&ended));
        let (brokers, topic_prefix) = (brokers.to_owned(), topic_prefix.to_owned());
        let (value_prefix, keyspace) = (value_prefix.to_owned(), keyspace.to_owned());
        let thread = std::thread::spawn(move || {
            // The broker is killed too: whatever was read is known by its values, so it is read again from the beginning.
            while !stop.load(Ordering::SeqCst) {
                lock(&shared).forget();
                let read = follow(&brokers, &topic_prefix, &value_prefix, &keyspace, &shared, &stop);
                if let Err(error) = read {
                    lock(&shared).failed = Some(format!("{error:#}"));
                    std::thread::sleep(Duration::from_millis(500));
                }
            }
        });
        Self { arrivals, ended, thread: Some(thread) }
    }

    /// Returns what arrived so far.
    pub fn arrivals(&self) -> MutexGuard<'_, Arrivals> {
        lock(&self.arrivals)
    }

    /// Waits until all of these values have arrived; returns those that have not when none came for that time. After a kill
    /// of the broker everything is read again, which takes longer the more there is.
    pub fn wait_for(&self, values: &[String], within: Duration) -> Vec<String> {
        let (mut newest, mut known) = (Instant::now(), 0);
        let mut missing: Vec<String> = values.to_vec();
        loop {
            let seen = {
                let arrivals = self.arrivals();
                missing.retain(|value| !arrivals.seen.contains_key(&**value));
                arrivals.seen.len()
            };
            if seen != known {
                (newest, known) = (Instant::now(), seen);
            }
            if missing.is_empty() || newest.elapsed() > within {
                return missing;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Ends it.
    pub fn end(mut self) -> Result<()> {
        self.ended.store(true, Ordering::SeqCst);
        match self.thread.take().map(JoinHandle::join) {
            Some(Err(_)) => Err(anyhow!("the reader of topics panicked")),
            _ => Ok(()),
        }
    }
}

impl Arrivals {
    fn forget(&mut self) {
        self.seen.clear();
        self.repeated.clear();
    }

    fn arrived(&mut self, value: &str, now: Instant) {
        let times = self.seen.entry(value.into()).or_default();
        *times += 1;
        if *times > 1 {
            self.repeated.push(value.to_owned());
        } else if let Some(first_seen) = &mut self.first_seen {
            first_seen.entry(value.into()).or_insert(now);
        }
    }
}

fn lock(arrivals: &Mutex<Arrivals>) -> MutexGuard<'_, Arrivals> {
    arrivals.lock().unwrap_or_else(PoisonError::into_inner)
}

fn follow(
    brokers: &str,
    topic_prefix: &str,
    value_prefix: &str,
    keyspace: &str,
    arrivals: &Mutex<Arrivals>,
    stop: &AtomicBool,
) -> Result<()> {
    let options = [("fetch.wait.max.ms".to_owned(), "5".to_owned())];
    TopicReader::new(brokers, &options).follow(topic_prefix, Offset::Beginning, &mut |record| {
        if stop.load(Ordering::SeqCst) {
            return ControlFlow::Break(());
        }
        let Some(record) = record else { return ControlFlow::Continue(()) };
        let now = Instant::now();
        if let Ok(Some(change)) = ChangeView::of(&record)
            && is_of_load(&change, keyspace)
            && let Ok(values) = unique_values(&change, value_prefix)
        {
            let mut arrivals = lock(arrivals);
            for value in &values {
                arrivals.arrived(value, now);
            }
        }
        ControlFlow::Continue(())
    })?;
    Ok(())
}
