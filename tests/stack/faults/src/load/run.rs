//! Running a load.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use ringtap::checker::{Findings, Outcome};
use scylla::{
    client::{execution_profile::ExecutionProfile, session::Session, session_builder::SessionBuilder},
    policies::{host_filter::AllowListHostFilter, retry::FallthroughRetryPolicy},
    statement::Consistency,
};
use serde::Serialize;
use tokio::sync::Semaphore;

use super::{
    Mix,
    write::{Numbering, Statements},
};
use crate::journal::Journal;

/// How long a write may take before its outcome is unknown.
const REQUEST_MAX: Duration = Duration::from_secs(8);
/// How long a load waits after a write that failed, so that a node that is down is not asked without end.
const AFTER_FAILURE: Duration = Duration::from_millis(100);

/// How a load is.
#[derive(Debug, Clone)]
pub struct LoadOptions {
    /// What every unique value begins with.
    pub prefix: String,
    /// Kinds of write.
    pub mix: Mix,
    /// Writes in a second; `None` = as many as go.
    pub rate: Option<u32>,
    /// Writes under way at a time.
    pub concurrency: usize,
    /// Of kinds, partitions and rows.
    pub seed: u64,
}

/// What a load did.
#[derive(Debug, Default, Clone, Copy, Serialize)]
pub struct LoadReport {
    /// Writes that the node confirmed.
    pub acknowledged: u64,
    /// Others.
    pub unknown: u64,
    /// How long it ran.
    pub seconds: f64,
}

#[derive(Debug, Default)]
struct Counts {
    acknowledged: AtomicU64,
    unknown: AtomicU64,
}

/// A load: can be paused and ended from elsewhere.
#[derive(Debug, Clone, Default)]
pub struct Load {
    ended: Arc<AtomicBool>,
    paused: Arc<AtomicBool>,
    under_way: Arc<AtomicU64>,
    counts: Arc<Counts>,
    refusals: Arc<Mutex<Findings>>,
}

/// A way that writes go: through which node, and how many replicas have to confirm them.
#[derive(Debug, Clone)]
pub struct Coordinator {
    /// A session with that node.
    pub session: Arc<Session>,
    /// How many replicas have to confirm.
    pub consistency: Consistency,
}

impl Coordinator {
    /// Makes the way through the node of a session, confirmed by one replica.
    pub fn one(session: &Arc<Session>) -> Self {
        Self { session: Arc::clone(session), consistency: Consistency::One }
    }
}

/// Opens a session with a node, and with no other of its cluster, that never sends a write twice.
pub async fn connect(address: &str) -> Result<Session> {
    let profile = ExecutionProfile::builder()
        .consistency(Consistency::One)
        .retry_policy(Arc::new(FallthroughRetryPolicy::new()))
        .request_timeout(Some(REQUEST_MAX))
        .build();
    let node = format!("{address}:9042");
    let session = SessionBuilder::new()
        .host_filter(Arc::new(AllowListHostFilter::new([&node])?))
        .known_node(&node)
        .default_execution_profile_handle(profile.into_handle());
    session.build().await.with_context(|| format!("node {address}"))
}

impl Load {
    /// Makes a load that has not begun.
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends it: what is under way is waited for.
    pub fn end(&self) {
        self.ended.store(true, Ordering::SeqCst);
    }

    /// Pauses it, or lets it go on.
    pub fn pause(&self, paused: bool) {
        self.paused.store(paused, Ordering::SeqCst);
    }

    /// Returns true while writes are under way.
    pub fn is_busy(&self) -> bool {
        self.under_way.load(Ordering::SeqCst) > 0
    }

    /// Returns how many writes were confirmed, and how many were not.
    pub fn counts(&self) -> (u64, u64) {
        (self.counts.acknowledged.load(Ordering::SeqCst), self.counts.unknown.load(Ordering::SeqCst))
    }

    /// Returns the errors that writes ended with.
    pub fn refusals(&self) -> Findings {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Writes until it is ended or `limit` is reached, each write by one of the coordinators that the seed chooses; notes
    /// everything in the journal.
    ///
    /// # Panics
    ///
    /// If a writer panicked.
    pub async fn run(
        &self,
        coordinators: &[Coordinator],
        journal: Arc<Journal>,
        options: &LoadOptions,
        limit: Limit,
    ) -> Result<LoadReport> {
        if options.concurrency == 0 || coordinators.is_empty() {
            bail!("a load needs a concurrency of at least 1, and a coordinator");
        }
        let mut ways = Vec::new();
        for Coordinator { session, consistency } in coordinators {
            let statements = Statements::prepare(session, *consistency).await;
            ways.push((
                Arc::clone(session),
                Arc::new(statements.context("preparing the load's statements")?),
            ));
        }
        let mut random = fastrand::Rng::with_seed(options.seed);
        let mut numbering = Numbering::new(&options.prefix);
        let slots = Arc::new(Semaphore::new(options.concurrency));
        let started = Instant::now();
        let mut pace = Pace::new(options.rate);
        let mut sent = 0;
        while !self.ended.load(Ordering::SeqCst) && limit.allows(sent, started.elapsed()) {
            if self.paused.load(Ordering::SeqCst) {
                tokio::time::sleep(Duration::from_millis(5)).await;
                pace = Pace::new(options.rate);
                continue;
            }
            pace.wait().await;
            let slot = Arc::clone(&slots).acquire_owned().await?;
            let write = numbering.draw(options.mix.draw(&mut random), &mut random);
            let way = random.usize(0..ways.len());
            let Some((session, statements)) = ways.get(way).cloned() else { continue };
            sent += 1;
            self.under_way.fetch_add(1, Ordering::SeqCst);
            let (load, journal) = (self.clone(), Arc::clone(&journal));
            tokio::spawn(async move {
                journal.trying(&write.values).expect("the journal can be written");
                let outcome = match statements.send(&session, &write).await {
                    Ok(true) => Outcome::Acknowledged,
                    Ok(false) => Outcome::Unknown,
                    Err(error) => {
                        let mut refusals = load.refusals.lock().unwrap_or_else(PoisonError::into_inner);
                        refusals.add(|| format!("{:?}: {error}", write.kind));
                        Outcome::Unknown
                    }
                };
                journal.ended(&write.values, outcome).expect("the journal can be written");
                let count = match outcome {
                    Outcome::Acknowledged => &load.counts.acknowledged,
                    Outcome::Unknown => &load.counts.unknown,
                };
                count.fetch_add(1, Ordering::SeqCst);
                load.under_way.fetch_sub(1, Ordering::SeqCst);
                if outcome == Outcome::Unknown {
                    tokio::time::sleep(AFTER_FAILURE).await;
                }
                drop(slot);
            });
        }
        let _all = slots.acquire_many(options.concurrency as u32).await?;
        let (acknowledged, unknown) = self.counts();
        Ok(LoadReport { acknowledged, unknown, seconds: started.elapsed().as_secs_f64() })
    }
}

/// When a load ends by itself.
#[derive(Debug, Clone, Copy)]
pub enum Limit {
    /// After so many writes.
    Writes(u64),
    /// After so long.
    Time(Duration),
    /// Only when it is told to.
    None,
}

impl Limit {
    fn allows(self, sent: u64, elapsed: Duration) -> bool {
        match self {
            Self::Writes(writes) => sent < writes,
            Self::Time(time) => elapsed < time,
            Self::None => true,
        }
    }
}

/// Keeps to a rate by the clock, so that a late write does not make all later ones late.
struct Pace {
    rate: Option<u32>,
    started: Instant,
    given: u64,
}

impl Pace {
    fn new(rate: Option<u32>) -> Self {
        Self { rate, started: Instant::now(), given: 0 }
    }

    async fn wait(&mut self) {
        let Some(rate) = self.rate.filter(|rate| *rate > 0) else { return };
        let due = Duration::from_secs_f64(self.given as f64 / f64::from(rate));
        self.given += 1;
        if let Some(early) = due.checked_sub(self.started.elapsed()) {
            tokio::time::sleep(early).await;
        }
    }
}
