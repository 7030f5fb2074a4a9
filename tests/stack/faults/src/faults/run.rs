//! A run: everything is started, loaded, struck, and checked.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use tokio::{runtime::Handle, task::JoinHandle};

use super::{
    Act, FaultReport, Plan, SegmentKeeper,
    disk::{Disk, detach_below},
    report::Kills,
    settle::Settlement,
    strike::Stage,
};
use crate::{
    journal::Journal,
    load::{
        CHECKED_KEYSPACE, Coordinator, Limit, Load, LoadOptions, LoadReport, Mix, ONE_REPLICA, connect,
        create_checked_tables,
    },
    plot,
    process::{read_column, sample_to_csv},
    stack::{Agent, AgentSettings, Broker, Node, Server as _, open_to_agent, scripts},
    verify::{Follower, RunFiles, Verification, dump_tables, replay_segments},
};

/// How long everything acknowledged may take to arrive after a fault.
const SETTLE_MAX: Duration = Duration::from_secs(120);
/// How long the agent's account may take to add up.
const ACCOUNT_MAX: Duration = Duration::from_secs(10);
/// After how many kills of the agent everything is waited for.
const KILLS_BETWEEN_SETTLEMENTS: u32 = 10;
/// What every unique value of a run begins with.
const VALUE_PREFIX: &str = "w-";
/// Prefix of the topics.
const TOPIC_PREFIX: &str = "faults";
/// Writes under way at a time.
const CONCURRENCY: usize = 64;

/// How a run is.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// The agent's binary.
    pub binary: PathBuf,
    /// Folder for everything that is written; what is in it is deleted.
    pub work: PathBuf,
    /// Cassandra's version.
    pub version: String,
    /// The node's address.
    pub address: String,
    /// The broker's port.
    pub port: u16,
    /// Where the agent's HTTP server listens.
    pub http: String,
    /// Writes in a second.
    pub rate: u32,
    /// Of faults and load.
    pub seed: u64,
    /// More lines of the agent's configuration.
    pub agent_lines: Vec<String>,
    /// More settings of the node.
    pub node_settings: Vec<String>,
    /// Size of the agent's disks for its state and its quarantine.
    pub disk_bytes: u64,
    /// Longest time between two faults, in milliseconds.
    pub between_ms_max: u64,
    /// Goes through the plan again and again for this time, instead of once.
    pub time: Option<Duration>,
    /// Whether what the run wrote stays after a clean end.
    pub keep: bool,
}

/// Runs a plan of faults under load; the report says what came of it.
pub async fn run(options: &RunOptions, plan: &Plan) -> Result<FaultReport> {
    if options.work.exists() {
        detach_below(&options.work);
        fs::remove_dir_all(&options.work).with_context(|| options.work.display().to_string())?;
    }
    fs::create_dir_all(&options.work)?;
    let began = Instant::now();
    let servers = Servers::start(options)?;
    let outcome = run_on(options, plan, &servers).await;
    servers.remove()?;
    let mut report = outcome?;
    report.seconds = began.elapsed().as_secs_f64();
    fs::write(options.work.join("report.json"), serde_json::to_string_pretty(&report)?)?;
    fs::write(options.work.join("report.txt"), report.to_string())?;
    if report.is_clean() && !options.keep {
        for folder in ["segments", "agent"] {
            let _ = fs::remove_dir_all(options.work.join(folder));
        }
    }
    Ok(report)
}

/// The node and the broker of a run.
struct Servers {
    node: Node,
    broker: Broker,
}

impl Servers {
    fn start(options: &RunOptions) -> Result<Self> {
        let name = format!("faults-{}", options.port);
        // A node with a periodic log forgets what it acknowledged in the last tenth of a second when it is killed: its
        // replay goes no further than the last sync marker. So it is to sync each write before it acknowledges it.
        let settings = if options.version.starts_with("3.") || options.version.starts_with("4.0") {
            vec![
                "commitlog_sync=batch",
                "commitlog_sync_batch_window_in_ms=2",
                "commitlog_sync_period_in_ms=-",
                "commitlog_segment_size_in_mb=4",
                "cdc_total_space_in_mb=96",
            ]
        } else {
            vec![
                "commitlog_sync=batch",
                "commitlog_sync_period=-",
                "commitlog_segment_size=4MiB",
                "cdc_total_space=96MiB",
            ]
        };
        let mut settings: Vec<String> = settings.into_iter().map(str::to_owned).collect();
        settings.push("heap=900M".to_owned());
        settings.extend(options.node_settings.iter().cloned());
        let node =
            Node::new(&name, &options.version, &options.address, &options.work.join("node"), &settings);
        let broker = Broker::new(&name, options.port, &[])?;
        // What an earlier run left running or lying about.
        node.remove()?;
        broker.remove()?;
        let servers = Self { node, broker };
        servers.broker.start()?;
        if let Err(error) = servers.node.start() {
            servers.remove()?;
            return Err(error);
        }
        Ok(servers)
    }

    fn remove(&self) -> Result<()> {
        let (node, broker) = (self.node.remove(), self.broker.remove());
        node.and(broker)
    }
}

async fn run_on(options: &RunOptions, plan: &Plan, servers: &Servers) -> Result<FaultReport> {
    let work = &options.work;
    let session = Arc::new(connect(servers.node.address()).await?);
    let journal = Arc::new(Journal::open(&work.join("journal"))?);
    let follower =
        Follower::start(&servers.broker.address(), TOPIC_PREFIX, VALUE_PREFIX, CHECKED_KEYSPACE, false);
    let keeper = SegmentKeeper::start(servers.node.state(), &work.join("segments"))?;
    open_to_agent(&servers.node.state().join("cdc_raw"))?;
    let (state_disk, quarantine_disk, agent) = agent(options, servers)?;
    let load = Load::new();
    let mut stage = Stage {
        node: servers.node.clone(),
        broker: servers.broker.clone(),
        agent,
        load: load.clone(),
        session: Arc::clone(&session),
        journal: Arc::clone(&journal),
        state_disk,
        quarantine_disk,
        runtime: Handle::current(),
        random: fastrand::Rng::with_seed(options.seed),
        prefix: VALUE_PREFIX.to_owned(),
        kills: Kills::default(),
        kills_by_phase: BTreeMap::new(),
        slowest_start: Duration::ZERO,
        schema_changes: 0,
    };
    // The agent is there before the tables are: their definitions are records, too.
    let started = tokio::task::spawn_blocking(move || stage.start_agent().map(|()| stage));
    stage = started.await??;
    create_checked_tables(&session, ONE_REPLICA).await?;
    let loading = start_load(options, &load, &session, &journal);
    let (options_here, plan) = (options.clone(), plan.clone());
    let struck =
        tokio::task::spawn_blocking(move || strike_all(&options_here, &plan, &mut stage, &follower, loading));
    let report = struck.await?;
    drop(keeper);
    report
}

fn agent(options: &RunOptions, servers: &Servers) -> Result<(Disk, Disk, Agent)> {
    let folder = options.work.join("agent");
    let quarantine = options.work.join("quarantine");
    let state_disk = Disk::mount(&folder.join("state"), options.disk_bytes)?;
    let quarantine_disk = Disk::mount(&quarantine, options.disk_bytes)?;
    let mut lines = vec![
        format!("quarantine.directory = {quarantine:?}"),
        "kafka.partitions = 6".to_owned(),
        "kafka.transaction_timeout_ms = 10_000".to_owned(),
    ];
    lines.extend(options.agent_lines.iter().cloned());
    let agent = Agent::new(AgentSettings {
        binary: options.binary.clone(),
        cassandra_yaml: servers.node.state().join("conf/cassandra.yaml"),
        topic_prefix: TOPIC_PREFIX.to_owned(),
        brokers: servers.broker.address(),
        http: options.http.clone(),
        folder,
        lines,
    })?;
    Ok((state_disk, quarantine_disk, agent))
}

fn start_load(
    options: &RunOptions,
    load: &Load,
    session: &Arc<scylla::client::session::Session>,
    journal: &Arc<Journal>,
) -> JoinHandle<Result<LoadReport>> {
    let load_options = LoadOptions {
        prefix: VALUE_PREFIX.to_owned(),
        mix: Mix::everything(),
        rate: Some(options.rate),
        concurrency: CONCURRENCY,
        seed: options.seed,
    };
    let (load, coordinators, journal) = (load.clone(), [Coordinator::one(session)], Arc::clone(journal));
    tokio::spawn(async move { load.run(&coordinators, journal, &load_options, Limit::None).await })
}

/// What is noted while faults are done.
struct Notes {
    faults: BTreeMap<Act, u32>,
    settlement: Settlement,
    settled: u32,
    unsettled: Vec<String>,
    accounting_checks: u32,
    accounting_wrong: Vec<String>,
}

fn strike_all(
    options: &RunOptions,
    plan: &Plan,
    stage: &mut Stage,
    follower: &Follower,
    loading: JoinHandle<Result<LoadReport>>,
) -> Result<FaultReport> {
    let began = Instant::now();
    let sampler = Sampler::start(options);
    let mut notes = Notes {
        faults: BTreeMap::new(),
        settlement: Settlement::new(stage.journal.path()),
        settled: 0,
        unsettled: Vec::new(),
        accounting_checks: 0,
        accounting_wrong: Vec::new(),
    };
    let struck = strike_plan(options, plan, stage, follower, &mut notes, began);
    let load = end_load(stage, loading)?;
    if let Err(error) = struck {
        notes.unsettled.push(format!("the run broke off: {error:#}"));
    }
    settle(stage, follower, &mut notes)?;
    sampler.end(options)?;
    let verification = match verify(options, stage) {
        Ok(verification) => Some(verification),
        Err(error) => {
            notes.unsettled.push(format!("it could not be verified: {error:#}"));
            None
        }
    };
    Ok(FaultReport {
        seed: options.seed,
        version: options.version.clone(),
        seconds: began.elapsed().as_secs_f64(),
        faults: notes.faults,
        kills: stage.kills,
        kills_by_phase: stage.kills_by_phase.clone(),
        load,
        settled: notes.settled,
        unsettled: notes.unsettled,
        accounting_checks: notes.accounting_checks,
        accounting_wrong: notes.accounting_wrong,
        verification,
        slowest_start_seconds: stage.slowest_start.as_secs_f64(),
    })
}

fn strike_plan(
    options: &RunOptions,
    plan: &Plan,
    stage: &mut Stage,
    follower: &Follower,
    notes: &mut Notes,
    began: Instant,
) -> Result<()> {
    let mut kills = 0;
    loop {
        for (number, act) in plan.acts().iter().enumerate() {
            if options.time.is_some_and(|time| began.elapsed() > time) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(stage.random.u64(50..options.between_ms_max.max(51))));
            say(&format!(
                "{:6.1} s: fault {} of {}: {act:?}",
                began.elapsed().as_secs_f64(),
                number + 1,
                plan.acts().len()
            ));
            stage.strike(*act).with_context(|| format!("fault {}: {act:?}", number + 1))?;
            *notes.faults.entry(*act).or_default() += 1;
            kills += u32::from(*act == Act::AgentKill);
            let is_due = *act != Act::AgentKill || kills % KILLS_BETWEEN_SETTLEMENTS == 0;
            if is_due && *act != Act::SchemaChange {
                settle(stage, follower, notes)?;
            }
        }
        if options.time.is_none() {
            return Ok(());
        }
    }
}

/// Holds the load, and waits until everything acknowledged so far has arrived once.
fn settle(stage: &mut Stage, follower: &Follower, notes: &mut Notes) -> Result<()> {
    stage.load.pause(true);
    let began = Instant::now();
    while stage.load.is_busy() && began.elapsed() < SETTLE_MAX {
        std::thread::sleep(Duration::from_millis(10));
    }
    match notes.settlement.settle(follower, SETTLE_MAX)? {
        None => notes.settled += 1,
        Some(words) => {
            say(&format!("NOT SETTLED: {words}"));
            notes.unsettled.push(words);
        }
    }
    notes.accounting_checks += 1;
    if let Err(words) = accounting(&stage.agent) {
        notes.accounting_wrong.push(words);
    }
    stage.load.pause(false);
    Ok(())
}

/// Waits until the agent's account adds up: everything read is published, filtered, foreign, a duplicate or quarantined.
/// The node goes on writing tables of its own, so the sums need not be equal each time.
fn accounting(agent: &Agent) -> Result<(), String> {
    let began = Instant::now();
    loop {
        let status = agent.status().map_err(|error| format!("{error:#}"))?;
        let account = status.get("mutations").cloned().unwrap_or_default();
        let number = |name: &str| account.get(name).and_then(serde_json::Value::as_u64);
        let mut parts = 0;
        for name in ["published", "filtered", "foreign", "duplicate", "quarantined"] {
            parts += number(name).ok_or_else(|| format!("no {name} in the account: {account}"))?;
        }
        let read = number("read").ok_or_else(|| format!("nothing read in the account: {account}"))?;
        if parts == read {
            return Ok(());
        }
        if parts > read || began.elapsed() > ACCOUNT_MAX {
            return Err(format!("read {read}, but its parts are {parts}: {account}"));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn end_load(stage: &Stage, loading: JoinHandle<Result<LoadReport>>) -> Result<LoadReport> {
    stage.load.pause(false);
    stage.load.end();
    stage.runtime.block_on(loading)?
}

/// Reads everything from the beginning once more, with all checks.
fn verify(options: &RunOptions, stage: &mut Stage) -> Result<crate::verify::VerificationReport> {
    let work = &options.work;
    let files = RunFiles::in_folder(work);
    dump_tables(&scripts(), stage.node.address(), "ONE", &[CHECKED_KEYSPACE], &files.dump)?;
    replay_segments(&options.binary, &[work.join("segments")], &files.log)?;
    let journal = (stage.journal.path(), VALUE_PREFIX);
    Verification::of_run(stage.broker.address(), TOPIC_PREFIX, journal, files).run()
}

/// Samples the agent's memory while it runs, whichever process it is.
struct Sampler {
    ended: Arc<std::sync::atomic::AtomicBool>,
    thread: std::thread::JoinHandle<()>,
}

impl Sampler {
    fn start(options: &RunOptions) -> Self {
        let ended = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let (stop, work) = (Arc::clone(&ended), options.work.clone());
        let config = options.work.join("agent/ringtap.toml");
        let thread = std::thread::spawn(move || {
            let Ok(mut csv) = fs::File::create(work.join("samples.csv")) else { return };
            while !stop.load(std::sync::atomic::Ordering::SeqCst) {
                if let Some(pid) = pid_of(&config) {
                    let _ = sample_to_csv(pid, Duration::from_secs(1), &mut csv, |_| {
                        !stop.load(std::sync::atomic::Ordering::SeqCst)
                    });
                }
                std::thread::sleep(Duration::from_millis(200));
            }
        });
        Self { ended, thread }
    }

    fn end(self, options: &RunOptions) -> Result<()> {
        self.ended.store(true, std::sync::atomic::Ordering::SeqCst);
        let _ = self.thread.join();
        let csv = options.work.join("samples.csv");
        let points: Vec<(f64, f64)> = read_column(&csv, "resident_bytes")?
            .into_iter()
            .enumerate()
            .map(|(second, (_, bytes))| (second as f64, bytes / f64::from(1 << 20)))
            .collect();
        let svg = plot::line("resident memory of the agent", "samples, one a second", "MiB", &points);
        Ok(fs::write(options.work.join("memory.svg"), svg)?)
    }
}

/// Returns the process whose command line names that configuration.
fn pid_of(config: &Path) -> Option<u32> {
    let config = config.as_os_str().as_encoded_bytes();
    fs::read_dir("/proc").ok()?.filter_map(Result::ok).find_map(|entry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        let command = fs::read(entry.path().join("cmdline")).ok()?;
        let is_agent = command.split(|byte| *byte == 0).any(|word| word == config);
        is_agent.then_some(pid)
    })
}

#[expect(clippy::print_stderr, reason = "progress of a run of an hour")]
fn say(line: &str) {
    eprintln!("{line}");
}
