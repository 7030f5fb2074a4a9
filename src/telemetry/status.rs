//! The one place where the threads write how they get on, and everybody else reads it.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU8, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use metrics::Histogram as HistogramHandle;

use super::{
    accounting::{Accounting, Outcome, Outcomes},
    cluster::ClusterView,
    metrics::{Counter, Gauge, Histogram},
    page::{Degradation, StatusPage},
    space::{SpaceForecast, SpaceLevel, SpaceUse},
    state::{AgentState, Current, Identity, Milestone},
    tables::{TableRecords, Tables},
    threads::{Heartbeat, ThreadHealth, Threads},
};

/// How the agent gets on. Shared by all threads; counting takes no lock.
#[derive(Debug)]
pub struct AgentStatus {
    started: Instant,
    current: Mutex<Current>,
    identity: Mutex<Option<Identity>>,
    progress: Mutex<String>,
    milestones: AtomicU8,
    counters: [AtomicU64; Counter::COUNT],
    /// The bits of floating-point numbers.
    gauges: [AtomicU64; Gauge::COUNT],
    histograms: Vec<HistogramHandle>,
    outcomes: Outcomes,
    tables: Tables,
    threads: Threads,
    space_level: Mutex<SpaceLevel>,
    cluster: Mutex<Option<ClusterView>>,
    /// Milliseconds from the start to the last durable checkpoint; 0 for none.
    checkpoint_ms: AtomicU64,
}

impl Default for AgentStatus {
    /// A status of which the histograms go nowhere.
    fn default() -> Self {
        Self::with_histograms(Histogram::ALL.iter().map(|_| HistogramHandle::noop()).collect())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is guarded is replaced in one step: a thread that panicked left it whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl AgentStatus {
    pub(super) fn with_histograms(histograms: Vec<HistogramHandle>) -> Self {
        let now = Instant::now();
        let status = Self {
            started: now,
            current: Mutex::new(Current { state: AgentState::Starting, since: now, reason: String::new() }),
            identity: Mutex::new(None),
            progress: Mutex::new(String::new()),
            milestones: AtomicU8::new(0),
            counters: std::array::from_fn(|_| AtomicU64::new(0)),
            gauges: std::array::from_fn(|_| AtomicU64::new(0f64.to_bits())),
            histograms,
            outcomes: Outcomes::default(),
            tables: Tables::default(),
            threads: Threads::default(),
            space_level: Mutex::new(SpaceLevel::Fine),
            cluster: Mutex::new(None),
            checkpoint_ms: AtomicU64::new(0),
        };
        status.set(Gauge::CdcRawFullSeconds, f64::INFINITY);
        status
    }

    // What the agent does as a whole.

    /// Sets the state and why it holds; logs it if it is another one. A state that was set before keeps its time.
    pub fn set_state(&self, state: AgentState, reason: impl Into<String>) {
        let reason = reason.into();
        let mut current = lock(&self.current);
        if current.state == state {
            current.reason = reason;
            return;
        }
        match state {
            AgentState::Blocked => tracing::error!(state = state.as_str(), reason, "state changed"),
            AgentState::WaitingForKafka | AgentState::WaitingForCassandra => {
                tracing::warn!(state = state.as_str(), reason, "state changed");
            }
            _ => tracing::info!(state = state.as_str(), reason, "state changed"),
        }
        *current = Current { state, since: Instant::now(), reason };
    }

    /// Returns the state.
    pub fn state(&self) -> AgentState {
        lock(&self.current).state
    }

    /// Returns since when the state holds, and why.
    pub fn state_since(&self) -> (AgentState, Duration, String) {
        let current = lock(&self.current);
        (current.state, current.since.elapsed(), current.reason.clone())
    }

    /// Sets which node this is; the milestone is reached.
    pub fn set_identity(&self, identity: Identity) {
        *lock(&self.identity) = Some(identity);
        self.reach(Milestone::Identity);
    }

    /// Returns which node this is, if it is known.
    pub fn identity(&self) -> Option<Identity> {
        lock(&self.identity).clone()
    }

    /// Notes that a milestone is reached.
    pub fn reach(&self, milestone: Milestone) {
        self.milestones.fetch_or(milestone.bit(), Ordering::Relaxed);
    }

    /// Notes that a milestone is lost: Kafka, when the producer is gone.
    pub fn lose(&self, milestone: Milestone) {
        self.milestones.fetch_and(!milestone.bit(), Ordering::Relaxed);
    }

    /// Returns the milestones that are not reached; the agent is ready when there are none.
    pub fn missing(&self) -> Vec<Milestone> {
        let reached = self.milestones.load(Ordering::Relaxed);
        Milestone::ALL.into_iter().filter(|milestone| reached & milestone.bit() == 0).collect()
    }

    /// Returns true if the agent knows its node and its schema, has listed the directories and reached Kafka.
    pub fn is_ready(&self) -> bool {
        self.missing().is_empty() && !matches!(self.state(), AgentState::Stopping | AgentState::Blocked)
    }

    // Threads.

    /// Registers a thread that is not live if it says nothing for so long, unless it waits for something known.
    pub fn register_thread(&self, name: &'static str, silence_max: Duration) -> Heartbeat {
        self.threads.register(name, silence_max)
    }

    /// Returns how the threads get on.
    pub fn threads(&self) -> Vec<ThreadHealth> {
        self.threads.health()
    }

    /// Returns true if every thread makes progress or waits for something known. While stopping, threads may end.
    pub fn is_live(&self) -> bool {
        self.state() == AgentState::Stopping || self.threads().iter().all(|thread| thread.is_live)
    }

    // Numbers.

    /// Adds to a counter.
    pub fn add(&self, counter: Counter, count: u64) {
        if let Some(value) = self.counters.get(counter as usize) {
            value.fetch_add(count, Ordering::AcqRel);
        }
    }

    /// Returns a counter.
    pub fn count(&self, counter: Counter) -> u64 {
        self.counters.get(counter as usize).map_or(0, |value| value.load(Ordering::Acquire))
    }

    /// Sets a gauge.
    pub fn set(&self, gauge: Gauge, number: f64) {
        if let Some(value) = self.gauges.get(gauge as usize) {
            value.store(number.to_bits(), Ordering::Relaxed);
        }
    }

    /// Returns a gauge.
    pub fn value(&self, gauge: Gauge) -> f64 {
        self.gauges.get(gauge as usize).map_or(0.0, |value| f64::from_bits(value.load(Ordering::Relaxed)))
    }

    /// Adds a value to a histogram.
    pub fn observe(&self, histogram: Histogram, value: Duration) {
        if let Some(handle) = self.histograms.get(histogram as usize) {
            handle.record(value.as_secs_f64());
        }
    }

    /// Counts mutations with their outcome. They must have been counted as read before, by this thread or one that
    /// handed them to it.
    pub fn settle(&self, outcome: Outcome, count: u64) {
        self.outcomes.add(outcome, count);
    }

    /// Returns what became of all mutations that were read. More outcomes than were read are an error of ours: it is
    /// counted, logged, and stops a debug build.
    pub fn accounting(&self) -> Accounting {
        let accounting = self.outcomes.with_read(|| self.count(Counter::MutationsRead));
        if accounting.in_flight().is_none() {
            self.add(Counter::AccountingErrors, 1);
            tracing::error!(?accounting, "more mutations have an outcome than were read");
            debug_assert!(false, "more mutations have an outcome than were read: {accounting:?}");
        }
        accounting
    }

    /// Returns the records of a table, to count in. Keep it with the table.
    pub fn table(&self, keyspace: &str, table: &str) -> Arc<TableRecords> {
        self.tables.of(keyspace, table)
    }

    /// Returns the records of what is no table, such as the topic of schema changes.
    pub fn other_topic(&self, name: &str) -> Arc<TableRecords> {
        self.tables.named(name.to_owned())
    }

    /// Returns the records of all tables that were asked for.
    pub fn tables(&self) -> Vec<(String, Arc<TableRecords>)> {
        self.tables.all()
    }

    // Where it is.

    /// Notes what is read: the segment and the position in it.
    pub fn set_reading(&self, segment: i64, position: u64) {
        self.set(Gauge::ReadSegment, segment as f64);
        self.set(Gauge::ReadPosition, position as f64);
    }

    /// Notes how far behind the log it is.
    pub fn set_lag(&self, lag: Duration, bytes: u64) {
        self.set(Gauge::LagSeconds, lag.as_secs_f64());
        self.set(Gauge::LagBytes, bytes as f64);
    }

    /// Sets the committed progress, as a person reads it.
    pub fn set_progress(&self, progress: impl Into<String>) {
        *lock(&self.progress) = progress.into();
    }

    /// Notes that a checkpoint has become durable.
    pub fn checkpoint_is_durable(&self) {
        let elapsed = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.checkpoint_ms.store(elapsed.max(1), Ordering::Relaxed);
    }

    /// Notes how full `cdc_raw` is.
    pub fn set_space(&self, taken: SpaceUse, limit_bytes: u64, forecast: SpaceForecast) {
        self.set(Gauge::CdcRawBytes, taken.bytes as f64);
        self.set(Gauge::CdcRawLimitBytes, limit_bytes as f64);
        self.set(Gauge::CdcRawSegments, taken.segments as f64);
        self.set(Gauge::CdcRawOldestSeconds, taken.oldest.map_or(0.0, |age| age.as_secs_f64()));
        let full_in = forecast.full_in.map_or(f64::INFINITY, |time| time.as_secs_f64());
        self.set(Gauge::CdcRawFullSeconds, full_in);
        *lock(&self.space_level) = forecast.level;
    }

    /// Returns how full `cdc_raw` is.
    pub fn space_level(&self) -> SpaceLevel {
        *lock(&self.space_level)
    }

    /// Sets what is known of the cluster, all at once.
    pub fn set_cluster(&self, view: ClusterView) {
        *lock(&self.cluster) = Some(view);
    }

    /// Returns what is known of the cluster; none if the agent publishes what its own node logs.
    pub fn cluster(&self) -> Option<ClusterView> {
        lock(&self.cluster).clone()
    }

    /// Brings the gauges up to date that are told by the clock or the kernel.
    pub(super) fn refresh(&self) {
        self.set(Gauge::Ready, f64::from(u8::from(self.is_ready())));
        self.set(Gauge::Live, f64::from(u8::from(self.is_live())));
        let uptime = self.started.elapsed();
        self.set(Gauge::UptimeSeconds, uptime.as_secs_f64());
        let checkpoint = match self.checkpoint_ms.load(Ordering::Relaxed) {
            0 => uptime,
            milliseconds => uptime.saturating_sub(Duration::from_millis(milliseconds)),
        };
        self.set(Gauge::CheckpointAgeSeconds, checkpoint.as_secs_f64());
        if let Some(bytes) = super::process::resident_bytes() {
            self.set(Gauge::MemoryBytes, bytes as f64);
        }
        if let Some(files) = super::process::open_files() {
            self.set(Gauge::OpenFiles, files as f64);
        }
    }

    /// Returns what is not as it should be, though the agent runs.
    pub fn degradations(&self) -> Vec<Degradation> {
        let mut found = Vec::new();
        match self.space_level() {
            SpaceLevel::Fine => {}
            SpaceLevel::Warn => found.push(Degradation::CdcRawFilling),
            SpaceLevel::Critical => found.push(Degradation::CdcRawAlmostFull),
        }
        match self.state() {
            AgentState::WaitingForKafka => found.push(Degradation::KafkaAway),
            AgentState::WaitingForCassandra => found.push(Degradation::CassandraAway),
            AgentState::Blocked => found.push(Degradation::Blocked),
            _ => {}
        }
        let counted = [
            (Counter::Gaps, Degradation::Gaps),
            (Counter::Damages, Degradation::Damages),
            (Counter::QuarantinedEntries, Degradation::Quarantine),
        ];
        found.extend(
            counted.into_iter().filter(|(counter, _)| self.count(*counter) > 0).map(|(_, what)| what),
        );
        if let Some(cluster) = &*lock(&self.cluster) {
            let of_cluster = [
                (!cluster.is_able, Degradation::CannotOwn),
                (cluster.audit_stands, Degradation::AuditStands),
                (cluster.agents_differing() > 0, Degradation::AgentsDiffer),
                (!cluster.nodes_without_agent.is_empty(), Degradation::NodesWithoutAgent),
                (!cluster.placement_problems.is_empty(), Degradation::NotPlaced),
            ];
            found.extend(of_cluster.into_iter().filter(|(is_so, _)| *is_so).map(|(_, what)| what));
        }
        found
    }

    /// Returns everything as one page.
    pub fn page(&self) -> StatusPage {
        self.refresh();
        let progress = lock(&self.progress).clone();
        StatusPage::of(self, progress)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_needs_every_milestone() {
        let status = AgentStatus::default();
        status.set_state(AgentState::Running, "");
        for milestone in Milestone::ALL {
            assert!(!status.is_ready());
            status.reach(milestone);
        }
        assert!(status.is_ready());
        status.lose(Milestone::Sink);
        assert_eq!(status.missing(), [Milestone::Sink]);
        status.reach(Milestone::Sink);
        status.set_state(AgentState::Blocked, "fenced");
        assert!(!status.is_ready());
    }

    #[test]
    fn a_state_keeps_its_time_while_its_reason_changes() {
        let status = AgentStatus::default();
        status.set_state(AgentState::WaitingForKafka, "no broker");
        std::thread::sleep(Duration::from_millis(5));
        status.set_state(AgentState::WaitingForKafka, "no leader");
        let (state, since, reason) = status.state_since();
        assert_eq!((state, reason.as_str()), (AgentState::WaitingForKafka, "no leader"));
        assert!(since >= Duration::from_millis(5));
    }

    #[test]
    fn an_agent_of_a_cluster_tells_what_is_wrong_there() {
        let status = AgentStatus::default();
        assert_eq!((status.degradations(), status.page().cluster), (Vec::new(), None));
        status.set_cluster(ClusterView::example());
        let expected = [
            Degradation::CannotOwn,
            Degradation::AuditStands,
            Degradation::AgentsDiffer,
            Degradation::NodesWithoutAgent,
            Degradation::NotPlaced,
        ];
        assert_eq!(status.degradations(), expected);
        let well = ClusterView {
            is_able: true,
            agents: Vec::new(),
            audit_stands: false,
            placement_problems: Vec::new(),
            nodes_without_agent: Vec::new(),
            ..ClusterView::example()
        };
        status.set_cluster(well.clone());
        assert_eq!(status.degradations(), []);
        let page = status.page();
        assert_eq!(page.cluster.as_ref(), Some(&well));
        assert!(page.to_string().contains("\ncluster    owning: 8 ranges"), "{page}");
    }

    #[test]
    fn mutations_add_up() {
        let status = AgentStatus::default();
        status.add(Counter::MutationsRead, 10);
        for outcome in Outcome::ALL {
            status.settle(outcome, 1);
        }
        let accounting = status.accounting();
        assert_eq!((accounting.settled(), accounting.in_flight()), (5, Some(5)));
        assert_eq!(status.count(Counter::AccountingErrors), 0);
    }

    #[test]
    #[should_panic(expected = "more mutations have an outcome than were read")]
    #[cfg(debug_assertions)]
    fn an_outcome_too_many_is_noticed() {
        let status = AgentStatus::default();
        status.settle(Outcome::Published, 1);
        status.accounting();
    }
}
