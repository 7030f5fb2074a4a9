//! What reached Kafka against what was written.

mod follow;
mod report;
mod tables;

use std::{
    collections::{BTreeMap, HashMap},
    fs::File,
    io::{BufRead as _, BufReader},
    ops::ControlFlow,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use ringtap::checker::{
    ChangeView, ConsumedRecord, Findings, HeaderCheck, Ledger, OrderCheck, PartCheck, Reconstruction,
    TopicReader, unique_values,
};

pub use self::{
    follow::{Arrivals, Follower},
    report::{TablesReport, VerificationReport},
    tables::dump_tables,
};
use crate::{
    cluster::Publishers,
    journal::read_journal,
    load::{CHECKED_KEYSPACE, is_conditional},
};

/// The dedup window of agents that aren't told another one.
const WINDOW_DEFAULT: Duration = Duration::from_secs(6 * 3600);
/// How long a transaction that is open at the end may stay so: an agent that was killed leaves one until its time-out.
const STABLE_WITHIN: Duration = Duration::from_secs(120);

/// What is compared.
#[derive(Debug, Clone, Default)]
pub struct Verification {
    /// Brokers.
    pub brokers: String,
    /// Records of `ringtap replay` that are looked at instead of topics: without keys and headers, so order and headers aren't
    /// checked.
    pub replayed: Option<PathBuf>,
    /// Prefix of the topics.
    pub topic_prefix: String,
    /// The load's journal, with the prefix of its values and the keyspace that it wrote; without one, losses and repetitions of
    /// values aren't looked for.
    pub journal: Option<(PathBuf, String, String)>,
    /// Records of `ringtap replay` of all segments: then order and places are compared with them.
    pub log: Option<PathBuf>,
    /// The tables as the node has them (`cqlrun --dump`): then the rebuilt ones are compared with them.
    pub dump: Option<PathBuf>,
    /// Where the records are written in the order of the log.
    pub records: Option<PathBuf>,
    /// The agents' dedup window: then the header `late` is checked, too.
    pub window: Option<Duration>,
    /// How far the clocks of the nodes are apart, in seconds.
    pub clocks_apart_seconds: i64,
    /// Whose agent published each record, where there are several.
    pub publishers: Option<Arc<Publishers>>,
}

struct Checks {
    ledger: Option<(Ledger, String, String)>,
    /// Conditional writes that have arrived, with their write times.
    conditional: HashMap<String, Option<i64>>,
    written_again: u64,
    parts: PartCheck,
    order: OrderCheck,
    publishers: Option<Arc<Publishers>>,
    headers: HeaderCheck,
    unreadable: Findings,
    reconstruction: Option<Reconstruction>,
}

impl Checks {
    fn observe(&mut self, record: &ConsumedRecord, each: &mut impl FnMut(&ConsumedRecord, &ChangeView<'_>)) {
        let change = match ChangeView::of(record) {
            Ok(change) => change,
            Err(error) => {
                self.unreadable.add(|| error.to_string());
                return;
            }
        };
        self.headers.observe(record, change.as_ref());
        if let Some(change) = &change {
            let publisher = self.publishers.as_ref().and_then(|publishers| publishers.publisher(record));
            self.order.observe_published_by(record, change, publisher.map(|host| &**host));
            self.observe_change(record, change);
            if self.ledger.as_ref().is_some_and(|(_, _, keyspace)| is_of_load(change, keyspace)) {
                each(record, change);
            }
        }
    }

    fn observe_change(&mut self, record: &ConsumedRecord, change: &ChangeView<'_>) {
        if let Err(error) = self.parts.observe(record, change) {
            self.unreadable.add(|| format!("{}: {error}", record.place_text()));
        }
        if let Some(reconstruction) = &mut self.reconstruction {
            reconstruction.observe(record, change);
        }
        if let Some((ledger, prefix, keyspace)) = &mut self.ledger
            && is_of_load(change, keyspace)
        {
            match unique_values(change, prefix) {
                Ok(values) => {
                    for value in values {
                        if is_conditional(&value, prefix) {
                            let first = *self.conditional.entry(value.clone()).or_insert(change.timestamp);
                            if first != change.timestamp {
                                self.written_again += 1;
                                continue;
                            }
                        }
                        ledger.arrived(&value, || record.place_text());
                    }
                }
                Err(error) => self.unreadable.add(|| format!("{}: {error}", record.place_text())),
            }
        }
    }
}

/// Says whether a record is of a row that the load wrote, in its keyspace or one whose name begins with it.
fn is_of_load(change: &ChangeView<'_>, keyspace: &str) -> bool {
    change.keyspace.starts_with(keyspace) && change.op != "ddl" && change.op != "truncate"
}

/// What a run leaves in its work folder, to be compared with what is on Kafka.
#[derive(Debug, Clone)]
pub struct RunFiles {
    /// Records of a replay of all segments.
    pub log: PathBuf,
    /// The tables as a node has them at the end.
    pub dump: PathBuf,
    /// The records that were found, in the order of the log.
    pub records: PathBuf,
}

impl RunFiles {
    /// Names the files of a work folder.
    pub fn in_folder(work: &Path) -> Self {
        let [log, dump, records] = ["log", "dump", "records"].map(|name| work.join(format!("{name}.jsonl")));
        Self { log, dump, records }
    }
}

impl Verification {
    /// Makes the verification of a run of the load: values, order, headers, tables. `journal`: the load's, with the prefix of its
    /// values.
    pub fn of_run(brokers: String, topic_prefix: &str, journal: (&Path, &str), files: RunFiles) -> Self {
        let (path, value_prefix) = journal;
        Self {
            brokers,
            topic_prefix: topic_prefix.to_owned(),
            journal: Some((path.to_owned(), value_prefix.to_owned(), CHECKED_KEYSPACE.to_owned())),
            log: Some(files.log),
            dump: Some(files.dump),
            records: Some(files.records),
            window: Some(WINDOW_DEFAULT),
            ..Self::default()
        }
    }

    /// Reads all topics and checks everything.
    pub fn run(&self) -> Result<VerificationReport> {
        self.run_with(&mut |_, _| ())
    }

    /// Does so, and gives each record of a row of the load.
    pub fn run_with(
        &self,
        each: &mut impl FnMut(&ConsumedRecord, &ChangeView<'_>),
    ) -> Result<VerificationReport> {
        if let Some(path) = &self.replayed {
            return self.run_on_file(path);
        }
        let reader = TopicReader::new(&self.brokers, &[]);
        let topics = reader.topics(&self.topic_prefix)?;
        let mut checks = self.checks(&topics)?;
        // Changes of the schema come first: they tell which columns are a table's partition key.
        let (schema, tables): (Vec<_>, Vec<_>) =
            topics.iter().partition(|(topic, _)| topic.ends_with(".schema-changes"));
        let mut records = 0;
        for (topic, partitions) in schema.into_iter().chain(tables) {
            records += reader.read_to_end(topic, *partitions, STABLE_WITHIN, &mut |record| {
                checks.observe(&record, each);
                ControlFlow::Continue(())
            })?;
        }
        self.conclude(checks, topics.len(), records)
    }

    fn run_on_file(&self, path: &Path) -> Result<VerificationReport> {
        let mut checks = self.checks(&BTreeMap::new())?;
        let topic: Arc<str> = path.display().to_string().into();
        let mut records = 0;
        for line in BufReader::new(File::open(path).with_context(|| topic.to_string())?).lines() {
            let record = ConsumedRecord {
                topic: Arc::clone(&topic),
                partition: 0,
                offset: records as i64,
                timestamp_ms: None,
                key: None,
                value: Some(line?.into_bytes().into()),
                headers: Vec::new(),
            };
            records += 1;
            match ChangeView::of(&record) {
                Ok(Some(change)) => checks.observe_change(&record, &change),
                Ok(None) => {}
                Err(error) => checks.unreadable.add(|| error.to_string()),
            }
        }
        self.conclude(checks, 0, records)
    }

    fn checks(&self, topics: &BTreeMap<Arc<str>, i32>) -> Result<Checks> {
        let ledger = match &self.journal {
            None => None,
            Some((path, prefix, keyspace)) => {
                let mut ledger = Ledger::default();
                read_journal(path, &mut ledger)?;
                Some((ledger, prefix.clone(), keyspace.clone()))
            }
        };
        let partitions: HashMap<_, _> =
            topics.iter().map(|(topic, count)| (Arc::clone(topic), *count)).collect();
        let mut order = OrderCheck::new(partitions);
        if let Some(log) = &self.log {
            expect_log(log, &mut order)?;
        }
        let keeps_records = self.dump.is_some() || self.records.is_some();
        Ok(Checks {
            ledger,
            conditional: HashMap::new(),
            written_again: 0,
            parts: PartCheck::default(),
            order,
            publishers: self.publishers.clone(),
            headers: self.window.map_or_else(HeaderCheck::default, HeaderCheck::with_window),
            unreadable: Findings::default(),
            reconstruction: keeps_records.then(Reconstruction::default),
        })
    }

    fn conclude(&self, checks: Checks, topics: usize, records: u64) -> Result<VerificationReport> {
        let reconstruction = checks.reconstruction.unwrap_or_default();
        if let Some(path) = &self.records {
            let file = File::create(path).with_context(|| path.display().to_string())?;
            reconstruction.write(&mut std::io::BufWriter::new(file))?;
        }
        let tables = match &self.dump {
            None => None,
            Some(dump) => Some(tables::compare_with(&reconstruction, dump, self.clocks_apart_seconds)?),
        };
        Ok(VerificationReport {
            topics,
            records,
            written_again: checks.written_again,
            ledger: checks.ledger.map(|(ledger, _, _)| ledger.report()),
            parts: checks.parts.report(),
            order: checks.order.report(),
            headers: checks.headers,
            unreadable: checks.unreadable,
            tables,
        })
    }
}

/// Tells the order check of every place in the log.
fn expect_log(log: &Path, order: &mut OrderCheck) -> Result<()> {
    let file = File::open(log).with_context(|| log.display().to_string())?;
    for line in BufReader::new(file).lines() {
        let line = line?;
        match ChangeView::parse(line.as_bytes()) {
            Ok(change) => order.expect(change.host_id.as_deref(), change.place),
            Err(reason) => bail!("{}: {reason}: {line}", log.display()),
        }
    }
    Ok(())
}

/// Replays folders of segments, one for each node; the records of all of them go to one file.
pub fn replay_segments(binary: &Path, folders: &[PathBuf], to: &Path) -> Result<()> {
    let out = File::create(to).with_context(|| to.display().to_string())?;
    let said = to.with_extension("err");
    let log = File::create(&said)?;
    for folder in folders {
        let mut command = Command::new(binary);
        command.arg("replay").arg(folder).stdout(out.try_clone()?).stderr(log.try_clone()?);
        let status = command.status().context("ringtap replay")?;
        // 1: findings, as the torn ends that a killed node leaves.
        if !matches!(status.code(), Some(0 | 1)) {
            bail!("ringtap replay {} ended with {status}, see {}", folder.display(), said.display());
        }
    }
    Ok(())
}
