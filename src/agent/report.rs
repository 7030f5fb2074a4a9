//! What the agent tells of itself: the status, and the log's lines about the log that is read.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, SystemTime},
};

use cassandra_commitlog::segment::{Damage, SegmentEnd};

use super::in_flight::{InFlight, InFlightBatches};
use crate::{
    checkpoint::{Progress, StateOwner},
    dedup::IndexStats,
    error_text::with_causes,
    quarantine::QuarantineStats,
    record::TopicNames,
    schema::{live::Check, node::NodeError},
    sink::{Topic, kafka::SinkCounters, kafka::SinkState},
    source::{CdcSpace, Gap, Released, SegmentFile, SourceError, Spooled, UnreadableReason},
    telemetry::{
        AgentState, AgentStatus, Counter, Gauge, Heartbeat, Histogram, Identity, Milestone, Outcome, Repeats,
        ServiceManager, SpaceLevel, TableRecords, Waiting,
    },
};

/// Tells how the reading thread gets on.
pub struct Report {
    status: Arc<AgentStatus>,
    heartbeat: Arc<Heartbeat>,
    topic_prefix: String,
    sink: Option<Arc<SinkCounters>>,
    seen: SinkTotals,
    tables: HashMap<Arc<Topic>, Arc<TableRecords>>,
    newest_write: Option<i64>,
    has_committed: bool,
    quarantined: u64,
    quarantined_bytes: u64,
    ignored: u64,
    /// For how long the oldest of what is not committed has waited.
    pending: Option<Duration>,
    manager: ServiceManager,
    source_errors: Repeats,
    release_errors: Repeats,
}

/// What of the sink's counters is in the status already.
#[derive(Debug, Default)]
struct SinkTotals {
    commits: u64,
    aborts: u64,
    connections: u64,
    bytes: u64,
}

/// A commit that takes longer than this means that Kafka hangs.
const PENDING_MAX: Duration = Duration::from_secs(5);
/// How often an error that recurs is logged.
pub(super) const REPEAT_INTERVAL: Duration = Duration::from_secs(30);
/// How long the reading thread may be silent before the agent counts as stuck.
pub(super) const SILENCE_MAX: Duration = Duration::from_secs(60);

impl Report {
    /// Makes one for this status; `topic_prefix` is left out of tables' names.
    pub fn new(status: Arc<AgentStatus>, topic_prefix: &str, manager: ServiceManager) -> Self {
        let heartbeat = status.register_thread("reading", SILENCE_MAX);
        Self {
            status,
            heartbeat: Arc::new(heartbeat),
            topic_prefix: topic_prefix.to_owned(),
            sink: None,
            seen: SinkTotals::default(),
            tables: HashMap::new(),
            newest_write: None,
            has_committed: false,
            quarantined: 0,
            quarantined_bytes: 0,
            ignored: 0,
            pending: None,
            manager,
            source_errors: Repeats::new(REPEAT_INTERVAL),
            release_errors: Repeats::new(REPEAT_INTERVAL),
        }
    }

    pub(super) fn identity(&self, node: &StateOwner) {
        tracing::info!(cluster = %node.cluster, host_id = %node.host_id, "this is the node");
        let (cluster, host_id) = (node.cluster.to_string(), node.host_id.to_string());
        self.status.set_identity(Identity { cluster, host_id });
    }

    pub(super) fn sink(&mut self, counters: &Arc<SinkCounters>) {
        self.sink = Some(Arc::clone(counters));
    }

    /// Returns the status that is written to.
    pub(super) fn status(&self) -> &Arc<AgentStatus> {
        &self.status
    }

    /// Returns the reading thread's sign of life.
    pub(super) fn heartbeat(&self) -> &Arc<Heartbeat> {
        &self.heartbeat
    }

    /// The configuration, the state and the directories are as they must be: the service is up, even if Kafka is away.
    pub(super) fn is_up(&self) {
        self.manager.ready();
    }

    // Waiting for others.

    pub(super) fn connecting(&self) {
        self.status.lose(Milestone::Sink);
        self.heartbeat.wait_for(Waiting::Kafka);
    }

    /// Kafka is still being connected to.
    pub(super) fn waiting(&mut self, unread_bytes: u64) {
        self.sink_state();
        self.heartbeat.wait_for(Waiting::Kafka);
        self.status.reach(Milestone::FirstScan);
        self.pending = (unread_bytes > 0).then(|| self.status.state_since().1);
    }

    pub(super) fn connected(&self) {
        self.status.reach(Milestone::Sink);
        self.status.set_state(AgentState::Running, "");
        self.heartbeat.beat();
    }

    pub(super) fn waiting_for_cassandra(&self, error: &NodeError) {
        self.heartbeat.wait_for(Waiting::Cassandra);
        self.status.add(Counter::SchemaRefreshFailures, 1);
        self.status.set_state(AgentState::WaitingForCassandra, error.to_string());
    }

    pub(super) fn schema_known(&self) {
        self.status.reach(Milestone::Schema);
        self.status.set_state(AgentState::Running, "");
    }

    // The log.

    pub(super) fn segment_started(&mut self, file: &SegmentFile) {
        tracing::debug!(segment = file.name.id, file = %file.path.display(), "reading a segment");
        self.status.set_reading(file.name.id, 0);
        self.status.reach(Milestone::FirstScan);
        self.heartbeat.beat();
    }

    pub(super) fn segment_finished(&mut self, segment: i64, end: SegmentEnd) {
        tracing::debug!(segment, end = end.logical_offset, "a segment is read to its end");
        self.status.add(Counter::SegmentsFinished, 1);
        self.status.add(Counter::LogBytesRead, end.file_offset);
    }

    pub(super) fn damage(&self, damage: &Damage) {
        self.status.add(Counter::Damages, 1);
        if damage.is_loss() {
            tracing::error!(segment = damage.segment, offset = damage.noticed_at, %damage, "a part of the log is damaged and was passed over");
        } else {
            tracing::warn!(segment = damage.segment, offset = damage.noticed_at, %damage, "damage in the log, without loss");
        }
    }

    pub(super) fn unreadable(&self, file: &SegmentFile, reason: &UnreadableReason) {
        self.status.add(Counter::Damages, 1);
        tracing::error!(segment = file.name.id, file = %file.path.display(), error = %reason, "a segment can't be read; it is left where it is, and reading goes on with the next one");
    }

    pub(super) fn gap(&self, gap: Gap) {
        match gap {
            Gap::Definite { segment, read_to } => {
                self.status.add(Counter::Gaps, 1);
                tracing::error!(
                    segment,
                    read_to,
                    "a segment was deleted before its end was read: if it held changes of CDC tables behind this position, they are lost. Is cdc_block_writes false, or does somebody else clean cdc_raw?"
                );
            }
            Gap::Possible { first, last } => {
                tracing::warn!(
                    first,
                    last,
                    "segments were never seen: without changes of CDC tables Cassandra removes them by itself; with cdc_block_writes = false they may have held some"
                );
            }
        }
    }

    pub(super) fn out_of_order(segment: i64, newest: i64) {
        tracing::warn!(
            segment,
            newest,
            "a segment with a lower id than one before it is read: was the node's clock set back?"
        );
    }

    pub(super) fn source_error(&mut self, error: &SourceError) {
        if let Some(repeated) = self.source_errors.admit() {
            tracing::error!(error = %with_causes(error), repeated, "the log can't be read now; trying again");
        }
        self.status.set_state(AgentState::Blocked, error.to_string());
        self.heartbeat.wait_for(Waiting::Person);
    }

    pub(super) fn source_is_well(&mut self) {
        if self.status.state() == AgentState::Blocked && self.is_sink_well() {
            self.status.set_state(AgentState::Running, "");
        }
        self.heartbeat.beat();
    }

    pub(super) fn caught_up(&mut self, all_is_published: bool) {
        if all_is_published {
            self.newest_write = None;
        }
        self.heartbeat.wait_for(Waiting::Work);
    }

    /// The queue to the sending thread is full.
    pub(super) fn waits_for_room(&self) {
        self.heartbeat.wait_for(Waiting::Room);
    }

    // What became of it.

    pub(super) fn committed(&mut self, done: &InFlight, took: Duration) {
        let counted = &done.counted;
        let (status, prefix) = (&self.status, &*self.topic_prefix);
        self.has_committed = true;
        status.add(Counter::MutationsRead, counted.read);
        let outcomes = [
            (Outcome::Published, counted.published),
            (Outcome::Filtered, counted.filtered),
            (Outcome::Foreign, counted.foreign),
            (Outcome::Duplicate, counted.duplicate),
            (Outcome::Quarantined, counted.quarantined),
        ];
        for (outcome, count) in outcomes {
            status.settle(outcome, count);
        }
        status.add(Counter::EarlyRecords, counted.early_records);
        status.add(Counter::LateChanges, counted.late_changes);
        for records in &counted.records {
            let table = self.tables.entry(Arc::clone(&records.topic));
            let table = table.or_insert_with(|| records_of(status, prefix, &records.topic.name));
            table.add(records.op, records.count);
        }
        status.observe(Histogram::CommitSeconds, took);
        if let Some(written_at) = counted.newest_write {
            self.newest_write = Some(written_at);
            status.observe(Histogram::EventAgeSeconds, age_of(written_at));
        }
        status.set_progress(done.progress.to_string());
    }

    /// Returns true if something was committed since this was asked last.
    pub(super) fn take_has_committed(&mut self) -> bool {
        std::mem::take(&mut self.has_committed)
    }

    pub(super) fn recovered(&self) {
        self.status.add(Counter::TransactionsUnknown, 1);
        self.status.set_state(AgentState::Running, "");
    }

    pub(super) fn checkpoint(&mut self, durable: &Progress, released: Released, index: IndexStats) {
        let status = &self.status;
        status.checkpoint_is_durable();
        status.add(Counter::SegmentsReleased, released.segments as u64);
        if released.segments > 0 {
            tracing::info!(segments = released.segments, bytes = released.bytes, "segments were released");
        }
        if let Some(error) = released.failure
            && let Some(repeated) = self.release_errors.admit()
        {
            tracing::error!(error = %with_causes(&error), segments = released.failed, repeated, "published segments can't be removed; trying again");
        }
        status.set(Gauge::DedupEntries, index.entries as f64);
        status.set(Gauge::DedupMemoryBytes, index.memory_bytes as f64);
        status.set(Gauge::DedupDiskBytes, index.disk_bytes as f64);
        if let Some((segment, crate::checkpoint::SegmentProgress::ReadTo(offset))) = durable.newest() {
            status.set_reading(segment, offset);
        }
        self.sink_totals();
        self.sink_state();
        self.heartbeat.beat();
    }

    pub(super) fn quarantine(&mut self, stats: &QuarantineStats) {
        self.status.set(Gauge::QuarantineBytes, stats.bytes as f64);
        let kept = stats.entries + stats.damaged + stats.records;
        self.status.add(Counter::QuarantinedEntries, kept - self.quarantined);
        self.quarantined = kept;
        let before = if self.quarantined_bytes == 0 { stats.bytes } else { self.quarantined_bytes };
        self.status.add(Counter::QuarantinedBytes, stats.bytes.saturating_sub(before));
        self.quarantined_bytes = stats.bytes;
    }

    // The room in cdc_raw.

    pub(super) fn space(&mut self, space: &CdcSpace) {
        let status = &self.status;
        let ignored = space.ignored as u64;
        status.add(Counter::FilesIgnored, ignored.saturating_sub(self.ignored));
        self.ignored = ignored;
        status.set(Gauge::SegmentsPending, space.unread_segments as f64);
        let age = self.newest_write.map_or(Duration::ZERO, age_of);
        status.set_lag(age.max(self.pending.unwrap_or_default()), space.unread_bytes);
    }

    /// Notes what is handed over and not committed yet. Kafka may hang without any error for as long as a transaction may
    /// last.
    pub(super) fn in_flight(&mut self, batches: &InFlightBatches) {
        let status = &self.status;
        status.set(Gauge::QueueBatches, batches.len() as f64);
        status.set(Gauge::MutationsInFlight, batches.mutations() as f64);
        self.pending = batches.oldest().map(|since| since.elapsed());
        match (self.pending, status.state()) {
            (Some(pending), AgentState::Running) if pending > PENDING_MAX => {
                let why = format!("no commit for {} s", pending.as_secs());
                status.set_state(AgentState::WaitingForKafka, why);
            }
            (None, AgentState::WaitingForKafka) if self.is_sink_well() => {
                status.set_state(AgentState::Running, "");
            }
            _ => {}
        }
    }

    pub(super) fn is_space_critical(&self) -> bool {
        self.status.space_level() == SpaceLevel::Critical
    }

    pub(super) fn spooled(&mut self, spooled: Result<Spooled, SourceError>) {
        let spooled = spooled.unwrap_or_else(|error| Spooled { failure: Some(error), ..Spooled::default() });
        if spooled.segments > 0 {
            tracing::warn!(
                segments = spooled.segments,
                bytes = spooled.bytes,
                "cdc_raw is almost full: segments were moved to the spool"
            );
        }
        if let Some(error) = spooled.failure
            && let Some(repeated) = self.release_errors.admit()
        {
            tracing::error!(error = %with_causes(&error), repeated, "segments can't be moved to the spool; trying again");
        }
    }

    pub(super) fn schema_checked(&self, checked: &Result<Check, NodeError>) {
        self.status.add(Counter::SchemaRefreshes, 1);
        match checked {
            Ok(Check::Same | Check::Suspicious) => {}
            Ok(Check::Mended(changes)) => {
                tracing::warn!(
                    changes = changes.len(),
                    "the log lacked changes of the schema; they were taken from the node"
                );
            }
            Err(error) => {
                self.status.add(Counter::SchemaRefreshFailures, 1);
                tracing::info!(%error, "the node's schema could not be compared with ours; reading goes on with ours");
            }
        }
    }

    // The sink.

    fn sink_totals(&mut self) {
        use std::sync::atomic::Ordering::Relaxed;
        let Some(sink) = &self.sink else { return };
        let now = SinkTotals {
            commits: sink.commits.load(Relaxed),
            aborts: sink.aborts.load(Relaxed),
            connections: sink.connections.load(Relaxed),
            bytes: sink.bytes.load(Relaxed),
        };
        self.status.add(Counter::Transactions, now.commits - self.seen.commits);
        self.status.add(Counter::TransactionAborts, now.aborts - self.seen.aborts);
        self.status.add(Counter::SinkRestarts, now.connections - self.seen.connections);
        self.status.add(Counter::RecordBytes, now.bytes - self.seen.bytes);
        self.seen = now;
    }

    fn sink_state(&self) {
        let Some(sink) = &self.sink else { return };
        let (state, why) = sink.state();
        let why = why.unwrap_or_default();
        match (state, self.status.state()) {
            (SinkState::Connecting, AgentState::Starting | AgentState::Running) => {
                self.status.set_state(AgentState::WaitingForKafka, why);
            }
            (
                SinkState::Blocked,
                AgentState::Starting | AgentState::Running | AgentState::WaitingForKafka,
            ) => {
                self.status.set_state(AgentState::Blocked, why);
            }
            _ => {}
        }
    }

    fn is_sink_well(&self) -> bool {
        self.sink
            .as_ref()
            .is_none_or(|sink| matches!(sink.state().0, SinkState::Connected | SinkState::Publishing))
    }
}

/// Returns the counts of a topic's table: `<prefix>.<keyspace>.<table>`; other topics count under their own names.
fn records_of(status: &AgentStatus, prefix: &str, topic: &str) -> Arc<TableRecords> {
    let name = topic.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('.')).unwrap_or(topic);
    match name.split_once('.') {
        Some((keyspace, table)) => {
            status.table(keyspace, table.strip_suffix(TopicNames::LATE_SUFFIX).unwrap_or(table))
        }
        None => status.other_topic(name),
    }
}

/// Returns how long ago a write time, in microseconds, was.
fn age_of(written_at: i64) -> Duration {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    now.saturating_sub(Duration::from_micros(u64::try_from(written_at).unwrap_or(0)))
}
