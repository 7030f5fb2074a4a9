//! Putting a cluster's member together, and giving it a new producer after each failure that can pass.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use uuid::Uuid;

use super::{
    audit_positions::AuditPositions,
    kept_entries::KeptEntries,
    log_position::LogPosition,
    membership::Membership,
    node_watch,
    placing::Placing,
    reading::{MemberReading, MemberSettings},
    records::{RecordForm, Records},
    settings_digest,
    standing::Standing,
    streamed::Streamed,
    work::MemberWork,
};
use crate::{
    agent::{
        decoding::Decoding,
        error::AgentError,
        error_policy::{Next, Recovery},
        options,
        patience::Patience,
        publisher::{KafkaPublisher, LedgerPublisher},
        put_aside::SharedQuarantine,
        reading::window_start,
        report::Report,
        runtime::{ask_schema, holding_segments, limits, phase_mark},
        sending_thread::{ReadingEnd, read_and_send},
        stops::Stops,
        tables::TableFilter,
    },
    checkpoint::{Progress, StateDir, StateOwner},
    cluster::{
        LedgerCheckpoint, LedgerIndex,
        core::CoreOptions,
        names::HostId,
        ring::Topology,
        topics::{ClusterTopics, ClusterTopicsOptions, Init},
    },
    config::{self, Config},
    dedup::{DedupIndex, IDENTITY_VERSION},
    error_text::with_causes,
    quarantine::QuarantineOptions,
    schema::{live::LiveSchema, live::NodeSource},
    sink::kafka::{
        ClusterNames, KafkaOptions, KafkaSink, LedgerPartition, SinkCounters, SinkError, SinkErrorKind,
    },
    source::LiveLog,
    telemetry::phase::Lane,
};

/// How often a record of the owners topic is written again that was not read back.
const REPEAT_INTERVAL_MS: u64 = 1_000;

/// Runs the agent as a member of its cluster, until it is asked to stop or can't go on.
pub(in crate::agent) fn run(
    config: &Config,
    node: &StateOwner,
    state: &StateDir,
    stops: &Stops,
    mut report: Report,
) -> Result<(), AgentError> {
    let me = host_id(node)?;
    if config.kafka.delivery != config::Delivery::ExactlyOnce {
        let reason = "dedup.mode \"cluster\" keeps its ledger in transactions: it needs kafka.delivery = \"exactly-once\"";
        return Err(AgentError::Config(reason.into()));
    }
    let names = ClusterNames::new(&node.cluster);
    let kafka = Arc::new(KafkaOptions {
        positions_topic: names.ledger(),
        keeps_positions: false,
        ..options::kafka(config, node)
    });
    let counters = Arc::new(SinkCounters::default());
    report.sink(&counters);
    let (index, checkpoint) = LedgerIndex::open(options::index(config, state.ledger()))?;
    let mut live = LiveLog::open(options::live(config)?)?;
    let quarantine = SharedQuarantine::open(QuarantineOptions {
        directory: config.quarantine.directory.clone(),
        bytes_max: config.quarantine.bytes_max,
    })?;
    report.is_up();
    let topics = ClusterTopicsOptions {
        ledger_retention: Duration::from_millis(config.dedup.cluster.ledger_retention_ms),
        window: Duration::from_millis(config.dedup.window_ms),
        ..ClusterTopicsOptions::new((*kafka).clone(), names, me, IDENTITY_VERSION)
    };
    let expected = checkpoint.topics;
    let establishing = {
        let (topics, stop) = (topics.clone(), stops.now.clone());
        move || ClusterTopics::establish(&topics, expected, &stop)
    };
    let established =
        holding_segments(&mut live, &mut report, stops, limits(config).spool_bytes_max, establishing)?;
    let init = match established {
        Ok(init) => init,
        Err(error) if error.kind() == SinkErrorKind::Stopped => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let starting = Starting { config, node, state, me, live, quarantine, report };
    let Some(mut reading) = starting.reading(topics, init, (index, checkpoint), stops)? else {
        return Ok(());
    };
    let producers = Producers { config, kafka, counters, stops };
    supervise(&mut reading, &producers)
}

fn host_id(node: &StateOwner) -> Result<HostId, AgentError> {
    let uuid = Uuid::parse_str(&node.host_id);
    uuid.map(HostId)
        .map_err(|_| AgentError::Config(format!("cassandra.host_id: {} is no UUID", node.host_id)))
}

/// Everything that is open before it is known where to begin.
struct Starting<'c> {
    config: &'c Config,
    node: &'c StateOwner,
    state: &'c StateDir,
    me: HostId,
    live: LiveLog,
    quarantine: SharedQuarantine,
    report: Report,
}

impl Starting<'_> {
    /// Finds out where to begin, gets the schema of there, and begins to listen to the others. `None`: it was asked to stop.
    fn reading(
        mut self,
        topics: ClusterTopicsOptions,
        init: Init,
        (mut index, mut checkpoint): (LedgerIndex, LedgerCheckpoint),
        stops: &Stops,
    ) -> Result<Option<MemberReading>, AgentError> {
        let Self { config, node, state, me, .. } = self;
        let is_first_start = checkpoint.topics.is_none();
        if is_first_start {
            checkpoint.audit = self.first_position()?;
        }
        tracing::info!(audited = %checkpoint.audit, is_first_start, "a member of the cluster: each change is published once");
        let source = NodeSource::new(config.cassandra.node_options());
        let mut schema = LiveSchema::open(state.schema(), &checkpoint.audit, Box::new(source))?;
        if !ask_schema(&mut schema, &checkpoint.audit, stops, &self.report)? {
            return Ok(None);
        }
        self.live.seek(&checkpoint.audit)?;
        checkpoint.topics = Some(init.uuid);
        if is_first_start {
            // A crash from here on goes on from here.
            index.sync(checkpoint.clone())?;
        }
        let told = if is_first_start { schema.creations() } else { Vec::new() };
        let (topics, heard) = ClusterTopics::begin(topics, init, checkpoint.positions.clone())?;
        let member = Membership::new(
            core_options(config, me),
            index,
            &checkpoint,
            (topics, heard, init),
            Placing::new(me, &config.dedup.cluster.datacenters),
        );
        let known = stored_topology(state);
        let node_told = node_watch::watch(
            config.cassandra.node_options(),
            state.topology(),
            known.clone(),
            stops.graceful.clone(),
        );
        let node_told = node_told
            .map_err(|source| AgentError::System { doing: "starting the node-watch thread", source })?;
        let work = MemberWork {
            decoding: Decoding::new(
                schema,
                self.quarantine,
                Patience::new(stops.graceful.clone(), &self.report),
                node.host_id.clone(),
                stops.graceful.clone(),
            ),
            member,
            records: Records::new(record_form(config, node, me), TableFilter::new(config.tables.clone())),
            log: LogPosition::at(checkpoint.audit.clone()),
            positions: AuditPositions::default(),
            kept: KeptEntries::default(),
            standing: Standing { audited_ms: checkpoint.audited_ms, ..Standing::default() },
            streamed: Streamed::default(),
            told: Vec::new(),
            goes_to: None,
            window_start: window_start(Duration::from_millis(config.dedup.window_ms)),
            pending_bytes_max: config.dedup.cluster.pending_bytes_max,
        };
        let settings = MemberSettings {
            limits: limits(config),
            pending_changes_max: pending_changes_max(config),
            node_down_max: Duration::from_millis(config.dedup.cluster.suspect_after_ms),
        };
        let phase = phase_mark(Lane::Reading)?;
        let mut reading =
            MemberReading::new(self.live, work, self.report, phase, node_told, settings, stops.clone());
        if let Some(topology) = known {
            reading.place(topology)?;
        }
        reading.work.told_by_node(told)?;
        Ok(Some(reading))
    }

    /// Returns where an agent begins that never was a member: where it had come to alone, or as the configuration says.
    fn first_position(&mut self) -> Result<Progress, AgentError> {
        if self.state.index().exists() {
            let (_, alone) =
                DedupIndex::open(options::index(self.config, self.state.index()), SystemTime::now())?;
            if !alone.is_empty() {
                tracing::info!(position = %alone, "going on from where this agent had come to with dedup.mode \"node\"");
                return Ok(alone);
            }
        }
        Ok(self.live.start(options::start(self.config))?)
    }
}

fn core_options(config: &Config, me: HostId) -> CoreOptions {
    let cluster = &config.dedup.cluster;
    CoreOptions {
        me,
        settings: settings_digest::of(config),
        version: env!("CARGO_PKG_VERSION").into(),
        suspect_after_ms: cluster.suspect_after_ms,
        stuck_after_ms: cluster.stuck_after_ms,
        grace_ms: cluster.grace_ms,
        beat_interval_ms: cluster.beat_interval_ms,
        repeat_interval_ms: REPEAT_INTERVAL_MS,
        hand_back_after_ms: cluster.hand_back_after_ms,
        pending_max: pending_changes_max(config),
    }
}

fn pending_changes_max(config: &Config) -> usize {
    usize::try_from(config.dedup.cluster.pending_changes_max).unwrap_or(usize::MAX)
}

fn record_form(config: &Config, node: &StateOwner, host: HostId) -> RecordForm {
    RecordForm {
        cluster: node.cluster.clone(),
        host,
        names: options::topic_names(config),
        deletes: options::deletes(config),
        partition_by: options::partition_by(config),
        late: options::late(config),
    }
}

/// Returns what was known of the ring, for an agent that starts while its node is down.
fn stored_topology(state: &StateDir) -> Option<Topology> {
    Topology::load(&state.topology()).unwrap_or_else(|error| {
        tracing::warn!(error = %with_causes(&error), "what was stored of the ring can't be used; the node is asked");
        None
    })
}

/// How producers are made.
struct Producers<'c> {
    config: &'c Config,
    kafka: Arc<KafkaOptions>,
    counters: Arc<SinkCounters>,
    stops: &'c Stops,
}

/// Reads as an auditor until a producer is wanted, and publishes with it until it is lost; again and again.
fn supervise(reading: &mut MemberReading, producers: &Producers<'_>) -> Result<(), AgentError> {
    let mut recovery = Recovery::of_member();
    loop {
        if !reading.work.member.wants.initialise && reading.run(None)? == ReadingEnd::Stopped {
            return reading.checkpoint();
        }
        let Some(sink) = producers.make(reading)? else { return reading.checkpoint() };
        let error = match publish(reading, sink, producers.config)? {
            Ok(ReadingEnd::WantsProducer) => continue,
            Ok(_) => return Ok(()),
            Err(error) => error,
        };
        match recovery.next(error, reading.report.take_has_committed(), Instant::now()) {
            Next::Stop => return Ok(()),
            Next::Fail(error) => return Err(error.into()),
            Next::ConnectAgain { after } => {
                if producers.stops.graceful.wait(after) {
                    return reading.checkpoint();
                }
            }
        }
        reading.producer_lost()?;
    }
}

impl Producers<'_> {
    /// Makes one, which shuts out earlier ones of this host and ends what they had open. `None`: it was asked to stop.
    fn make(&self, reading: &mut MemberReading) -> Result<Option<KafkaSink>, AgentError> {
        let MemberReading { live, report, settings, .. } = reading;
        report.connecting();
        let (options, counters, stop) =
            (Arc::clone(&self.kafka), Arc::clone(&self.counters), self.stops.now.clone());
        let connecting = move || KafkaSink::connect(options, counters, &stop);
        match holding_segments(live, report, self.stops, settings.limits.spool_bytes_max, connecting)? {
            Ok(sink) => {
                report.connected();
                Ok(Some(sink))
            }
            Err(SinkError::Stopped { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// Reads, and publishes with this producer, until either ends.
fn publish(
    reading: &mut MemberReading,
    sink: KafkaSink,
    config: &Config,
) -> Result<Result<ReadingEnd, SinkError>, AgentError> {
    let to = ledger_partition(reading)?;
    let kafka = KafkaPublisher::new(sink, &reading.work.decoding.quarantine, &reading.report)?;
    read_and_send(reading, LedgerPublisher::new(kafka, to), config)
}

/// The partition that this host claimed is known before a producer is wanted.
fn ledger_partition(reading: &MemberReading) -> Result<LedgerPartition, AgentError> {
    let member = &reading.work.member;
    let partition = member.core.partition_of(member.me);
    let partition = partition.ok_or(AgentError::Panicked("reading"))?;
    Ok(member.topics.ledger_partition(partition))
}
