//! `ringtap replay`.

use std::path::{Path, PathBuf};

use cassandra_commitlog::{
    Position,
    decode::MutationError,
    segment::{Damage, Entry, SegmentError},
};
use clap::Args;

#[cfg(feature = "agent")]
use super::kafka_args::{KafkaAddress, KafkaArgs};
use super::{
    CliError, ExitStatus,
    log_args::{KnownArgs, NamedLog, parse_named_log},
    outcome::{Findings, say},
    progress::Progress,
};
#[cfg(feature = "agent")]
use crate::replay::Filter;
use crate::{
    record::{RecordError, RecordPlace},
    replay::{FilterArgs, Format, NodeInput, Observer, Replay, ReplayError, parse_micros},
    sink::{FileSink, Sink, StdoutSink},
    source::SegmentFile,
};

#[derive(Debug, Args)]
pub(super) struct ReplayArgs {
    /// Segments, or directories with segments, of one node (its `cdc_raw` and `commitlog`, in any order)
    #[arg(value_name = "PATH", required_unless_present = "node", conflicts_with = "node")]
    paths: Vec<PathBuf>,
    /// One of several nodes, each with its own schema: its name and directories; may be repeated
    #[arg(long, value_name = "NAME=DIR[:DIR…]", value_parser = parse_named_log)]
    node: Vec<NamedLog>,
    /// Where records go: `stdout`, `file:DIR` (one file for each table), or `kafka://BROKERS[/TOPIC_PREFIX]`
    #[arg(long, value_name = "SINK", default_value = "stdout", value_parser = parse_destination)]
    to: Destination,
    /// Form of the records
    #[arg(long, value_enum, default_value_t = Format::Json)]
    format: Format,
    /// Write each change once, even if it stands in several logs or twice in one
    #[arg(long)]
    dedup: bool,
    /// Moment from which CQL counts what is left of a TTL (ISO 8601, or microseconds since 1970); now by default
    #[arg(long, value_name = "TIME", value_parser = parse_micros)]
    at: Option<i64>,
    #[command(flatten)]
    filter: FilterArgs,
    #[cfg(feature = "agent")]
    #[command(flatten)]
    kafka: KafkaArgs,
    #[command(flatten)]
    known: KnownArgs,
}

#[derive(Debug, Clone)]
enum Destination {
    Stdout,
    Files(PathBuf),
    #[cfg(feature = "agent")]
    Kafka(KafkaAddress),
}

impl ReplayArgs {
    pub(super) fn run(self) -> Result<ExitStatus, CliError> {
        let filter = self.filter.filter()?;
        #[cfg(feature = "agent")]
        if let Destination::Kafka(address) = &self.to {
            return self.publish(address, filter);
        }
        let nodes = self.open_nodes()?;
        let mut sink = self.open_sink()?;
        let now = self.at.map_or_else(|| jiff::Timestamp::now().as_second(), |at| at.div_euclid(1_000_000));
        let replay = Replay::new(filter, self.format, self.dedup, now, &mut *sink);
        self.replay(replay, nodes)
    }

    #[cfg(feature = "agent")]
    fn publish(&self, address: &KafkaAddress, filter: Filter) -> Result<ExitStatus, CliError> {
        if self.format != Format::Json {
            return Err(CliError::Usage("only records of --format json go to Kafka".into()));
        }
        let nodes = self.open_nodes()?;
        let mut sink = self.kafka.connect(address)?;
        let replay = Replay::publish(filter, self.dedup, self.kafka.writer(address), &mut sink);
        let status = self.replay(replay, nodes);
        for warning in sink.close() {
            say(&format!("topic: {warning}"));
        }
        status
    }

    fn replay(&self, mut replay: Replay<'_>, mut nodes: Vec<NodeInput>) -> Result<ExitStatus, CliError> {
        let segments: Vec<_> = nodes.iter().flat_map(|node| node.log.segments().to_vec()).collect();
        let shares_terminal = matches!(self.to, Destination::Stdout);
        let progress = Progress::start(&segments, shares_terminal);
        let mut report = Report { findings: Findings::default(), progress };
        for node in &mut nodes {
            replay.node(node, &mut report)?;
        }
        replay.finish()?;
        let (counts, approximations) = (replay.counts(), replay.approximations());
        let Report { findings, progress } = report;
        drop(progress);
        for approximation in approximations {
            say(&approximation);
        }
        say(&format!("replayed {} segments: {counts}", segments.len()));
        Ok(findings.conclude())
    }

    fn open_nodes(&self) -> Result<Vec<NodeInput>, CliError> {
        if self.node.is_empty() {
            return Ok(vec![NodeInput { name: None, log: self.known.open(&self.paths)? }]);
        }
        let open = |node: &NamedLog| {
            Ok(NodeInput { name: Some(node.name.clone()), log: self.known.open(&node.paths)? })
        };
        self.node.iter().map(open).collect()
    }

    fn open_sink(&self) -> Result<Box<dyn Sink>, CliError> {
        match &self.to {
            Destination::Stdout => Ok(Box::new(StdoutSink::new())),
            Destination::Files(directory) => FileSink::create(directory)
                .map(|sink| Box::new(sink) as Box<dyn Sink>)
                .map_err(|source| CliError::Sink { destination: directory.display().to_string(), source }),
            #[cfg(feature = "agent")]
            Destination::Kafka(_) => Err(CliError::Usage("Kafka takes no lines".into())),
        }
    }
}

struct Report {
    findings: Findings,
    progress: Progress,
}

impl Observer for Report {
    fn handled(&mut self, position: Position) {
        self.progress.within_segment(position.offset);
    }

    fn segment_done(&mut self, segment: &SegmentFile, failed: Option<&SegmentError>) {
        self.progress.segment_done(segment);
        if let Some(error) = failed {
            self.findings.unreadable(segment, error);
        }
    }

    fn damage(&mut self, damage: &Damage) {
        self.findings.damage(damage);
    }

    fn undecodable(&mut self, entry: &Entry<'_>, error: &MutationError) {
        self.findings.undecodable(entry, error);
    }

    fn unwritable(&mut self, place: RecordPlace, error: &RecordError) {
        self.findings.unwritable(format!("{} record {}", place.position, place.index), error);
    }
}

impl From<ReplayError> for CliError {
    fn from(error: ReplayError) -> Self {
        match error {
            ReplayError::Read(error) => Self::Read(error),
            ReplayError::Sink { destination, source } => Self::Sink { destination, source },
        }
    }
}

fn parse_destination(text: &str) -> Result<Destination, String> {
    match text.split_once(':') {
        None if text == "stdout" => Ok(Destination::Stdout),
        Some(("file", directory)) if !directory.is_empty() => {
            Ok(Destination::Files(Path::new(directory).into()))
        }
        #[cfg(feature = "agent")]
        Some(("kafka", address)) if address.starts_with("//") => {
            KafkaAddress::parse(address.trim_start_matches('/')).map(Destination::Kafka)
        }
        #[cfg(not(feature = "agent"))]
        Some(("kafka", _)) => Err("this ringtap was built without Kafka (feature `agent`)".into()),
        _ => Err("expected stdout, file:DIR or kafka://BROKERS[/TOPIC_PREFIX]".into()),
    }
}
