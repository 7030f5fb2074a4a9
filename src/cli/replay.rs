//! `ringtap replay`.

use std::path::{Path, PathBuf};

use cassandra_commitlog::{
    Position,
    decode::MutationError,
    segment::{Damage, Entry, SegmentError},
};
use clap::Args;

use super::{
    CliError, ExitStatus,
    log_args::KnownArgs,
    outcome::{Findings, say},
    progress::Progress,
};
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
    #[arg(long, value_name = "NAME=DIR[:DIR…]", value_parser = parse_node)]
    node: Vec<NodeArg>,
    /// Where records go: `stdout`, or `file:DIR` (one file for each table)
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
    #[command(flatten)]
    known: KnownArgs,
}

#[derive(Debug, Clone)]
struct NodeArg {
    name: Box<str>,
    paths: Vec<PathBuf>,
}

#[derive(Debug, Clone)]
enum Destination {
    Stdout,
    Files(PathBuf),
}

impl ReplayArgs {
    pub(super) fn run(self) -> Result<ExitStatus, CliError> {
        let filter = self.filter.filter()?;
        let mut nodes = self.open_nodes()?;
        let mut sink = self.open_sink()?;
        let segments: Vec<_> = nodes.iter().flat_map(|node| node.log.segments().to_vec()).collect();
        let shares_terminal = matches!(self.to, Destination::Stdout);
        let progress = Progress::start(&segments, shares_terminal);
        let mut report = Report { findings: Findings::default(), progress };
        let now = self.at.map_or_else(|| jiff::Timestamp::now().as_second(), |at| at.div_euclid(1_000_000));
        let mut replay = Replay::new(filter, self.format, self.dedup, now, &mut *sink);
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
        let open = |node: &NodeArg| {
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

fn parse_node(text: &str) -> Result<NodeArg, String> {
    match text.split_once('=') {
        Some((name, directories)) if !name.is_empty() && !directories.is_empty() => {
            let paths = directories.split(':').filter(|part| !part.is_empty()).map(PathBuf::from).collect();
            Ok(NodeArg { name: name.into(), paths })
        }
        _ => Err("expected NAME=DIR or NAME=DIR:DIR".into()),
    }
}

fn parse_destination(text: &str) -> Result<Destination, String> {
    match text.split_once(':') {
        None if text == "stdout" => Ok(Destination::Stdout),
        Some(("file", directory)) if !directory.is_empty() => {
            Ok(Destination::Files(Path::new(directory).into()))
        }
        _ => Err("expected stdout or file:DIR".into()),
    }
}
