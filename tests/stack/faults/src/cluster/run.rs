//! A run: a cluster is started, loaded, struck, and checked.

use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use scylla::statement::Consistency;
use tokio::{runtime::Handle, task::JoinHandle};

use super::{
    ClusterAct, ClusterPlan, ClusterReport,
    found::Found,
    member::{AgentTemplate, Member},
    quiescence::wait_until_quiet,
    servers::Servers,
    strike::Stage,
};
use crate::{
    journal::Journal,
    load::{CHECKED_KEYSPACE, Coordinator, Limit, Load, LoadOptions, LoadReport, Mix, create_checked_tables},
    stack::{ClusterNode, scripts},
    verify::{RunFiles, dump_tables},
};

/// What every unique value of a run begins with.
pub(super) const VALUE_PREFIX: &str = "w-";
/// Prefix of the topics.
pub(super) const TOPIC_PREFIX: &str = "cluster";
/// Writes under way at a time.
const CONCURRENCY: usize = 64;
/// How long the agents may take until all is published and audited.
const QUIET_WITHIN: Duration = Duration::from_secs(180);
/// How long an owner may be silent before another agent takes over, in milliseconds.
const SUSPECT_AFTER_MS: u64 = 5_000;
/// How long an agent that is back is caught up before it asks for its tokens, in milliseconds.
const HAND_BACK_AFTER_MS: u64 = 5_000;
/// The line by which agents publish each change once together.
const CLUSTER_MODE: &str = "dedup.mode = \"cluster\"";

/// How a run is.
#[derive(Debug, Clone)]
pub struct ClusterOptions {
    /// The agents' binary.
    pub binary: PathBuf,
    /// Folder for everything that is written; what is in it is deleted.
    pub work: PathBuf,
    /// Cassandra's version.
    pub version: String,
    /// Where the nodes stand: `DATACENTER:RACK` of each.
    pub places: Vec<String>,
    /// How the keyspaces are replicated.
    pub replication: String,
    /// The nodes' network, such as `127.0.92`; none = the first one where nobody listens.
    pub network: Option<String>,
    /// The first port of the brokers.
    pub port: u16,
    /// How many brokers there are.
    pub brokers: usize,
    /// Writes in a second.
    pub rate: u32,
    /// Writes; none = until all faults are done.
    pub writes: Option<u64>,
    /// Of faults and load.
    pub seed: u64,
    /// More lines of the agents' configurations.
    pub agent_lines: Vec<String>,
    /// More settings of the nodes.
    pub node_settings: Vec<String>,
    /// Longest time between two faults, in milliseconds.
    pub between_ms_max: u64,
    /// Whether nodes and broker stay after a run, with all that they wrote.
    pub keep: bool,
}

/// Runs a plan of faults under load; the report says what came of it.
pub async fn run(options: &ClusterOptions, plan: &ClusterPlan) -> Result<ClusterReport> {
    let (options_here, plan, runtime) = (options.clone(), plan.clone(), Handle::current());
    let report = tokio::task::spawn_blocking(move || run_blocking(&options_here, &plan, &runtime)).await??;
    fs::write(options.work.join("report.json"), serde_json::to_string_pretty(&report)?)?;
    fs::write(options.work.join("report.txt"), report.to_string())?;
    Ok(report)
}

fn run_blocking(options: &ClusterOptions, plan: &ClusterPlan, runtime: &Handle) -> Result<ClusterReport> {
    let began = Instant::now();
    // First what still runs of an earlier run, whose pids are told in its folder.
    let servers = Servers::new(options)?;
    if options.work.exists() {
        fs::remove_dir_all(&options.work).with_context(|| options.work.display().to_string())?;
    }
    fs::create_dir_all(&options.work)?;
    let outcome = servers
        .start(&options.places)
        .and_then(|nodes| run_on(options, plan, &servers, nodes, runtime, began));
    if !options.keep {
        servers.remove()?;
    }
    let mut report = outcome?;
    report.seconds = began.elapsed().as_secs_f64();
    Ok(report)
}

fn run_on(
    options: &ClusterOptions,
    plan: &ClusterPlan,
    servers: &Servers,
    nodes: Vec<ClusterNode>,
    runtime: &Handle,
    began: Instant,
) -> Result<ClusterReport> {
    let mut stage = Stage::new(options, servers, nodes, runtime)?;
    for at in 0..stage.members.len() {
        stage.start_agent(at)?;
    }
    let first = stage.members.first().context("no members")?;
    runtime.block_on(create_checked_tables(&first.session, &options.replication))?;
    let start_seconds = began.elapsed().as_secs_f64();
    say(&format!("{start_seconds:6.1} s: nodes and agents run"));

    let mut course = Course::default();
    let loading = start_load(options, &stage);
    if let Err(error) = strike_plan(options, plan, &mut stage, &mut course, began) {
        stage.findings.push(format!("the run broke off: {error:#}"));
    }
    stage.load.pause(false);
    if options.writes.is_none() {
        stage.load.end();
    }
    let load = runtime.block_on(loading)??;
    wait(&mut stage, &mut course, began);
    // Reading everything may repair rows: what comes of that has to be known, too.
    let files = RunFiles::in_folder(&options.work);
    let there = stage.members.iter().find(|member| member.is_in).context("no member is left")?;
    dump_tables(&scripts(), there.node.address(), "ALL", &[CHECKED_KEYSPACE], &files.dump)?;
    wait(&mut stage, &mut course, began);

    let agents = stage
        .members
        .iter()
        .map(|member| (member.node.number(), member.cluster_status().unwrap_or_default()))
        .collect();
    let mut found = Found::default();
    if let Err(error) = found.read(options, &stage, files) {
        stage.findings.push(format!("it could not be verified: {error:#}"));
    }
    stage.findings.extend(found.faults_without_effect(&course.faults));
    let records_per_change =
        found.verification.as_ref().map_or(0.0, |verification| verification.parts.records_per_change());
    let changes = found.verification.as_ref().map_or(0, |verification| verification.parts.changes);
    Ok(ClusterReport {
        seed: options.seed,
        version: options.version.clone(),
        seconds: 0.0,
        start_seconds,
        faults: course.faults,
        load,
        refusals: stage.load.refusals(),
        one_replica: stage.one_replica,
        one_replica_refusals: stage.one_replica_refusals,
        quiet: course.quiet,
        quiet_seconds: course.quiet_seconds,
        records_per_change,
        side_bytes_per_change: found.side_traffic.bytes() as f64 / changes.max(1) as f64,
        side_traffic: found.side_traffic,
        latency: found.latency,
        take_overs: found.take_overs,
        agents,
        verification: found.verification,
        findings: stage.findings,
    })
}

impl Stage {
    fn new(
        options: &ClusterOptions,
        servers: &Servers,
        nodes: Vec<ClusterNode>,
        runtime: &Handle,
    ) -> Result<Self> {
        let mut lines = vec![
            CLUSTER_MODE.to_owned(),
            format!("dedup.suspect_after_ms = {SUSPECT_AFTER_MS}"),
            format!("dedup.hand_back_after_ms = {HAND_BACK_AFTER_MS}"),
            "kafka.partitions = 6".to_owned(),
            format!("kafka.replication = {}", servers.brokers.replication()),
            "kafka.transaction_timeout_ms = 10_000".to_owned(),
        ];
        // A line of the run's own takes the place of one of these.
        let key = |line: &str| line.split('=').next().unwrap_or_default().trim().to_owned();
        lines.retain(|line| !options.agent_lines.iter().any(|other| key(other) == key(line)));
        lines.extend(options.agent_lines.iter().cloned());
        let template = AgentTemplate {
            binary: options.binary.clone(),
            brokers: servers.brokers.addresses(),
            topic_prefix: TOPIC_PREFIX.to_owned(),
            is_alone: !lines.iter().any(|line| line == CLUSTER_MODE),
            lines,
        };
        let members: Result<Vec<_>> =
            nodes.into_iter().map(|node| Member::new(node, &template, &options.work, runtime)).collect();
        Ok(Self {
            cluster: servers.cluster.clone(),
            brokers: servers.brokers.clone(),
            members: members?,
            load: Load::new(),
            journal: Arc::new(Journal::open(&options.work.join("journal"))?),
            template,
            work: options.work.clone(),
            prefix: VALUE_PREFIX.to_owned(),
            runtime: runtime.clone(),
            random: fastrand::Rng::with_seed(options.seed),
            one_replica: LoadReport::default(),
            one_replica_refusals: Vec::new(),
            rounds: 0,
            victims: Vec::new(),
            clocks_apart_seconds: 0,
            findings: Vec::new(),
        })
    }
}

/// What is noted while faults are done.
#[derive(Default)]
struct Course {
    faults: BTreeMap<ClusterAct, u32>,
    quiet: u32,
    quiet_seconds: f64,
}

/// Through each node, confirmed by one replica and by most.
fn start_load(options: &ClusterOptions, stage: &Stage) -> JoinHandle<Result<LoadReport>> {
    let load_options = LoadOptions {
        prefix: stage.prefix.clone(),
        mix: Mix::everything(),
        rate: Some(options.rate),
        concurrency: CONCURRENCY,
        seed: options.seed,
    };
    let mut coordinators = Vec::new();
    for member in &stage.members {
        for consistency in [Consistency::One, Consistency::Quorum] {
            coordinators.push(Coordinator { session: Arc::clone(&member.session), consistency });
        }
    }
    let limit = options.writes.map_or(Limit::None, Limit::Writes);
    let (load, journal) = (stage.load.clone(), Arc::clone(&stage.journal));
    stage.runtime.spawn(async move { load.run(&coordinators, journal, &load_options, limit).await })
}

fn strike_plan(
    options: &ClusterOptions,
    plan: &ClusterPlan,
    stage: &mut Stage,
    course: &mut Course,
    began: Instant,
) -> Result<()> {
    let count = plan.strikes().len();
    for (number, strike) in plan.strikes().iter().enumerate() {
        // Some load before each, so that there is something to take over.
        let pause = stage.random.u64(options.between_ms_max / 2..options.between_ms_max.max(2));
        std::thread::sleep(Duration::from_millis(pause));
        let (act, member) = (strike.act, strike.member + 1);
        say(&format!(
            "{:6.1} s: fault {} of {count}: {act:?} {member}",
            began.elapsed().as_secs_f64(),
            number + 1
        ));
        stage.strike(*strike).with_context(|| format!("fault {}: {act:?} of member {member}", number + 1))?;
        *course.faults.entry(act).or_default() += 1;
        stage.pause_load()?;
        wait(stage, course, began);
        stage.load.pause(false);
    }
    Ok(())
}

/// Waits until all agents are quiet, and notes it if they don't become so.
fn wait(stage: &mut Stage, course: &mut Course, began: Instant) {
    match wait_until_quiet(&mut stage.members, QUIET_WITHIN) {
        Ok(time) => {
            course.quiet += 1;
            course.quiet_seconds = time.as_secs_f64();
        }
        Err(words) => {
            say(&format!("{:6.1} s: {words}", began.elapsed().as_secs_f64()));
            stage.findings.push(words);
        }
    }
}

#[expect(clippy::print_stderr, reason = "progress of a run of minutes")]
fn say(line: &str) {
    eprintln!("{line}");
}
