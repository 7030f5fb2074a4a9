//! Putting the agent together, and starting its parts anew after each failure that can pass.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant, SystemTime},
};

use super::{
    accounting::Accounting,
    decoding::Decoding,
    error::AgentError,
    error_policy::{Next, Recovery},
    member, options,
    patience::Patience,
    publisher::KafkaPublisher,
    put_aside::SharedQuarantine,
    reading::{Limits, Reading, make_room, newest_position, window_start},
    report::Report,
    sending_thread::read_and_send,
    starting_point::{AcceptPosition, StartingPoint},
    stops::Stops,
    tables::TableFilter,
    work::Work,
};
use crate::{
    checkpoint::{Progress, StateDir, StateOwner},
    config::{Config, WhenKafkaIsAway},
    dedup::DedupIndex,
    quarantine::QuarantineOptions,
    record::{BatchWriter, Node},
    schema::{live::LiveSchema, live::NodeSource, node::CassandraNode},
    sink::kafka::{KafkaOptions, KafkaSink, SinkCounters, SinkError, StoredPosition},
    source::LiveLog,
    telemetry::phase::{Lane, PhaseMark},
};

/// How often a position is committed that moved without records: a transaction now and then on an idle node.
const POSITION_INTERVAL: Duration = Duration::from_secs(10);
/// How often what is committed is made durable locally.
const CHECKPOINT_INTERVAL: Duration = Duration::from_secs(1);
/// How long to wait between two questions to a node that does not answer who it is.
const IDENTITY_RETRY: Duration = Duration::from_secs(2);
/// How long the log is waited for while Kafka is connected to.
const CONNECT_POLL: Duration = Duration::from_millis(20);

/// Runs the agent until it is asked to stop, or can't go on.
pub fn run(
    config: &Config,
    accept: Option<AcceptPosition>,
    stops: &Stops,
    mut report: Report,
) -> Result<(), AgentError> {
    let node = identity(config, stops, &report)?;
    let Some(node) = node else { return Ok(()) };
    report.identity(&node);
    let state = StateDir::open(&config.state_directory, &node)?;
    match member::is_member(config, &state, stops, &report)? {
        None => return Ok(()),
        Some(true) => return member::run(config, &node, &state, stops, report),
        Some(false) => {}
    }
    let kafka = Kafka {
        options: Arc::new(options::kafka(config, &node)),
        counters: Arc::new(SinkCounters::default()),
        stops: stops.clone(),
        spool_bytes_max: spool_bytes_max(config),
    };
    report.sink(&kafka.counters);
    let (index, local) = DedupIndex::open(options::index(config, state.index()), SystemTime::now())?;
    let live = LiveLog::open(options::live(config)?)?;
    let quarantine = SharedQuarantine::open(QuarantineOptions {
        directory: config.quarantine.directory.clone(),
        bytes_max: config.quarantine.bytes_max,
    })?;
    report.is_up();
    let mut starting = Starting { config, node: &node, state: &state, live, index, quarantine, local };
    let Some((sink, committed)) = kafka.connect(&mut starting.live, &mut report)? else { return Ok(()) };
    let Some(mut reading) = starting.reading(committed, accept, stops, report)? else { return Ok(()) };
    supervise(&mut reading, sink, &kafka, config, stops)
}

/// Runs the pipeline, again and again while what ends it can pass.
fn supervise(
    reading: &mut Reading,
    mut sink: KafkaSink,
    kafka: &Kafka,
    config: &Config,
    stops: &Stops,
) -> Result<(), AgentError> {
    let mut recovery = Recovery::default();
    loop {
        let publisher = KafkaPublisher::new(sink, &reading.work.decoding.quarantine, &reading.report)?;
        let ended = read_and_send(reading, publisher, config)?;
        let Err(error) = ended else { return Ok(()) };
        match recovery.next(error, reading.report.take_has_committed(), Instant::now()) {
            Next::Stop => return Ok(()),
            Next::Fail(error) => return Err(error.into()),
            Next::ConnectAgain { after } => {
                if stops.graceful.wait(after) {
                    return Ok(());
                }
            }
        }
        let Some((again, committed)) = kafka.connect(&mut reading.live, &mut reading.report)? else {
            return Ok(());
        };
        sink = again;
        let position = committed.map(|stored| stored.progress).unwrap_or_default();
        reading.recover(&position)?;
    }
}

/// Everything that is open before it is known where to begin.
struct Starting<'c> {
    config: &'c Config,
    node: &'c StateOwner,
    state: &'c StateDir,
    live: LiveLog,
    index: DedupIndex,
    quarantine: SharedQuarantine,
    local: Progress,
}

impl Starting<'_> {
    /// Finds out where to begin, and gets the schema of there. `None`: it was asked to stop.
    fn reading(
        self,
        committed: Option<StoredPosition>,
        accept: Option<AcceptPosition>,
        stops: &Stops,
        report: Report,
    ) -> Result<Option<Reading>, AgentError> {
        let Self { config, node, state, mut live, mut index, quarantine, local } = self;
        let point = StartingPoint::find(local, committed, node, accept, |segment| live.has(segment))?;
        point.say();
        if point.forgets_index {
            index = forget_index(config, state, index)?;
        }
        let progress = if point.is_first_start { live.start(options::start(config))? } else { point.local };
        let source = NodeSource::new(config.cassandra.node_options());
        let mut schema = LiveSchema::open(state.schema(), &progress, Box::new(source))?;
        if !ask_schema(&mut schema, &progress, stops, &report)? {
            return Ok(None);
        }
        live.seek(&progress)?;
        let record_node = Node { cluster: Some(node.cluster.clone()), host_id: Some(node.host_id.clone()) };
        let writer = BatchWriter::new(
            record_node,
            options::topic_names(config),
            options::deletes(config),
            options::partition_by(config),
        )
        .with_late(options::late(config));
        let work = Work {
            decoding: Decoding::new(
                schema,
                quarantine,
                Patience::new(stops.graceful.clone(), &report),
                node.host_id.clone(),
                stops.graceful.clone(),
            ),
            index,
            window_start: window_start(Duration::from_millis(config.dedup.window_ms)),
            writer,
            tables: TableFilter::new(config.tables.clone()),
            progress,
            published: point.published,
            learnt: 0,
            batch: crate::sink::RecordBatch::default(),
            counted: Accounting::default(),
            has_finished: false,
        };
        let phase = phase_mark(Lane::Reading)?;
        let position = StoredPosition {
            cluster: Some(node.cluster.clone()),
            host_id: Some(node.host_id.clone()),
            session: Some(session().into()),
            ..StoredPosition::new(Progress::default())
        };
        let mut reading =
            Reading::new(live, work, limits(config), report, phase, position, stops.graceful.clone());
        if point.is_first_start {
            reading.begin_first()?;
        }
        Ok(Some(reading))
    }
}

/// How Kafka is connected to, at first and again.
struct Kafka {
    options: Arc<KafkaOptions>,
    counters: Arc<SinkCounters>,
    stops: Stops,
    spool_bytes_max: Option<u64>,
}

impl Kafka {
    /// Connects, in a thread of its own, and reads back what is committed. Meanwhile new segments are opened and held, and
    /// the room in `cdc_raw` is watched. `None`: it was asked to stop.
    fn connect(
        &self,
        live: &mut LiveLog,
        report: &mut Report,
    ) -> Result<Option<(KafkaSink, Option<StoredPosition>)>, AgentError> {
        report.connecting();
        let (options, counters) = (Arc::clone(&self.options), Arc::clone(&self.counters));
        let stop = self.stops.now.clone();
        let connecting = move || {
            let mut sink = KafkaSink::connect(options, counters, &stop)?;
            let committed = sink.committed()?;
            Ok::<_, SinkError>((sink, committed))
        };
        match holding_segments(live, report, &self.stops, self.spool_bytes_max, connecting)? {
            Ok(connected) => {
                report.connected();
                Ok(Some(connected))
            }
            Err(SinkError::Stopped { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// Talks to Kafka in a thread of its own. Meanwhile new segments are opened and held, and the room in `cdc_raw` is watched.
pub(super) fn holding_segments<T: Send + 'static>(
    live: &mut LiveLog,
    report: &mut Report,
    stops: &Stops,
    spool_bytes_max: Option<u64>,
    talk: impl FnOnce() -> T + Send + 'static,
) -> Result<T, AgentError> {
    let talking = thread::Builder::new().name("connecting".into()).spawn(talk);
    let talking =
        talking.map_err(|source| AgentError::System { doing: "starting the connecting thread", source })?;
    while !talking.is_finished() {
        live.wait(CONNECT_POLL);
        // What can't be listed now is told when it is read.
        let _ = live.look();
        report.waiting(live.space().unread_bytes);
        make_room(live, report, spool_bytes_max);
        if stops.graceful.is_stopped() {
            // Nothing is in flight.
            stops.now.stop();
        }
    }
    talking.join().map_err(|_| AgentError::Panicked("connecting"))
}

/// Finds out which node this is: from the configuration, the state, or the node itself, which is asked until it answers.
/// `None`: it was asked to stop.
fn identity(config: &Config, stops: &Stops, report: &Report) -> Result<Option<StateOwner>, AgentError> {
    if let (Some(cluster), Some(host_id)) = (&config.cassandra.cluster, config.cassandra.host_id) {
        return Ok(Some(StateOwner {
            cluster: cluster.as_str().into(),
            host_id: host_id.to_string().into(),
        }));
    }
    if let Some(known) = StateDir::known_identity(&config.state_directory)? {
        return Ok(Some(known));
    }
    let options = config.cassandra.node_options();
    loop {
        match CassandraNode::connect(&options).and_then(|node| node.identity()) {
            Ok(identity) => {
                let host_id = identity.host_id.to_string().into();
                return Ok(Some(StateOwner { cluster: identity.cluster, host_id }));
            }
            Err(error) if error.is_transient() => {
                report.waiting_for_cassandra(&error);
            }
            Err(error) => return Err(error.into()),
        }
        if stops.graceful.wait(IDENTITY_RETRY) {
            return Ok(None);
        }
    }
}

/// Gets a schema if there is none yet; the node is asked until it answers. Returns false if it was asked to stop.
pub(super) fn ask_schema(
    schema: &mut LiveSchema,
    progress: &Progress,
    stops: &Stops,
    report: &Report,
) -> Result<bool, AgentError> {
    while schema.needs_node() {
        match schema.ask(newest_position(progress)) {
            Ok(_) => {}
            Err(crate::schema::live::LiveSchemaError::Node(error)) if error.is_transient() => {
                report.waiting_for_cassandra(&error);
                if stops.graceful.wait(schema.retry_delay()) {
                    return Ok(false);
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
    report.schema_known();
    Ok(true)
}

/// Moves the index away and begins an empty one.
fn forget_index(config: &Config, state: &StateDir, index: DedupIndex) -> Result<DedupIndex, AgentError> {
    drop(index);
    let directory = state.index();
    let away = directory.with_extension(format!("until-{}", session()));
    std::fs::rename(&directory, &away)
        .map_err(|source| AgentError::System { doing: "moving the dedup index away", source })?;
    tracing::warn!(index = %away.display(), "the dedup index was moved away: copies of what was published before are not recognised");
    Ok(DedupIndex::open(options::index(config, directory), SystemTime::now())?.0)
}

pub(super) fn limits(config: &Config) -> Limits {
    Limits {
        batch_bytes_max: usize::try_from(config.limits.batch_bytes_max).unwrap_or(usize::MAX),
        checkpoint_interval: CHECKPOINT_INTERVAL,
        position_interval: POSITION_INTERVAL,
        schema_interval: Duration::from_millis(config.cassandra.schema_refresh_interval_ms),
        spool_bytes_max: spool_bytes_max(config),
        window: Duration::from_millis(config.dedup.window_ms),
    }
}

fn spool_bytes_max(config: &Config) -> Option<u64> {
    match config.source.when_kafka_is_away {
        WhenKafkaIsAway::Spool { bytes_max, .. } => Some(bytes_max),
        WhenKafkaIsAway::Wait => None,
    }
}

pub(super) fn phase_mark(lane: Lane) -> Result<PhaseMark, AgentError> {
    PhaseMark::from_environment(lane)
        .map_err(|source| AgentError::System { doing: "opening the file of RINGTAP_PHASE_FILE", source })
}

/// Names this run: the time of its start in microseconds, and the process.
fn session() -> String {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    format!("{}-{}", since_1970.as_micros(), std::process::id())
}
